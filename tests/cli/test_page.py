"""The page of the six commands: every option with its type, default and note, and every printed command as written."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml

from qualytics.cli import root

# command | options | type | default | required | description
PAGE = """
create | --type, -t | TEXT | | Yes | Connection type (e.g., postgresql, snowflake, mysql, bigquery)
create | --name, -n | TEXT | | No | Connection name
create | --host | TEXT | | No | Host (supports ${ENV_VAR})
create | --port | INTEGER | | No | Port number
create | --username | TEXT | | No | Username (supports ${ENV_VAR})
create | --password | TEXT | | No | Password (supports ${ENV_VAR})
create | --uri | TEXT | | No | URI for DFS connections (supports ${ENV_VAR})
create | --access-key | TEXT | | No | Access key for DFS connections (supports ${ENV_VAR})
create | --secret-key | TEXT | | No | Secret key for DFS connections (supports ${ENV_VAR})
create | --catalog | TEXT | | No | Catalog for native connections
create | --jdbc-fetch-size | INTEGER | | No | JDBC fetch size
create | --max-parallelization | INTEGER | | No | Max parallelization level
create | --parameters | TEXT | | No | JSON string for type-specific params
create | --dry-run | FLAG | false | No | Print payload without making the API call
create | --format, -f | TEXT | yaml | No | Output format: yaml or json
update | --id | INTEGER | | No | Connection ID to update
update | --name, -n | TEXT | | No | New connection name
update | --host | TEXT | | No | New host (supports ${ENV_VAR})
update | --port | INTEGER | | No | New port
update | --username | TEXT | | No | New username (supports ${ENV_VAR})
update | --password | TEXT | | No | New password (supports ${ENV_VAR})
update | --uri | TEXT | | No | New URI (supports ${ENV_VAR})
update | --access-key | TEXT | | No | New access key (supports ${ENV_VAR})
update | --secret-key | TEXT | | No | New secret key (supports ${ENV_VAR})
update | --parameters | TEXT | | No | JSON string for type-specific params
update | --format, -f | TEXT | yaml | No | Output format: yaml or json
get | --id | INTEGER | | No | Connection ID
get | --name | TEXT | | No | Connection name
get | --format, -f | TEXT | yaml | No | Output format: yaml or json
list | --name | TEXT | | No | Filter by name (search)
list | --type, -t | TEXT | | No | Comma-separated connection types
list | --format, -f | TEXT | yaml | No | Output format: yaml or json
delete | --id | INTEGER | | No | Connection ID to delete
test | --id | INTEGER | | No | Connection ID to test
test | --host | TEXT | | No | Override host for testing (supports ${ENV_VAR})
test | --username | TEXT | | No | Override username for testing (supports ${ENV_VAR})
test | --password | TEXT | | No | Override password for testing (supports ${ENV_VAR})
test | --format, -f | TEXT | yaml | No | Output format: yaml or json
"""  # update, delete and test take a name, too, where the page has --id, so that is not required by itself
OPTIONS = [[cell.strip() for cell in line.split("|")] for line in PAGE.strip().splitlines()]


def command(name):
    connections = root.get_command(click.Context(root), "connections")
    return connections.get_command(click.Context(connections), name)


@pytest.mark.parametrize("row", OPTIONS, ids=lambda row: f"{row[0]} {row[1]}")
def test_an_option_is_as_on_the_page(row):
    name, options, kind, default, required, text = row
    (option,) = [param for param in command(name).params if options.split(", ")[0] in param.opts]
    assert set(option.opts) == set(options.split(", "))
    assert option.help.startswith(text)
    assert option.required is (required == "Yes")
    if kind == "FLAG":
        assert option.is_flag
        assert default == str(option.default is True).lower()
    else:
        assert option.make_metavar(click.Context(command(name))) == kind
        assert not isinstance(option.default, str) or option.default == default
        assert default in {"", option.default}


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("update", "Only provided fields are changed."),
        ("get", "Secrets are masked in the response."),
        ("get", "Specify either --id or --name, not both."),
        ("delete", "Deletion fails with a 409 error if datastores still reference this connection."),
        ("delete", "Remove or reassign those datastores first."),
        ("test", "Test connectivity with saved or overridden credentials"),
    ],
)
def test_a_note_of_the_page_stands_in_the_help(run, name, note):
    assert note in " ".join(run("connections", name, "--help").out.split())


def test_every_field_can_be_updated_and_overridden_in_a_test():
    fields = {param.opts[0] for param in command("create").params} - {"--name", "--type", "--dry-run", "--test"}
    for name in ("update", "test"):
        assert fields <= {param.opts[0] for param in command(name).params}


@dataclass
class Bash:
    """Runs lines through a real shell, as they are printed."""

    environment: dict[str, str]

    def __call__(self, line, code=0):
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, **self.environment}
        done = subprocess.run(
            ["bash", "-c", line],
            capture_output=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr.decode()
        assert b"Traceback" not in done.stderr
        return yaml.safe_load(done.stdout), done.stderr.decode()


CREATE = r"""
qualytics connections create \
    --type postgresql \
    --name "Production DB" \
    --host ${DB_HOST} \
    --port 5432 \
    --username ${DB_USER} \
    --password ${DB_PASSWORD}
