"""A connection in the words of another tool; secrets as placeholders, or, where they are given, as they are."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from qualytics import connectors, urls
from qualytics.errors import UsageError
from qualytics.exchange import layout
from qualytics.fields import SCOPES, SECRETS
from qualytics.structs import Struct, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from qualytics.connectors.foreign import Form, Properties
    from qualytics.secret import Secret

_NOT_CARRIED = ("type", "name", "parameters", "tags", "owner", "jdbc_fetch_size", "max_parallelization")
_URL_PARTS = ("username", "password", "host", "port")
_AIRFLOW_PARTS = ("host", "port", "login", "password", "schema")
# What stands beside the URL in the options of Spark.
_SPARK_OPTIONS = {"driver_class": "driver", "username": "user", "password": "password", "jdbc_fetch_size": "fetchsize"}


class Written(Struct):
    """A connection as another tool has it.

    `left` are the fields that it has no word for, `variables` those that stand in place of secrets; `rules` say what
    must be done to the values that are put in for them.
    """

    text: str
    left: tuple[str, ...]
    variables: tuple[str, ...]
    rules: tuple[str, ...] = ()


def tools_of(connector_type: str) -> list[str]:
    """Return the tools that connections of a type can be written for."""
    return sorted(_forms(connector_type))


def _forms(connector_type: str) -> dict[str, Form]:
    """Return the forms of a type, by tool; Spark takes what the driver for Java takes."""
    foreign = connectors.get(connector_type).foreign
    forms = dict(foreign.forms) if foreign is not None else {}
    if "jdbc" in forms and forms["jdbc"].driver:
        jdbc = forms["jdbc"]
        forms.setdefault("spark", replace(jdbc, keys={**jdbc.keys, "jdbc_fetch_size": "fetchsize"}))
    return forms


def write(
    document: Mapping[str, Any],
    names: Iterable[str],
    tool: str,
    scope: Mapping[str, str],
    dump: Callable[[Any], str],
    secrets: Mapping[str, Secret] | None = None,
) -> Written:
    """Return the document of a connection in a tool's words.

    `names` are those of all connections, so that placeholders are those of `config export`; `scope` is the database and
    schema that a datastore would have; `dump` writes YAML; `secrets`, by field, are written in place of placeholders.

    Raises:
        UsageError: the tool knows no connection of this type, needs more than there is, or cannot hold a value.

    """
    tools = tools_of(document["type"])
    if tool not in tools:
        known = f"it can be written for {', '.join(tools)}" if tools else "no tool is known that takes this type"
        raise UsageError(f"a {document['type']} connection cannot be written for {tool}", known)
    form = _forms(document["type"])[tool]
    missing = [name for name in form.needs if name not in scope]
    if missing:
        raise UsageError(
            f"{tool} needs a {' and a '.join(missing)}", f"add {' and '.join(f'--{name}' for name in missing)}"
        )
    slug = layout.slugs([*names])[document["name"]]
    references = {name: layout.placeholder(slug, name) for name in SECRETS if document.get(name) is not None}
    in_place: dict[str, str] = {name: urls.Reference(text) for name, text in references.items()}
    if secrets is not None:
        in_place = {name: secret.reveal() for name, secret in secrets.items()}
    values, left = _translated({**document, **in_place}, form, scope)
    text = _WRITERS[tool](form, slug, values, dump)
    written = {name: value[2:-1] for name, value in values.items() if isinstance(value, urls.Reference)}
    rules = (rule for name, variable in written.items() for rule in _rules(tool, form, name, f"${{{variable}}}"))
    return Written(text, tuple(left), tuple(written.values()), tuple(rules))


def _rules(tool: str, form: Form, name: str, variable: str) -> Iterator[str]:
    """Yield what must be done to the value that is put in for a variable; of Spark a URL stands in JSON, too."""
    signs, first, last = form.properties, form.properties.quotes[:1], form.properties.quotes[1:]
    is_in_jdbc = tool == "jdbc" or (tool == "spark" and form.driver is not None and name not in _SPARK_OPTIONS)
    if tool == "sqlalchemy" or (is_in_jdbc and signs.is_encoded):
        yield f"percent-encode the value that is put in for {variable}"
    if is_in_jdbc and signs.quotes:
        yield f"put the value for {variable} between {first} and {last}, and write each {last} in it twice"
    if is_in_jdbc and signs.refused:
        yield f"no value with any of {' '.join(signs.refused)} can be put in for {variable}: give it to the driver"
    if tool in {"airflow", "spark"} and not (is_in_jdbc and signs.is_encoded):
        yield f'escape the value that is put in for {variable} as JSON has it: \\" for " and \\\\ for \\'


def _translated(document: Mapping[str, Any], form: Form, scope: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return what the form has a key for, by our names, and the names of what it has none for."""
    connector = connectors.get(document["type"])
    defaults = {param.name: param.default for param in connector.params}
    parameters = {
        name: value
        for name, value in (document.get("parameters") or {}).items()
        if name in form.keys or value != defaults.get(name)
    }
    names = [name for name in connector.fields if name not in _NOT_CARRIED]
    names += [name for name in _NOT_CARRIED if name in form.keys]
    fields = {name: document.get(name) for name in names}
    every = {**fields, **parameters, **{name: scope[name] for name in SCOPES if name in scope}}
    values = {name: value for name, value in every.items() if value is not None}
    if form.complete is not None:
        form.complete(values)
    kept = {name: _worded(form, name, value) for name, value in values.items() if name in form.keys}
    left = [name for name in values if kept.get(name) is None]
    return (
        {name: value for name, value in kept.items() if value is not None},
        [f"parameters.{name}" if name in parameters else name for name in left],
    )


