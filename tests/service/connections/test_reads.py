"""What a read is asked for, checked before anything is opened."""

import pytest

from qualytics import connectors
from qualytics.errors import InvalidInput
from qualytics.model import UsedConnection
from qualytics.service.connections.reads import checked_query

ENGINES = [one.type for one in connectors.all_connectors() if one.reads not in {None, "files"}]


def checked(kind, **options):
    return checked_query(UsedConnection(1, "one", kind, {}, {}, "auto", 1), options)


@pytest.mark.parametrize("kind", ENGINES)
def test_no_engine_gets_more_than_one_statement_or_expression(kind):
    assert checked(kind, sql="select ';' -- one;\n;").sql == "select ';' -- one;\n"
    for sql in (
        "select 1; drop table x",
        "select 1) q; drop table x; select * from (select 1",
        "select 1; /* ; */ commit",
    ):
        with pytest.raises(InvalidInput) as refused:
            checked(kind, sql=sql)
        assert "drop" not in str(refused.value)
    with pytest.raises(InvalidInput, match="closes a parenthesis that it did not open"):
        checked(kind, table="t", where="1 = 1) union select * from (select 2")
