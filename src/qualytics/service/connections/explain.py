"""Explanations: what an error message means that was pasted from any other tool."""

from __future__ import annotations

from typing import Any

from qualytics import connectors
from qualytics.errors import InvalidInput, Problem

# The ends of a long text are looked at: a message begins with what happened, a stack trace ends with why.
_END = 8_192
# The causes of a test name its target; a pasted message has none.
_CAUSES = {
    "auth": "the server refused the user or the password",
    "permission": "the user was let in but lacks a right",
    "dns": "the host name does not exist",
    "refused": "nothing listens on this host and port",
    "network": "the connection to the server broke off",
    "timeout": "the server did not answer in time",
    "tls": "no trusted TLS connection to the server was possible",
    "config": "these settings cannot work with this server",
    "unknown": "this message is not known here",
}
_UNKNOWN_HINT = "test the connection itself: qualytics connections test --type {type} …"
_WORDS = {"the local_address of this report": "this machine's address", "in detail": "in the message"}


def explain(name: str, text: str) -> dict[str, Any]:
    """Return `{class, retryable, cause, hint}` of a message about a server of a type; nothing of it is repeated.

    Raises:
        InvalidInput: there is no such type, or no message.

    """
    from qualytics.probe.verdicts.failure_classes import CLASSES
    from qualytics.probe.verdicts.message_rules import verdict_on
    from qualytics.probe.verdicts.messages import type_placeholders

    connector = connectors.get(name)
    words = " ".join((text if len(text) <= 2 * _END else f"{text[:_END]} {text[-_END:]}").split())
    if not words:
        raise InvalidInput([Problem("message", "message is empty", "paste the error that the other tool showed")])
    verdict = verdict_on(connector, words)
    found = verdict.failure_class
    usual = CLASSES[found]
    fill = type_placeholders(connector, {"username": "given"}) | {"host_field": "--host"}
    cause = verdict.cause or _CAUSES.get(found) or usual.cause.format(**fill)
    hint = verdict.hint or (_UNKNOWN_HINT if found == "unknown" else usual.hint).format(**fill)
    for ours, theirs in _WORDS.items():
        hint = hint.replace(ours, theirs)
    return {"class": found, "retryable": usual.retryable, "cause": cause, "hint": hint}
