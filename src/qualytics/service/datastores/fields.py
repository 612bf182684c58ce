"""What a datastore's fields must look like; its settings are kept for others and checked only in form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics import connectors
from qualytics.errors import InvalidInput, Problem
from qualytics.fields import DATASTORE_KEYS, SCOPES
from qualytics.model import MAX_ID
from qualytics.service import validate
from qualytics.service.connections import drafts
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qualytics.connectors.contract import Connector

_TEXTS = (*SCOPES, "description")
_FIELDS = ("name", "connection_id", *_TEXTS, "tags", "teams", "enrichment_only")
# What null says nothing of in a whole document.
_KEPT = ("name", "connection_id", "tags", "teams", "enrichment_only")
_MAX_TEXT = 255
_MAX_NAMES = 100


class Setting(Struct, eq=True):
    """One setting: its JSON type, and its bounds: a range of numbers, a length of texts, or words."""

    type: type
    minimum: int = 0
    maximum: int = MAX_ID
    words: tuple[str, ...] = ()


# Stored and returned as given; nothing else depends on them.
SETTINGS: dict[str, Setting] = {
    "enrichment_datastore_id": Setting(int, 1),
    "enrichment_prefix": Setting(str, 1, 60),
    "enrichment_source_record_limit": Setting(int, 1, 1_000_000_000),
    "enrichment_remediation_strategy": Setting(str, words=("none", "append", "overwrite")),
    "high_count_rollup_threshold": Setting(int, 1, 1_000),
    "folder_globbing_enabled": Setting(bool),
    "group_id": Setting(int, 1),
    "group": Setting(str, 1, 255),
    "favorite": Setting(bool),
}


# What a document holds beside fields: whoever sends one back changes nothing by it.
_READ_ONLY = {*DATASTORE_KEYS, "global_tags", "enrich_datastore"} - {*_FIELDS}


def as_new(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the fields of a new datastore, null standing for none, and those of the new connection it comes with.

    Raises:
        InvalidInput: a connection that is there is given as well.

    """
    row = {name: value for name, value in given.items() if value is not None}
    if "connection" not in row:
        return row, None
    if "connection_id" in row:
        raise InvalidInput([Problem("connection", "give either connection or connection_id, not both")])
    connection = given_connection(row)
    del row["connection"]
    return row, connection


def preview(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the masked payload that a create would send; needs no store and contacts nothing.

    A connection that is there may be given as `connection_name`, too.

    Raises:
        InvalidInput: a value breaks a rule.

    """
    row, new_connection = as_new(given)
    shown: dict[str, Any] = {name: row[name] for name in ("connection_id", "connection_name") if name in row}
    row.pop("connection_name", None)
    if new_connection is not None:
        connection = drafts.preview(new_connection)
        problems = validate.Problems()
        check_scope(connectors.get(connection["type"]), connection["name"], row, problems)
        problems.finish()
        shown["connection"] = connection
    clean = checked(row, needed=("name",) if shown else ("name", "connection_id"))
    settings = clean.pop("settings", {})
    return {"name": clean["name"], **shown, **clean, **settings}


def given_connection(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a connection that comes with a datastore.

    Raises:
        InvalidInput: it is no object.

    """
    connection = given.get("connection")
    if not isinstance(connection, dict):
        raise InvalidInput([Problem("connection", "connection must be an object", None, "missing-value")])
    return connection


def as_patch(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes in a document, as a client sends it back: nothing read-only."""
    return {name: value for name, value in given.items() if name not in _READ_ONLY}


def as_replacement(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes in a whole document: null clears texts and settings alone, what is unknown is ignored."""
    writable = {name: value for name, value in given.items() if name in _FIELDS or name in SETTINGS}
    return {name: value for name, value in writable.items() if not (value is None and name in _KEPT)}


def checked(given: Mapping[str, Any], needed: Iterable[str] = ()) -> dict[str, Any]:
    """Return the given fields in their stored form, settings as one object; None stands for what is to be unset.

    Raises:
        InvalidInput: with every problem there is.

    """
    problems = validate.Problems()
    row = _check(given, problems)
    for name in needed:
        if row.get(name) is None:
            problems.add(name, "is missing", f"give it with --{name.replace('_', '-')}", "missing-value")
    problems.finish()
    return row


def _check(given: Mapping[str, Any], problems: validate.Problems) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    settings = {name: _check_setting(name, value, problems) for name, value in given.items() if name in SETTINGS}
    for name, value in given.items():
        if name in SETTINGS:
            continue
        if name not in _FIELDS:
            problems.add(name, "is not a field of a datastore", f"it takes {', '.join(_FIELDS)}", "unknown-field")
        elif name == "connection_id":
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                problems.add(name, "must be a positive whole number", "qualytics connections list shows the ids")
            clean[name] = value
        elif name in {"tags", "teams"}:
            clean[name] = _check_names(name, value, problems)
        elif name == "enrichment_only":
            if not isinstance(value, bool):
                problems.add(name, "must be true or false")
            clean[name] = int(value is True)
        else:
            clean[name] = _check_text(name, value, problems)
    return clean | ({"settings": settings} if settings else {})


def check_scope(
    connector: Connector, connection_name: str, row: Mapping[str, Any], problems: validate.Problems
) -> None:
    """Note what a datastore on a connection of this type lacks, or what it cannot have."""
    for name in SCOPES:
        option = "--" + name.replace("_", "-")
        if row.get(name) is None and name in connector.scope:
            problems.add(name, f"is needed for {connector.type} datastores", f"give it with {option}", "missing-value")
        elif row.get(name) is not None and name not in {*connector.scope, *connector.scope_optional}:
            hint = f"connection {connection_name!r} is {connector.type}; leave {option} out"
            problems.add(name, f"is not part of {connector.type} datastores", hint, "field-not-accepted")
        else:
            validate.check_grammar(connector, name, row.get(name), problems)


def _check_text(name: str, value: object, problems: validate.Problems) -> str | None:
    if value is None and name in _TEXTS:
        return None
    if not isinstance(value, str) or not value:
        problems.add(name, "must be a text that is not empty", "leave it out instead")
        return None
    if name == "name":
        return validate.check_name(name, value, problems)
    return validate.check_text(name, value, problems, max_length=_MAX_TEXT)


def _check_setting(name: str, value: Any, problems: validate.Problems) -> Any:
    setting = SETTINGS[name]
    if value is None:
        return None
    wrong = not isinstance(value, setting.type) or (setting.type is int and isinstance(value, bool))
    if wrong:
        problems.add(name, f"must be {validate.TYPE_NAMES[setting.type]}")
    elif setting.words and value not in setting.words:
        problems.add(name, f"must be one of {', '.join(setting.words)}")
    elif setting.type is str and not setting.words:
        validate.check_text(name, value, problems, max_length=setting.maximum)
    elif setting.type is int and not setting.minimum <= value <= setting.maximum:
        problems.add(name, f"must be {setting.minimum} to {setting.maximum:,}")
    return value


def _check_names(loc: str, value: object, problems: validate.Problems) -> list[str]:
    value = [] if value is None else value
    if isinstance(value, list):  # a reply has them as objects with a name, and a client may send them back
        value = [entry.get("name") if isinstance(entry, dict) else entry for entry in value]
    if not isinstance(value, list) or len(value) > _MAX_NAMES or not all(isinstance(name, str) for name in value):
        problems.add(loc, f"must be a list of at most {_MAX_NAMES} texts", f"as in --{loc} finance,daily")
        return []
    return list(dict.fromkeys(validate.check_name(loc, name, problems) for name in value))