def _worded(form: Form, name: str, value: Any) -> Any:
    """Return a value in the tool's word, None where it has none."""
    return form.words[name].get(value) if name in form.words else value


def _by_key(form: Form, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values by the tool's keys, behind those that never change, in the order of its form."""
    return dict(form.fixed) | {key: values[name] for name, key in form.keys.items() if name in values}


def _airflow(form: Form, slug: str, values: Mapping[str, Any], _dump: Callable[[Any], str]) -> str:
    """Write the file that `airflow connections import` takes."""
    named = _by_key(form, values)
    top = {name: named[name] for name in _AIRFLOW_PARTS if name in named}
    extra = {name: value for name, value in named.items() if name not in top}
    entry = {"conn_type": form.word, **top} | ({"extra": extra} if extra else {})
    return json.dumps({slug: entry}, indent=2) + "\n"


def _dbt(form: Form, slug: str, values: Mapping[str, Any], dump: Callable[[Any], str]) -> str:
    """Write a profiles.yml, whose secrets dbt itself takes from the environment."""
    target: dict[str, Any] = {"type": form.word}
    for name, value in values.items():
        if isinstance(value, str) and re.search(r"\{[{%#]", value):
            raise UsageError(f"{name} holds what dbt would read as a template", "write the profile by hand")
    objects = {form.keys[name] for name in form.json}
    for key, value in _by_key(form, values).items():
        if isinstance(value, urls.Reference):
            target[key] = f"{{{{ env_var('{value[2:-1]}'){' | as_native' if key in objects else ''} }}}}"
        else:
            target[key] = json.loads(value) if key in objects else value
    return dump({slug: {"target": "default", "outputs": {"default": target}}})


def _adbc(form: Form, _slug: str, values: Mapping[str, Any], _dump: Callable[[Any], str]) -> str:
    """Write a connection profile of the driver manager, which itself takes secrets from the environment."""
    texts = {name: _plain(value) for name, value in values.items()}
    options = {"uri": form.place(texts)} if form.place is not None else {}
    options |= _by_key(form, texts)
    lines = [f"# {form.comment}"] if form.comment else []
    lines += ["profile_version = 1", f"driver = {_toml(form.word)}", "", "[Options]"]
    for key, value in options.items():
        if not isinstance(value, urls.Reference) and "{{" in value:
            raise UsageError(f"{key} holds what the driver manager would read as a variable", "write it by hand")
        text = f"{{{{ env_var({value[2:-1]}) }}}}" if isinstance(value, urls.Reference) else value
        lines.append(f"{key if key.isidentifier() else _toml(key)} = {_toml(text)}")
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    """Return a text as a basic string of TOML (toml.io, "String")."""
    escaped = "".join(f"\\U{ord(sign):08X}" if sign in '"\\' or not sign.isprintable() else sign for sign in text)
    return f'"{escaped}"'


def _ini(form: Form, slug: str, values: Mapping[str, Any], _dump: Callable[[Any], str]) -> str:
    """Write a section of pg_service.conf or odbc.ini, where a value is the rest of its line."""
    for name, value in values.items():
        text = str(value)
        if not text.isprintable() or text != text.strip():
            raise UsageError(f"{name} cannot stand in such a file", "take out line ends and spaces at its ends")
    return "\n".join((f"[{slug}]", *(f"{key}={_plain(value)}" for key, value in _by_key(form, values).items()))) + "\n"


def _sqlalchemy(form: Form, _slug: str, values: Mapping[str, Any], _dump: Callable[[Any], str]) -> str:
    """Write a URL; only what stands for a secret is not percent-encoded."""
    texts = {name: _plain(value) for name, value in values.items()}
    path = [texts.pop(name, "") for name in form.path]
    parts = {name: texts.pop(name) for name in _URL_PARTS if name in texts and form.keys[name] == name}
    return urls.build(form.word, parts, path, _by_key(form, texts)) + "\n"


def _jdbc(form: Form, _slug: str, values: Mapping[str, Any], _dump: Callable[[Any], str]) -> str:
    return _jdbc_url(form, {name: _plain(value) for name, value in values.items()}) + "\n"


def _jdbc_url(form: Form, texts: dict[str, str]) -> str:
    if form.place is not None:
        place = form.place(texts)
    else:
        parts = {str(name): texts.pop(name) for name in ("host", "port") if name in texts}
        place = urls.build("", parts, [texts.pop(name, "") for name in form.path], {})
    properties = [f"{key}={_property(key, value, form.properties)}" for key, value in _by_key(form, texts).items()]
    signs = form.properties
    return form.word + place + (signs.opening + signs.between.join(properties) + signs.closing if properties else "")


def _property(key: str, value: str, signs: Properties) -> str:
    if isinstance(value, urls.Reference):
        return value
    is_plain = not (signs.is_encoded or signs.quotes)
    if {*value} & {*signs.refused} or (is_plain and re.search(r"\A\s|\s\Z|[^ -~\xa1-\uffff]", value)):
        raise UsageError(f"{key} holds what such a URL cannot", "give it to the driver as a property")
    if signs.is_encoded:
        return urls.quoted(value)
    if is_plain or re.fullmatch(r"[\w./:@+-]*", value):
        return value
    first, last = signs.quotes[0], signs.quotes[1]
    return first + value.replace(last, last * 2) + last


def _spark(form: Form, _slug: str, values: Mapping[str, Any], _dump: Callable[[Any], str]) -> str:
    """Write what `spark.read.format(format).options(**options)` takes, or the configuration and path of files."""
    texts = {name: _plain(value) for name, value in values.items()}
    if form.driver is None:
        path = form.place(texts) if form.place is not None else ""
        return json.dumps({"conf": _by_key(form, texts), "path": path}, indent=2) + "\n"
    given = {"driver_class": form.driver, **{name: texts.pop(name) for name in _SPARK_OPTIONS if name in texts}}
    options = {key: given[name] for name, key in _SPARK_OPTIONS.items() if given.get(name)}
    return json.dumps({"format": "jdbc", "options": {"url": _jdbc_url(form, texts), **options}}, indent=2) + "\n"


def _plain(value: Any) -> str:
    """Return a value as a text; what stands for a secret stays what it is."""
    return value if isinstance(value, str) else json.dumps(value)


_WRITERS = {
    "adbc": _adbc,
    "airflow": _airflow,
    "dbt": _dbt,
    "jdbc": _jdbc,
    "libpq": _ini,
    "odbc": _ini,
    "spark": _spark,
    "sqlalchemy": _sqlalchemy,
}
TOOLS = tuple(_WRITERS)
