"""Servers with flaws: an expired certificate, and no TLS at all."""

import datetime as dt

import pytest

from testbed import buenavista, databricks, hive, servers


@pytest.fixture(scope="session")
def expired_certificate(authority):
    """Return chain and key of a server whose certificate ended yesterday."""
    ended = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    issued = authority.issue_cert("localhost", "127.0.0.1", not_after=ended)
    return issued.cert_chain_pems, issued.private_key_pem


@pytest.fixture(scope="session")
def expired_postgres(expired_certificate):
    with servers.postgres(expired_certificate) as server:
        yield server


@pytest.fixture(scope="session")
def expired_mariadb(expired_certificate):
    with servers.mariadb(expired_certificate) as server:
        yield server


@pytest.fixture(scope="session")
def plain_postgres():
    """Run a PostgreSQL without TLS that takes passwords in clear text for the database `cleartext`."""
    with servers.postgres(hba="host cleartext all 127.0.0.0/8 password") as server:
        with servers.postgres_admin(server) as admin:
            admin.execute("create database cleartext")
        yield server


@pytest.fixture(scope="session")
def plain_mariadb():
    with servers.mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def translated_postgres():
    """Run a PostgreSQL without TLS that speaks some languages; `kerberos`, `ident`, `shut` have a rule each."""
    rules = "host kerberos all all gss\nhost ident all all ident\nhost shut all all reject\n"
    servers.locales()
    with servers.postgres(locale="de_DE.UTF-8", hba=rules) as server:
        with servers.postgres_admin(server) as admin:
            for database in ("kerberos", "ident", "shut", "forbidden"):
                admin.execute(f"create database {database}")
            admin.execute("create database closed allow_connections false")
            admin.execute("revoke connect on database forbidden from public")
            admin.execute("create role app login password 'secret 1'")
            admin.execute("create role nologin nologin password 'secret 1'")
            admin.execute("create role full login password 'secret 1' connection limit 0")
        yield server


@pytest.fixture(scope="session")
def raw_postgres():
    """Run a PostgreSQL as plain initdb makes it under LANG=C: in SQL_ASCII, which knows nothing of its bytes."""
    with servers.postgres(encoding=None) as server:
        yield server


@pytest.fixture(scope="session")
def hive_server():
    """Run Spark's Thrift server over sockets; it takes any password."""
    with hive.hive() as server:
        yield server


@pytest.fixture(scope="session")
def hive_http_server():
    """Run Spark's Thrift server over HTTP."""
    with hive.hive("http") as server:
        yield server


@pytest.fixture(scope="session")
def warehouse_port(hive_http_server, certificate):
    """Return the port of a Databricks warehouse in little, which has one token."""
    with databricks.warehouse(hive_http_server, certificate) as port:
        yield port


@pytest.fixture(scope="session")
def buenavista_server():
    """Run a server that speaks as Trino and Presto do, without TLS."""
    with buenavista.buenavista() as server:
        yield server


@pytest.fixture(scope="session")
def foreign_root(tmp_path_factory):
    """Return the root certificate of an authority that has signed none of the servers."""
    import trustme

    path = tmp_path_factory.mktemp("foreign") / "root.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path
