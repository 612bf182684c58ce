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


def test_a_datastore_with_a_new_connection_misses_the_same_files_and_stores_nothing(run):
    words = ("datastores", "create", "--name", "d", "-t", "postgresql", "--host", "h", "--database", "d")
    refused = run(*words, "--schema", "s", *naming("/nope"))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("error: there is no file /nope\nhint: check ssl_root_cert_file")
    assert run("connections", "list").out == run("datastores", "list").out == "[]\n"


def test_a_backup_of_an_editor_is_told(run, tmp_path):
    for name in ("ca.pem~", "sales.db~"):
        (tmp_path / name).touch()
    said = "warning: {} ends with ~, as the backup of an editor does\n"
    made = run(*PG, *naming(tmp_path / "ca.pem~"))
    assert (made.code, made.err) == (0, said.format(tmp_path / "ca.pem~"))
    assert run("connections", "update", "--id", "1", "--port", "5433").err == ""
    assert run("connections", "create", "-t", "sqlite", "--uri", tmp_path / "sales.db~").err == said.format(
        tmp_path / "sales.db~"
    )


def test_jars_that_are_not_there_are_told_and_stored(run, tmp_path):
    there, missing = tmp_path / "there.jar", tmp_path / "missing.jar"
    there.touch()
    parameters = json.dumps({"driver_class": "org.h2.Driver", "jars": [str(there), str(missing)]})
    made = run("connections", "create", "-t", "jdbc", "--uri", "jdbc:h2:tcp://h:9092/x", "--parameters", parameters)
    assert (made.code, made.err) == (0, f"warning: there is no file {missing}\n")


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
