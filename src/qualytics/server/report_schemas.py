"""The shapes of reports of tests, of past tests, and of what an error means."""

from __future__ import annotations

from qualytics.fields import DETECTED
from qualytics.probe.verdicts.failure_classes import CLASSES
from qualytics.server.shapes import FLAG, ID, MILLISECONDS, OBJECT, TEXT, TIME, Schema, closed, list_of, one_of, or_null


def report() -> Schema:
    """Return the shape of the report of a test."""
    texts = ("stage", "code", "hint", "detail", *DETECTED)
    stage = closed({"name": TEXT, "ok": FLAG, "ms": MILLISECONDS}, "name", "ok", "ms")
    properties: dict[str, Schema] = {
        "connected": FLAG,
        **{name: or_null(TEXT) for name in texts},
        "class": or_null(one_of(*CLASSES)),
        "retryable": or_null(FLAG),
        "message": TEXT,
        "address": or_null(TEXT),
        "local_address": or_null(TEXT),
        "tls": or_null(OBJECT),
        "stages": list_of(stage),
        "duration_ms": MILLISECONDS,
        "warnings": list_of(TEXT),
    }
    return closed(properties, *properties)


def past_test() -> Schema:
    """Return the shape of a past test."""
    properties: dict[str, Schema] = {
        "at": TIME,
        "user": closed({"id": or_null(ID), "name": TEXT}, "id", "name"),
        "connected": FLAG,
        "stage": or_null(TEXT),
        "class": or_null(one_of(*CLASSES)),
        "code": or_null(TEXT),
        "duration_ms": MILLISECONDS,
        "ms": OBJECT | {"additionalProperties": MILLISECONDS, "description": "of each stage, by its name"},
        "product_version": or_null(TEXT),
        "driver_version": or_null(TEXT),
    }
    return closed(properties, *properties)


def explanation() -> Schema:
    """Return the shape of what an error message means."""
    properties: dict[str, Schema] = {
        "class": one_of(*CLASSES),
        "code": or_null(TEXT),
        "retryable": FLAG,
        "cause": TEXT,
        "hint": TEXT,
    }
    return closed(properties, *properties)
