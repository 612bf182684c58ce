"""SSL_CERT_DIR, and SSL_CERT_FILE beside it: the roots of every test, whatever its driver takes."""

from __future__ import annotations

import pytest

from qualytics.connectors.contract import Refusal
from qualytics.probe import run
from qualytics.probe.child.tls import make_tls
from qualytics.probe.trusted_roots import gather_roots, gathered_roots
from tests.connectors.test_tls_defects import attempt as attempt_in_pool
from tests.support import tls_defects
from tests.support.trial import outcome

# Each library that looks for roots: Python's ssl, requests, Rust, Go, libpq, PyMySQL, OpenSSL behind ODBC.
TYPES = ["trino", "s3", "dremio", "teradata", "postgresql", "redshift", "mysql", "oracle", "db2", "snowflake"]
DAMAGES = {
    "no-names": "holds no certificates under hashed names",
    "missing": "cannot be read",
    "dangling": "cannot be read",
}


def attempt(type_, port):
    """Test in an interpreter of its own: the pool's began with other variables."""
    return attempt_in_pool(type_, port, run=run)


@pytest.fixture(scope="module")
def chain():
    root = tls_defects.issue("Test Root", ca=True)
    return tls_defects.issue("leaf", root), root


@pytest.fixture
def folder(chain, tmp_path):
    """Return a folder with the root under such a name as `openssl rehash` gives, and a file of no use."""
    place = tmp_path / "roots"
    place.mkdir()
    (place / "0a1b2c3d.0").write_bytes(chain[1].pem)
    (place / "README").write_text("no certificate")
    return place


@pytest.mark.slow
@pytest.mark.parametrize("type_", TYPES)
def test_a_folder_of_roots_is_trusted_and_nothing_else(type_, chain, folder, monkeypatch):
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    with tls_defects.serving(type_, tls_defects.context_of(chain)) as port:
        trusted = attempt(type_, port)
        (folder / "0a1b2c3d.0").write_bytes(tls_defects.issue("Other Root", ca=True).pem)
        other = attempt(type_, port)
    shaken = {stage.name: stage.ok for stage in trusted.stages}
    assert shaken["tls"] or outcome(trusted)[1] != "tls", trusted.failure.detail
    assert outcome(other)[1] == "tls", other.failure.detail
    assert "'Test Root'" in other.failure.message


@pytest.mark.slow
@pytest.mark.parametrize("in_file", [True, False])
def test_with_both_variables_both_count(chain, folder, tmp_path, monkeypatch, in_file):
    other = tmp_path / "other.pem"
    other.write_bytes(tls_defects.issue("Other Root", ca=True).pem)
    if in_file:
        (folder / "0a1b2c3d.0").rename(tmp_path / "root.pem")
        other.rename(folder / "0a1b2c3d.0")
    monkeypatch.setenv("SSL_CERT_DIR", f"{folder}:")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem" if in_file else other))
    with tls_defects.serving("trino", tls_defects.context_of(chain)) as port:
        assert outcome(attempt("trino", port))[1] != "tls"


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folder_that_is_of_no_use_is_named(chain, folder, tmp_path, monkeypatch, run, damage):
    place = folder
    if damage == "no-names":
        (folder / "0a1b2c3d.0").rename(folder / "root.pem")
    elif damage == "missing":
        place = tmp_path / "missing"
    else:
        (folder / "0a1b2c3d.0").unlink()
        (folder / "0a1b2c3d.0").symlink_to(tmp_path / "gone")
    monkeypatch.setenv("SSL_CERT_DIR", str(place))
    report = attempt("trino", 1)
    assert outcome(report) == ("resolve", "config")
    assert "SSL_CERT_DIR" in report.failure.message
    assert DAMAGES[damage] in report.failure.message
    assert "rehash" in report.failure.hint or "variables" in report.failure.hint


def test_no_room_to_gather_them_is_no_fault_of_the_variables(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    with pytest.raises(Refusal) as refused:
        gather_roots(str(tmp_path / "not-there"))
    assert refused.value.verdict.failure_class == "internal"
    assert "could not be gathered in" in str(refused.value.verdict.cause)


def subjects(directory):
    """Gather roots as a test does, and return what its context trusts, and that context."""
    directory.mkdir()
    context = make_tls("verify", {"ssl_root_cert_file": gathered_roots(str(directory))}, str(directory)).context
    return {dict(field for [field] in root["subject"])["commonName"] for root in context.get_ca_certs()}, context


def test_tests_of_one_process_read_the_roots_once_and_anew_when_they_are_others(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    first, context = subjects(tmp_path / "first")
    second, same = subjects(tmp_path / "second")
    assert first == second == {"Test Root"}
    assert same is context
    assert (tmp_path / "second" / "system-roots.pem").read_bytes() == (folder / "0a1b2c3d.0").read_bytes() + b"\n"
    (folder / "1a1b2c3d.0").write_bytes(tls_defects.issue("Other Root", ca=True).pem)
    assert subjects(tmp_path / "third")[0] == {"Test Root", "Other Root"}
    (folder / "0a1b2c3d.0").write_bytes(tls_defects.issue("Next Root", ca=True).pem)
    assert subjects(tmp_path / "fourth")[0] == {"Next Root", "Other Root"}
