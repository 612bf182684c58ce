"""What the errors of Snowflake's driver mean, and what can be wrong with a private key."""
# ruff: noqa: E501 - messages stand in one line, as the service says them

from __future__ import annotations

import base64
import importlib

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from qualytics.connectors.contract import Refusal, Target
from qualytics.connectors.shared.pem import private_key_der
from qualytics.connectors.types.snowflake.errors import classify
from qualytics.connectors.types.snowflake.login import arguments
from qualytics.secret import Secret
from tests.support.snowflake_service import new_key, pem


@pytest.fixture(scope="module")
def key():
    return new_key()


# Key pairs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("passphrase", [None, "open sesame", "pässword $1"])
@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_a_private_key_becomes_what_the_driver_takes(key, passphrase, form):
    target = Target(
        "snowflake",
        parameters={"authentication_type": "KEYPAIR"},
        timeout_s=10,
        directory="",
        host="acme.snowflakecomputing.com",
        password=Secret(pem(key, passphrase, form)),
        passphrase=Secret(passphrase) if passphrase else None,
    )
    given = arguments(target)
    assert (given["authenticator"], "password" in given) == ("SNOWFLAKE_JWT", False)
    loaded = serialization.load_der_private_key(given["private_key"], password=None)
    assert loaded.private_numbers() == key.private_numbers()


def certificate_text():
    return trustme.CA().cert_pem.bytes().decode()


@pytest.mark.parametrize(
    ("text", "passphrase", "failure_class", "words"),
    [
        (lambda _key: "hunter2", "", "config", "is not PEM text"),
        (lambda _key: certificate_text(), "", "config", "holds a CERTIFICATE, not a PRIVATE KEY"),
        (lambda key: base64.b64encode(pem(key).encode()).decode(), "", "config", "is not PEM text"),
        (lambda key: pem(key)[:200] + pem(key)[300:], "", "config", "cannot be read"),
        (lambda key: pem(key).replace("\n", "<br>"), "", "config", "line ends are written as something else"),
        (lambda key: pem(key, "right"), "wrong", "auth", "passphrase does not open"),
        (lambda key: pem(key, "right"), "", "config", "no passphrase is set"),
        (pem, "needless", "config", "not encrypted"),
    ],
)
def test_a_bad_private_key_is_refused_in_words_that_say_so(key, text, passphrase, failure_class, words):
    with pytest.raises(Refusal) as caught:
        private_key_der(text(key), passphrase)
    assert caught.value.verdict.failure_class == failure_class
    assert words in caught.value.verdict.cause
    assert "BEGIN" not in caught.value.verdict.cause


# What exceptions mean -----------------------------------------------------------------------------

