"""PostgreSQL in other languages: what a login means is told by fields of the protocol, never by words."""

import pytest

from qualytics.connectors.contract import Refusal
from qualytics.connectors.types.postgresql import CONNECTOR
from testbed import servers
from tests.support import faults_suite as suite
from tests.support.trial import outcome, trial

# What is different from the settings that let `app` in, and what that leads to.
CASES = [
    ({}, None),
    ({"password": "wrong"}, ("login", "auth")),
    ({"password": None}, ("login", "auth")),
    ({"username": "nobody at all"}, ("login", "auth")),
    ({"username": "nologin"}, ("login", "auth")),
    ({"username": "full"}, ("login", "quota")),
    ({"database": "nowhere"}, ("database", "unknown_db")),
    ({"database": "forbidden"}, ("database", "permission")),
    ({"database": "closed"}, ("database", "permission")),
    ({"database": "ident"}, ("login", "auth")),
    ({"database": "kerberos"}, ("login", "config")),
    ({"database": "shut"}, ("login", "permission")),
    ({"database": "shut", "tls": suite.plain("disable")}, ("login", "tls")),
]
SPOKEN = {"C": "password", "de_DE": "fehlgeschlagen", "ru_RU": "подлинности", "ja_JP": "パスワード"}


@pytest.fixture
def speaking(translated_postgres):
    """Return a function that has the server speak a language, and returns a function that tests it as `app`."""

    def speak(language):
        with servers.postgres_admin(translated_postgres) as admin:
            name = language if language == "C" else f"{language}.UTF-8"
            admin.execute(f"alter system set lc_messages = '{name}'")
            admin.execute("select pg_reload_conf()")
            while admin.execute("select setting from pg_settings where name = 'lc_messages'").fetchone() != (name,):
                pass
        return lambda **change: trial(
            "postgresql", translated_postgres.port, **{"username": "app", "password": "secret 1"} | change
        )

    yield speak
    speak("C")


def verdict(server, **change):
    """Log in as the child does, without its process; return stage and class of the refusal, None when let in."""
    given = {"host": "localhost", "address": server.host, "port": server.port, "tls": suite.plain("auto")}
    login = {"username": "app", "password": "secret 1"}
    try:
        CONNECTOR.close(CONNECTOR.open(suite.target("postgresql", **given | login | change)))
    except Refusal as exc:
        return exc.verdict.stage or "login", exc.verdict.failure_class
    return None


@pytest.mark.parametrize("language", SPOKEN)
def test_every_outcome_of_a_login_is_the_same_in_every_language(speaking, translated_postgres, language):
    tested = speaking(language)
    for change, wanted in CASES:
        assert verdict(translated_postgres, **change) == wanted, change
    report = tested(password="wrong")
    assert outcome(report) == ("login", "auth")
    assert report.failure.code == "28P01"
    assert SPOKEN[language] in report.failure.detail


@pytest.mark.parametrize("language", SPOKEN)
def test_a_server_without_the_usual_database_lets_in_by_another(speaking, translated_postgres, language):
    speaking(language)
    with servers.postgres_admin(translated_postgres, "template1") as admin:
        admin.execute("alter database postgres rename to elsewhere")
        try:
            assert verdict(translated_postgres) is None
        finally:
            admin.execute("alter database elsewhere rename to postgres")


def test_what_the_server_said_is_shown_without_the_place_in_its_source(speaking):
    detail = speaking("de_DE")(place=("forbidden", None)).failure.detail
    assert detail.startswith("42501: InsufficientPrivilege: ")
    assert detail.splitlines()[1:] == ["DETAIL:  Benutzer hat das CONNECT-Privileg nicht."]
    assert detail.count("42501") == 1
