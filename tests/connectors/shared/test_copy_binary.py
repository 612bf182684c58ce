"""Values of binary COPY are those that are stored: decimals of every size, and all that stands beside NULL."""

import decimal
import random
from contextlib import closing

import numpy as np
import psycopg
import pyarrow as pa
import pytest

from qualytics.connectors.contract import Refusal, Target
from qualytics.connectors.reading import Partition, Query
from qualytics.connectors.reads.postgresql import begin
from qualytics.connectors.shared import copy_binary
from qualytics.connectors.shared.columns import Block
from qualytics.connectors.shared.copy_stream import Rows

pytestmark = pytest.mark.servers

# Digits in all, and behind the point: about the edges of groups of four digits, of 64, 128 and 256 bits.
DECIMALS = [(1, 0), (4, 4), (5, 1), (12, 2), (18, 0), (18, 18), (19, 3), (38, 0), (38, 10), (38, 37), (39, 1), (76, 20)]


@pytest.fixture
def session(postgres_server):
    """Open a session on the database `sales`."""
    login = {"user": postgres_server.user, "password": postgres_server.password}
    where = {"host": "127.0.0.1", "port": postgres_server.port, "dbname": "sales"}
    with closing(psycopg.connect(**login, **where, autocommit=True)) as opened:
        yield opened


def read(session, sql, **options):
    target = Target(type="postgresql", parameters={}, timeout_s=60.0, directory="")
    session.execute("rollback")
    begun = begin(session, target, Query(sql=sql, **options), None, None)
    return pa.Table.from_batches(begun.batches(Partition(0)), begun.schema)


@pytest.mark.parametrize(("precision", "scale"), DECIMALS)
def test_decimals_are_those_that_are_stored(session, precision, scale):
    rng = random.Random(f"{precision},{scale}")
    most = 10**precision - 1
    edges = [0, 1, -1, most, -most, *(10**power for power in range(precision)), *(-(10**n) for n in range(precision))]
    others = [rng.choice((1, -1)) * rng.randrange(10 ** rng.randint(1, precision)) for _ in range(200)]
    with decimal.localcontext(prec=100):
        values = [None, *(decimal.Decimal(number).scaleb(-scale) for number in (*edges, *others)), None]
    texts = "{" + ",".join("NULL" if value is None else f"{value:f}" for value in values) + "}"
    kind = f"numeric({precision},{scale})"
    found = read(session, f"select unnest('{texts}'::text[])::{kind} as v", fetch_size=100).column("v")
    assert found.to_pylist() == values
    assert found.type == (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale)


def test_a_decimal_that_grew_since_it_was_looked_at_is_refused(session):
    # Each time that it is asked it has two digits more.
    session.execute("select set_config('q.digits', '1', false)")
    grows = "set_config('q.digits', (current_setting('q.digits')::int * 100)::text, false)::numeric"
    with pytest.raises(Refusal, match="row 1: the value is beyond decimal"):
        read(session, f"select {grows} as v from generate_series(1, 1)")


@pytest.mark.parametrize("fetch_size", [1, 2, 3, 1000])
def test_null_stands_beside_values_of_every_kind(session, fetch_size):
    values = {
        "n::int2": [1, None, 3],
        "n::float8": [1.0, None, 3.0],
        "n % 2 = 1": [True, None, True],
        "repeat('é', n)": ["é", None, "ééé"],
        "decode(repeat('00', n), 'hex')": [b"\0", None, b"\0\0\0"],
        "n::numeric(30, 3)": [decimal.Decimal("1.000"), None, decimal.Decimal("3.000")],
        "make_interval(0, n, 0, n)": [(1, 1, 0), None, (3, 3, 0)],
        "array[n, null]": [[1, None], [None, None], [3, None]],
        "row(n, null)": ["(1,)", "(,)", "(3,)"],
        "('10.0.0.' || n)::inet": ["10.0.0.1", None, "10.0.0.3"],
        'chr(64 + n)::"char"': ["A", None, "C"],
        "('a' || n)::char(3)": ["a1 ", None, "a3 "],
    }
    chosen = ", ".join(f"{expression} as c{number}" for number, expression in enumerate(values))
    table = read(
        session,
        f"select {chosen} from (select nullif(m, 2) n, m from generate_series(1, 3) m) q",
        fetch_size=fetch_size,
    )
    found = dict(zip(values, (column.to_pylist() for column in table.columns), strict=True))
    assert found == values


def test_no_rows_are_no_batches(session):
    assert read(session, "select 1 as n, 'a' as t where false").num_rows == 0


@pytest.mark.parametrize("row", [b"\0\2\0\0\0\4\0\0\0\1", b"\0\1\0\0\0\3\0\0\0\1", b"\0\1\0\0\0\4\0\0\0\1\0"])
def test_rows_of_another_shape_are_refused(row):
    block = Block(bytearray(row + bytes(copy_binary.MARGIN)))
    schema = pa.schema([pa.field("n", pa.int32())])
    with pytest.raises(ValueError, match="row of COPY"):
        copy_binary.Layout(schema).columns(Rows(block, np.array([0]), np.array([len(row)])), 1)
