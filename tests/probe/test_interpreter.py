"""The interpreter of a child: a clean environment, and modules where its parent finds them."""

from __future__ import annotations

import json
import sys

import pytest

pytestmark = pytest.mark.slow  # each test starts processes


CANARY = "canary-b4a6e1"


def test_the_childs_surroundings_are_clean(driven, monkeypatch):
    prefixes = ("PG", "MYSQL", "AWS", "GOOGLE", "SNOWFLAKE", "AZURE", "ODBC", "KRB5", "QUALYTICS", "LD", "PYTHON")
    names = [f"{prefix}_CANARY" for prefix in prefixes]
    names += ["PGPASSWORD", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "KRB5CCNAME", "PYTHONSTARTUP", "LD_PRELOAD_X"]
    for name in names:
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("SSL_CERT_FILE", "/roots.pem")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    report = driven(
        "raise ValueError(json.dumps([dict(os.environ), os.getcwd(), os.listdir(), os.getsid(0) == os.getpid()]))"
    )
    environment, directory, files, leads = json.loads(report.failure.detail.removeprefix("ValueError: "))
    assert CANARY not in json.dumps(environment)
    assert environment.keys() == {"PATH", "LANG", "HOME", "TMPDIR", "SSL_CERT_FILE", "OPENBLAS_NUM_THREADS"}
    assert environment["HOME"] == environment["TMPDIR"] == directory
    assert files == []
    assert not leads


def test_the_private_directory_is_the_users_alone(driven):
    report = driven("raise ValueError(oct(os.stat('.').st_mode))")
    assert report.failure.detail.endswith("700")


def test_no_module_is_found_by_a_relative_place(driven, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    monkeypatch.setattr(sys, "path", ["drivers" if place.endswith("drivers") else place for place in sys.path])
    assert driven("raise ValueError('found')").failure.detail != "ValueError: found"
