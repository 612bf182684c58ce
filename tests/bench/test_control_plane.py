"""What `wrk` prints becomes figures, in each of its units."""

import pytest

from bench.control_plane import read_wrk

# As wrk 4.1 writes it: a unit of one letter is filled up with a space.
_SAID = """\
Running 5s test @ http://127.0.0.1:1/api/connections
  1 threads and 64 connections
  Latency Distribution
     50%  813.31ms
     75%  900.00us
     90%    1.05s 
     99%    1.21s 
  402 requests in 5.01s, 1.02MB read
  Socket errors: connect 0, read 1, write 0, timeout 2
  Non-2xx or 3xx responses: 4
Requests/sec:     80.24
"""  # noqa: W291


def test_times_are_read_in_milliseconds_in_each_unit():
    load = read_wrk(_SAID)
    assert (load.p50_ms, load.p99_ms) == (813.31, 1210.0)
    assert read_wrk(_SAID.replace("1.21s ", "2.00m ")).p99_ms == 120_000.0
    assert read_wrk(_SAID.replace(" 1.21s ", "730.00us")).p99_ms == 0.73


def test_every_request_that_failed_is_counted():
    load = read_wrk(_SAID)
    assert (load.requests_s, load.requests, load.failed) == (80.24, 402, 7)


def test_output_without_a_percentile_is_an_error():
    with pytest.raises(RuntimeError, match="99%"):
        read_wrk(_SAID.replace("99%", "98%"))
