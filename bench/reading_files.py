"""Rows of the table on reads of files: Parquet of an object store into Arrow, beside pyarrow on the same server."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import boto3
import pyarrow as pa
from pyarrow import compute, parquet

from bench.clock import Command, medians_ms, peak_mib, python, qualytics
from bench.reading import read
from bench.rows import Bench, Figure
from testbed import objects
from testbed.counterparts import AWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FILES, _ROWS = 8, 625_000
_GROUP_ROWS = 131_072
_ROUNDS = 3
_DATASET = """
import sys
from pyarrow import dataset, fs
place = {"endpoint_override": sys.argv[1], "scheme": "http", "region": "us-east-1"}
store = fs.S3FileSystem(access_key="testing", secret_key="testing", **place)
for batch in dataset.dataset("data/many", filesystem=store, format="parquet").to_batches():
    pass
"""


def reads_of_files(bench: Bench) -> Iterator[Figure]:
    """Time a read of Parquet files, in one and two sessions, beside a data set of pyarrow; then its memory."""
    home = bench.home("files")
    with objects.moto() as server:
        place = f"{server.host}:{server.port}"
        _fill(f"http://{place}")
        parameters = json.dumps({"endpoint_url": f"http://{place}"})
        given = ("--type", "s3", "--name", "lake", "--uri", "s3://data", "--parameters", parameters)
        keys = ("--access-key", AWS["aws_access_key_id"], "--secret-key", AWS["aws_secret_access_key"])
        qualytics(home, "connections", "create", *given, *keys).run()
        commands = {
            "pyarrow": Command((*python(_DATASET).words, place)),
            "one": read(home, "lake --path many"),
            "two": read(home, "lake --path many", parallel=2),
        }
        taken = medians_ms(commands, _ROUNDS)
        rows, floor = f"{_FILES * _ROWS:,} rows of S3 Parquet", "pyarrow.dataset"
        yield Figure(f"read of {rows}", taken["one"], "ms", taken["pyarrow"], floor, limit_ratio=1 / 0.9)
        yield Figure(f"read of {rows}, two sessions", taken["two"], "ms", taken["pyarrow"], floor, limit_ratio=1 / 0.9)
        less, more = (peak_mib(read(home, f"lake --path {name}")) for name in ("few", "many"))
        yield Figure(f"peak memory, read of {rows}", more, "MiB", less, f"of {_GROUP_ROWS:,}", 200)
        large = peak_mib(read(home, "lake --path large"))
        yield Figure("peak memory, read of a row group of 64 MiB", large, "MiB", less, f"of {_GROUP_ROWS:,}", 200)


def _fill(url: str) -> None:
    store = boto3.client("s3", endpoint_url=url, **AWS)
    store.create_bucket(Bucket="data")
    for number in range(_FILES):
        store.put_object(Bucket="data", Key=f"many/{number}.parquet", Body=_parquet(number * _ROWS, _ROWS))
    store.put_object(Bucket="data", Key="few/0.parquet", Body=_parquet(0, _GROUP_ROWS))
    large = pa.table({"a": compute.random(8 << 20)})  # which nothing makes smaller
    store.put_object(Bucket="data", Key="large/0.parquet", Body=_written(large, large.num_rows))


def _parquet(first: int, rows: int) -> bytes:
    """Return rows as those of the table that engines are measured with."""
    n = pa.array(range(first + 1, first + rows + 1), pa.int64())
    names = compute.binary_join_element_wise("name of ", n.cast(pa.string()), "")
    table = pa.table(
        {
            "id": n.cast(pa.int32()),
            "big": compute.multiply(n, 7919),
            "share": compute.divide(n.cast(pa.float64()), 3.0),
            "name": names,
            "price": n.cast(pa.decimal128(21, 2)).cast(pa.decimal128(12, 2)),
            "at": compute.add(compute.multiply(n, 1_000_000), 1_577_836_800_000_000).cast(pa.timestamp("us")),
            "day": compute.bit_wise_and(n, 1_023).cast(pa.int32()).cast(pa.date32()),
            "even": compute.equal(compute.bit_wise_and(n, 1), 0),
        }
    )
    return _written(table, _GROUP_ROWS)


def _written(table: pa.Table, group_rows: int) -> bytes:
    out = io.BytesIO()
    parquet.write_table(table, out, row_group_size=group_rows)
    return out.getvalue()


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {"read-files": reads_of_files}
