"""Reads of files in moto, azurite and fake-gcs-server: what each format holds, by partitions, as it was listed."""

import datetime as dt
import gzip
import io
import json
from decimal import Decimal
from urllib.parse import urlsplit

import obstore
import pyarrow as pa
import pytest
from obstore.store import AzureStore
from pyarrow import parquet

from qualytics import probe
from qualytics.connectors import get
from qualytics.connectors.contract import Refusal
from qualytics.connectors.reading import Query
from qualytics.connectors.reads import files
from qualytics.connectors.shared.object_store import OpenStore
from qualytics.errors import InvalidInput, ReadFailed, UsageError
from qualytics.probe.child.target import make_target
from qualytics.secret import Secret
from testbed import objects
from testbed.counterparts import AWS
from tests.support.late import read_late
from tests.support.object_stores import GOOGLE_KEY, fill_gcs, put_gcs
from tests.support.reads import notes, read

pytestmark = [pytest.mark.servers, pytest.mark.slow]
TABLE = pa.table(
    {
        "n": pa.array([*range(9_999), None], pa.uint64()),
        "m": pa.array([Decimal("12345678901234567890123456789012345.5")] * 10_000, pa.decimal256(60, 20)),
        "t": pa.array([dt.datetime(9999, 12, 31, 23, 59, 59, 999999)] * 10_000, pa.timestamp("us")),  # noqa: DTZ001 - it has no zone
        "l": [[1, 2]] * 10_000,
        "z": pa.array(["é"] * 10_000).dictionary_encode(),
    }
)


def as_parquet(table, group=2_000):
    out = io.BytesIO()
    parquet.write_table(table, out, row_group_size=group)
    return out.getvalue()


def as_arrow(table):
    out = io.BytesIO()
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


@pytest.mark.parametrize("write", [as_parquet, as_arrow])
def test_columnar_files_are_read_as_they_are(lake, put, write):
    end = write.__name__.removeprefix("as_")
    put({f"d/a.{end}": write(TABLE), f"d/b.{end}": write(TABLE), "d/_SUCCESS": b"1"})
    table, receipt = read(lake, path="d", verify=True)
    wanted = pa.concat_tables([TABLE, TABLE])
    assert table.equals(wanted.set_column(4, "z", wanted["z"].cast(pa.string())).cast(table.schema))
    assert table.schema.types[:3] == TABLE.schema.types[:3]
    assert receipt["snapshot"]["kind"] == "ETag of 2 files"
    assert receipt["verified"] == {"count": 20_000, "ok": True}
    assert [json.loads(one["predicate"])["file"] for one in receipt["partitions"]] == [f"d/a.{end}", f"d/b.{end}"]


def test_row_groups_are_partitions_where_files_are_few(lake, put):
    put({"d/a.parquet": as_parquet(TABLE)})
    table, receipt = read(lake, path="d/a.parquet", parallel=3, verify=True, columns=("n",))
    assert sorted(table["n"].to_pylist(), key=str) == sorted(TABLE["n"].to_pylist(), key=str)
    assert [one["rows"] for one in receipt["partitions"]] == [2_000] * 5
    assert (receipt["parallel"], receipt["verified"]["ok"]) == (3, True)


def test_a_limit_ends_a_read_and_batches_hold_the_fetch_size(lake, put):
    put({"d/a.parquet": as_parquet(TABLE, group=5), "d/b.parquet": as_parquet(TABLE)})
    table, receipt = read(lake, path="/", limit=7, fetch_size=3)
    assert table["n"].to_pylist() == list(range(7))
    assert receipt["batches"] == 3  # of 3, 2 and 2 rows, as groups have 5


def test_csv_is_read_as_texts_and_null_is_no_empty_text(lake, put):
    put({"a.csv": b'a,b,c\n007,,"x,\n""y"\n1,"",\xc3\xa9\n', "b.csv.gz": gzip.compress(b"a,b\n1e5,NaN\n")})
    table, receipt = read(lake, path="/", verify=True)
    rows = [("007", None, 'x,\n"y'), ("1", "", "é"), ("1e5", "NaN", None)]
    assert table.to_pylist() == [dict(zip("abc", row, strict=True)) for row in rows]
    assert receipt["verified"] == {"count": 3, "ok": True}


