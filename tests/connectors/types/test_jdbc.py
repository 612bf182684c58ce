"""JDBC: its URLs, parameters and messages, and real servers through the drivers that Debian has."""

# ruff: noqa: E501 - messages stand as they came

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import re
import time

import pytest
from hypothesis import given

from qualytics.connectors import Refusal
from qualytics.connectors.types import jdbc
from qualytics.connectors.types.jdbc import login
from qualytics.connectors.types.jdbc import url as urls
from qualytics.connectors.types.jdbc.errors import judge
from qualytics.model import Listing
from qualytics.probe import Plan, run
from qualytics.probe.child.target import make_target
from qualytics.secret import Secret
from testbed import derby, java, servers
from testbed.relay import relay
from tests.support import faults
from tests.support import faults_suite as suite

H2 = {"driver_class": "org.h2.Driver", "jars": ["/usr/share/java/h2.jar"]}
SCHEMES = {"h2": "h2:tcp", "hsqldb": "hsqldb:hsql", "derby": "derby", "postgresql": "postgresql", "mariadb": "mariadb"}


def probe(engine, uri, username="ann", password="secret", *, timeout_s=30.0, parameters=None, **options):
    values = {"uri": uri, "username": username, "parameters": parameters or java.driver(engine)}
    values |= {key: options.pop(key) for key in ("jdbc_fetch_size",) if key in options}
    return run(Plan("jdbc", values, {"password": Secret(password)}, timeout_s, **options))


def names(report):
    assert report.failure is None, report.failure.detail
    return [(item.name, item.kind, item.is_system) for item in report.items]


# URLs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_url", "stored"),
    [
        ("jdbc:postgresql://db.example.com/sales", "jdbc:postgresql://db.example.com:5432/sales"),
        ("jdbc:postgresql://[::1]:6000/sales?SSLMODE=verify-full", "jdbc:postgresql://[::1]:6000/sales?sslmode=verify-full"),
        ("jdbc:mariadb://db:3307/?useSSL=true&trustServerCertificate=false", "jdbc:mariadb://db:3307/?useSSL=true&trustServerCertificate=false"),
        ("jdbc:sqlserver://db;databaseName=sales;encrypt=true", "jdbc:sqlserver://db:1433;databaseName=sales;encrypt=true"),
        ("jdbc:h2:tcp://db/~/sales", "jdbc:h2:tcp://db:9092/~/sales"),
        ("jdbc:h2:ssl://db:9093/mem:sales", "jdbc:h2:ssl://db:9093/mem:sales"),
        ("jdbc:hsqldb:hsql://db/sales", "jdbc:hsqldb:hsql://db:9001/sales"),
        ("jdbc:derby://db/SALES;ssl=basic", "jdbc:derby://db:1527/SALES;ssl=basic"),
        ("jdbc:vertica://db:5433/sales", "jdbc:vertica://db:5433/sales"),
    ],
)  # fmt: skip
def test_a_url_is_put_together_anew(given_url, stored):
    assert jdbc.CONNECTOR.clean_uri(given_url) == stored
    assert jdbc.CONNECTOR.clean_uri(stored) == stored


