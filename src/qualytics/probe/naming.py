"""How a message calls the target of a test and who logs in there: by a user name only where one was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors import get

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.connectors import Connector
    from qualytics.probe import Plan

# What `username` and `password` are, beyond what a type says of itself, by the way of logging in.
_IDENTITIES = {"SERVICE_PRINCIPAL": "client id", "OAUTH_M2M": "client id", "IAM_ROLE": "access key id"}
_PROOFS = {"user": "the password", "client id": "the client secret", "access key id": "the secret access key"}
_CREDENTIALS = ("username", "access_key", "password", "secret_key")
# Who gives rights, by the kind of a type.
_OWNED = {"dfs": "bucket or container", "embedded": "file"}


def words_on(plan: Plan, failure_class: str) -> dict[str, Any]:
    """Return what fills the common texts of a class."""
    connector = get(plan.type)
    refused, admitted = _login(connector, plan.values)
    return words_on_type(connector, plan.values) | {
        "where": plan.where() if failure_class != "dns" else plan.where().rpartition(":")[0],
        "login": refused,
        "admitted": admitted,
        "timeout_s": plan.timeout_s,
    }


def words_on_type(connector: Connector, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the words that need no target."""
    return {
        "host_field": "--host" if "host" in connector.fields else "the endpoint",
        "credentials": " and ".join(_options(connector, values)) or "--uri",
        "owned": _OWNED.get(connector.kind, "database"),
        "type": connector.type,
        "extra": connector.extra,
    }


def _login(connector: Connector, values: Mapping[str, Any]) -> tuple[str, str]:
    """Return what was refused, and who was let in, as a message says it."""
    name = values.get("username")
    if not name:
        return connector.proof, f"{connector.proof} was accepted"
    way = (values.get("parameters") or {}).get("authentication_type")
    identity = _IDENTITIES.get(str(way), connector.identity)
    return f"{identity} {name!r} or {_PROOFS[identity]}", f"{identity} {name!r} was let in"


def _options(connector: Connector, values: Mapping[str, Any]) -> list[str]:
    # Where a token goes without a user name, nobody has to look for one.
    needless = {"username"} if connector.username_optional and not values.get("username") else set()
    names = [name for name in _CREDENTIALS if name in connector.fields and name not in needless]
    return [f"--{name.replace('_', '-')}" for name in names]
