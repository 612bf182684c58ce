"""Reads of Oracle, which is not here: what is asked of the driver, and what becomes of its answers."""

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace

import oracledb
import pyarrow as pa

from qualytics.connectors.reading import Query
from qualytics.connectors.reads import oracle
from tests.support.scripted_driver import Scripted, batch_of, target


def oracle_column(name, kind, precision=None, scale=None):
    return SimpleNamespace(name=name, type_code=kind, precision=precision, scale=scale)


ORACLE = [
    oracle_column("A", oracledb.DB_TYPE_NUMBER, 38, 2),
    oracle_column("B", oracledb.DB_TYPE_NUMBER, 0, -127),
    oracle_column("C", oracledb.DB_TYPE_NUMBER, 10, 0),
    oracle_column("D", oracledb.DB_TYPE_DATE),
    oracle_column("E", oracledb.DB_TYPE_TIMESTAMP_TZ, 0, 6),
    oracle_column("F", oracledb.DB_TYPE_RAW),
    oracle_column("G", oracledb.DB_TYPE_CLOB),
]


FOUND = pa.schema([("B", pa.decimal128(3, 1))])


def test_oracle_reads_a_table_at_one_change_number():
    row = ["-1.25", "0.1", "12", "0044-03-15 01:02:03 BC", "2019-12-31 22:00:00.500000000 AD", b"\0\xff", "é"]
    handle = Scripted(([], []), ([], [("123",)]), ([], []), (ORACLE, []), ([], [("20", "38")]), (ORACLE, [row]))
    session = oracle.begin(handle, target("oracle", schema="S"), Query(table="O", limit=5), None, None)
    batch = batch_of(session)
    assert handle.asked[0] == "set transaction read only"
    assert handle.asked[3] == 'select * from "S"."O" as of scn 123 where ( 1 = 0 )'
    assert handle.asked[4] == (
        'select max(length(to_char(trunc(abs("B"))))), max(length(to_char(abs("B") - trunc(abs("B"))))) '
        'from ( select * from "S"."O" as of scn 123 ) q'
    )
    assert handle.asked[5].endswith('from ( select * from "S"."O" as of scn 123 ) q fetch first 5 rows only')
    assert session.snapshot.id == "123"
    assert [str(one) for one in session.schema.types] == [
        "decimal128(38, 2)",
        "decimal256(57, 37)",
        "int64",
        "timestamp[us]",
        "timestamp[us, tz=UTC]",
        "binary",
        "string",
    ]
    assert batch.column("A")[0].as_py() == Decimal("-1.25")
    assert batch.column("B")[0].as_py() == Decimal("0.1")
    assert batch.column("C")[0].as_py() == 12
    assert batch.column("D").cast(pa.int64())[0].as_py() // 86_400_000_000 == -735160
    assert batch.column("E")[0].as_py() == dt.datetime(2019, 12, 31, 22, 0, 0, 500000, dt.UTC)


def test_oracle_without_the_right_to_ask_for_a_number_has_a_transaction_alone():
    answers = ([], []), oracledb.DatabaseError("ORA-00904"), (ORACLE, []), ([], [("40", None)])
    session = oracle.begin(Scripted(*answers), target("oracle", schema="S"), Query(table="O"), None, None)
    assert session.snapshot.kind == "oracle read-only transaction"
    assert session.schema.field("B").type == pa.string()  # it has more digits than are written out
    session = oracle.begin(Scripted(*answers), target("oracle", schema="S"), Query(table="O", parallel=2), None, None)
    assert session.snapshot is None


def test_another_session_of_oracle_reads_at_the_same_number():
    handle = Scripted(([], []), (ORACLE, []))
    session = oracle.begin(handle, target("oracle", schema="S"), Query(table="O", parallel=2), "77", FOUND)
    assert (session.snapshot.id, len(handle.asked)) == ("77", 2)
