"""A connection in the words of Airflow, dbt, libpq or SQLAlchemy; secrets as placeholders, never as values."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from qualytics import connectors
from qualytics.errors import UsageError
from qualytics.exchange import layout
from qualytics.fields import SCOPES, SECRETS
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from qualytics.connectors.foreign import Form

_NOT_CARRIED = ("type", "name", "parameters", "tags", "owner", "jdbc_fetch_size", "max_parallelization")
_URL_PARTS = ("username", "password", "host", "port", "database")
_AIRFLOW_PARTS = ("host", "port", "login", "password", "schema")


class Written(Struct):
    """A connection as another tool has it; `left` are the fields that it has no word for, `variables` its secrets'."""

    text: str
    left: tuple[str, ...]
    variables: tuple[str, ...]


def tools_of(connector_type: str) -> list[str]:
    """Return the tools that connections of a type can be written for."""
    foreign = connectors.get(connector_type).foreign
    return sorted(foreign.forms) if foreign is not None else []


def write(
    document: Mapping[str, Any],
    names: Iterable[str],
    tool: str,
    scope: Mapping[str, str],
    dump: Callable[[Any], str],
) -> Written:
    """Return the document of a connection in a tool's words.

    `names` are those of all connections, so that placeholders are those of `config export`; `scope` is the database and
    schema that a datastore would have; `dump` writes YAML.

    Raises:
        UsageError: the tool knows no connection of this type, needs more than there is, or cannot hold a value.

    """
    tools = tools_of(document["type"])
    if tool not in tools:
        known = f"it can be written for {', '.join(tools)}" if tools else "no tool is known that takes this type"
        raise UsageError(f"a {document['type']} connection cannot be written for {tool}", known)
    form = connectors.get(document["type"]).foreign.forms[tool]  # type: ignore[union-attr]  # tools_of has seen it
    missing = [name for name in form.needs if name not in scope]
    if missing:
        raise UsageError(
            f"{tool} needs a {' and a '.join(missing)}", f"add {' and '.join(f'--{name}' for name in missing)}"
        )
    slug = layout.slugs([*names])[document["name"]]
    values, left = _translated(document, form, scope)
    secrets = {name: layout.placeholder(slug, name)[2:-1] for name in SECRETS if name in values}
    text = _WRITERS[tool](form, slug, values, secrets, dump)
    return Written(text, tuple(left), tuple(secrets.values()))


def _translated(document: Mapping[str, Any], form: Form, scope: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return what the form has a key for, by our names, and the names of what it has none for."""
    connector = connectors.get(document["type"])
    fields = {name: document.get(name) for name in connector.fields if name not in _NOT_CARRIED}
    parameters = document.get("parameters") or {}
    left = [f"parameters.{name}" for name in parameters if name not in form.keys]
    left += [name for name, value in fields.items() if value is not None and name not in form.keys]
    left += [name for name in SCOPES if name in scope and name not in form.keys]
    every = {**fields, **parameters, **scope}
    kept = {name: value for name, value in every.items() if value is not None and name in form.keys}
    words = form.words
    return {name: words[name].get(value, value) if name in words else value for name, value in kept.items()}, left


def _airflow(
    form: Form, slug: str, values: Mapping[str, Any], secrets: Mapping[str, str], _dump: Callable[[Any], str]
) -> str:
    """Write the file that `airflow connections import` takes."""
    named = {form.keys[name]: value for name, value in _with_references(values, secrets).items()}
    top = {name: named[name] for name in _AIRFLOW_PARTS if name in named}
    extra = {name: value for name, value in named.items() if name not in top}
    entry = {"conn_type": form.word, **top} | ({"extra": extra} if extra else {})
    return json.dumps({slug: entry}, indent=2) + "\n"


def _dbt(
    form: Form, slug: str, values: Mapping[str, Any], secrets: Mapping[str, str], dump: Callable[[Any], str]
) -> str:
    """Write a profiles.yml, whose secrets dbt itself takes from the environment."""
    for name, value in values.items():
        if isinstance(value, str) and re.search(r"\{[{%#]", value):
            raise UsageError(f"{name} holds what dbt would read as a template", "write the profile by hand")
    target: dict[str, Any] = {"type": form.word}
    for name, key in form.keys.items():
        if name in secrets:
            target[key] = f"{{{{ env_var('{secrets[name]}') }}}}"
        elif name in values:
            target[key] = values[name]
    return dump({slug: {"target": "default", "outputs": {"default": target}}})


def _libpq(
    form: Form, slug: str, values: Mapping[str, Any], secrets: Mapping[str, str], _dump: Callable[[Any], str]
) -> str:
    """Write a section of pg_service.conf, where a value is the rest of its line."""
    lines = [f"[{slug}]"]
    for name, value in _with_references(values, secrets).items():
        text = str(value)
        if not text.isprintable() or text != text.strip():
            raise UsageError(f"{name} cannot stand in pg_service.conf", "take out line ends and spaces at its ends")
        lines.append(f"{form.keys[name]}={text}")
    return "\n".join(lines) + "\n"


def _sqlalchemy(
    form: Form, _slug: str, values: Mapping[str, Any], secrets: Mapping[str, str], _dump: Callable[[Any], str]
) -> str:
    """Write a URL; only what stands for a secret is not percent-encoded."""
    parts = {name: quote(str(values[name]), safe="") for name in _URL_PARTS if name in values}
    parts |= {name: f"${{{variable}}}" for name, variable in secrets.items()}
    host = parts.get("host", "")
    if ":" in str(values.get("host", "")):
        host = f"[{values['host']}]"
    login = parts.get("username", "") + (f":{parts['password']}" if "password" in parts else "")
    port = f":{parts['port']}" if "port" in parts else ""
    query = urlencode({form.keys[name]: value for name, value in values.items() if name not in _URL_PARTS})
    at = "@" if login else ""
    return f"{form.word}://{login}{at}{host}{port}/{parts.get('database', '')}" + (f"?{query}" if query else "") + "\n"


def _with_references(values: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    return {**values, **{name: f"${{{variable}}}" for name, variable in secrets.items()}}


_WRITERS = {"airflow": _airflow, "dbt": _dbt, "libpq": _libpq, "sqlalchemy": _sqlalchemy}
TOOLS = tuple(_WRITERS)
