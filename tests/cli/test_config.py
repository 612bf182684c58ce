"""`qualytics config`: folders that are none, and links in them."""

import json

import pytest

from bench.clock import peak_mib, qualytics
from tests.support.refused_commands import check

PG = ("connections", "create", "-t", "postgresql", "--host", "db.example.com", "--username", "app")


def test_a_folder_that_holds_no_configuration_is_told(run, tmp_path):
    check(run("config", "plan", str(tmp_path)), 2, "has neither connections nor datastores", "config export")
    check(run("config", "plan", str(tmp_path / "none")), 2, "no such file", "name a folder")


def test_faults_of_a_file_are_told_in_the_words_of_a_file(run, tmp_path):
    folder = tmp_path / "connections"
    folder.mkdir()
    (folder / "a.yaml").write_text("name: a\ntype: postgresql\n")
    place = f"error: {folder}/a.yaml"
    done = run("config", "plan", str(tmp_path))
    assert (done.code, done.err) == (2, f"{place}:1: host is needed for postgresql\nhint: write host: …\n")
    (folder / "a.yaml").write_text("name: a\ntype: postgresql\nhost: h\nparameters: {jdbc_fetch_size: 1}\n")
    done = run("config", "plan", str(tmp_path))
    assert done.err.startswith(
        f"{place}:4: parameters of postgresql have no 'jdbc_fetch_size'\nhint: write jdbc_fetch_size"
    )
    check(run("config", "plan", str(folder)), 2, "has neither connections nor datastores", "name the folder")


def test_export_writes_through_no_link(run, tmp_path):
    assert run(*PG, "--name", "prod").code == 0
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "connections").symlink_to(tmp_path)
    check(run("config", "export", "--output", str(tmp_path / "config")), 1, "symbolic link", "outside")


def test_a_table_of_a_plan_says_in_one_line_what_would_be_done_and_what_it_needs(run, tmp_path):
    folder, word = str(tmp_path / "config"), {"PROD_PASSWORD": "geheim"}
    assert run(*PG, "--name", "prod", "--password", "geheim").code == 0
    assert run("config", "export", "--output", folder).code == 0
    planned = run("config", "plan", folder, "-f", "table", env=word)
    assert planned.err == "plan: 0 to create, 0 to update, 0 to delete, 1 unchanged; needs PROD_PASSWORD\n"
    assert run("connections", "update", "prod", "--host", "other").code == 0
    applied = run("config", "apply", folder, "--yes", "-f", "table", env=word)
    assert applied.err == "applied: 0 created, 1 updated, 0 deleted, 0 unchanged; needs PROD_PASSWORD\n"


def test_a_fault_is_told_with_its_line_before_an_apply_that_asks_nothing(run, tmp_path):
    folder = tmp_path / "config" / "connections"
    folder.mkdir(parents=True)
    (folder / "good.yaml").write_text("name: good\ntype: sqlite\nuri: /tmp/good.db\n")
    (folder / "wrong.yaml").write_text("name: wrong\ntype: postgresql\nhost: db.example.com:5432\nusername: app\n")
    apply = ("config", "apply", str(tmp_path / "config"), "--yes", "-f", "json")
    refused = run(*apply)
    assert (refused.code, refused.out) == (2, "")
    assert "wrong.yaml:3: host holds a port" in refused.err
    assert "error: nothing was applied" in refused.err
    assert json.loads(run("connections", "list", "-f", "json").out) == []
    (folder / "wrong.yaml").unlink()
    assert json.loads(run(*apply).out)["create"] == 1
    assert json.loads(run(*apply).out)["unchanged"] == 1


def _files(folder, count):
    (folder / "connections").mkdir(parents=True)
    for number in range(count):
        text = (
            f"name: Database {number}\ntype: postgresql\nhost: db{number}.example.com\nusername: reader\n"
            f"password: correct horse {number}\nparameters:\n  ssl_mode: verify\ntags:\n- nightly\n"
        )
        (folder / "connections" / f"database_{number}.yaml").write_text(text)


@pytest.mark.slow
def test_the_memory_of_plan_and_apply_hardly_grows_with_the_number_of_files(tmp_path):
    few, many = [], []
    for peaks, count in ((few, 400), (many, 4_000)):
        home, folder = tmp_path / f"home-{count}", tmp_path / f"files-{count}"
        _files(folder, count)
        for words in (("plan", "-f", "json"), ("apply", "--yes"), ("plan",)):
            peaks.append(peak_mib(qualytics(home, "config", words[0], str(folder), *words[1:])))
    assert max(more / less for more, less in zip(many, few, strict=True)) < 1.15, (few, many)