BAD_URLS = re.findall(
    r"\S+",
    r"""
jdbc:h2:mem:sales
jdbc:h2:file:/tmp/sales
jdbc:h2:~/sales
jdbc:h2://db:1/sales
jdbc:h2:zip://db:1/sales
jdbc:h2:tcp://db/sales;INIT=RUNSCRIPT
jdbc:h2:tcp://db/../sales
jdbc:hsqldb:mem:sales
jdbc:hsqldb:file://db:1/sales
jdbc:hsqldb:res://db:1/sales
jdbc:hsqldb:http://db:1/sales
jdbc:derby:sales;create=true
jdbc:derby://db/sales;create=true
jdbc:derby://db/sales;traceFile=/tmp/x
jdbc:derby:memory://db:1/x
jdbc:sqlite:/tmp/x
jdbc:sqlite://db:1/x
jdbc:jndi://db:1/x
jdbc:rmi://db:1/x
jdbc:ldap://db:1/x
jdbc:p6spy:postgresql://db/x
jdbc:vertica://db/x
jdbc:vertica://010.0.0.1:1/x
jdbc:vertica://0x7f.1:1/x
jdbc:vertica://0x7f000001:1/x
jdbc:vertica://2130706433:1/x
jdbc:vertica://127.1:1/x
jdbc:vertica://127.0.0.1.:1/x
jdbc:vertica://db:0/x
jdbc:vertica://db:65536/x
jdbc:vertica://db:1/x?anything=1
jdbc:postgresql:sales
jdbc:postgresql:///sales
jdbc:postgresql://a,b/sales
jdbc:postgresql://ann:hunter2@db/sales
jdbc:postgresql://db/sales?user=ann
jdbc:postgresql://db/sales?password=hunter2
jdbc:postgresql://db/sales?socketFactory=org.x.Y
jdbc:postgresql://db/sales?sslfactory=org.x.Y
jdbc:postgresql://db/sales?loggerFile=/tmp/x
jdbc:postgresql://db/sales?ssl=true&ssl=false
jdbc:postgresql://db/sales?sslmode=
jdbc:postgresql://db/sales?sslmode=a%20b
jdbc:postgresql://db/sa%6ces
jdbc:postgresql://db/sales/more
jdbc:postgresql://db/sales#x?y
jdbc:mysql://db/sales?autoDeserialize=true
jdbc:mysql://db/sales?allowLoadLocalInfile=true
jdbc:mysql://db/sales?allowUrlInLocalInfile=true
jdbc:mysql://db/sales?queryInterceptors=com.x.Y
jdbc:mysql:loadbalance://db/sales
jdbc:mysql://address=(host=db)(port=1)/sales
jdbc:sqlserver://db;user=sa
jdbc:sqlserver://db;integratedSecurity=true
jdbc:sqlserver://db\instance
JDBC:POSTGRESQL://db/sales
postgresql://db/sales
""",
)


@pytest.mark.parametrize(
    "url", [*BAD_URLS, "jdbc:postgresql://db/sales ", "jdbc:postgresql://dß/sales", " jdbc:x://a:1/"]
)
def test_another_url_is_refused_without_its_text(url):
    with pytest.raises(ValueError, match=r"\w") as refused:
        jdbc.CONNECTOR.clean_uri(url)
    assert "hunter2" not in str(refused.value)


def test_a_url_with_a_password_is_refused_by_the_command_line(run):
    done = run(
        *("connections", "test", "--type", "jdbc", "--uri", "jdbc:h2:tcp://ann:hunter2@127.0.0.1:1/x"),
        *("--parameters", json.dumps(H2)),
    )
    assert done.code == 2
    assert "without user or password" in done.err
    assert "hunter2" not in done.err


@pytest.mark.parametrize(
    ("url", "demands"),
    [
        ("jdbc:postgresql://db/x", False),
        ("jdbc:postgresql://db/x?sslmode=prefer", False),
        ("jdbc:postgresql://db/x?sslmode=verify-full", True),
        ("jdbc:mariadb://db/x?trustServerCertificate=true", False),
        ("jdbc:mariadb://db/x?useSSL=true", True),
        ("jdbc:h2:ssl://db/x", True),
    ],
)
def test_a_url_demands_tls_or_not(url, demands):
    assert urls.parse(url).demands_tls is demands


# Fields and parameters ----------------------------------------------------------------------------


def test_every_field_becomes_a_part_of_the_url_or_a_property():
    target = suite.target("jdbc", uri="jdbc:postgresql://db:1/sales?sslmode=require", database="other", timeout_s=7.5)
    assert login.arguments(target) == (
        "jdbc:postgresql://db:1/other?sslmode=require",
        {
            "user": "ann",
            "password": "secret",
            "gssEncMode": "disable",
            "loginTimeout": "7",
            "connectTimeout": "7",
            "socketTimeout": "7",
        },
    )


def test_a_driver_that_would_read_files_for_a_server_is_told_not_to():
    _, properties = login.arguments(suite.target("jdbc", uri="jdbc:mysql://db/sales"))
    assert properties["allowLoadLocalInfile"] == properties["allowLocalInfile"] == "false"
    assert properties["allowUrlInLocalInfile"] == properties["autoDeserialize"] == "false"
    assert properties["connectTimeout"] == properties["socketTimeout"] == "10000"


