"""What a pasted text becomes: the fields of a connection, or the verdict on a message."""

import pytest

from qualytics.errors import InvalidInput
from qualytics.service.foreign import pasted


@pytest.mark.parametrize(
    "text",
    [
        "postgresql+psycopg://reader:p%40ss@db.example.com:5433/sales",
        "jdbc:postgresql://db.example.com:5433/sales?user=reader&password=p%40ss",
        "host=db.example.com port=5433 dbname=sales user=reader password='p@ss'",
        "  host = db.example.com  port=5433 user=reader dbname=sales password=p\\@ss \n",
        "Driver={PostgreSQL Unicode};Server=db.example.com;Port=5433;Database=sales;UID=reader;PWD={p@ss}",
    ],
)
def test_a_connection_is_read_however_a_tool_writes_it(text):
    found = pasted.read(text).candidate
    assert found.fields == {
        "type": "postgresql",
        "host": "db.example.com",
        "port": 5433,
        "username": "reader",
        "password": "p@ss",
    }
    assert found.scope == {"database": "sales"}


@pytest.mark.parametrize(
    ("uri", "type_name"),
    [
        ("s3://bucket/path", "s3"),
        ("gs://bucket/path", "gcs"),
        ("abfss://container@account.dfs.core.windows.net/path", "abfs"),
    ],
)
def test_the_address_of_files_is_read_whole(uri, type_name):
    assert pasted.read(uri).candidate.fields == {"type": type_name, "uri": uri}


def test_a_file_that_the_text_names_is_not_read(tmp_path):
    secret = tmp_path / "of-the-server.pem"
    secret.write_text("-----BEGIN CERTIFICATE-----\ncanary\n")
    found = pasted.read(f"postgresql://reader@db.example.com/sales?sslrootcert={secret}").candidate
    assert "canary" not in repr(found.fields)
    assert "parameters" not in found.fields
    assert [left for left in found.left if left.startswith("sslrootcert: a file of another machine")]


@pytest.mark.parametrize(
    ("text", "type_name", "failure_class"),
    [
        ('FATAL:  password authentication failed for user "reader"', "postgresql", "auth"),
        ('psql: error: connection to server at "db", port 5432 failed: Connection refused', None, "refused"),
        ("28P01", "postgresql", "auth"),
        ("GET https://dbc.example.com/api failed: 403 Forbidden", "databricks", "permission"),
    ],
)
def test_a_message_is_explained(text, type_name, failure_class):
    assert pasted.read(text, type_name).verdict["class"] == failure_class


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gopher://db.example.com/canary", "there is no connection type for 'gopher'"),
        ("postgresql://reader:can@ry/x@db.example.com", "where the password of the URL ends cannot be told"),
        ("x" * 70_000, "too long"),
        ("  ", "empty"),
        ("the canary sang", "does not tell the type"),
    ],
)
def test_what_is_neither_is_refused_and_not_repeated(text, told):
    with pytest.raises(InvalidInput) as caught:
        pasted.read(text)
    assert told in caught.value.message
    assert "can" not in caught.value.message.replace("cannot", "")