_AT = "Failed to connect to DB: acme.snowflakecomputing.com:443. "
# Numbers, SQLSTATEs and words as users of the driver report them.
CASES = [
    ("DatabaseError", 390100, "28000", _AT + "Incorrect username or password was specified.", "auth"),
    ("DatabaseError", 250001, "08001", _AT + "Incorrect username or password was specified.", "auth"),
    ("DatabaseError", 250001, "08001", _AT + "Your user account has been temporarily locked. Try again after 14 minutes, or contact your account administrator for assistance.", "auth"),
    ("DatabaseError", 250001, "08001", _AT + "User access disabled. Contact your local system administrator.", "auth"),
    ("DatabaseError", 250001, "08001", _AT + "Multi-factor authentication is required for this account. Log in to Snowsight to enroll.", "auth"),
    ("DatabaseError", 250001, "08001", _AT + "Failed to authenticate: MFA with TOTP is required.", "auth"),
    ("DatabaseError", 250001, "08001", _AT + "Authentication attempt rejected by the current authentication policy.", "auth"),
    ("DatabaseError", 390144, "28000", _AT + "JWT token is invalid. [0ce9eb56-821d-4ca9-a774-04ae89a0cf5a]", "auth"),
    ("DatabaseError", 250001, "08001", _AT + "JWT token is invalid.", "auth"),
    ("DatabaseError", 394304, "28000", _AT + "JWT token is invalid.", "auth"),
    ("ProgrammingError", 251006, None, "Password is empty", "auth"),
    ("ProgrammingError", 251001, None, "Account must be specified", "config"),
    ("ProgrammingError", 251008, None, "Private key type (Ed25519PrivateKey) not supported.", "config"),
    ("DatabaseError", 250001, "08001", _AT + "Role 'ANALYST' specified in the connect string is not granted to this user. Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.", "permission"),
    ("DatabaseError", 390186, "08001", _AT + "Role 'NOPE' specified in the connect string does not exist or not authorized.", "permission"),
    ("DatabaseError", 250001, "08001", _AT + "User's configured default role 'SYSADMIN' is not granted to this user.", "permission"),
    ("ProgrammingError", 3013, "42501", "SQL access control error:\nRequested role 'ACCOUNTADMIN' is not assigned to the executing user. Specify another role to activate.", "permission"),
    ("DatabaseError", 250001, "08001", _AT + "IP 13.37.4.46 is not allowed to access Snowflake. Contact your local security administrator", "permission"),
    ("DatabaseError", 390422, "08001", _AT + "Incoming request with IP/Token 203.0.113.9 is not allowed to access Snowflake.", "permission"),
    ("DatabaseError", 390201, "08001", _AT + "The requested warehouse does not exist or not authorized.", "unknown_db"),
    ("ProgrammingError", 2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed.", "unknown_db"),
    ("ProgrammingError", 2003, "02000", "SQL compilation error:\nDatabase 'NOPE' does not exist or not authorized.", "unknown_db"),
    ("ProgrammingError", 2003, "42S02", "SQL compilation error:\nSchema 'SALES.NOPE' does not exist or not authorized.", "unknown_db"),
    ("ProgrammingError", 3001, "42501", "SQL access control error:\nInsufficient privileges to operate on schema 'RAW'.", "permission"),
    ("ProgrammingError", 606, "57P03", "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.", "config"),
    ("ProgrammingError", 90073, "22000", "Warehouse 'WH' cannot be resumed because resource monitor 'LIMITER' has exceeded its quota.", "quota"),
    ("ProgrammingError", 604, "57014", "SQL execution canceled", "timeout"),
    ("ProgrammingError", 630, "57014", "Statement reached its statement or warehouse timeout of 1 second(s) and was canceled.", "timeout"),
    ("ProgrammingError", 1003, "42000", "SQL compilation error:\nsyntax error line 1 at position 4 unexpected '<EOF>'.", "config"),
    ("ProgrammingError", 390114, "08001", "Authentication token has expired.  The user must authenticate again.", "transient"),
    ("ProgrammingError", 390111, "08001", "Session no longer exists.  New login required to access the service.", "transient"),
    ("ForbiddenError", 250001, "08001", "Failed to connect to DB. Verify the account name is correct: acme.snowflakecomputing.com:443. HTTP 403: Forbidden", "config"),
    ("HttpError", 290404, "08001", "404 Not Found: post acme.snowflakecomputing.com:443/session/v1/login-request", "config"),
    ("DatabaseError", 260008, None, "Failed to connect: the account name may be wrong", "config"),
    ("ServiceUnavailableError", 250001, "08001", "Failed to connect to DB. Service is unavailable: acme.snowflakecomputing.com:443. HTTP 503: Service Unavailable", "transient"),
    ("OperationalError", 251012, None, "Login request is retryable. Will be handled by authenticator", "transient"),
    ("OperationalError", 250001, None, "Could not connect to Snowflake backend after 1 attempt(s).Aborting", "network"),
    ("OperationalError", 250003, None, "Failed to execute request: HTTPSConnectionPool(host='acme.snowflakecomputing.com', port=443): Read timed out.", "timeout"),
    ("OperationalError", 250003, None, "Failed to get the response. Hanging? method: post, url: https://acme", "network"),
    ("NonRetryableTlsError", 250003, None, "Hit non-retryable SSL error, HTTPSConnectionPool(host='acme.snowflakecomputing.com', port=443): certificate verify failed", "tls"),
    ("OperationalError", 254007, None, "The certificate is revoked", "tls"),
    ("DatabaseError", 250001, "08001", _AT + "Your account has been suspended due to lack of payment method.", "permission"),
    # In the words of 5.x.
    ("OperationalError", 14, "HYT00", "Failed to login: login timed out after 5s", "timeout"),
    ("DatabaseError", 390100, "28000", "Failed to login: Login error: Incorrect username or password was specified., code: 390100", "auth"),
    ("DatabaseError", 250001, "08001", "Failed to login: Invalid Snowflake response. Snowflake responded with error status: 403 Forbidden, message: Unexpected response, body length 0.", "config"),
    ("DatabaseError", 250001, "08001", "Failed to login: Invalid Snowflake response. Snowflake responded with error status: 404 Not Found, message: Unexpected response, body length 0.", "config"),
    ("DatabaseError", 250001, "08001", "Failed to login: Invalid Snowflake response. expected value at line 1 column 1", "config"),
    ("DatabaseError", 250001, "08001", "Failed to login: Missing response field: master token", "config"),
    ("DatabaseError", 250001, "08001", "Failed to login: error sending request: Connection refused (os error 111)", "refused"),
]  # fmt: skip


@pytest.mark.slow  # loads the driver, which takes a second
@pytest.mark.parametrize(("kind", "errno", "state", "words", "failure_class"), CASES)
def test_an_error_of_the_driver_has_a_class(kind, errno, state, words, failure_class):
    exc = getattr(importlib.import_module("snowflake.connector.errors"), kind)(msg=words, errno=errno, sqlstate=state)
    assert classify(exc).failure_class == failure_class


@pytest.mark.parametrize("exc", [ValueError("390100"), OSError(13, "no"), RuntimeError("does not exist")])
def test_an_error_of_another_kind_is_left_to_the_common_rules(exc):
    assert classify(exc) is None
