"""Values as texts: each text means one value, in any year and with any digits."""

import datetime as dt
import io
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualytics.connectors.shared import arrow
from qualytics.errors import UsageError
from qualytics.reading.outputs import open_output
from qualytics.reading.texts import as_json_values, as_texts

CASES = [
    (pa.array([True, None]), ["true", None]),
    (pa.array([b"\xff\x00"]), ["ff00"]),
    (pa.array([Decimal("1E-7")], pa.decimal128(10, 7)), ["0.0000001"]),
    (pa.array([0.1, float("nan"), float("-inf")]), ["0.1", "nan", "-inf"]),
    (pa.array([-719_529, -719_528], pa.int32()).cast(pa.date32()), ["-0001-12-31", "0000-01-01"]),
    (pa.array([2_932_897], pa.int32()).cast(pa.date32()), ["+10000-01-01"]),
    (pa.array([1], pa.int64()).cast(pa.timestamp("us", "UTC")), ["1970-01-01T00:00:00.000001Z"]),
    (pa.array([-1], pa.int64()).cast(pa.timestamp("us")), ["1969-12-31T23:59:59.999999"]),
    (pa.array([-1, 1_000], pa.timestamp("ns")), ["1969-12-31T23:59:59.999999999", "1970-01-01T00:00:00.000001"]),
    (pa.array([-(2**63) + 1], pa.int64()).cast(pa.timestamp("s", "UTC")), ["-292277022657-01-27T08:29:53Z"]),
    (pa.array([-1_500_000_001], pa.int64()).cast(pa.duration("ns")), ["-00:00:01.500000001"]),
    (pa.array([-3_020_398_500_000], pa.int64()).cast(pa.duration("us")), ["-838:59:58.500000"]),
    (pa.array([(14, -3, -1_500_000_000)], pa.month_day_nano_interval()), ["P14M-3DT-1.5S"]),
    (pa.array([[1, None], None]), ["[1, null]", None]),
    (pa.array([{"a": Decimal("1.5")}, None], pa.struct([("a", pa.decimal128(2, 1))])), ['{"a": "1.5"}', None]),
]  # fmt: skip


@pytest.mark.parametrize(("array", "texts"), CASES, ids=[texts[0] for _, texts in CASES])
def test_a_value_is_one_text(array, texts):
    assert as_texts(array) == texts


def test_json_has_no_number_that_it_could_not_hold():
    assert as_json_values(pa.array([1.5, float("nan"), float("inf"), None])) == [1.5, "NaN", "Infinity", None]
    assert as_json_values(pa.array([Decimal("1.50")])) == ["1.50"]
    assert as_json_values(pa.array([2**63 - 1])) == [2**63 - 1]


@given(st.datetimes())
def test_dates_come_back_from_their_texts(moment):
    array = pa.array([moment], pa.timestamp("us"))
    (text,) = as_texts(array)
    assert dt.datetime.fromisoformat(text) == moment
    assert arrow.microseconds(text.replace("T", " ")) == array.cast(pa.int64())[0].as_py()
    assert arrow.days(str(moment.date())) == (moment.date() - dt.date(1970, 1, 1)).days


def test_what_no_text_holds_is_refused_and_not_cut():
    twice = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1]), pa.array(["x"])])
    for column, words in (twice, "two members of one name"), (union, "no text for values of the type sparse_union"):
        lists = pa.ListArray.from_arrays([0, 1], column)
        for values in (column, lists):
            with pytest.raises(UsageError, match=words):
                as_texts(values)
    schema = pa.schema([("u", pa.list_(union.type))])
    with pytest.raises(UsageError, match="Parquet has no unions"):
        open_output(io.BytesIO(), "parquet", schema)
