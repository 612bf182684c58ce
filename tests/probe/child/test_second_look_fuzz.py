"""Servers whose first words are anything at all: the verdict is one of those of the shapes, in time, never a crash."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import deadlines, faults, other_servers
from tests.support import faults_suite as suite

pytestmark = pytest.mark.slow
LIMIT_S, SHORT_S, AT_ONCE = 40.0, 4.0, 16
# Each way of asking: by a preamble, by the driver's socket, by TLS or a question of its own, by a driver alone.
TYPES = {"postgresql": {}, "mysql": {}, "presto": {}, "hive": {}, "oracle": {"service_name": "x"}}
ANSWERS = 100


def saying(answer, *, ends):
    """Send an answer at once; then hang up, or wait."""

    def behave(peer, over):
        peer.sendall(answer)
        if not ends:
            over.wait()

    return faults.serving(behave)


def answers(seed):
    """Yield noise of any length, banners cut anywhere or with a byte changed, and whether the server hangs up then."""
    chance = random.Random(seed)
    banners = [*other_servers.BANNERS.values(), b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x03\0\x7a\x02\0\0\x76"]
    for number in range(ANSWERS):
        banner = bytearray(chance.choice(banners))
        if number % 3 == 0:
            banner = bytearray(chance.randbytes(chance.choice([8, 9, 64, 2_000])))
        elif number % 3 == 1:
            banner = banner[: chance.randrange(1, len(banner))]
        else:
            banner[chance.randrange(len(banner))] = chance.randrange(256)
        yield bytes(banner), chance.random() < 0.5


@pytest.mark.parametrize("type_", TYPES)
def test_any_first_answer_has_a_verdict_of_the_shapes(type_):
    password = "secret" if type_ in {"mysql", "postgresql"} else None  # which the others keep back without TLS

    def run(case):
        answer, ends = case
        # Who sends too little to judge by and waits is silent, which only the deadline ends.
        limit_s = LIMIT_S if ends else SHORT_S
        with saying(answer, ends=ends) as port, deadlines.within(limit_s):
            report = suite.probe(type_, port, password=password, timeout_s=limit_s, **TYPES[type_])
        return case, report

    seen = Counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for case, report in pool.map(run, answers(type_)):
            assert report.failure is not None, case
            assert report.failure.failure_class in {"config", "network", "timeout"}, (case, report.failure.message)
            seen[report.failure.failure_class] += 1
    assert seen["config"] > ANSWERS / 4, seen
    assert seen.total() == ANSWERS
