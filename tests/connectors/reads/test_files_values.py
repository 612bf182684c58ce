"""Values that files hold, of every type and format: each is read as it is stored, or an error says where it is not."""

import bz2
import datetime as dt
import gzip
import io
import math
import queue
import uuid
from decimal import Decimal

import pyarrow as pa
import pytest
from obstore.store import MemoryStore
from pyarrow import compute, parquet

from qualytics.connectors.contract import Refusal
from qualytics.connectors.reading import NOTE, Query
from qualytics.connectors.reads import files
from qualytics.connectors.shared.object_store import OpenStore

FIRST, LAST = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001 - they have no zone
A_UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
# Columns that are read as they are stored, down to the last digit.
SAME = {
    "i8": pa.array([-128, 127, None], pa.int8()),
    "u16": pa.array([0, 65_535, None], pa.uint16()),
    "u64": pa.array([0, 2**64 - 1, None], pa.uint64()),
    "f16": pa.array([1.5, -0.0, None], pa.float16()),
    "f64": pa.array([1e308, -0.0, None], pa.float64()),
    "d5": pa.array([Decimal("-1.50"), Decimal("999.99"), None], pa.decimal128(5, 2)),
    "d76": pa.array([Decimal(10**75), Decimal(-(10**75)), None], pa.decimal256(76, 0)),
    "date": pa.array([FIRST.date(), LAST.date(), None], pa.date32()),
    "t_ms": pa.array([1, 86_399_999, None], pa.time32("ms")),
    "t_us": pa.array([1, 86_399_999_999, None], pa.time64("us")),
    "t_ns": pa.array([1, 86_399_999_999_999, None], pa.time64("ns")),
    "ts_ms": pa.array([FIRST, LAST.replace(microsecond=999_000), None], pa.timestamp("ms")),
    "ts_us": pa.array([FIRST, LAST, None], pa.timestamp("us")),
    "ts_ns": pa.array([-(2**63) + 1, 2**63 - 1, None], pa.timestamp("ns")),
    "utc": pa.array([-1, 1, None], pa.timestamp("us", "UTC")),
    "bool": pa.array([True, False, None]),
    "bytes": pa.array([b"\xff\x00", b"", None]),
    "fixed": pa.array([b"\xff\x00", b"ab", None], pa.binary(2)),
    "text": pa.array(["é\x00", "", None]),
    "list": pa.array([[1, None], [], None], pa.list_(pa.int64())),
    "struct": pa.array([{"a": 1, "b": "x"}, {"a": None, "b": None}, None]),
    "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    "null": pa.nulls(3),
}
# Those that are read as another type: what is read.
OTHER = {
    "berlin": (pa.array([-1, 1, None], pa.timestamp("us", "Europe/Berlin")), SAME["utc"]),
    "word": (pa.array(["x", "y", None]).dictionary_encode(), pa.array(["x", "y", None])),
    "words": (
        pa.array([["x", None], [], None], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        pa.array([["x", None], [], None], pa.list_(pa.string())),
    ),
    "within": (
        pa.array(
            [{"m": [("k", 1)]}, {"m": []}, None],
            pa.struct([("m", pa.map_(pa.string(), pa.timestamp("us", "Europe/Berlin")))]),
        ),
        pa.array(
            [{"m": [("k", 1)]}, {"m": []}, None], pa.struct([("m", pa.map_(pa.string(), pa.timestamp("us", "UTC")))])
        ),
    ),
    "uuid": (
        pa.array([A_UUID.bytes, bytes(16), None], pa.uuid()),
        pa.array([str(A_UUID), str(uuid.UUID(int=0)), None]),
    ),
    "json": (pa.array(['{"a":1}', "2", None], pa.json_()), pa.array(['{"a":1}', "2", None])),
}


def as_parquet(table, **options):
    out = io.BytesIO()
    parquet.write_table(table, out, **options)
    return out.getvalue()


def as_arrow(table):
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def gzipped(content):
    return gzip.compress(content, 1, mtime=0)  # names of tests are the same in each process, whatever its clock says


def read(bodies, path="/", **options):
    """Return what a session reads of files in a store that is in memory, as a table, and the notes on its columns."""
    store = MemoryStore()
    for name, body in bodies.items():
        store.put(name, body)
    query = Query(path=path, verify=True, **options)
    session = files.begin(OpenStore(store, "", ()), None, query, None, None)
    batches = [batch for partition in session.partitions() for batch in session.batches(partition)]
    table = pa.Table.from_batches(batches, session.schema)
    assert session.count() == table.num_rows
    notes = {one.name: one.metadata[NOTE.encode()].decode() for one in session.schema}
    return table, {name: note for name, note in notes.items() if note}


def int96(**columns):
    """Return Parquet whose timestamps are INT96, of nanoseconds or microseconds since 1970."""
    units = {name: "ns" if name.startswith("ns") else "us" for name in columns}
    table = pa.table({name: pa.array(values, pa.timestamp(units[name])) for name, values in columns.items()})
    return as_parquet(table, use_deprecated_int96_timestamps=True)


class Recording:
    """A store that notes of which file something is asked for."""

    def __init__(self, store):
        self._store, self.asked = store, queue.SimpleQueue()

    def __getattr__(self, name):
        return getattr(self._store, name)

    def get(self, path, **more):
        self.asked.put(path)
        return self._store.get(path, **more)


def test_the_end_of_parquet_is_asked_for_once_and_the_next_file_before_its_turn():
    store = MemoryStore()
    for name in ("a.parquet", "b.parquet"):
        store.put(name, as_parquet(pa.table({"n": list(range(100_000))})))
    recording = Recording(store)
    session = files.begin(OpenStore(recording, "", ()), None, Query(path="/"), None, None)
    first, second = session.partitions()
    batches = session.batches(first)
    rows = next(batches).num_rows
    asked = [recording.asked.get(timeout=60) for _ in range(4)]  # its end and its rows, of each
    assert sorted(asked) == ["a.parquet", "a.parquet", "b.parquet", "b.parquet"]
    rows += sum(batch.num_rows for part in (batches, session.batches(second)) for batch in part)
    assert (rows, recording.asked.empty()) == (200_000, True)


@pytest.mark.parametrize("write", [as_parquet, as_arrow])
def test_every_type_of_columnar_files_is_read_exactly(write):
    columns = {**SAME, **{name: stored for name, (stored, _) in OTHER.items()}}
    wanted = {**SAME, **{name: read for name, (_, read) in OTHER.items()}}
    if write is as_arrow:
        runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([7, None], pa.int64()))
        columns |= {
            "view": pa.array(["x", "y" * 20, None], pa.string_view()),
            "bytes_view": pa.array([b"x", b"y" * 20, None], pa.binary_view()),
            "list_view": pa.array([[1], [2, 3], None], pa.list_view(pa.int64())),
            "runs": runs,
            "d9": pa.array([Decimal("1.5"), None, None], pa.decimal32(9, 1)),
            "days": pa.array([1, -1, None], pa.duration("ns")),
        }
        wanted |= {
            "view": pa.array(["x", "y" * 20, None]),
            "bytes_view": pa.array([b"x", b"y" * 20, None]),
            "list_view": pa.array([[1], [2, 3], None]),
            "runs": pa.array([7, 7, None]),
            "d9": columns["d9"],
            "days": columns["days"],
        }
    table, notes = read({f"a.{write.__name__.removeprefix('as_')}": write(pa.table(columns))})
    assert {one.name: one.type for one in table.schema} == {name: one.type for name, one in wanted.items()}
    for name, values in wanted.items():
        assert table[name].combine_chunks().equals(values), name
    assert math.copysign(1, table["f64"][1].as_py()) == -1
    assert notes == {"uuid": "as text", "json": "as text"}


