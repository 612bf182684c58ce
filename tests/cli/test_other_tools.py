"""`connections url`: what is printed where, and that no secret is."""

import json

import pytest

from qualytics.cli import other_tools
from qualytics.exchange.other_tools import TOOLS
from tests.support.terminals import Terminal


def test_the_form_alone_is_on_stdout_and_what_is_left_out_on_stderr(stored):
    done = stored("connections", "url", "prod", "--for", "airflow", "--schema", "public")
    assert done.code == 0
    assert json.loads(done.out)["prod"]["password"] == "${PROD_PASSWORD}"  # the placeholder
    assert done.err == (
        "warning: airflow has no key for schema; it is left out\n"
        'warning: escape the value that is put in for ${PROD_PASSWORD} as JSON has it: \\" for " and \\\\ for \\\n'
    )


def test_a_url_says_that_the_secret_must_be_encoded(stored):
    done = stored("connections", "url", "--id", "1", "--for", "sqlalchemy")
    assert done.out == "postgresql+psycopg://u:${PROD_PASSWORD}@db.example.com\n"
    assert done.err == "warning: percent-encode the value that is put in for ${PROD_PASSWORD}\n"


def test_no_form_holds_the_secret(stored):
    for tool in TOOLS:
        done = stored("connections", "url", "prod", "--for", tool, "--database", "d", "--schema", "s", "--debug")
        assert done.code == 0
        assert "first-secret" not in done.out + done.err


def test_a_type_without_a_form_is_refused(stored):
    done = stored("connections", "url", "file", "--for", "dbt")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: a sqlite connection cannot be written for dbt\n")


def test_the_option_offers_what_there_is():
    assert other_tools.TOOLS == TOOLS


def test_a_profile_is_written_where_adbc_finds_it_and_no_other_is_replaced(stored, tmp_path, monkeypatch):
    import adbc_driver_manager as manager

    monkeypatch.delenv("ADBC_PROFILE_PATH", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "adbc" / "profiles" / "file.toml"
    for _ in range(2):
        done = stored("connections", "url", "file", "--for", "adbc", "--install")
        assert (done.code, done.out, done.err) == (0, "", f"note: {file} is the profile file\n")
    assert file.read_text() == stored("connections", "url", "file", "--for", "adbc").out
    file.write_text(file.read_text().replace('"sqlite"', '"no_such_driver"'))
    done = stored("connections", "url", "file", "--for", "adbc", "--install")
    assert (done.code, done.err.splitlines()[0]) == (2, f"error: {file} holds something else")
    with pytest.raises(manager.Error, match="no_such_driver"):  # which it has read there
        manager.AdbcDatabase(profile="file")
    assert stored("connections", "url", "file", "--for", "jdbc", "--install").code == 2


@pytest.mark.slow
def test_secrets_are_shown_on_a_terminal(stored):
    terminal = Terminal("connections", "url", "prod", "--for", "sqlalchemy", "--show-secrets")
    assert terminal.end() == 0
    assert terminal.shown.decode().splitlines() == ["postgresql+psycopg://u:first-secret@db.example.com"]


def test_secrets_are_shown_nowhere_else(stored):
    done = stored("connections", "url", "prod", "--for", "sqlalchemy", "--show-secrets")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: --show-secrets prints secrets on a terminal only\nhint: qualytics run ")


@pytest.mark.slow
def test_secrets_of_a_control_plane_are_not_shown(home, monkeypatch):
    monkeypatch.setenv("QUALYTICS_URL", "http://127.0.0.1:9")  # it is not even asked
    monkeypatch.setenv("QUALYTICS_TOKEN", "t")
    terminal = Terminal("connections", "url", "prod", "--for", "dbt", "--show-secrets")
    assert terminal.end() == 4
    assert b"--show-secrets is of the embedded store alone" in terminal.shown