def test_a_database_that_would_add_properties_is_refused():
    target = suite.target("jdbc", uri="jdbc:postgresql://db/sales", database="x?socketFactory=org.x.Y")
    with pytest.raises(Refusal) as refused:
        login.arguments(target)
    assert refused.value.verdict.failure_class == "unknown_db"


@given(password=suite.PASSWORDS, username=suite.PASSWORDS)
def test_any_user_and_password_stay_as_they_are_and_out_of_the_url(password, username):
    url = "jdbc:derby://db:1527/SALES"
    text, properties = login.arguments(suite.target("jdbc", uri=url, password=password, username=username))
    assert (text, properties) == (url, {"user": username, "password": password})


def test_the_machine_knows_only_the_address_that_was_dialled(tmp_path):
    target = suite.target("jdbc", uri="jdbc:derby://db.example.com/x", address="192.0.2.7", directory=str(tmp_path))
    arguments = login.machine(target)
    assert (tmp_path / "hosts").read_text().startswith("192.0.2.7 db.example.com db.example.com.\n")
    assert f"-Djdk.net.hosts.file={tmp_path}/hosts" in arguments
    assert f"-Duser.home={tmp_path}" in arguments
    assert not [text for text in arguments if "agent" in text]


DANGEROUS = {
    "user": "ann",
    "url": "jdbc:h2:mem:x",
    "classpath": "/tmp",
    "jvm_args": "-javaagent:/tmp/x.jar",
    "driver_args": {"autoDeserialize": True},
    "properties": {"INIT": "RUNSCRIPT FROM 'http://evil'"},
    "java_home": "/tmp",
    "socketFactory": "org.x.Y",
    "init": "RUNSCRIPT",
    "library_path": "/tmp",
    "proxy_host": "169.254.169.254",
    "trust_all_certificates": True,
    "password_file": "/root/.pgpass",
    "browser": "/bin/sh",
}
WRONG = [
    ({"driver_class": "org.h2.Driver;x"}, "driver_class"),
    ({"driver_class": "../Driver"}, "driver_class"),
    ({"driver_class": "Driver"}, "driver_class"),
    ({"driver_class": 1}, "driver_class"),
    ({"jars": []}, "jars"),
    ({"jars": "h2.jar"}, "jars"),
    ({"jars": ["h2.jar"]}, "jars"),
    ({"jars": ["/usr/share/java/*"]}, "jars"),
    ({"jars": ["/usr/share/java/*.jar"]}, "jars"),
    ({"jars": ["/tmp:/x.jar"]}, "jars"),
    ({"jars": ["http://evil.example/x.jar"]}, "jars"),
    ({"jars": [1]}, "jars"),
    ({"jars": ["/usr/lib/libx.so"]}, "jars"),
]


@pytest.mark.parametrize(
    ("parameters", "key"), [*(({key: value}, key) for key, value in DANGEROUS.items()), *WRONG, ({"driver_class": None}, "driver_class")]
)  # fmt: skip
def test_a_dangerous_parameter_is_refused_before_anything_is_dialled(run, parameters, key):
    with suite.untouched() as port:
        done = run(
            *("connections", "test", "--type", "jdbc", "--uri", f"jdbc:h2:tcp://127.0.0.1:{port}/x"),
            *("--username", "ann", "--parameters", json.dumps(H2 | parameters)),
        )
    assert done.code == 2, (done.out, done.err)
    assert key in done.err


def test_its_document_has_a_uri_after_the_port_and_other_types_have_none(run):
    run("connections", "create", "--type", "postgresql", "--name", "pg", "--host", "db", "--username", "ann")
    made = run(
        *("connections", "create", "--type", "jdbc", "--name", "h2", "--uri", "jdbc:h2:tcp://db/sales"),
        *("--parameters", json.dumps(H2)),
    )
    assert made.code == 0, made.err
    assert list(made.document)[4:8] == ["host", "port", "uri", "username"]
    assert made.document["uri"] == "jdbc:h2:tcp://db:9092/sales"
    assert "uri" not in run("connections", "get", "--name", "pg").document


