"""What TLS is to the types whose real servers the tests run: the same words, warnings and verdicts on each."""

from __future__ import annotations

import pytest

from tests.support.trial import outcome, trial

pytestmark = pytest.mark.servers  # which are asked for by name

# Type → the name of its servers' fixtures: <kind> may be plain, expired or nothing.
ENGINES = {"postgresql": "postgres", "mariadb": "mariadb"}


@pytest.fixture(params=ENGINES)
def tested(request):
    """Return a function that tests a server as its administrator: one with a good certificate, `expired` or `plain`."""

    def call(kind=None, **settings):
        name = ENGINES[request.param]
        server = request.getfixturevalue(f"{kind}_{name}" if kind else f"{name}_server")
        login = {"username": server.user, "password": server.password}
        return trial(request.param, server.port, **(login | settings))

    return call


def test_a_login_is_verified_by_the_given_root(tested, root_file):
    report = tested(ssl_root_cert_file=str(root_file))
    assert outcome(report) is None
    assert [stage.name for stage in report.stages] == ["resolve", "tcp", "tls", "login", "query"]
    assert all(stage.ok for stage in report.stages)
    assert report.tls["verified"] is True
    assert report.tls["version"] == "TLSv1.3"
    assert report.tls["not_after"].endswith("Z")
    assert report.warnings == ()


def test_require_encrypts_and_warns_that_nothing_was_verified(tested):
    report = tested(ssl_mode="require")
    assert outcome(report) is None
    assert report.tls["verified"] is False
    assert report.tls["not_after"].endswith("Z")
    assert report.warnings == ("the server's certificate was not verified (ssl_mode=require)",)


def test_disable_has_no_stage_of_tls_and_warns(tested):
    report = tested(ssl_mode="disable")
    assert outcome(report) is None
    assert [stage.name for stage in report.stages] == ["resolve", "tcp", "login", "query"]
    assert report.tls is None
    assert report.warnings == ("the connection is not encrypted",)


@pytest.mark.parametrize(
    ("kind", "root", "host", "words"),
    [
        (None, "foreign_root", "127.0.0.1", "authority that is not trusted"),
        (None, "root_file", "127.1", "the server's certificate is for another host name"),
        ("expired", "root_file", "127.0.0.1", "the server's certificate has expired"),
    ],
    ids=["root", "name", "expired"],
)
def test_each_fault_of_a_certificate_has_its_own_words(request, tested, kind, root, host, words):
    report = tested(kind, host=host, ssl_root_cert_file=str(request.getfixturevalue(root)))
    assert outcome(report) == ("tls", "tls")
    assert words in report.failure.message
    assert report.failure.retryable is False


@pytest.mark.slow
def test_a_server_without_tls_is_plain_in_auto_and_refused_in_verify_and_require(tested):
    report = tested("plain")
    assert outcome(report) is None
    assert [stage.name for stage in report.stages] == ["resolve", "tcp", "tls", "login", "query"]
    assert report.tls is None
    assert report.warnings == ("the connection is not encrypted",)
    for mode in ("verify", "require"):
        report = tested("plain", ssl_mode=mode)
        assert outcome(report) == ("tls", "tls")
        assert report.failure.message == "the server does not offer TLS"


@pytest.mark.slow
def test_where_a_control_plane_demands_tls_by_default_the_hint_says_so_and_how_to_change_it(tested):
    report = tested("plain", default_mode="verify")
    assert outcome(report) == ("tls", "tls")
    assert report.failure.hint == (
        "this control plane verifies TLS unless ssl_mode says otherwise; set it in --parameters"
    )
    assert tested("plain", ssl_mode="verify", default_mode="verify").failure.hint.startswith(
        "turn TLS on at the server"
    )
    assert outcome(tested("plain", ssl_mode="auto", default_mode="verify")) is None


def test_root_certificates_may_be_given_as_text(tested, root_file):
    assert outcome(tested(ssl_root_cert=root_file.read_text(), ssl_mode="verify")) is None
    report = tested(ssl_root_cert="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ssl_mode="verify")
    assert outcome(report) == ("resolve", "config")
    assert "cannot be read" in report.failure.message
