"""A full disk: a named error, exit 1, and everything that was there still is."""

import os
import resource

import pytest

from qualytics.store.sqlite.upkeep import check

CREATE = ("connections", "create", "--type", "postgresql", "--host", "h", "--username", "u", "--password", "p")
LIMITS = [0, 1, 4_096, 16_384, 32_768, 33_000, 40_000, 50_000, 60_000, 70_000]


def limit_files(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def assert_full(result, home):
    assert result.code == 1, result
    assert result.out == ""
    assert result.err.startswith("error: no space is left to write ")
    assert "\nhint: free some space" in result.err
    assert "Traceback" not in result.err


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
def test_a_change_that_does_not_fit_is_refused_and_the_store_stays(filled, shell, secrets_of, limit):
    result = shell(*CREATE, "--name", "new", preexec_fn=limit_files(limit))
    if result.code:
        assert_full(result, filled.home)
    assert len(secrets_of(filled)) == (3 if result.code else 4)
    assert check(filled)["ok"]
    assert limit > 0 or result.code


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
def test_a_first_start_that_does_not_fit_leaves_nothing_half_made(settings, shell, limit):
    result = shell(*CREATE, preexec_fn=limit_files(limit))
    if result.code:
        assert_full(result, settings.home)
    assert set(os.listdir(settings.home)) <= {"key", "store.db", "store.lock"}
    assert shell(*CREATE).code == 0
    assert check(settings)["ok"]


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 50, 33_000, 60_000, 100_000, 150_000])
def test_a_rotation_that_does_not_fit_keeps_the_old_key(settings, seal_count, shell, secrets_of, limit):
    seal_count(settings, 300)
    before = secrets_of(settings)
    result = shell("keys", "rotate", preexec_fn=limit_files(limit))
    if result.code:
        assert_full(result, settings.home)
    assert secrets_of(settings) == before
    assert shell("keys", "rotate").code == 0
    assert secrets_of(settings) == before
    assert check(settings)["ok"]


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 4_096, 20_000])
def test_a_backup_or_restore_that_does_not_fit_leaves_nothing(filled, shell, secrets_of, tmp_path, limit):
    refused = shell("store", "backup", tmp_path / "copy", preexec_fn=limit_files(limit))
    assert_full(refused, filled.home)
    assert sorted(os.listdir(tmp_path)) == ["home"]
    assert shell("store", "backup", tmp_path / "copy").code == 0
    refused = shell("store", "restore", tmp_path / "copy", preexec_fn=limit_files(limit))
    assert_full(refused, filled.home)
    assert len(secrets_of(filled)) == 3
    assert sorted(os.listdir(filled.home)) == ["key", "store.db", "store.lock"]


@pytest.mark.slow
def test_a_small_disk_that_fills_up_keeps_every_acknowledged_change(settings, shell, mounted):
    home = mounted("size=320k,mode=700") / "home"
    env = {"QUALYTICS_CONFIG_HOME": str(home)}
    names = []
    while (result := shell(*CREATE, "--name", f"n{len(names)}", env=env)).code == 0:
        names.append(f"n{len(names)}")
        (home.parent / f"ballast{len(names)}").write_bytes(b"x" * 20_000)
    assert_full(result, home)
    assert names
    (home.parent / "ballast1").unlink()
    found = shell("connections", "list", "--format", "json", env=env).json
    assert [one["name"] for one in found] == names
    assert shell("store", "check", env=env).code == 0


def test_a_full_disk_at_the_first_start_is_named(shell, mounted):
    place = mounted("size=8k,mode=700")
    (place / "ballast").write_bytes(b"x" * 4_096)
    result = shell(*CREATE, env={"QUALYTICS_CONFIG_HOME": str(place / "home")})
    assert_full(result, place)
