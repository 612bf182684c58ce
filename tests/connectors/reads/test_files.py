"""Reads of files in moto, azurite and fake-gcs-server: what each format holds, by partitions, as it was listed."""

import datetime as dt
import gzip
import io
import json
from decimal import Decimal
from urllib.parse import urlsplit

import boto3
import obstore
import pyarrow as pa
import pytest
from obstore.store import AzureStore
from pyarrow import parquet

from qualytics.connectors.reading import Query
from qualytics.errors import InvalidInput, ReadFailed
from testbed import objects
from testbed.counterparts import AWS
from tests.support.late import read_late
from tests.support.object_stores import GOOGLE_KEY, fill_gcs
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


@pytest.fixture(scope="module")
def s3():
    with objects.moto() as server:
        store = boto3.client("s3", endpoint_url=f"http://{server.host}:{server.port}", **AWS)
        store.create_bucket(Bucket="data")
        yield store


@pytest.fixture
def put(s3):
    """Return a function that puts files, by their names, into the bucket, which is empty otherwise."""
    for one in s3.list_objects_v2(Bucket="data").get("Contents", ()):
        s3.delete_object(Bucket="data", Key=one["Key"])

    def put(**files):
        for name, body in files.items():
            s3.put_object(Bucket="data", Key=name.replace("__", "/").replace("_DOT_", "."), Body=body)

    return put


@pytest.fixture
def opened(client, s3):
    keys = {"access_key": AWS["aws_access_key_id"], "secret_key": AWS["aws_secret_access_key"]}
    parameters = {"endpoint_url": s3.meta.endpoint_url}
    client.connections.create({"type": "s3", "name": "lake", "uri": "s3://data", "parameters": parameters, **keys})
    return client


@pytest.mark.parametrize("write", [as_parquet, as_arrow])
def test_columnar_files_are_read_as_they_are(opened, put, write):
    end = write.__name__.removeprefix("as_")
    put(**{f"d__a_DOT_{end}": write(TABLE), f"d__b_DOT_{end}": write(TABLE), "d___SUCCESS": b"1"})
    table, receipt = read(opened, path="d", verify=True)
    wanted = pa.concat_tables([TABLE, TABLE])
    assert table.equals(wanted.set_column(4, "z", wanted["z"].cast(pa.string())).cast(table.schema))
    assert table.schema.types[:3] == TABLE.schema.types[:3]
    assert receipt["snapshot"]["kind"] == "ETag of 2 files"
    assert receipt["verified"] == {"count": 20_000, "ok": True}
    assert [json.loads(one["predicate"])["file"] for one in receipt["partitions"]] == [f"d/a.{end}", f"d/b.{end}"]


def test_row_groups_are_partitions_where_files_are_few(opened, put):
    put(d__a_DOT_parquet=as_parquet(TABLE))
    table, receipt = read(opened, path="d/a.parquet", parallel=3, verify=True, columns=("n",))
    assert sorted(table["n"].to_pylist(), key=str) == sorted(TABLE["n"].to_pylist(), key=str)
    assert [one["rows"] for one in receipt["partitions"]] == [2_000] * 5
    assert (receipt["parallel"], receipt["verified"]["ok"]) == (3, True)


def test_a_limit_ends_a_read_and_batches_hold_the_fetch_size(opened, put):
    put(d__a_DOT_parquet=as_parquet(TABLE, group=5), d__b_DOT_parquet=as_parquet(TABLE))
    table, receipt = read(opened, path="/", limit=7, fetch_size=3)
    assert table["n"].to_pylist() == list(range(7))
    assert receipt["batches"] == 3  # of 3, 2 and 2 rows, as groups have 5


