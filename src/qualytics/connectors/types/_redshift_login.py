"""How Redshift is logged in to: with the connection's own user and password, or with those that a role gives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Refusal, refuse
from qualytics.connectors.shared import aws_role
from qualytics.connectors.shared.entrance import enter
from qualytics.connectors.types import _redshift_iam
from qualytics.connectors.types._redshift_errors import classify

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

# Made with every cluster unless another name was asked for; template1 is always there.
_ENTRANCES = ("dev", "template1")


def connect(target: Target) -> Any:
    """Log in to the given database, else to the first that lets this user in."""
    if target.tls is not None and target.tls.active and target.tls.ca_file:
        os.environ["SSL_CERT_FILE"] = target.tls.ca_file  # the driver has no argument for trusted roots
    if target.database is not None:
        return _log_in(target, target.database)
    return enter((*target.entrances, *_ENTRANCES), lambda database: _log_in(target, database))


def _log_in(target: Target, database: str) -> Any:
    import redshift_connector
    from redshift_connector.error import Error

    try:
        handle = redshift_connector.connect(**arguments(target, database, *login(target, database)))
    except Error as exc:
        verdict = classify(exc)
        if verdict is None:
            raise
        raise Refusal(verdict) from exc
    handle.autocommit = True
    return handle


def login(target: Target, database: str) -> tuple[str | None, str | None]:
    """Return user and password for a database: the connection's own, or those that a role gives."""
    if aws_role.is_role(target.parameters):
        if target.tls is None or not target.tls.active:
            raise refuse("tls", "the server offers no TLS, which IAM_ROLE needs")
        return _redshift_iam.login(target, database)
    return target.username, target.password.reveal() if target.password is not None else None


def arguments(target: Target, database: str, user: str | None, password: str | None) -> dict[str, Any]:
    """Return the keyword arguments of redshift_connector.connect."""
    return {
        "host": target.host,
        "port": target.port,
        "user": user,
        "password": password if password is not None else "",
        "database": database,
        "ssl": target.tls is not None and bool(target.tls.active),
        "sslmode": "verify-full",
        "timeout": target.timeout_s,
        "application_name": target.parameters.get("application_name", "qualytics"),
        "iam": False,
    }