# Faults -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*suite.FAULTS, "resetting", "endless"])
@pytest.mark.parametrize("engine", SCHEMES)
def test_a_fault_is_named_in_time(engine, fault):
    secure = {"tls", "login"}
    stages, failure_class = (suite.FAULTS | {"resetting": (secure, "network"), "endless": (secure, "timeout")})[fault]
    limit_s = suite.limit_of(failure_class)
    with getattr(faults, fault)() as port:
        began = time.monotonic()
        report = probe(engine, f"jdbc:{SCHEMES[engine]}://127.0.0.1:{port}/sales", timeout_s=limit_s)
        seconds = time.monotonic() - began
    assert report.failure.failure_class == failure_class, report.failure.detail
    assert report.failure.stage in stages
    assert seconds < limit_s + 1


@pytest.mark.slow
@pytest.mark.parametrize("engine", SCHEMES)
def test_another_protocol_is_named(engine):
    with faults.garbage(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n") as port:
        report = probe(engine, f"jdbc:{SCHEMES[engine]}://127.0.0.1:{port}/sales")
    assert suite.verdict(report) == ("login", "config"), report.failure.detail


@pytest.mark.slow
def test_an_unknown_host_is_named():
    report = probe("h2", "jdbc:h2:tcp://no-such-host.invalid/sales")
    assert suite.verdict(report) == ("resolve", "dns")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "failure_class", "words"),
    [
        ({"jars": ["/nowhere/h2.jar"]}, "driver_missing", "/nowhere/h2.jar"),
        ({"driver_class": "org.example.Driver"}, "driver_missing", "none of the jars"),
        ({"driver_class": "java.lang.String"}, "config", "no JDBC driver"),
        ({"ssl_root_cert_file": "/nowhere/roots.pem"}, "config", "/nowhere/roots.pem cannot be read"),
        ({"driver_class": "org.postgresql.Driver", "jars": ["/usr/share/java/postgresql.jar"]}, "config", "does not take URLs"),
    ],
)  # fmt: skip
def test_a_driver_that_is_none_is_named(parameters, failure_class, words):
    with faults.silent() as port:
        report = probe("h2", f"jdbc:h2:tcp://127.0.0.1:{port}/sales", parameters=H2 | parameters)
    assert suite.verdict(report) == ("login", failure_class), report.failure.detail
    assert words in report.failure.message


# Real servers -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine_urls(request):
    """Return a function that starts an engine once and returns the URL's beginning, user, password and database."""
    found = {}

    def start(engine):
        if engine not in found:
            found[engine] = begin(engine)
        return found[engine]

    def begin(engine):
        if engine in {"postgresql", "mariadb"}:
            fixture = "postgres_server" if engine == "postgresql" else "mariadb_server"
            server, database = request.getfixturevalue(fixture), "sales"
        else:
            made, database = {
                "h2": (java.h2("ann", "secret"), "sales"),
                "hsqldb": (java.hsqldb("secret"), "sales"),
                "derby": (derby.derby({"ann": "secret"}), derby.DATABASE),
            }[engine]
            server = made.__enter__()
            request.addfinalizer(lambda: made.__exit__(None, None, None))
        return f"jdbc:{SCHEMES[engine]}://{server.host}:{server.port}", server.user, server.password, database

    return start


def fetch_size_of(values, directory):
    """Return what a driver says of the fetch size of our statement, from a process of its own with its own Java."""
    secrets = {"password": Secret(values.pop("password"))}
    plan = Plan("jdbc", values, secrets, timeout_s=30.0)
    target = make_target(plan, directory)
    target.address = "127.0.0.1"
    handle = jdbc.CONNECTOR.open(target)
    return int(jdbc.statement_of(handle, target).getFetchSize())


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["h2", "hsqldb", "derby", "postgresql", "mariadb"])
def test_the_driver_knows_the_fetch_size_and_goes_to_the_address_that_was_checked(engine, engine_urls, tmp_path):
    url, user, password, database = engine_urls(engine)
    uri = f"{url}/{database}".replace("127.0.0.1", "pinned.invalid")
    values = {"uri": uri, "username": user, "password": password, "parameters": java.driver(engine)}
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert pool.submit(fetch_size_of, values | {"jdbc_fetch_size": 7}, str(tmp_path)).result() == 7


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "scheme"), [("h2", "h2:ssl"), ("hsqldb", "hsqldb:hsqls")])
def test_the_schemes_that_encrypt_do_so_and_trust_the_given_root_alone(
    engine, scheme, engine_urls, authority, root_file
):
    _, user, password, database = engine_urls(engine)
    port = int(engine_urls(engine)[0].rpartition(":")[2])
    issued = authority.issue_cert("localhost", common_name="localhost")  # which HSQLDB compares with the host
    with relay(port, (issued.cert_chain_pems, issued.private_key_pem)) as public:
        url = f"jdbc:{scheme}://localhost:{public}/{database}"
        parameters = java.driver(engine) | {"ssl_root_cert_file": str(root_file)}
        report = probe(engine, url, user, password, parameters=parameters)
        assert report.failure is None, report.failure.detail
        assert report.warnings == ()
        assert suite.verdict(probe(engine, url, user, password)) == ("login", "tls")