def test_json_lines_are_typed_by_all_their_values(lake, put):
    first = b'{"i":1,"f":1.5,"t":"x","n":[1,{"x":2}],"big":123456789012345678901234567890,"m":1,"d":0.1}\n\n'
    put({"a.jsonl": first, "b.ndjson": b'{"i":-9223372036854775808,"b":true,"m":"1","d":0.1000000000000000055}\n'})
    table, receipt = read(lake, path="/", verify=True)
    wanted = {"i": pa.int64(), "f": pa.float64(), "b": pa.bool_()} | dict.fromkeys(
        ("t", "n", "big", "m", "d"), pa.string()
    )
    assert {one.name: one.type for one in table.schema} == wanted
    assert table.to_pylist()[0] | {"b": 0} == {
        "i": 1,
        "f": 1.5,
        "t": "x",
        "n": '[1,{"x":2}]',
        "big": "123456789012345678901234567890",
        "m": "1",
        "d": "0.1",
        "b": 0,
    }
    assert table.to_pylist()[1]["m"] == '"1"'
    assert table.to_pylist()[1]["d"] == "0.1000000000000000055"
    assert notes(receipt).keys() == {"n", "big", "m", "d"}


def test_a_file_that_changes_is_an_error_that_names_it(lake, put):
    # The first alone is more than pipes and queues hold, so that the one behind the next was not asked for yet.
    first = as_parquet(pa.concat_tables([TABLE] * 10))
    put({"d/a.parquet": first, "d/b.parquet": as_parquet(TABLE), "d/c.parquet": as_parquet(TABLE)})
    with lake.connections.read(1, path="d", fetch_size=100) as reader:
        batches = iter(reader)
        next(batches)
        put({"d/c.parquet": as_parquet(TABLE.slice(1))})
        with pytest.raises(ReadFailed, match=r"partition 2: the file d/c\.parquet was changed while it was read"):
            list(batches)


@pytest.mark.parametrize(
    ("bodies", "said"),
    [
        ({"a.csv": b"a\n1\n", "b.jsonl": b"{}\n"}, r"b\.jsonl is of another format than a\.csv"),
        ({"a.txt": b"x"}, r"a\.txt is of no format that is read"),
        ({"_hidden": b"x"}, "there is no file under /"),
        ({"a.jsonl": b"{}\n[1]\n"}, r"a\.jsonl, line 2 is no object of JSON"),
        ({"a.jsonl": b"{}\n{\n"}, r"a\.jsonl, line 2 is no JSON"),
        ({"a.csv": b"a,b\n1\n"}, r"a\.csv, after row 0: a line has other fields than the first"),
        (
            {"a.parquet": as_parquet(TABLE.select(["n"])), "b.parquet": as_parquet(pa.table({"n": ["x"]}))},
            r"column 'n' of b\.parquet is of another type than in a\.parquet",
        ),
    ],
)
def test_what_cannot_be_read_says_why(lake, put, bodies, said):
    put(bodies)
    with pytest.raises(ReadFailed, match=said):
        read(lake, path="/")


def test_files_take_no_conditions(lake):
    for options in ({"path": "d", "where": "n = 1"}, {"path": "d", "partition_column": "n"}, {"table": "d"}):
        with pytest.raises(InvalidInput, match="is for engines, and files have none"):
            read(lake, **options)


