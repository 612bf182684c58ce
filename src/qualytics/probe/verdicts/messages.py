"""How a message calls the target of a test and who logs in there: by a user name only where one was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors import get
from qualytics.probe.verdicts.failure_classes import CLASSES
from qualytics.probe.verdicts.tls_faults import GIVE_HINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.connectors.contract import Connector
    from qualytics.masking import Masking
    from qualytics.probe.plan import Plan
    from qualytics.probe.protocol import Failed

# What `username` and `password` are, beyond what a type says of itself, by the way of logging in.
_IDENTITIES = {"SERVICE_PRINCIPAL": "client id", "OAUTH_M2M": "client id", "IAM_ROLE": "access key id"}
_PROOFS = {"user": "the password", "client id": "the client secret", "access key id": "the secret access key"}
_CREDENTIALS = ("username", "access_key", "password", "secret_key")
# What may fail at a second host of a login before it answers for itself.
_UNREACHED = frozenset({"dns", "refused", "network", "timeout", "tls", "transient", "blocked"})
_SECOND = "this way of logging in needs that host, too: have DNS, VPN and firewall let this machine reach it"
_OPENED = "a proxy that opens TLS may stand in between: have it let this host through untouched"
# Who gives rights, by the kind of a type.
_OWNED = {"dfs": "bucket or container", "embedded": "file"}


def placeholders(plan: Plan, failure_class: str) -> dict[str, Any]:
    """Return what fills the common texts of a class."""
    connector = get(plan.type)
    refused, admitted = _login(connector, plan.values)
    return type_placeholders(connector, plan.values) | {
        "where": plan.where() if failure_class != "dns" else plan.where().rpartition(":")[0],
        "login": refused,
        "admitted": admitted,
        "timeout_s": plan.timeout_s,
    }


def cause_and_hint(plan: Plan, failed: Failed, second_host: str | None, masking: Masking) -> tuple[str, str]:
    """Return what a failure is called and what to do: of the second host that was asked, if it was one."""
    failure_class = failed.failure_class
    text, words = CLASSES[failure_class], placeholders(plan, failure_class)
    cause, hint = (masking.mask_own(own) if own else None for own in (failed.cause, failed.hint))
    if second_host is None or failure_class not in _UNREACHED:
        return cause or text.cause.format(**words), hint or text.hint.format(**words)
    host = masking.mask_own(second_host)
    if hint is None or hint in GIVE_HINTS:  # few own roots are meant for a host of the vendor
        hint = _OPENED if failure_class == "tls" else _SECOND
    # The clause ends in a comma, but for the end of a sentence.
    return f"{cause} ({host})" if cause else text.cause.format(**words | {"where": f"{host},"}).rstrip(","), hint


def type_placeholders(connector: Connector, values: Mapping[str, Any]) -> dict[str, Any]:
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