def test_csv_is_read_as_texts_and_null_is_no_empty_text(opened, put):
    put(a_DOT_csv=b'a,b,c\n007,,"x,\n""y"\n1,"",\xc3\xa9\n', b_DOT_csv_DOT_gz=gzip.compress(b"a,b\n1e5,NaN\n"))
    table, receipt = read(opened, path="/", verify=True)
    rows = [("007", None, 'x,\n"y'), ("1", "", "é"), ("1e5", "NaN", None)]
    assert table.to_pylist() == [dict(zip("abc", row, strict=True)) for row in rows]
    assert receipt["verified"] == {"count": 3, "ok": True}


def test_json_lines_are_typed_by_all_their_values(opened, put):
    first = b'{"i":1,"f":1.5,"t":"x","n":[1,{"x":2}],"big":123456789012345678901234567890,"m":1,"d":0.1}\n\n'
    put(a_DOT_jsonl=first, b_DOT_ndjson=b'{"i":-9223372036854775808,"b":true,"m":"1","d":0.1000000000000000055}\n')
    table, receipt = read(opened, path="/", verify=True)
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


def test_a_file_that_changes_is_an_error_that_names_it(opened, put):
    # The first alone is more than pipes and queues hold, so that the second was not asked for yet.
    put(d__a_DOT_parquet=as_parquet(pa.concat_tables([TABLE] * 10)), d__b_DOT_parquet=as_parquet(TABLE))
    with opened.connections.read(1, path="d", fetch_size=100) as reader:
        batches = iter(reader)
        next(batches)
        put(d__b_DOT_parquet=as_parquet(TABLE.slice(1)))
        with pytest.raises(ReadFailed, match=r"partition 1: the file d/b\.parquet was changed while it was read"):
            list(batches)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a_DOT_csv": b"a\n1\n", "b_DOT_jsonl": b"{}\n"}, r"b\.jsonl is of another format than a\.csv"),
        ({"a_DOT_txt": b"x"}, r"a\.txt is of no format that is read"),
        ({"_hidden": b"x"}, "there is no file under /"),
        ({"a_DOT_jsonl": b"{}\n[1]\n"}, r"a\.jsonl, line 2 is no object of JSON"),
        ({"a_DOT_jsonl": b"{}\n{\n"}, r"a\.jsonl, line 2 is no JSON"),
        ({"a_DOT_csv": b"a,b\n1\n"}, r"a\.csv is no CSV"),
        (
            {"a_DOT_parquet": as_parquet(TABLE.select(["n"])), "b_DOT_parquet": as_parquet(pa.table({"n": ["x"]}))},
            r"column 'n' of b\.parquet is of another type than in a\.parquet",
        ),
    ],
)
def test_what_cannot_be_read_says_why(opened, put, files, said):
    put(**files)
    with pytest.raises(ReadFailed, match=said):
        read(opened, path="/")


def test_files_take_no_conditions(opened):
    for options in ({"path": "d", "where": "n = 1"}, {"path": "d", "partition_column": "n"}, {"table": "d"}):
        with pytest.raises(InvalidInput, match="is for engines, and files have none"):
            read(opened, **options)


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
    with objects.fake_gcs() as server:
        fill_gcs(server, "http")
        place = {"uri": "gs://data", "secret_key": json.dumps(GOOGLE_KEY), "parameters": {"endpoint_url": server.url}}
        client.connections.create({"type": "gcs", "name": "google", **place})
        with client.connections.read("google", path="top.csv") as reader:
            assert pa.Table.from_batches(list(reader), reader.schema).schema.names == ["1", "2"]


def test_a_file_may_take_longer_than_the_login(s3, put):
    put(d__a_DOT_csv=b"a\n1\n")
    keys = {"access_key": AWS["aws_access_key_id"], "secret_key": AWS["aws_secret_access_key"]}
    parameters = {"endpoint_url": "http://127.0.0.1:{port}"}
    port = urlsplit(s3.meta.endpoint_url).port
    rows = read_late(
        "s3", port, Query(path="d"), uri="s3://data", username=None, password=None, parameters=parameters, **keys
    )
    assert rows == [{"a": "1"}]