def test_azure_and_google_are_read_alike(client):
    with objects.azurite() as server:
        url = f"http://{server.host}:{server.port}/{server.user}"
        objects.make_container(server, "data")
        store = AzureStore(
            "data",
            client_options={"allow_http": True},
            account_name=server.user,
            account_key=server.password,
            endpoint=url,
        )
        obstore.put(store, "d/a.parquet", as_parquet(TABLE))
        uri = f"abfss://data@{server.user}.dfs.core.windows.net"
        keys = {"access_key": server.user, "secret_key": server.password}
        client.connections.create(
            {"type": "abfs", "name": "azure", "uri": uri, "parameters": {"endpoint_url": url}, **keys}
        )
        table, receipt = read(client, path="d", verify=True, parallel=2)
        assert table.num_rows == 10_000
        assert receipt["verified"]["ok"]
        other = as_parquet(TABLE.slice(1))
        assert_changed(OpenStore(store, "", ()), "d", lambda: obstore.put(store, "d/a.parquet", other))
    with objects.fake_gcs() as server:
        fill_gcs(server, "http")
        place = {"uri": "gs://data", "secret_key": json.dumps(GOOGLE_KEY), "parameters": {"endpoint_url": server.url}}
        client.connections.create({"type": "gcs", "name": "google", **place})
        with client.connections.read("google", path="top.csv") as reader:
            assert pa.Table.from_batches(list(reader), reader.schema).schema.names == ["1", "2"]
        values = {"uri": "gs://data", "parameters": place["parameters"]}
        plan = probe.Plan("gcs", values, {"secret_key": Secret(place["secret_key"])}, timeout_s=10.0)
        handle = get("gcs").open(make_target(plan, "/nowhere"))
        assert_changed(handle, "top.csv", lambda: put_gcs(server, "top.csv", b"3,4\n"))


def assert_changed(handle, path, change):
    """Change a file between the look at it and its rows, which are then not read."""
    session = files.begin(handle, None, Query(path=path), None, None)
    change()
    with pytest.raises(Refusal, match="was changed while it was read"):
        list(session.batches(session.partitions()[0]))


def test_a_file_may_take_longer_than_the_login(s3, put):
    put({"d/a.csv": b"a\n1\n"})
    keys = {"access_key": AWS["aws_access_key_id"], "secret_key": AWS["aws_secret_access_key"]}
    parameters = {"endpoint_url": "http://127.0.0.1:{port}"}
    port = urlsplit(s3.meta.endpoint_url).port
    rows = read_late(
        "s3", port, Query(path="d"), uri="s3://data", username=None, password=None, parameters=parameters, **keys
    )
    assert rows == [{"a": "1"}]


def test_folders_named_as_columns_are_columns(lake, put):
    one, two = as_parquet(pa.table({"n": [1]})), as_parquet(pa.table({"n": [2], "region": ["own"]}))
    put(
        {
            "d/year=2024/_day=01%2F02/a.parquet": one,
            "d/year=__HIVE_DEFAULT_PARTITION__/b.parquet": one,
            "d/region=eu/year=007/c.parquet": two,
            "d/_tmp/d.parquet": one,
        }
    )
    table, receipt = read(lake, path="d", verify=True, parallel=2)
    rows = [(1, None, "2024", "01/02"), (1, None, None, None), (2, "own", "007", None)]
    wanted = [dict(zip(("n", "region", "year", "_day"), row, strict=True)) for row in rows]
    assert sorted(table.to_pylist(), key=repr) == sorted(wanted, key=repr)
    assert notes(receipt) == dict.fromkeys(("year", "_day"), "from the names of folders")


def test_names_of_files_may_hold_any_character(lake, put):
    names = ("a b/ü.csv", "a b/x%20y.csv", "a b/[1]*.csv", "a b/~+&=.csv")
    put({name: b"n\n%d\n" % number for number, name in enumerate(names)})
    assert read(lake, path="/a b/", verify=True)[0]["n"].to_pylist() == ["2", "1", "3", "0"]
    assert read(lake, path=names[1])[0]["n"].to_pylist() == ["1"]


def test_what_takes_more_memory_than_a_read_may_ends_with_a_reason(lake, put, monkeypatch):
    monkeypatch.setenv("QUALYTICS_READ_MEMORY_MIB", "128")
    large = pa.DictionaryArray.from_arrays(pa.array([0] * 300), ["x" * (1 << 20)])
    put({"a.parquet": as_parquet(pa.table({"t": large}))})
    with pytest.raises(ReadFailed, match="a session of the read takes more than 128 MiB of memory") as failed:
        read(lake, path="a.parquet")
    assert "--fetch-size" in str(failed.value.hint)
    assert failed.value.exit_code == 1
    monkeypatch.setenv("QUALYTICS_READ_MEMORY_MIB", "some")
    with pytest.raises(UsageError, match="must be a whole number of MiB, at least 64"):
        read(lake, path="a.parquet")
