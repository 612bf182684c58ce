"""What the driver of Snowflake is given, field by field: these arguments and no more."""

from __future__ import annotations

import importlib

import pytest

from qualytics.connectors.contract import Refusal, Target, Tls
from qualytics.connectors.types.snowflake.login import account, arguments, environment
from qualytics.secret import Secret


def target(**given):
    base = {"host": "acme.eu-1.snowflakecomputing.com", "port": 443, "username": "ann", "password": Secret("pw")}
    return Target("snowflake", **{"parameters": {}, "timeout_s": 9.5, "directory": "/private", **base, **given})


def test_the_arguments_are_these_and_no_more():
    assert arguments(target()) == {
        "account": "acme.eu-1",
        "host": "acme.eu-1.snowflakecomputing.com",
        "port": 443,
        "protocol": "https",
        "user": "ann",
        "application": "qualytics",
        "authenticator": "SNOWFLAKE",
        "password": "pw",
        "login_timeout": 11,
        "network_timeout": 11,
        "socket_timeout": 11,
        "disable_ocsp_checks": True,
        "cert_revocation_check_mode": "DISABLED",
        "platform_detection_timeout_seconds": 0.0,
        "client_session_keep_alive": False,
        "client_store_temporary_credential": False,
        "log_imported_packages_in_telemetry": False,
        "session_parameters": {"CLIENT_TELEMETRY_ENABLED": False},
    }


@pytest.mark.slow
def test_every_argument_is_one_that_the_driver_knows():
    known = importlib.import_module("snowflake.connector.connection").DEFAULT_CONFIGURATION
    given = arguments(target(parameters={"role": "R"}, max_parallelization=4))
    assert set(given) <= set(known)
    for name, value in given.items():
        assert isinstance(value, known[name][1]), name


def test_parallelization_and_role_are_handed_over():
    given = arguments(target(parameters={"role": "analyst", "warehouse": "W"}, max_parallelization=4, database="D"))
    assert (given["client_prefetch_threads"], given["role"]) == (4, "analyst")
    assert not {"warehouse", "database", "schema"} & set(given)


@pytest.mark.parametrize("password", [None, Secret("")])
def test_a_login_without_a_password_is_refused_before_anything_is_sent(password):
    with pytest.raises(Refusal) as caught:
        arguments(target(password=password))
    assert (caught.value.verdict.failure_class, caught.value.verdict.cause) == ("config", "no password is set")


def test_the_environment_holds_the_trusted_roots_and_turns_the_rest_off():
    found = environment(target(tls=Tls("verify", None, "/private/roots.pem")))
    assert found["REQUESTS_CA_BUNDLE"] == found["SSL_CERT_FILE"] == "/private/roots.pem"
    assert (found["SNOWFLAKE_HOME"], found["NO_PROXY"]) == ("/private", "*")
    assert found["MAX_CON_RETRY_ATTEMPTS"] == found["JWT_CNXN_RETRY_ATTEMPTS"] == "0"
    assert "REQUESTS_CA_BUNDLE" not in environment(target(tls=Tls("verify", None, None)))


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("acme.snowflakecomputing.com", "acme"),
        ("ACME.SnowflakeComputing.com", "ACME"),
        ("acme.eu-central-1.snowflakecomputing.com.", "acme.eu-central-1"),
        ("acme-prod.privatelink.snowflakecomputing.com", "acme-prod.privatelink"),
        ("acme.cn-north-1.snowflakecomputing.cn", "acme"),
        ("snow.example.com", "snow"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127"),
    ],
)
def test_the_account_comes_from_the_host(host, wanted):
    assert account(host) == wanted
