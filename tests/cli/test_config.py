"""`qualytics config`: folders that are none, and links in them."""

from tests.support.refused_commands import check

PG = ("connections", "create", "-t", "postgresql", "--host", "db.example.com", "--username", "app")


def test_a_folder_that_holds_no_configuration_is_told(run, tmp_path):
    check(run("config", "plan", str(tmp_path)), 2, "has neither connections nor datastores", "config export")
    check(run("config", "plan", str(tmp_path / "none")), 2, "no such file", "name a folder")


def test_export_writes_through_no_link(run, tmp_path):
    assert run(*PG, "--name", "prod").code == 0
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "connections").symlink_to(tmp_path)
    check(run("config", "export", "--output", str(tmp_path / "config")), 1, "symbolic link", "outside")
