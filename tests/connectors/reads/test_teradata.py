"""Reads of Teradata, which is not here: what is asked of the driver, and what becomes of its answers."""

import datetime as dt
from decimal import Decimal

from qualytics.connectors.reading import Query
from qualytics.connectors.reads import teradata
from tests.support.scripted_driver import Scripted, batch_of, target


def test_teradata_asks_for_the_types_by_name():
    names = [(name,) for name in "abcde"]
    types = (
        "DECIMAL(38,2)",
        "TIMESTAMP(6)",
        "TIMESTAMP(6) WITH TIME ZONE",
        "VARCHAR(10) CHARACTER SET UNICODE",
        "INTERVAL DAY",
    )
    moment = dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    values = [Decimal("-1.25"), dt.datetime(9999, 12, 31), moment, "é", "1"]  # noqa: DTZ001 - it has no zone
    handle = Scripted((names, []), ([], [types]), ([], [values]))
    session = teradata.begin(handle, target("teradata", schema="s"), Query(table="o", limit=5), None, None)
    batch = batch_of(session)
    assert 'type(q."a"), type(q."b")' in handle.asked[1]
    assert handle.asked[2].startswith(
        'select top 5 "a", "b", "c", "d", cast("e" as varchar(32000)) as "e" from ( select * from "s"."o" ) q'
    )
    assert batch.to_pylist()[0]["c"] == dt.datetime(2019, 12, 31, 22, tzinfo=dt.UTC)
    assert [str(one) for one in session.schema.types[:3]] == [
        "decimal128(38, 2)",
        "timestamp[us]",
        "timestamp[us, tz=UTC]",
    ]
    assert session.snapshot is None
