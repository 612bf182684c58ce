"""Airflow's connections: the files of `airflow connections export`, and its variables AIRFLOW_CONN_…."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics import strict_json
from qualytics.service.foreign import urls
from qualytics.service.foreign.entries import Entry, Unreadable, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOOL = "airflow"
PREFIX = "AIRFLOW_CONN_"
_NONE = ("conn_id", "id", "is_encrypted", "is_extra_encrypted", "conn_type", "description", "extra", "extra_dejson")


def of_object(name: str, given: Any, place: str) -> Entry:
    """Return a connection as an export has it: an object, or its URI as a text.

    Raises:
        Unreadable: it is neither.

    """
    if isinstance(given, str):
        return of_uri(name, given, place)
    if not isinstance(given, dict):
        raise Unreadable("not a connection of Airflow, an object or a URI")
    values = texts({key: value for key, value in given.items() if key not in _NONE})
    notes = ["description: a connection has none"] if given.get("description") else []
    extra, problem = _extra(given.get("extra", given.get("extra_dejson")))
    notes += [problem] if problem else []
    word = str(given.get("conn_type") or "")
    return _entry(name, word, place, values | {key: extra[key] for key in extra.keys() - values.keys()}, "", notes)


def of_uri(name: str, uri: str, place: str) -> Entry:
    """Return a connection as a URI: `type://login:password@host:port/schema?extra`.

    Raises:
        Unreadable: it is no URI.

    """
    parsed = urls.parse(uri, TOOL, place, name)
    values, notes = dict(parsed.values), []
    if "__extra__" in values:
        extra, problem = _extra(values.pop("__extra__"))
        values = extra | values
        notes = [problem] if problem else []
    return _entry(name, parsed.word, place, values, parsed.path, notes)


def of_text(name: str, text: str, place: str) -> Entry:
    """Return a connection as a variable or a line of an .env file has it: a URI, or JSON.

    Raises:
        Unreadable: it is neither.

    """
    if not text.lstrip().startswith("{"):
        return of_uri(name, text, place)
    try:
        return of_object(name, strict_json.loads(text), place)
    except ValueError:  # whose words name a key, which may be a part of a secret in a broken text
        raise Unreadable("its JSON is broken, or holds a key twice") from None


def of_variables(
    variables: Mapping[str, str], places: Mapping[str, str] | None = None
) -> Iterable[Entry | tuple[str, str]]:
    """Yield the connections in variables, and (place, problem) for each that cannot be read."""
    for variable, value in variables.items():
        if variable.startswith(PREFIX) and len(variable) > len(PREFIX) and value:
            place = (places or {}).get(variable, f"${variable}")
            try:
                yield of_text(variable.removeprefix(PREFIX).lower(), value, place)
            except Unreadable as exc:
                yield place, exc.problem


def _entry(name: str, word: str, place: str, values: dict[str, str], path: str, notes: list[str]) -> Entry:
    word = word.lower().replace("-", "_")
    schema = values.pop("schema", path)
    # Airflow's one name for the place is the database, unless its extra names that, too.
    if schema:
        values["schema" if {"database", "catalog", "dbname"} & values.keys() else "database"] = schema
    host = values.get("host", "")
    if host.lower().startswith("jdbc:"):
        inner = urls.parse(host, TOOL, place, name)
        rest = {key: value for key, value in values.items() if key != "host"}
        return Entry(name, TOOL, inner.word, place, inner.values | rest, inner.path, tuple(notes))
    return Entry(name, TOOL, word, place, values, notes=tuple(notes))


def _extra(given: Any) -> tuple[dict[str, str], str | None]:
    if not given:
        return {}, None
    if isinstance(given, str):
        try:
            given = strict_json.loads(given)
        except ValueError:
            return {}, "extra: is not JSON"
    if not isinstance(given, dict):
        return {}, "extra: is not an object"
    # Older versions put the type before each key.
    return texts({re.sub(r"\Aextra__[a-z0-9_]*?__", "", str(key)): value for key, value in given.items()}), None
