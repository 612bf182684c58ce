"""`CREATE SECRET` in files of SQL."""

from qualytics.exchange.imports import sources
from qualytics.service.foreign.matching import match

SQL = """\
-- create secret no (type postgres, host 'no');
CREATE PERSISTENT SECRET IF NOT EXISTS pg (
    TYPE postgres, HOST 'h', PORT 5432, DATABASE sales, USER 'u', PASSWORD 'a''b)c--d,e' /* why */
);
create or replace secret "My Lake" (type s3, key_id 'k', secret 's', region 'eu-west-1', scope 's3://bucket/path');
create secret (type s3, provider credential_chain);
select 1;
"""


def test_statements_become_connections(tmp_path):
    path = tmp_path / "init.sql"
    path.write_text(SQL)
    postgres, lake, chain = map(match, sources.of_file(str(path), {}).entries)
    assert postgres.fields == {
        "name": "pg",
        "type": "postgresql",
        "host": "h",
        "port": 5432,
        "username": "u",
        "password": "a'b)c--d,e",
    }
    assert (postgres.scope, postgres.entry.place) == ({"database": "sales"}, f"{path}:2")
    assert lake.fields == {
        "name": "My Lake",
        "type": "s3",
        "access_key": "k",
        "secret_key": "s",
        "uri": "s3://bucket/path",
        "parameters": {"region": "eu-west-1"},
    }
    assert chain.left[0] == "provider: keys of this machine's own are not carried over"
