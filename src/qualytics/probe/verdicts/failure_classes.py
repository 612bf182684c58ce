"""The classes of a failed test: usual cause, hint, and whether another try may help."""

from __future__ import annotations

from qualytics.structs import Struct


class ClassText(Struct, eq=True):
    """The common words of a class; `naming.py` fills in `{where}`, the address or file, `{login}` and the others."""

    retryable: bool
    cause: str
    hint: str


TOO_MUCH_HINT = "check host and port: a server that keeps sending is not the one that these settings are meant for"
CLASSES: dict[str, ClassText] = {
    "auth": ClassText(
        retryable=False,
        cause="the server refused {login}",
        hint="check {credentials}",
    ),
    "permission": ClassText(
        retryable=False,
        cause="{admitted} but lacks a right",
        hint="ask the owner of the {owned} for the right named in detail",
    ),
    "dns": ClassText(
        retryable=False,
        cause="the host name {where} does not exist",
        hint="check {host_field} for a typo; inside a company network a VPN or its DNS may be needed",
    ),
    "refused": ClassText(
        retryable=True,
        cause="nothing listens on {where}",
        hint="check --port, and that the server is running and listens on this address",
    ),
    "network": ClassText(
        retryable=True,
        cause="the connection to {where} broke off",
        hint="check host and port; a firewall, a proxy or a limit of the server may close connections",
    ),
    "timeout": ClassText(
        retryable=True,
        cause="{where} did not answer within {timeout_s:g} s",
        hint="check host, port and firewall, or give a slow server more time with --timeout",
    ),
    "tls": ClassText(
        retryable=False,
        cause="no trusted TLS connection to {where} was possible",
        hint="see detail: what the server's certificate, or its TLS, lacks stands there",
    ),
    "unknown_db": ClassText(
        retryable=False,
        cause="the database or schema does not exist",
        hint="check the spelling, also upper and lower case",
    ),
    "quota": ClassText(
        retryable=True,
        cause="the server is at a limit",
        hint="wait, or ask for more connections or quota",
    ),
    "config": ClassText(
        retryable=False,
        cause="these settings cannot work with {where}",
        hint="compare the settings with: qualytics connections types {type}",
    ),
    "blocked": ClassText(
        retryable=False,
        cause="the network policy does not allow this target",
        hint="ask an Admin of the control plane to allow the target",
    ),
    "driver_missing": ClassText(
        retryable=False,
        cause="the driver for {type} is not installed",
        hint="pip install 'qualytics[{extra}]'",
    ),
    "transient": ClassText(
        retryable=True,
        cause="the server cannot answer right now",
        hint="try again in a moment",
    ),
    "internal": ClassText(
        retryable=False,
        cause="the test itself failed",
        hint="run again with --debug and report what it prints",
    ),
    "unknown": ClassText(
        retryable=False,
        cause="the server answered with an error that is not known here",
        hint="see detail for the driver's own words",
    ),
}
