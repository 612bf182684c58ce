"""Reads of Athena from ministack, which says of each decimal that it has no digits behind the point."""

import datetime as dt
from decimal import Decimal

import boto3
import pyarrow as pa
import pytest

from testbed import cloud
from testbed.counterparts import AWS
from tests.support.reads import each_once, read

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def server():
    with cloud.aws() as running:
        keys = AWS | {"aws_access_key_id": running.user, "aws_secret_access_key": running.password}
        boto3.client("s3", endpoint_url=f"http://{running.host}:{running.port}", **keys).create_bucket(Bucket="results")
        yield running


@pytest.fixture
def opened(client, server):
    parameters = {"region": "us-east-1", "output": "s3://results/x/", "endpoint_url": f"http://127.0.0.1:{server.port}"}
    login = {"username": server.user, "password": server.password}
    client.connections.create({"type": "athena", "name": "lake", **login, "parameters": parameters})
    return client


def test_every_value_is_read_as_the_service_writes_it(opened):
    sql = (
        "select 9223372036854775807 as a, cast(12345678901234567890 as decimal(38,0)) as b, "
        "'é' as c, date '1582-10-04' as d, "
        "timestamp '9999-12-31 23:59:59.123' as e, true as f, 1.5e300 as g, cast(null as varchar) as h, '' as i"
    )
    table, receipt = read(opened, sql=sql)
    moment = dt.datetime(9999, 12, 31, 23, 59, 59, 123000)  # noqa: DTZ001 - it has no zone
    wanted = [2**63 - 1, Decimal(12345678901234567890), "é", dt.date(1582, 10, 4), moment, True, 1.5e300, None, ""]
    assert list(table.to_pylist()[0].values()) == wanted
    assert table.schema.types[:2] == [pa.int64(), pa.decimal128(38, 0)]
    assert receipt["snapshot"] is None


def test_partitions_hold_each_row_once(opened):
    sql = "select range as i, case when range % 10 = 0 then null else range - 50 end as k from range(100)"
    assert each_once(opened, sql, "k", parallel=2, fetch_size=1000)