def test_int96_keeps_nanoseconds_and_every_year():
    far = [(moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1) for moment in (FIRST, LAST)]  # noqa: DTZ001 - as above
    near = [-(2**63) + 1_000, 2**63 - 1, None]
    first = int96(us_far=[*far, None], ns_near=near, us_mixed=[*far, None], us_plain=[-1, 1, None])
    table, _ = read({"a.parquet": first})
    assert table["us_far"].cast(pa.int64()).to_pylist() == [*far, None]
    assert table["ns_near"].type == pa.timestamp("ns")
    assert table["ns_near"].cast(pa.int64()).to_pylist() == near
    assert table["us_plain"].type == pa.timestamp("us")
    # A column with nanoseconds in one file, and years that they do not reach in the other.
    second = int96(us_far=[0], ns_near=[7], ns_mixed=[-1]).replace(b"ns_mixed", b"us_mixed")
    table, notes = read({"a.parquet": first, "b.parquet": second})
    assert table["us_mixed"].to_pylist() == [
        *("0001-01-01 00:00:00.000000000", "9999-12-31 23:59:59.999999000", None),
        "1969-12-31 23:59:59.999999999",
    ]
    assert notes == {"us_mixed": "as text: digits of nanoseconds, and years beyond 1677 to 2262"}
    assert table["ns_near"].cast(pa.int64()).to_pylist() == [*near, 7]


