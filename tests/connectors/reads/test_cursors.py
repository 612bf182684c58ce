"""Partitions of a column's values, whatever these are, and the table of what reads how."""

import datetime as dt
import re
import sqlite3
from contextlib import closing
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from qualytics import connectors
from qualytics.connectors.reading import Query
from qualytics.connectors.reads.cursors import _date, _timestamp, bounds_between
from qualytics.connectors.reads.type_names import column_of, microseconds
from qualytics.connectors.shared.statements import ranges

DIGITS = st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**27), max_value=10**27)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
KINDS = ((pa.int64(), st.integers(-(2**63), 2**63 - 1)), (pa.decimal128(38, 10), DIGITS), (pa.float64(), FLOATS))


@given(st.data(), st.integers(2, 28))
def test_bounds_rise_from_one_end_to_the_other(data, number):
    for kind, values in KINDS:
        low, high = sorted((data.draw(values), data.draw(values)))
        bounds = bounds_between(kind, low, high, number)
        assert all(one < other for one, other in pairwise(bounds))
        if kind != pa.float64():  # which may be one step beyond an end
            assert low <= bounds[0] <= bounds[-1] <= high


@given(st.lists(st.integers(-20, 20), min_size=1, unique=True), st.lists(st.none() | st.integers(-30, 30)))
def test_each_value_and_null_fulfils_one_range(bounds, values):
    predicates = ranges("k", [str(bound) for bound in sorted(bounds)], has_nulls=True, has_nan=True)
    with closing(sqlite3.connect(":memory:")) as engine:
        engine.execute("create table t (k)")
        engine.executemany("insert into t values (?)", [(value,) for value in values])
        counted = [engine.execute(f"select count(*) from t where {one}").fetchone()[0] for one in predicates]
    assert sum(counted) == len(values)


@given(st.datetimes(), st.sampled_from(["", " UTC", "Z", "+00:00"]))
def test_a_moment_as_servers_write_it_is_the_same_in_arrow(moment, zone):
    since = (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)  # noqa: DTZ001 - it has no zone
    assert microseconds(moment.isoformat(timespec="microseconds") + zone) == since
    assert _timestamp(since) == moment.isoformat(" ", timespec="seconds")
    assert _date(since // 86_400_000_000) == moment.date().isoformat()


@given(DIGITS)
def test_a_decimal_keeps_all_of_its_digits(value):
    column = column_of("c", "decimal(38,10)", Query())
    assert pa.array([column.convert(f"{value:f}")], column.field.type)[0].as_py() == Decimal(value)


def test_the_table_in_the_documents_names_every_type_that_reads():
    text = (
        Path("docs/reads.md").read_text(encoding="utf-8").partition("## Which type reads how")[2].partition("\n## ")[0]
    )
    named = {name for row in re.findall(r"^\| ([a-z0-9_, ]+) \|", text, re.MULTILINE) for name in row.split(", ")}
    assert named - {"type"} == {one.type for one in connectors.all_connectors() if one.reads is not None}
