"""What the words of Redshift, of its driver and of AWS mean."""

from __future__ import annotations

import struct

from qualytics.connectors.contract import Verdict, by_text
from qualytics.connectors.shared.postgresql_errors import MESSAGES, PROXY, Said, at_login
from qualytics.connectors.shared.sql import by_sqlstate
from qualytics.connectors.types import _redshift_iam

_POSTGRESQL = Verdict("config", "this is a PostgreSQL server, not Redshift", "use --type postgresql")
_STRANGER = Verdict("config", "the server does not speak Redshift's protocol", "check host and port")

_NO_SUCH_SETTING = "42704"  # of those that the driver sends at the start of a session

# The driver's own words (core.py, scramp) and a pooler's, before those that Redshift shares with PostgreSQL.
_MESSAGES = (
    (r"unrecognized configuration parameter|unsupported startup parameter", _POSTGRESQL),
    (r"Server refuses SSL", Verdict("tls", "the server does not offer TLS")),
    (r"server socket closed", Verdict("network")),
    (r"no password was provided", Verdict("auth")),
    (r"connection time out", Verdict("timeout")),
)


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the fields of the server's error; by words where a proxy says 08P01 to everything, or the driver speaks."""
    if type(exc).__name__ == "ScramException":
        return _POSTGRESQL
    if isinstance(exc, KeyError | struct.error):  # the driver looks up and unpacks what it has read
        return _STRANGER
    if verdict := _redshift_iam.classify(exc):
        return verdict
    said = exc.args[0] if exc.args and isinstance(exc.args[0], dict) else {}
    text, state = said.get("M") or str(exc), said.get("C")
    if state == _NO_SUCH_SETTING:
        return _POSTGRESQL
    if state in {None, PROXY}:
        return by_text(text, (*_MESSAGES, *MESSAGES)) or by_sqlstate(state)
    return at_login(Said(state, said.get("R"), text))