PRODUCTS = {"h2": "H2", "hsqldb": "HSQL", "derby": "Derby", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}


@pytest.mark.slow
@pytest.mark.parametrize("engine", SCHEMES)
def test_a_good_login_names_server_and_driver(engine, engine_urls):
    url, user, password, database = engine_urls(engine)
    report = probe(engine, f"{url}/{database}", user, password, jdbc_fetch_size=7)
    assert report.failure is None, report.failure.detail
    assert [stage.name for stage in report.stages] == ["resolve", "tcp", "login", "query"]
    assert PRODUCTS[engine] in report.detected["product_name"]
    assert report.detected["product_version"]
    assert PRODUCTS[engine] in report.detected["driver_name"]
    assert report.detected["driver_version"][0].isdigit()
    assert report.warnings == ("the connection may be unencrypted: the uri does not demand TLS",)


@pytest.mark.slow
@pytest.mark.parametrize("engine", SCHEMES)
def test_a_wrong_password_is_named(engine, engine_urls):
    url, user, _, database = engine_urls(engine)
    report = probe(engine, f"{url}/{database}", user, "wrong")
    assert suite.verdict(report) == ("login", "auth"), report.failure.detail
    assert "\tat " not in report.failure.detail


@pytest.mark.slow
@pytest.mark.parametrize("engine", SCHEMES)
def test_an_unknown_database_or_schema_is_named(engine, engine_urls):
    url, user, password, database = engine_urls(engine)
    nowhere = probe(engine, f"{url}/nodb", user, password)
    assert suite.verdict(nowhere) == ("database", "unknown_db"), nowhere.failure.detail
    for scope in ({"database": "nodb"}, {"schema": "noschema"}):
        report = probe(engine, f"{url}/{database}", user, password, **scope)
        assert suite.verdict(report) == ("database", "unknown_db"), report.failure.detail


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "schema"), [("h2", "PUBLIC"), ("hsqldb", "PUBLIC"), ("derby", "SYS"), ("postgresql", "public")]
)
def test_schemas_are_found(engine, schema, engine_urls):
    url, user, password, database = engine_urls(engine)
    found = names(probe(engine, f"{url}/{database}", user, password, listing=Listing("schemas")))
    assert (schema, "schema", engine == "derby") in found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "catalog"), [("h2", "SALES"), ("hsqldb", "PUBLIC"), ("postgresql", "sales"), ("mariadb", "sales")]
)
def test_catalogs_are_found(engine, catalog, engine_urls):
    url, user, password, database = engine_urls(engine)
    found = names(probe(engine, f"{url}/{database}", user, password, listing=Listing("catalogs")))
    assert (catalog, "catalog", False) in found


@pytest.mark.slow
def test_tables_and_views_are_found_by_their_beginning_letter_by_letter(engine_urls):
    url, user, password, database = engine_urls("h2")

    def found(prefix):
        listing = Listing("tables", prefix)
        return names(probe("h2", f"{url}/{database}", user, password, schema="RAW", listing=listing))

    assert found("") == [("ORDERS", "table", False), ("O_X", "table", False), ("LATEST", "view", False)]
    assert found("O_") == [("O_X", "table", False)]


