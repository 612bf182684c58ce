"""The rules that a value of a field or parameter must keep, each with a hint; all problems are found at once."""

from __future__ import annotations

import functools
import os
import re
from typing import TYPE_CHECKING, Any

from qualytics import strict_json, text
from qualytics.errors import InvalidInput, Problem, VersionChanged
from qualytics.fields import BY_NAME, KEYS, MAX_NAME, MAX_TAG, MAX_TAGS
from qualytics.secret import MASKS
from qualytics.service import hosts
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qualytics.connectors.contract import Connector, Param
    from qualytics.fields import Field
    from qualytics.model import Connection, Datastore, ListQuery
    from qualytics.store.tables.accounts import User

_SURROGATE = "[\ud800-\udfff]"
# A character that no stored text holds, and that every store can be asked for.
_NOWHERE = "\x01"
_UTF8_HINT = "check the encoding of the terminal or file it comes from"
# The longest key of a parameter, before it is folded.
_MAX_KEY = 64
TYPE_NAMES = {str: "a text", int: "a whole number", bool: "true or false", dict: "an object", list: "a list"}


class Problems:
    """Collects what is wrong with a call, and raises it all in one error."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, loc: str, message: str, hint: str | None = None, code: str = "invalid-value") -> None:
        """Keep one problem; `message` completes the name of the place, which may be a key from outside."""
        loc = text.shown(loc)
        self.found.append(Problem(loc, f"{loc} {message}", hint, code))

    def finish(self) -> None:
        """Raise InvalidInput when there is any problem."""
        if self.found:
            raise InvalidInput(self.found)


@functools.cache
def accepted(connector: Connector) -> tuple[str, ...]:
    """Return the fields that a type takes, beside `type`, in the order of its documents."""
    always = ("name", "tags", "owner", "parameters", "jdbc_fetch_size", "max_parallelization")
    return tuple(key for key in KEYS[connector.kind] if key in connector.fields or (key in always and key in BY_NAME))


def check_values(
    connector: Connector, given: Mapping[str, Any], problems: Problems, *, masks_keep: bool
) -> dict[str, Any]:
    """Return the given fields in their stored form; None stands for a field to be unset.

    A mask in a secret field is dropped when `masks_keep` (an update), else it is a problem.
    """
    clean: dict[str, Any] = {}
    takes = accepted(connector)
    for name, value in given.items():
        field = BY_NAME.get(name)
        if name == "secrets_manager":
            if value is not None:
                problems.add(name, "is not supported yet", "leave it out or null", "not-supported")
        elif field is None or name == "type":
            guess = text.nearest(name, takes)
            problems.add(name, "is not a field", guess and f"did you mean {guess}?", "unknown-field")
        elif name not in takes:
            hint = f"it takes {', '.join(takes)}"
            problems.add(name, f"is not a field of {connector.type}", hint, "field-not-accepted")
        elif value is None:
            clean[name] = None
        elif field.is_secret and isinstance(value, str) and value in MASKS:
            if not masks_keep:
                problems.add(name, "is the mask that stands for a secret", "give the secret itself", "secret-is-mask")
        else:
            clean[name] = _check(connector, field, value, problems)
            check_grammar(connector, name, clean[name], problems)
    return clean


def check_grammar(connector: Connector, name: str, value: Any, problems: Problems, loc: str | None = None) -> None:
    """Note a value that could be more than a value in what a driver writes it into; it is not repeated."""
    chars = connector.grammar.get(name)
    loc = loc or name
    is_checked = chars is None or not isinstance(value, str) or any(found.loc == loc for found in problems.found)
    if value and not is_checked and chars is not None and not chars.fit(value):
        problems.add(loc, "holds a character that is not allowed", f"allowed are {chars.words}")


def check_complete(
    connector: Connector, values: Mapping[str, Any], problems: Problems, secrets: frozenset[str]
) -> None:
    """Note what a type cannot do without; `secrets` names those that the connection has."""
    settled = secrets | {problem.loc for problem in problems.found}
    for name in connector.required:
        if values.get(name) is None and name not in settled:
            problems.add(
                name, f"is needed for {connector.type}", f"give it with {BY_NAME[name].option}", "missing-value"
            )
    parameters = values.get("parameters") or {}
    if connector.endpoint is not None and not problems.found:
        try:
            connector.endpoint(values)
        except ValueError as exc:
            problems.add("parameters.endpoint_url", str(exc), "as in https://s3.example.com:9000")
    if connector.requires is not None and not problems.found:
        for loc, message, hint in connector.requires(values, secrets):
            problems.add(loc, message, hint, "missing-value")
    both = [param.name for param in connector.params if param.name in parameters and param.name.startswith("ssl_root")]
    if len(both) > 1:
        hint = f"""keep one of them; a stored one goes with --parameters '{{"{both[0]}": null}}'"""
        problems.add("parameters", f"hold both {' and '.join(both)}", hint)


def check_name(loc: str, value: str, problems: Problems, max_length: int = MAX_NAME) -> str:
    """Return a name in its stored form: NFC and trimmed."""
    normal = text.normalized(value)
    name = value if normal is None else normal.strip()
    if len(value) > text.MAX_LENGTH or not 1 <= len(name) <= max_length:
        problems.add(loc, f"must have 1 to {max_length} characters", f"this one has {len(name):,}")
    elif not name.isascii() and re.search(_SURROGATE, name):
        problems.add(loc, "is not valid UTF-8", _UTF8_HINT)
    elif normal is None:
        problems.add(loc, "holds more than 30 marks in a row", "no language writes so many on one letter")
    else:
        _check_seen(loc, name, problems)
    return name


def check_tags(loc: str, value: object, problems: Problems) -> list[str]:
    """Return tags in their stored form: each as a name, sorted, each once; of two spellings the last counts."""
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        problems.add(loc, "must be a list of texts", 'as in ["finance", "nightly"]')
        return []
    if len(value) > MAX_TAGS:
        problems.add(loc, f"hold {len(value):,} entries", f"{MAX_TAGS} is the most")
        return []
    tags = [check_tag(f"{loc}.{place}", tag, problems) for place, tag in enumerate(value)]
    return sorted_tags(tags)


def check_tag(loc: str, value: str, problems: Problems) -> str:
    """Return one tag in its stored form: a name of at most 64 characters without a comma."""
    tag = check_name(loc, value, problems, MAX_TAG)
    if "," in tag:
        problems.add(loc, "holds a comma", "give each tag by itself: --tag finance --tag nightly")
    return tag


def sorted_tags(tags: Iterable[str]) -> list[str]:
    """Return tags in their order, without regard to case; of two spellings the last counts."""
    return [tag for _, tag in sorted({fold(tag): tag for tag in tags}.items())]


def fold(name: str) -> str:
    """Return what names are compared by: NFC, trimmed, casefolded."""
    return fold_part(name.strip())


def fold_part(part: str) -> str:
    """Return a part of a name as `fold` has it in the whole one: outer spaces count."""
    folded = text.folded(part)
    return _NOWHERE if folded is None else askable(folded)


def askable(part: str) -> str:
    """Return a part of a text so that a store can be asked for it; no text holds what no store can be asked for."""
    return part if part.isprintable() else re.sub(f"{_SURROGATE}|\0", _NOWHERE, part)  # neither is printable


def folded_key(key: str) -> str:
    """Return the key of a parameter so that its spellings are equal."""
    return text.folded(key, "NFKC", _MAX_KEY) or key


def folded(wanted: ListQuery) -> ListQuery:
    """Return what a list asks for with its names and texts as they are compared."""
    contains = fold_part(wanted.contains) if wanted.contains else None
    key = fold_part(wanted.search) if wanted.search else None
    search = askable(wanted.search) if wanted.search else None
    name_key = None if wanted.name_key is None else fold(wanted.name_key)
    return replace(wanted, contains=contains, name_key=name_key, search=search, search_key=key)


def require_version(what: str, record: Connection | Datastore | User, version: int | None) -> None:
    """Raise VersionChanged unless a record is still at the version that was read; None asks for none."""
    if version is not None and version != record.version:
        raise VersionChanged(
            f"{what} {record.name!r} was changed since it was read",
            f"qualytics {what}s get --id {record.id} shows it as it is now",
        )


def check_text(loc: str, value: str, problems: Problems, *, max_length: int, any_character: bool = False) -> str:
    """Return a text that is within its length and, unless any character may stand in it, has no controls."""
    if len(value) > max_length:
        problems.add(loc, f"has {len(value):,} characters", f"{max_length:,} is the most")
    elif not value.isascii() and re.search(_SURROGATE, value):
        problems.add(loc, "is not valid UTF-8", _UTF8_HINT)
    elif "\0" in value:
        problems.add(loc, "holds a NUL character", "no server takes one")
    elif not any_character:
        _check_seen(loc, value, problems)
    return value


def _check_seen(loc: str, value: str, problems: Problems) -> None:
    found = next(filter(text.is_unseen, value), "") if text.has_unseen(value) else ""
    if found and (ord(found) < 0x20 or 0x7F <= ord(found) < 0xA0):
        problems.add(loc, "holds a control character", "a line end at its end is often pasted along")
    elif fault := text.unseen_fault(value):
        problems.add(loc, *fault)


def check_parameters(connector: Connector, parameters: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """Return the parameters by their canonical names; a null stays, it removes the key on update."""
    try:
        strict_json.check_depth(parameters)
    except ValueError as exc:
        problems.add("parameters", f"are {exc}")
        return {}
    clean: dict[str, Any] = {}
    params = {param.name: param for param in connector.params}
    for key, value in parameters.items():
        name = folded_key(str(key))
        param = params.get(name)
        if param is None:
            _unknown_parameter(connector, str(key), name, problems)
        elif name in clean:
            problems.add("parameters", f"hold {name} twice", "drop one of the two; upper and lower case are alike")
        else:
            clean[name] = None if value is None else _check_parameter(connector, param, value, problems)
            check_grammar(connector, name, clean[name], problems, f"parameters.{name}")
    return clean


def _unknown_parameter(connector: Connector, key: str, name: str, problems: Problems) -> None:
    known = tuple(param.name for param in connector.params)
    guess = text.nearest(name, known)
    if name in BY_NAME:
        hint = f"give it with {BY_NAME[name].option}"
    else:
        hint = f"did you mean {guess}?" if guess else f"{connector.type} takes {', '.join(known) or 'none'}"
    problems.add("parameters", f"of {connector.type} have no {text.shown(key)!r}", hint, "unknown-parameter")


def _check(connector: Connector, field: Field, value: Any, problems: Problems) -> Any:  # noqa: PLR0911 - one line a field
    if field.name == "tags":
        return check_tags(field.name, value, problems) or None
    if not _has_type(value, field.type):
        hint = f"qualytics connections types {connector.type} shows the fields"
        problems.add(field.name, f"must be {TYPE_NAMES[field.type]}", hint)
        return None
    if field.name in {"name", "owner"}:
        return check_name(field.name, value, problems)
    if field.name == "host":
        host, fault = hosts.clean(value)
        if fault is not None:
            problems.add("host", *fault)
        return host
    if field.name == "uri":
        return _check_uri(connector, value, problems)
    if field.name == "parameters":
        return check_parameters(connector, value, problems)
    if field.type is int:
        return _check_range(field.name, value, field.minimum, field.maximum, problems, field.hint)
    if not value and field.name != "password":
        problems.add(field.name, "is empty", "leave it out instead")
        return None
    return check_text(field.name, value, problems, max_length=field.max_length, any_character=field.is_secret)


def _has_type(value: object, wanted: type) -> bool:
    return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))


def _check_range(
    loc: str, value: int, low: int | None, high: int | None, problems: Problems, hint: str | None = None
) -> int:
    if (low is not None and value < low) or (high is not None and value > high):
        problems.add(loc, f"must be {low} to {high:,}", hint or "leave it out for the default")
    return value


def _check_uri(connector: Connector, value: str, problems: Problems) -> str:
    before = len(problems.found)
    check_text("uri", value, problems, max_length=BY_NAME["uri"].max_length)
    if not value:
        problems.add("uri", "is empty", "leave it out instead")
    elif connector.clean_uri is not None and len(problems.found) == before:
        try:
            return connector.clean_uri(value)
        except ValueError as exc:
            hint = f"qualytics connections types {connector.type} shows an example"
            problems.add("uri", str(exc), hint)
    return value


def _check_parameter(connector: Connector, param: Param, value: Any, problems: Problems) -> Any:
    loc = f"parameters.{param.name}"
    if not _has_type(value, param.type):
        hint = f"qualytics connections types {connector.type} shows the parameters"
        problems.add(loc, f"must be {TYPE_NAMES[param.type]}", hint)
    elif param.choices and value not in param.choices:
        guess = text.nearest(value, param.choices)
        hint = f"did you mean {guess}?" if guess else "leave it out for the default"
        problems.add(loc, f"must be one of {', '.join(param.choices)}", hint)
    elif param.type is int:
        _check_range(loc, value, param.minimum, param.maximum, problems)
    elif param.type is str:
        if not value:
            problems.add(loc, "is empty", "leave it out, or give null to remove it")
        check_text(loc, value, problems, max_length=param.max_length, any_character=param.is_pem)
        if param.is_path:
            return os.path.abspath(value)
        if param.is_pem and len(value) <= param.max_length:
            return _check_pem(param, value, problems)
    return value


def _check_pem(param: Param, value: str, problems: Problems) -> str:
    from qualytics.connectors.shared import pem

    try:
        return pem.certificates(value)
    except ValueError as exc:
        hint = f"give the text itself, or a file with {param.name}_file"
        problems.add(f"parameters.{param.name}", str(exc), hint)
        return value
