"""Files that a connection names are looked for when it is stored."""

import json

import pytest

PG = ("connections", "create", "-t", "postgresql", "--host", "h")
SHELL = "only the shell expands ~, and not inside quotes: write the path in full"


def naming(path):
    return ("--parameters", json.dumps({"ssl_root_cert_file": str(path)}))


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/nope", "check ssl_root_cert_file, which holds PEM certificates"),
        ("ca.pem~", "check ssl_root_cert_file, which holds PEM certificates"),
        ("~/ca.pem", f"check ssl_root_cert_file; {SHELL}"),
    ],
)
def test_a_missing_certificate_file_is_told_at_create_and_update_and_nothing_is_stored(run, path, hint):
    refused = run(*PG, *naming(path))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"error: there is no file {path}\nhint: {hint}\n"
    assert run("connections", "list").out == "[]\n"
    assert run(*PG).code == 0
    for dry_run in ((), ("--dry-run",)):
        refused = run("connections", "update", "--id", "1", *naming(path), *dry_run)
        assert (refused.code, refused.err) == (2, f"error: there is no file {path}\nhint: {hint}\n")
    assert run("connections", "get", "--id", "1").document["parameters"] is None


def test_a_file_that_is_there_is_taken_and_its_later_loss_stops_no_other_change(run, tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("")
    assert run(*PG, *naming(file)).code == 0
    file.unlink()
    assert run("connections", "update", "--id", "1", "--port", "5433").code == 0
    assert run("connections", "update", "--id", "1", *naming(file)).code == 2


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_database_file_that_is_not_there_yet_is_stored_with_a_warning(run, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.db").touch()
    there, missing = str(tmp_path / "there.db"), str(tmp_path / "missing.db")
    made = run("connections", "create", "-t", kind, "--uri", missing)
    assert (made.code, made.err) == (0, f"warning: there is no file {missing}\n")
    assert run("connections", "update", "--id", "1", "--name", "other").err == ""
    assert run("connections", "update", "--id", "1", "--uri", there).err == ""
    assert run("connections", "create", "-t", kind, "--uri", there).err == ""
    unexpanded = run("connections", "update", "--id", "1", "--uri", "~/sales.db")
    assert (unexpanded.code, unexpanded.err) == (0, f"warning: there is no file {tmp_path}/~/sales.db; {SHELL}\n")