def test_int96_that_a_look_did_not_find_is_an_error():
    nested = pa.table({"l": pa.array([[1_000], [1_001]], pa.list_(pa.timestamp("ns")))})
    said = "column 'l', from row 1: digits of nanoseconds of INT96"
    by_spark = pa.table({"t": pa.array([1_000, 1_001], pa.timestamp("ns"))})
    by_spark = by_spark.replace_schema_metadata({"org.apache.spark.version": "3.5"})
    for name, table, words in (("l", nested, said), ("t", by_spark, "column 't', row 2: digits of nanoseconds")):
        with pytest.raises(Refusal, match=words):
            read({f"{name}.parquet": as_parquet(table, use_deprecated_int96_timestamps=True)})


@pytest.mark.slow
def test_a_large_row_group_is_read_bit_by_bit():
    table = pa.table({"a": compute.random(3 << 20), "n": pa.array(range(3 << 20)), "t": ["x"] * (3 << 20)})
    found, _ = read({"a.parquet": as_parquet(table, row_group_size=3 << 20)}, fetch_size=100_000)
    assert found.equals(table)


def test_a_path_is_a_file_or_a_folder_and_no_pattern():
    bodies = {"d/year=2024/a.csv": b"n\n1\n", "d/e.csv": b"n\n2\n", "dd/a.csv": b"m\n"}
    for path in ("d", "/d/"):
        assert read(bodies, path, columns=("year",))[0].to_pylist() == [{"year": None}, {"year": "2024"}]
    assert read(bodies, "d/year=2024")[0].to_pylist() == [{"n": "1"}]
    assert read(bodies, "d/year=2024/a.csv")[0].to_pylist() == [{"n": "1"}]
    for path, hint in (("d/*.csv", "patterns are not read"), ("x", "check --path"), ("d/../d", "check --path")):
        with pytest.raises(Refusal) as failed:
            read(bodies, path)
        assert hint in failed.value.verdict.hint


def test_bytes_that_are_no_text_are_an_error_or_digits():
    broken = pa.array([b"ok", b"\xff\x00", None]).view(pa.string())
    bodies = {"d.parquet": as_parquet(pa.table({"t": broken})), "c.csv": b"a,t\n1,ok\n2,\xff\x00\n3,\n"}
    for one in bodies.items():
        with pytest.raises(Refusal, match="column 't', row 2: bytes that are no text"):
            read(dict([one]))
        table, _ = read(dict([one]), invalid_text="hex")
        assert table["t"].to_pylist() == ["ok", "\\xff00", None]
    nested = pa.table({"l": pa.ListArray.from_arrays([0, 3], broken)})
    with pytest.raises(Refusal, match="column 'l', from row 1: bytes that are no text"):
        read({"n.parquet": as_parquet(nested)}, invalid_text="hex")


def test_columns_of_one_name_are_refused():
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"])
    bodies = {"a.parquet": as_parquet(twice), "b.arrow": as_arrow(twice), "c.csv": b"n,n\n1,2\n"}
    for one in bodies.items():
        with pytest.raises(Refusal, match="has two columns 'n'"):
            read(dict([one]))


