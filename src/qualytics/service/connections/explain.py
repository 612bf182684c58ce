"""Explanations: what an error message means that was pasted from any other tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qualytics import connectors
from qualytics.errors import InvalidInput, Problem
from qualytics.text import MAX_TRACE, ends

if TYPE_CHECKING:
    from qualytics.connectors.contract import Connector
    from qualytics.types import Verdict

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
# Of a past test the words of its server are not kept, so that no hint may lead to them.
_PAST_HINTS = {
    "tls": "test it again: what the server's certificate, or its TLS, lacks stands with the result",
    "permission": "test it again: the right that is missing stands with the result; ask the owner of the server for it",
    "config": "test it again: which setting cannot work stands with the result",
    "internal": "test it again, and report what it says if it fails again",
    "unknown": "test it again: the driver's own words stand with the result",
}
_PAST_CAUSES = {"unknown": "the server answered with an error that is not known here"}
_WORDS = {"the local_address of this report": "this machine's address", "in detail": "in the message"}
# What the common texts say where no type was named.
_ANY_TYPE = {
    "credentials": "--username and --password",
    "owned": "database",
    "type": "TYPE",
    "extra": "TYPE",
}


def explain(name: Any, text: Any) -> Verdict:
    """Return `{class, code, retryable, cause, hint}` of a message, or of a code alone; nothing else of it is repeated.

    Without the name of a type, the form of the codes in it tells one, else the words of all systems count.

    Raises:
        InvalidInput: there is no such type, or no message; or none was named, and the message is understood for none.

    """
    from qualytics.probe.verdicts.message_rules import agreed, connector_of, verdict_on
    from qualytics.probe.verdicts.stack_traces import without_frames

    for key, value in (("type", "" if name is None else name), ("message", text)):
        if not isinstance(value, str):
            raise InvalidInput([Problem(key, f"{key} must be a text")])
    connector = connectors.get(name) if name is not None else None
    words = ends(" ".join("\n".join(without_frames(ends(text, MAX_TRACE))).split()))
    if not words:
        raise InvalidInput([Problem("message", "message is empty", "paste the error that the other tool showed")])
    connector = connector or connector_of(words)
    verdict = verdict_on(connector, words)
    if connector is None and verdict.failure_class == "unknown":
        verdict = agreed(words) or verdict
    failure_class = verdict.failure_class
    if connector is None and failure_class == "unknown":
        raise InvalidInput([Problem("type", "the message does not tell the type of the connection", "name it: --type")])
    return _document(connector, failure_class, verdict.code, verdict.cause, verdict.hint)


def explain_failure(type_name: str, failure_class: str, code: str | None) -> Verdict:
    """Return as `explain` does what the class of a past test means, and its code where that says more."""
    from qualytics.probe.verdicts.message_rules import verdict_on

    connector = connectors.get(type_name)
    verdict = verdict_on(connector, code) if code else None
    if verdict is None or verdict.failure_class != failure_class:  # a code of itself need not tell its class
        hint = _PAST_HINTS.get(failure_class)
        return _document(connector, failure_class, code, _PAST_CAUSES.get(failure_class), hint)
    return _document(connector, failure_class, code, verdict.cause, verdict.hint)


def _document(
    connector: Connector | None, failure_class: str, code: str | None, cause: str | None, hint: str | None
) -> Verdict:
    from qualytics.probe.verdicts.failure_classes import CLASSES
    from qualytics.probe.verdicts.messages import type_placeholders

    usual = CLASSES[failure_class]
    fill = (type_placeholders(connector, {"username": "given"}) if connector else _ANY_TYPE) | {"host_field": "--host"}
    cause = cause or _CAUSES.get(failure_class) or usual.cause.format(**fill)
    hint = hint or (_UNKNOWN_HINT if failure_class == "unknown" else usual.hint).format(**fill)
    for ours, theirs in _WORDS.items():
        hint = hint.replace(ours, theirs)
    keys = {"class": failure_class, "code": code, "retryable": usual.retryable, "cause": cause, "hint": hint}
    return cast("Verdict", keys)
