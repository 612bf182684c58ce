"""Passwords of every character reach real servers unchanged."""

import contextlib
import json
import os

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import sql

from qualytics import probe
from qualytics.connectors import get
from qualytics.probe.child.stages import Stages
from qualytics.probe.child.target import make_target
from qualytics.probe.plan import read_plan
from qualytics.probe.protocol import Passed
from qualytics.secret import Secret
from testbed import servers
from tests.support.trial import outcome, trial

AWKWARD = """$@*#;!/%{}"'\\ \n\t`~&|<>?=:,.+-^()[]ßé漢😀\u00a0\u0301\u202e\ufeff\x7f\x01"""
# A server's statement and every shell, URL, DSN and template language read one of these in a way of its own.
EXAMPLES = [
    "$HOME",
    "${DB_PASSWORD}",
    "a@b/c:d?e=f#g;h",
    "-leading",
    "--password",
    " spaces around ",
    "ends in a backslash\\",
    "'; drop role admin; --",
    '"}{"',
    "%s %(x)s %25",
    "\\x27\\",
    "line\nbreak\r\n",
    "********x",
    "naïve 漢字 😀",
    "é",  # composed; the next is the same letter decomposed
    "e\u0301",
    "x" * 500,
    AWKWARD,
]
texts = st.text(
    st.one_of(st.sampled_from(AWKWARD), st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
    min_size=1,
    max_size=40,
)
patient = settings(max_examples=200, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def awkward(test):
    for text in EXAMPLES:
        test = example(text)(test)
    return patient(given(texts)(test))


@pytest.fixture(scope="module")
def postgres_role(postgres_server):
    with servers.postgres_admin(postgres_server) as admin:
        admin.execute("create role awkward login")
        yield lambda text: admin.execute(sql.SQL("alter role awkward password {}").format(sql.Literal(text)))
        admin.execute("drop role awkward")


@pytest.fixture(scope="module")
def mariadb_account(mariadb_server):
    with contextlib.closing(servers.mariadb_admin(mariadb_server)) as admin:
        cursor = admin.cursor()
        cursor.execute("create user awkward@'%'")
        yield lambda text: cursor.execute("alter user awkward@'%%' identified by %s", (text,))
        cursor.execute("drop user awkward@'%'")


def walked(type_, port, text, root_file, directory):
    """Run the stages as the child does with the plan that it is sent, but in this process."""
    values = {
        "host": "127.0.0.1",
        "port": port,
        "username": "awkward",
        "parameters": {"ssl_root_cert_file": str(root_file)},
    }
    readable, writable = os.pipe()
    with open(readable, "rb") as pipe:
        os.write(writable, probe.Plan(type_, values, {"password": Secret(text)}, 20.0).encode(str(directory)))
        os.close(writable)
        plan, own = read_plan(pipe.fileno())
    messages = []
    Stages(get(type_), make_target(plan, own), messages.append).run()
    return messages[-1]


@pytest.mark.slow
def test_a_password_reaches_postgresql_unchanged(postgres_role, postgres_server, root_file, tmp_path):
    @awkward
    def reaches(text):
        postgres_role(text)
        assert walked("postgresql", postgres_server.port, text, root_file, tmp_path) == Passed()

    reaches()


@pytest.mark.slow
def test_a_password_reaches_mariadb_unchanged(mariadb_account, mariadb_server, root_file, tmp_path):
    @awkward
    def reaches(text):
        mariadb_account(text)
        assert walked("mariadb", mariadb_server.port, text, root_file, tmp_path) == Passed()

    reaches()


def test_another_password_is_refused_on_the_same_way(
    postgres_role, postgres_server, mariadb_account, mariadb_server, root_file, tmp_path
):
    postgres_role("right")
    mariadb_account("right")
    for type_, server in (("postgresql", postgres_server), ("mariadb", mariadb_server)):
        failed = walked(type_, server.port, "right ", root_file, tmp_path)
        assert failed.failure_class == "auth"


@pytest.mark.slow
@pytest.mark.parametrize("text", ["${X}$$`id`\\'\"; -- \n é 漢 😀 %s%%", "-leading {} @/:#?"])
def test_a_password_passes_the_child_process_unchanged(
    text, postgres_role, postgres_server, mariadb_account, mariadb_server, root_file
):
    postgres_role(text)
    mariadb_account(text)
    for type_, server in (("postgresql", postgres_server), ("mariadb", mariadb_server), ("mysql", mariadb_server)):
        login = {"username": "awkward", "password": text, "ssl_root_cert_file": str(root_file)}
        assert outcome(trial(type_, server.port, **login)) is None


@pytest.mark.slow
def test_a_password_passes_the_command_line_unchanged(
    run, postgres_role, postgres_server, mariadb_account, mariadb_server, root_file
):
    text = "$${A} $B `c` \\ ' \" ; ! % { } * # @ / é 漢 -"
    postgres_role(text)
    mariadb_account(text)
    for type_, server in (("postgresql", postgres_server), ("mariadb", mariadb_server)):
        done = run(
            *("connections", "create", "--type", type_, "--host", "127.0.0.1", "--port", server.port, "--test"),
            *("--username", "awkward", "--password", "${SECRET}"),
            *("--parameters", json.dumps({"ssl_root_cert_file": str(root_file)}), "--format", "json"),
            env={"SECRET": text},
        )
        assert done.code == 0, done.err
        assert run("connections", "test", "--id", done.json["id"]).code == 0
        piped = run(
            *("connections", "test", "--id", done.json["id"], "--password-stdin"),
            stdin=text.encode(),
        )
        assert piped.code == 0, piped.err


def test_user_names_and_databases_with_awkward_characters_are_found(postgres_server, root_file):
    name = "an 'awk\\ward' \"name\" = é"
    with servers.postgres_admin(postgres_server) as admin:
        quoted = sql.Identifier(name)
        admin.execute(sql.SQL("create role {} login password 'x'").format(quoted))
        admin.execute(sql.SQL("create database {} owner {}").format(quoted, quoted))
        try:
            login = {"username": name, "password": "x", "ssl_root_cert_file": str(root_file)}
            report = trial("postgresql", postgres_server.port, place=(name, "public"), **login)
        finally:
            admin.execute(sql.SQL("drop database {}").format(quoted))
            admin.execute(sql.SQL("drop role {}").format(quoted))
    assert outcome(report) is None
    assert psycopg.__version__ == report.detected["driver_version"]