@pytest.mark.slow
@pytest.mark.parametrize("password", suite.AWKWARD)
def test_an_awkward_password_arrives_unchanged(password, mariadb_server):
    url = f"jdbc:mariadb://127.0.0.1:{mariadb_server.port}/"
    with servers.mariadb_admin(mariadb_server) as admin:
        admin.cursor().execute("create user jdbc identified by %s", (password,))
        try:
            assert suite.verdict(probe("mariadb", url, "jdbc", password)) is None
            assert suite.verdict(probe("mariadb", url, "jdbc", password + "x")) == ("login", "auth")
        finally:
            admin.cursor().execute("drop user jdbc")


@pytest.mark.slow
def test_a_password_that_the_driver_cannot_send_is_named(postgres_server):
    report = probe("postgresql", f"jdbc:postgresql://127.0.0.1:{postgres_server.port}/sales", "admin", "line\nend")
    assert suite.verdict(report) == ("login", "config"), report.failure.detail
    assert "cannot send" in report.failure.message


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "demand"), [("postgresql", "sslmode=verify-full"), ("mariadb", "useSSL=true")])
def test_a_certificate_that_java_does_not_trust_is_named(engine, demand, engine_urls):
    url, user, password, database = engine_urls(engine)
    report = probe(engine, f"{url}/{database}?{demand}", user, password)
    assert suite.verdict(report) == ("login", "tls"), report.failure.detail


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "demand"), [("postgresql", "sslmode=verify-full"), ("mariadb", "useSSL=true")])
def test_a_certificate_of_a_given_root_is_trusted(engine, demand, engine_urls, root_file):
    url, user, password, database = engine_urls(engine)
    parameters = java.driver(engine) | {"ssl_root_cert_file": str(root_file)}
    report = probe(engine, f"{url}/{database}?{demand}", user, password, parameters=parameters)
    assert report.failure is None, report.failure.detail
    assert report.warnings == ()


@pytest.mark.slow
def test_encryption_that_the_url_demands_is_spoken(engine_urls):
    url, user, password, _ = engine_urls("postgresql")
    report = probe("postgresql", f"{url}/tls_only?sslmode=require", user, password)
    assert (report.failure, report.warnings) == (None, ())


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "demand"), [("postgresql", "sslmode=verify-full"), ("mariadb", "useSSL=true")])
def test_a_server_without_the_tls_that_is_demanded_is_named(engine, demand, request):
    server = request.getfixturevalue("plain_postgres" if engine == "postgresql" else "plain_mariadb")
    url = f"jdbc:{engine}://127.0.0.1:{server.port}/?{demand}"
    report = probe(engine, url, server.user, server.password)
    assert suite.verdict(report) == ("login", "tls"), report.failure.detail


# Messages -----------------------------------------------------------------------------------------

