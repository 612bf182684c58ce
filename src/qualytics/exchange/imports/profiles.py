"""Files of YAML and TOML: dbt's profiles, Sling's environment, Airflow's export, Snowflake's and ADBC's connections."""

from __future__ import annotations

import functools
import os
import re
import tomllib
from typing import TYPE_CHECKING, Any

from qualytics.exchange.imports import airflow, yaml_lines
from qualytics.service.foreign import urls
from qualytics.service.foreign.entries import Entry, Unreadable, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.exchange.imports.files import File

DBT, SLING, SNOWFLAKE, ADBC = "dbt", "sling", "snowflake-connections", "adbc"
_FILTERS = r"(?:\s*\|\s*(?:as_number|as_bool|as_native|as_text|int|string))*"
_QUOTED = r"""(?:'([^']*)'|"([^"]*)")"""
# dbt's documentation, "env_var"; ADBC's has the name without quotes.
_ENV_VAR = re.compile(rf"\{{\{{\s*env_var\(\s*(?:{_QUOTED}|(\w+))\s*(?:,\s*{_QUOTED}\s*)?\){_FILTERS}\s*\}}\}}")


def dbt(file: File) -> Iterator[Entry | tuple[str, str]]:
    """Read profiles.yml: each target of each profile; `env_var()` is resolved from this process alone."""
    for profile, body in _mapping(yaml_lines.load(file.text)).items():
        outputs = body.get("outputs") if isinstance(body, yaml_lines.Mapping) else None
        if not isinstance(outputs, yaml_lines.Mapping):
            continue  # `config`, or a profile without any
        for target, given in outputs.items():
            place = file.place(outputs.lines.get(target, 0))
            if not isinstance(given, yaml_lines.Mapping):
                yield place, "is not a target of dbt, a mapping"
                continue
            values, notes = resolved(texts(given), file.variables)
            notes += [f"{key}: stands twice, the last one counts" for key in given.doubled]
            values.pop("threads", None)
            word = values.pop("type", "")
            yield Entry(f"{profile}-{target}", DBT, word, place, values, notes=tuple(notes))


def resolved(values: Mapping[str, str], variables: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return values with every `env_var()` resolved, and notes on those left out for what is missing."""
    found, notes = {}, []
    for key, value in values.items():
        missing: list[str] = []
        text = _ENV_VAR.sub(functools.partial(_variable, variables, missing), value)
        if missing:
            notes.append(f"{key}: {' and '.join(missing)} is not set")
        elif "{{" in _ENV_VAR.sub("", value) or "{%" in value:
            notes.append(f"{key}: holds an expression that is no env_var()")
        elif text:
            found[key] = text
    return found, notes


def _variable(variables: Mapping[str, str], missing: list[str], match: re.Match[str]) -> str:
    name = next(part for part in match.groups()[:3] if part is not None)
    default = next((part for part in match.groups()[3:] if part is not None), None)
    value = variables.get(name, default)
    if value is None:
        missing.append(f"${name}" if re.fullmatch(r"\w{1,64}", name) else "a variable")
    return value or ""


def sling(file: File) -> Iterator[Entry | tuple[str, str]]:
    """Read env.yaml: each of `connections`, an object or a URL."""
    connections = _mapping(_mapping(yaml_lines.load(file.text)).get("connections"))
    for name, given in connections.items():
        place = file.place(connections.lines.get(name, 0))
        try:
            yield _sling(name, given, place)
        except Unreadable as exc:
            yield place, exc.problem


def _sling(name: str, given: Any, place: str) -> Entry:
    if isinstance(given, str):
        return urls.parse(given, SLING, place, name)
    values = texts(_mapping(given))
    notes = tuple(f"{key}: stands twice, the last one counts" for key in given.doubled)
    word = values.pop("type", "")
    url = values.pop("url", "")
    if not urls.is_url(url):
        return Entry(name, SLING, word, place, values | ({"url": url} if url else {}), notes=notes)
    inner = urls.parse(url, SLING, place, name)
    return Entry(name, SLING, word or inner.word, place, inner.values | values, inner.path, notes)


def airflow_yaml(file: File) -> Iterator[Entry | tuple[str, str]]:
    """Read what `airflow connections export --format yaml` writes."""
    whole = _mapping(yaml_lines.load(file.text))
    for name, given in whole.items():
        place = file.place(whole.lines.get(name, 0))
        try:
            yield airflow.of_object(name, given, place)
        except Unreadable as exc:
            yield place, exc.problem


def _mapping(value: Any) -> yaml_lines.Mapping:
    if not isinstance(value, yaml_lines.Mapping):
        raise Unreadable("holds no mapping where one is expected")
    return value


def snowflake(file: File) -> Iterator[Entry | tuple[str, str]]:
    """Read connections.toml, or the connections in config.toml."""
    whole = _toml(file.text)
    tables = whole.get("connections", whole) if isinstance(whole.get("connections", whole), dict) else {}
    for name, given in tables.items():
        line = _line(file.text, rf"""\[\s*(?:connections\s*\.\s*)?["']?{re.escape(name)}["']?\s*\]""")
        if isinstance(given, dict):
            yield Entry(name, SNOWFLAKE, SNOWFLAKE, file.place(line), texts(given))


def adbc(file: File) -> Iterator[Entry | tuple[str, str]]:
    """Read a connection profile of ADBC's driver manager, whose name is that of its file."""
    whole = _toml(file.text)
    options = whole.get("Options", whole.get("options", {}))
    given = texts(options) if isinstance(options, dict) else {}
    # An option's own name is the last part, as in adbc.snowflake.sql.account.
    values, notes = resolved({key.rpartition(".")[2]: value for key, value in given.items()}, file.variables)
    name, place = os.path.basename(file.path).removesuffix(".toml"), file.place(1)
    word = os.path.basename(str(whole.get("driver", ""))).removeprefix("libadbc_driver_").partition(".")[0]
    uri = values.get("uri", "")
    if urls.is_url(uri):
        try:
            inner = urls.parse(values.pop("uri"), ADBC, place, name)
        except Unreadable as exc:
            yield place, exc.problem
            return
        yield Entry(name, ADBC, word or inner.word, place, inner.values | values, inner.path, tuple(notes))
    else:
        yield Entry(name, ADBC, word, place, values, notes=tuple(notes))


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        place = re.search(r"at line (\d+), column (\d+)", exc.args[0])  # all else may repeat the text
        raise Unreadable(f"not TOML at line {place[1]} column {place[2]}" if place else "not TOML") from None
    except RecursionError:
        raise Unreadable("nested too deep") from None


def _line(text: str, pattern: str) -> int:
    match = re.search(rf"^[ \t]*{pattern}", text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else 1