"""
SNOWFLAKE = r"""
qualytics connections create \
    --type snowflake \
    --name "Snowflake Warehouse" \
    --host ${SNOWFLAKE_ACCOUNT}.snowflakecomputing.com \
    --username ${SNOWFLAKE_USER} \
    --password ${SNOWFLAKE_PASSWORD} \
    --parameters '{"role": "ANALYST", "warehouse": "COMPUTE_WH"}'
"""
UPDATE = r"""
qualytics connections update \
    --id 1 \
    --password ${NEW_PASSWORD}
"""
TEST_SAVED = """
# Test saved connection
qualytics connections test --id 1
"""
TEST_OVERRIDDEN = """
# Test with new credentials (without persisting)
qualytics connections test --id 1 --password ${NEW_PASSWORD}
"""


@pytest.mark.slow
def test_every_command_of_the_page_runs_as_printed(home, run, postgres_server, root_file):
    bash = Bash(
        {
            "DB_HOST": postgres_server.host,
            "DB_USER": postgres_server.user,
            "DB_PASSWORD": "not-the-one",
            "NEW_PASSWORD": postgres_server.password,
        }
    )
    created, said = bash(CREATE)
    assert (created["id"], created["name"], created["password"], said) == (1, "Production DB", "********", "")
    assert created["host"] == postgres_server.host

    # The page has PostgreSQL on its usual port; the one of this test is elsewhere.
    moved = ("connections", "update", "--id", "1", "--port", postgres_server.port)
    assert run(*moved, "--parameters", f'{{"ssl_root_cert_file": "{root_file}"}}').code == 0

    report, said = bash(TEST_SAVED, code=6)
    assert (report["connected"], report["stage"], report["class"]) == (False, "login", "auth")
    assert said.startswith("error: the test of connection 1 failed at login (auth): ")
    report, said = bash(TEST_OVERRIDDEN)
    assert (report["connected"], said) == (True, "")
    assert bash("qualytics connections get --id 1")[0]["product_name"] is None

    assert bash(UPDATE)[0] == {
        **created,
        "port": postgres_server.port,
        "parameters": {"ssl_root_cert_file": str(root_file)},
    }
    assert bash(TEST_SAVED)[0]["connected"] is True

    by_id, by_name = bash("qualytics connections get --id 1"), bash('qualytics connections get --name "Production DB"')
    assert by_id == by_name
    assert by_id[0]["product_name"] == "PostgreSQL"

    snowflake, _ = Bash({"SNOWFLAKE_ACCOUNT": "xy12345", "SNOWFLAKE_USER": "u", "SNOWFLAKE_PASSWORD": "p"})(SNOWFLAKE)
    assert snowflake["host"] == "xy12345.snowflakecomputing.com"
    assert snowflake["parameters"] == {"role": "ANALYST", "warehouse": "COMPUTE_WH"}

    names = ["Production DB", "Snowflake Warehouse"]
    for line, found in (
        ("qualytics connections list", names),
        ("qualytics connections list --type postgresql,snowflake", names),
        ('qualytics connections list --name "prod" --format json', names[:1]),
    ):
        assert [document["name"] for document in bash(line)[0]] == found

    assert bash("qualytics connections delete --id 1")[0] == {"id": 1, "name": "Production DB", "deleted": True}
    document, said = bash("qualytics connections delete --id 1", code=3)
    assert (document, said.splitlines()[0]) == (None, "error: there is no connection 1")


@pytest.mark.slow
def test_quoted_references_reach_the_command_and_unset_ones_are_named(home):
    bash = Bash({"DB_HOST": "db.example.com"})
    quoted = CREATE.replace("${DB_HOST}", "'${DB_HOST}'").replace("${DB_PASSWORD}", "'${NOT_SET}'")
    document, said = bash(quoted.replace("${DB_USER}", "me"), code=2)
    assert document is None
    assert "error: --password: ${NOT_SET} is not set" in said
    # Unquoted and unset, the shell leaves nothing: the next option follows at once.
    document, said = bash(CREATE, code=2)
    assert (document, said.splitlines()[0]) == (None, "error: --username has no value: --password follows it at once")
    assert not home.exists()


@pytest.mark.slow
def test_the_list_pipes_into_json_tools(home, run):
    run("connections", "create", "-t", "sqlite", "--uri", "/x.db")
    piped = Bash({})(f"qualytics connections list --format json | {sys.executable} -m json.tool")[0]
    assert [document["name"] for document in piped] == ["sqlite-x.db"]