# Class, text, SQLSTATE, number: runs of these drivers (Debian 12) against their servers and faulty listeners, or the
# manual that the line names.
MESSAGES = [
    ("org.h2.jdbc.JdbcSQLInvalidAuthorizationSpecException", "Wrong user name or password [28000-214]", "28000", 28000, "auth"),
    ("org.h2.jdbc.JdbcSQLNonTransientConnectionException", 'Database "/tmp/nodb" not found, and IFEXISTS=true, so we cant auto-create it [90146-214]', "90146", 90146, "unknown_db"),
    ("org.h2.jdbc.JdbcSQLNonTransientConnectionException", 'Connection is broken: "unexpected status 1213486160" [90067-214]', "90067", 90067, "config"),
    ("org.h2.jdbc.JdbcSQLNonTransientConnectionException", 'Connection is broken: "java.net.SocketException: Connection reset: 127.0.0.1:1" [90067-214]', "90067", 90067, "network"),
    ("java.sql.SQLInvalidAuthorizationSpecException", "invalid authorization specification: SA", "28000", -4000, "auth"),
    ("java.sql.SQLException", "General error: database alias does not exist", "S1000", -458, "unknown_db"),
    ("java.sql.SQLTransientConnectionException", "connection exception: connection failure: java.net.SocketException: Connection reset", "08006", -1305, "network"),
    ("java.sql.SQLNonTransientConnectionException", "Connection authentication failure occurred.  Reason: Userid or password invalid.", "08004", 40000, "auth"),
    ("java.sql.SQLNonTransientConnectionException", "The connection was refused because the database nodb was not found.", "08004", 40000, "unknown_db"),
    ("java.sql.SQLNonTransientConnectionException", "A network protocol error was encountered and the connection has been terminated: A protocol error (Data Stream Syntax Error) was detected.  Reason: 0x3. Perhaps this is an attempt to open a plaintext connection to an SSL enabled server.", "58009", 40000, "config"),
    ("java.sql.SQLNonTransientConnectionException", "Insufficient data while reading from the network - expected a minimum of 6 bytes and received only 0 bytes.  The connection has been terminated.", "08006", 40000, "network"),
    ("java.sql.SQLNonTransientConnectionException", "A communications error has been detected: Connection reset.", "08006", 40000, "network"),
    ("org.postgresql.util.PSQLException", 'FATAL: password authentication failed for user "admin"', "28P01", 0, "auth"),
    ("org.postgresql.util.PSQLException", 'FATAL: database "nodb" does not exist', "3D000", 0, "unknown_db"),
    ("org.postgresql.util.PSQLException", "The server does not support SSL.", "08004", 0, "tls"),
    ("org.postgresql.util.PSQLException", "The connection attempt failed.", "08001", 0, "network"),
    ("org.postgresql.util.PSQLException", "An error occurred while setting up the SSL connection.", "08P01", 0, "config"),
    ("org.postgresql.util.PSQLException", "FATAL: sorry, too many clients already", "53300", 0, "quota"),  # PostgreSQL manual, appendix A
    ("java.sql.SQLInvalidAuthorizationSpecException", "(conn=8) Access denied for user 'admin'@'127.0.0.1' (using password: YES)", "28000", 1045, "auth"),
    ("java.sql.SQLSyntaxErrorException", "(conn=10) Unknown database 'nodb'", "42000", 1049, "unknown_db"),
    ("java.sql.SQLNonTransientConnectionException", "(conn=20) Trying to connect with ssl, but ssl not enabled in the server", "08000", 0, "tls"),
    ("java.sql.SQLNonTransientConnectionException", "Could not connect to 127.0.0.1:1 : unexpected end of stream, read 0 bytes from 4 (socket was closed by server)", "08000", -1, "network"),
    ("java.sql.SQLSyntaxErrorException", "Access denied for user 'a'@'%' to database 'b'", "42000", 1044, "permission"),  # MariaDB manual, "Error Codes"
    ("java.sql.SQLNonTransientConnectionException", "Too many connections", "08004", 1040, "quota"),  # as above
    # The Java SE API: the classes that stand below those of the drivers.
    ("java.net.ConnectException", "Connection refused", "", 0, "refused"),
    ("java.net.ConnectException", "Connection timed out", "", 0, "timeout"),
    ("java.net.SocketTimeoutException", "Read timed out", "", 0, "timeout"),
    ("java.net.UnknownHostException", "db.example.com", "", 0, "dns"),
    ("java.net.NoRouteToHostException", "No route to host", "", 0, "network"),
    ("java.io.EOFException", "", "", 0, "network"),
    ("javax.net.ssl.SSLHandshakeException", "PKIX path building failed: unable to find valid certification path to requested target", "", 0, "tls"),
    ("java.security.cert.CertificateExpiredException", "NotAfter: Sun Nov 22 00:00:00 UTC 2026", "", 0, "tls"),
    ("javax.net.ssl.SSLException", "Unsupported or unrecognized SSL message", "", 0, "config"),
    ("java.lang.ClassNotFoundException", "org.example.Driver", "", 0, "driver_missing"),
    ("java.lang.UnsupportedClassVersionError", "org/example/Driver has been compiled by a more recent version of the Java Runtime", "", 0, "driver_missing"),
    ("jpype._jvmfinder.JVMNotFoundException", "No JVM shared library file (libjvm.so) found. Try setting up the JAVA_HOME environment variable properly.", "", 0, "driver_missing"),
    ("java.sql.SQLTimeoutException", "", "", 0, "timeout"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "state", "number", "failure_class"), MESSAGES)
def test_a_message_has_its_class(name, text, state, number, failure_class):
    assert judge(name, text, state, number).failure_class == failure_class


def test_words_alone_are_judged_as_well():
    assert jdbc.CONNECTOR.classify(Exception('Database "x" not found')).failure_class == "unknown_db"
    assert jdbc.CONNECTOR.classify(Exception("something else")) is None
