"""A query is one statement by the quotes and comments of its engine; what else there may be in it is refused."""

import contextlib
import sqlite3

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qualytics.connectors.shared.one_statement import is_ordered, one_expression, one_statement, syntax_of

# By engine: what is one statement there, and what is more than one, or less.
TAKEN = {
    "trino": ["select ';'", "select 'it''s; so' -- ; done", 'select 1 as "a;)"', "select (1) /* ); */", r"select '\'"],
    "postgresql": ["select $$;)$$", "select $a$ $$;) $a$, '1'", r"select e'\';)', '\', 1 as b", "select a #> '{;}'"],
    "duckdb": ["select $$;)$$ // 2", "select list_value(1)[1]"],
    "mysql": [r'''select '\';)', `a;)`, ";\";"''', "select 1 # ;)", "select 1--(2)", "select 1 -- )"],
    "sqlite": ["select [a;)], `b;`", "select ';'"],
    "sqlserver": ["select [a]];)], N'b;'", r"select '\', 1"],
    "hive": [r'''select '\';)', `a;`, "b;\""''', r"select r'\', a[0]"],
    "bigquery": ["select '''it's ;)''', \"\"\"\";) \"\"\", r'\\' # ;)", r"select '\';)', `a;)`, b'''\''';)'''"],
    "snowflake": [r"select '\';)', $$ ';) $$ // ;)", r'select "a\"'],
    "oracle": ["select q'[it's ;)]', nq'!;)'!' from dual", r"select '\' from dual"],
    "jdbc": ["select $$;)$$, e from t // ;)"],
}
REFUSED = {
    "trino": [
        "select 1; drop table x",
        "select 1) q; drop table x; select * from (select 1",
        "select 1;; select 2",
        "",
        "-- ;",
        ";",
        "select (1",
        "select 'a",
        'select "a',
        "select 1 /* ;",
        "select /* /* */ 1 */",
        "select 1 /*! ) */",
        "select 1 -- \r; drop table x",
        "select 1;\n/* ; */ drop table x",
        "select 1) q drop table x select * from (select 1",
        "select '\\'; drop table x --'",
        "select (1;)",
    ],
    "postgresql": [
        "select e'\\'; drop table x --'' ",
        "select a$$; drop table x; --$$",
    ],
    "mysql": [
        "select '\\\\'; drop table x -- '",
        "select 1 --; drop table x",
        "select `a; drop table x",
        "select 1--1; drop table x",
        "select 1 /*M! ) */",
    ],
    "sqlserver": [
        "select [a; drop table x",
    ],
    "hive": [
        "select '\\\\'; drop table x -- '",
    ],
    "snowflake": [
        "select '\\\\'; drop table x --'",
        "select $a$; drop table x; --$a$",
    ],
    "oracle": [
        "select q'[a]'; drop table x; --]'",
    ],
    "jdbc": [
        "select 1 // '\n; drop table x // '",
    ],
}


@pytest.mark.parametrize(("syntax", "sql"), [(one, sql) for one, all_of in TAKEN.items() for sql in all_of])
def test_what_is_one_statement_is_taken_without_its_semicolon(syntax, sql):
    assert one_statement(sql, syntax) == sql
    assert one_statement(f"{sql}\n; -- done;\n ;/* ; */", syntax) == f"{sql}\n"


@pytest.mark.parametrize(("syntax", "sql"), [(one, sql) for one, all_of in REFUSED.items() for sql in all_of])
def test_what_is_more_or_less_is_refused_and_not_repeated(syntax, sql):
    with pytest.raises(ValueError, match=r"^(holds|closes|does not close|ends within)") as refused:
        one_statement(sql, syntax)
    assert "drop" not in str(refused.value)


def test_a_condition_has_no_semicolon_at_all():
    assert one_expression("a = ';)' and (b)", "trino") == "a = ';)' and (b)"
    for sql in ("a = 1;", "1 = 1) union (select 1", "(a = 1", "a = 'b", "a = 1 /*", " -- ", "a; drop table x"):
        with pytest.raises(ValueError, match=r"^(holds|closes|does not close|ends within)"):
            one_expression(sql, "trino")


def test_through_jdbc_the_url_says_whose_quotes_hold():
    urls = {"jdbc:postgresql://h/d": "postgresql", "jdbc:jtds:sqlserver://h": "sqlserver", "jdbc:h2:tcp://h/d": "jdbc"}
    assert {url: syntax_of("jdbc", url) for url in urls} == urls
    assert syntax_of("mysql", "jdbc:h2:tcp://h/d") == "mysql"


PARTS = [
    *("select 1", "'", "''", ";", "--", "\n", "\r", "/*"),
    *("*/", "$$", "$a$", '"', "\\", "e'", " ", "("),
    *(")", "`", "[", "]", "drop table x", "as a", ","),
]


def said_of(database, sql):
    """Return the words in which an engine refuses a statement, none where it takes it."""
    try:
        database.execute(sql)
    except sqlite3.Error as exc:
        return str(exc)
    return ""


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
@example("select 1 -- \r; drop table x")
def test_what_is_taken_is_one_statement_for_the_engines_own_parsers(sql):
    with contextlib.suppress(ValueError):
        taken = f"select * from (\n{one_statement(sql, 'duckdb')}\n) q"
        with contextlib.suppress(duckdb.Error):
            assert len(duckdb.extract_statements(taken)) == 1
    with contextlib.suppress(ValueError), contextlib.closing(sqlite3.connect(":memory:")) as database:
        taken = f"select * from (\n{one_statement(sql, 'sqlite')}\n) q"
        assert "one statement" not in said_of(database, taken)


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("select a from t order by a", True),
        ("select a from t\nORDER\tBY a limit 3", True),
        ("(select 1) union select 2 order /* x */ by 1", True),
        ("select * from (select a from t order by a) q", False),
        ("select row_number() over (order by a) from t", False),
        ("select 'order by' as a, `order by` -- order by a\nfrom t", False),
    ],
)
def test_an_order_is_that_of_the_whole_query(sql, wanted):
    assert is_ordered(sql, "mysql") is wanted