def test_rows_count_where_a_file_has_none_of_the_columns():
    bodies = {"a.parquet": as_parquet(pa.table({"n": [1, 2]})), "b.parquet": as_parquet(pa.table({"m": [3]}))}
    table, _ = read(bodies, columns=("m",))
    assert table.to_pylist() == [{"m": None}, {"m": None}, {"m": 3}]


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n", [("1", "2")]),  # a byte order mark
        (b'a,b\n"x\r\ny","1,""2"\n', [("x\r\ny", '1,"2')]),
        (b"a,b\n1,2\n\n3,4\n\n", [("1", "2"), ("3", "4")]),
        (b"a\n1\n\n", [("1",), (None,)]),
        (b'\xef\xbb\xbf"a",b\r1,5"\r"2""",x""\r', [("1", '5"'), ('2"', 'x""')]),
        (b"a,b\n1,\0\n", [("1", "\0")]),
        (b"a,b\n", []),
        (b"a,b\n1,%s\n2,3" % (b"x" * 3_000_000), [("1", "x" * 3_000_000), ("2", "3")]),
        (b"%s,b\n1,2\n" % (b"n" * 100_000), [("1", "2")]),
    ],
    ids=[
        "mark",
        "quotes",
        "empty lines",
        "empty line of one",
        "quotes in none",
        "NUL",
        "names alone",
        "long row",
        "long name",
    ],
)
def test_csv_has_rows_as_they_are_written(body, rows):
    table, _ = read({"a.csv": body})
    assert [tuple(row.values()) for row in table.to_pylist()] == rows


def test_json_lines_keep_numbers_as_they_are_written():
    lines = [
        '{"n":[1.50,{"x":1e400}],"f":-0.0,"z":NaN,"i":1,"b":1e400,"e":1e99999999999999999999,"w":%s,"s":"\\u00e9"}'
        % ("9" * 5_000),
        '{"i":2.5,"z":1,"w":null,"s":null}',
    ]
    other = bz2.compress(b'{"f":1,"l":9007199254740993}')
    table, notes = read({"a.jsonl": "\n\n".join(lines).encode(), "b.jsonl.bz2": other})
    first = table.to_pylist()[0]
    assert (first["n"], first["b"], first["e"]) == ('[1.50,{"x":1e400}]', "1e400", "1e99999999999999999999")
    assert (first["w"], first["s"]) == ("9" * 5_000, "é")
    assert (math.copysign(1, first["f"]), math.isnan(first["z"])) == (-1, True)
    assert table["i"].to_pylist() == [1.0, 2.5, None]
    assert table["l"].to_pylist() == [None, None, 9_007_199_254_740_993]
    assert notes == dict.fromkeys(("n", "b", "e", "w"), "as text: JSON")


WHOLE = as_parquet(pa.table({"n": range(100_000)}))


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("a.parquet", WHOLE[: len(WHOLE) // 2], r"a\.parquet is no Parquet that can be read, or not whole"),
        ("a.parquet", WHOLE[:50_000] + bytes(1_000) + WHOLE[51_000:], r"a\.parquet is no Parquet that can be read"),
        ("a.arrow", as_arrow(pa.table({"n": range(1_000)}))[:4_000], r"a\.arrow is no Arrow that can"),
        ("a.arrow", b"nothing of it", r"a\.arrow is no Arrow"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), r"a\.csv, after row 0"),
        ("a.csv", b"a,b\n1,2\n3\n", r"a\.csv, after row 0: a line has other fields than the first"),
        ("a.csv", b"a,b\n1,2,3\n", r"a\.csv, after row 0: a line has other fields than the first"),
        ("a.csv", b'a,b\n1,"2"\n3,"4""\n5,6\n', r"a\.csv, line 3: a quote is not closed"),
        ("a.csv", b'a,b\n1,"' + b"x" * (5 << 20), r"a\.csv, line 2: a quote is not closed"),
        ("a.csv", b'a,b\n1,2\n"3"4,5\n', r"a\.csv, line 3: something stands behind a quote that is closed"),
        ("a.csv.gz", gzipped(b"a,b\n" + b"1,2\n" * 9_999)[:-20], r"a\.csv\.gz.* not whole"),
        ("a.csv.gz", gzipped(b"a\n" + b"x" * (17 << 20)), r"a\.csv\.gz, after row 0: a row is longer than 8"),
        ("a.jsonl.gz", gzipped(b'{"a":"' + b"x" * (33 << 20)), r"line 1 is longer than 32 MiB"),
        ("a.jsonl", b'{"a":1,"a":2}', r"line 1 has a key twice: 'a'"),
        ("a.jsonl", b'{"a":"x"}\n{"a":"\\ud800"}', r"column 'a', row 2: half of a pair of surrogates"),
        ("a.jsonl", b"[" * 100_000, r"a\.jsonl, line 1 is no JSON"),
        ("a.jsonl", b"{}\n{}\n", "the files have no columns"),
    ],
)  # fmt: skip
def test_files_that_are_broken_say_where(name, body, said):
    with pytest.raises(Refusal, match=said):
        read({name: body})
