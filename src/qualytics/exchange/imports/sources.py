"""Where connections of other tools are: one file or URL, or all that the tools of this machine keep."""

from __future__ import annotations

import glob
import os
import re
from itertools import islice
from typing import TYPE_CHECKING

from qualytics.exchange.imports import airflow, clients, dbeaver, duckdb_secrets, json_lines, profiles
from qualytics.exchange.imports.files import File, read_file
from qualytics.service.foreign import strings, urls
from qualytics.service.foreign.entries import Entry, Source, Unreadable
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Found = Iterator[Entry | tuple[str, str]]

MAX_ENTRIES = 20_000
_ENV_LINE = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*(.*?)[ \t]*\Z", re.DOTALL)


_AIRFLOW_JSON = re.compile(r"\{.*\"conn_type\"", re.DOTALL)


class Reader(Struct):
    """A kind of file: which tool has it, how it is known by its name or by its text, where it is, and how it is read.

    `usual` are patterns of paths, in which a variable that is not set makes none. What is read are entries, and
    (place, problem) for parts that cannot be.
    """

    tool: str
    names: str  # a regular expression of whole names of files
    read: Callable[[File], Found]
    knows: str | None = None  # a regular expression
    usual: tuple[str, ...] = ()


def of_file(path: str, variables: Mapping[str, str]) -> Source:
    """Read a file, whose kind is told by its name, else by what it holds."""
    for sealed in SEALED:
        if re.fullmatch(sealed.names, os.path.basename(path).lower()):
            return Source(sealed.tool, path, [], sealed.why)
    try:
        file = read_file(path, variables)
        return _read(_reader_of(file), file)
    except Unreadable as exc:
        return Source("", path, [], exc.problem)


def of_text(text: str, name: str | None = None) -> Source | None:
    """Read a connection URL or string, under a name if one is given; return None for a file and other texts."""
    if os.path.exists(text):
        return None
    is_url = urls.is_url(text)
    tool = "url" if is_url else "string"
    try:
        entry = strings.parse(text, tool, "--from", name)
        if entry is None and is_url:
            entry = urls.parse(text, tool, "--from", name)
    except Unreadable as exc:
        return Source(tool, "--from", [], exc.problem)
    return None if entry is None else Source(tool, "--from", [entry])


def of_machine(variables: Mapping[str, str]) -> list[Source]:
    """Read what tools keep in their usual places and in the variables of this process; say where nothing was."""
    entries = [_listed(airflow.TOOL, one) for one in airflow.of_variables(variables)]
    sources = [Source(airflow.TOOL, f"${airflow.PREFIX}…", entries, None if entries else "no such variable")]
    kinds: tuple[Reader | Sealed, ...] = (*READERS, *SEALED)
    for kind in kinds:
        for path in filter(None, (_expanded(pattern, variables) for pattern in kind.usual)):
            there = sorted(one for one in glob.glob(path) if os.path.isfile(one))
            sources += [_of_usual(kind, one, variables) for one in there]
            if not there:
                sources.append(Source(kind.tool, path, [], "no such file"))
    return sources


def _of_usual(kind: Reader | Sealed, path: str, variables: Mapping[str, str]) -> Source:
    if isinstance(kind, Sealed):
        return Source(kind.tool, path, [], kind.why)
    try:
        return _read(kind, read_file(path, variables))
    except Unreadable as exc:
        return Source(kind.tool, path, [], exc.problem)


def _expanded(pattern: str, variables: Mapping[str, str]) -> str | None:
    home = variables.get("HOME") or os.path.expanduser("~")
    known = {"XDG_CONFIG_HOME": f"{home}/.config", "XDG_DATA_HOME": f"{home}/.local/share", "HOME": home}
    known = known | {name: value for name, value in variables.items() if value}
    match = re.match(r"\$(\w+)", pattern)
    if match is None:
        return pattern
    value = known.get(match[1])
    return None if value is None else os.path.expanduser(value) + pattern[match.end() :]


def _read(reader: Reader, file: File) -> Source:
    try:
        found = list(islice(reader.read(file), MAX_ENTRIES + 1))
    except Unreadable as exc:
        return Source(reader.tool, file.path, [], exc.problem)
    if len(found) > MAX_ENTRIES:
        return Source(reader.tool, file.path, [], f"more than {MAX_ENTRIES:,} connections")
    return Source(reader.tool, file.path, [_listed(reader.tool, one) for one in found])


def _listed(tool: str, one: Entry | tuple[str, str]) -> Entry:
    # A part that could not be read stands in the plan, too.
    return one if isinstance(one, Entry) else Entry(None, tool, "", one[0], {}, problem=one[1])


def _reader_of(file: File) -> Reader:
    name = os.path.basename(file.path).lower()
    for reader in READERS:
        if re.fullmatch(reader.names, name) and (reader.knows is None or re.search(reader.knows, file.text)):
            return reader
    for reader in READERS:
        if reader.knows is not None and re.search(reader.knows, file.text):
            return reader
    known = ", ".join(sorted({reader.tool for reader in READERS}))
    raise Unreadable(f"not a file of a tool that is known here: {known}")


def _airflow_json(file: File) -> Found:
    for name, value, line in json_lines.members(file.text):
        try:
            yield airflow.of_object(name, value, file.place(line))
        except Unreadable as exc:
            yield file.place(line), exc.problem


def _env(file: File) -> Found:
    """Read lines NAME=VALUE: Airflow's connections, and every other variable whose value is a connection URL.

    An export of Airflow has the names of its connections, which are no names of variables, in capitals.
    """
    for number, line in enumerate(file.text.split("\n"), start=1):
        match = _ENV_LINE.match(line)
        if match is None or line.lstrip().startswith("#"):
            continue
        name, value = match[1], match[2]
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        place = file.place(number)
        try:
            if name.startswith(airflow.PREFIX):
                yield from airflow.of_variables({name: value}, {name: place})
            elif _AIRFLOW_JSON.match(value) or (urls.is_url(value) and not name.isupper()):
                yield airflow.of_text(name, value, place)
            elif urls.is_url(value) and not value.startswith(("http://", "https://")):
                yield urls.parse(value, "url", place, name.lower())
        except Unreadable as exc:
            yield place, exc.problem


class Sealed(Struct):
    """A kind of file that only its own tool can read."""

    tool: str
    names: str
    why: str
    usual: tuple[str, ...]


SEALED = (
    Sealed(
        duckdb_secrets.SECRETS,
        r".*\.duckdb_secret",
        "in DuckDB's own binary form; CREATE SECRET in a file of SQL is read",
        ("$HOME/.duckdb/stored_secrets/*.duckdb_secret",),
    ),
    Sealed(
        clients.MYSQL,
        r"\.mylogin\.cnf",
        "scrambled by mysql_config_editor; an option file is read",
        ("$HOME/.mylogin.cnf",),
    ),
    Sealed(dbeaver.DBEAVER, r"credentials-config\.json", "encrypted by DBeaver", ()),
)
_DBEAVER = "DBeaverData/workspace6/*/.dbeaver/data-sources*.json"
READERS: tuple[Reader, ...] = (
    Reader(
        dbeaver.DBEAVER,
        r"data-sources.*\.json",
        dbeaver.data_sources,
        r'"configuration"\s*:',
        (f"$XDG_DATA_HOME/{_DBEAVER}",),
    ),
    Reader(
        airflow.TOOL,
        r".*\.json",
        _airflow_json,
        r'"conn_type"\s*:|\A\s*\{\s*"[^"\n]*"\s*:\s*"[\w+.-]+://',
        ("$AIRFLOW_HOME/connections.json",),
    ),
    Reader(
        profiles.DBT,
        r"profiles\.ya?ml",
        profiles.dbt,
        r"(?m)^[ \t]+outputs:",
        ("$DBT_PROFILES_DIR/profiles.yml", "$HOME/.dbt/profiles.yml", "profiles.yml"),
    ),
    Reader(
        profiles.SLING,
        r"env\.ya?ml",
        profiles.sling,
        r"(?m)^connections:",
        ("$SLING_HOME_DIR/env.yaml", "$HOME/.sling/env.yaml"),
    ),
    Reader(
        airflow.TOOL, r".*\.ya?ml", profiles.airflow_yaml, r"(?m)^[ \t]+conn_type:", ("$AIRFLOW_HOME/connections.yaml",)
    ),
    Reader(
        clients.LIBPQ,
        r"\.?pg_service\.conf",
        clients.services,
        None,
        ("$PGSERVICEFILE", "$HOME/.pg_service.conf", "$PGSYSCONFDIR/pg_service.conf"),
    ),
    Reader(clients.LIBPQ, r"\.?pgpass(\.conf)?", clients.passwords, None, ("$PGPASSFILE", "$HOME/.pgpass")),
    Reader(clients.MYSQL, r"\.?my\.cnf|.*\.cnf|my\.ini", clients.options, r"(?m)^\[(client|mysql)", ("$HOME/.my.cnf",)),
    Reader(
        profiles.ADBC,
        r".*\.toml",
        profiles.adbc,
        r"(?m)^profile_version\s*=",
        ("$XDG_CONFIG_HOME/adbc/profiles/*.toml",),
    ),
    Reader(
        profiles.SNOWFLAKE,
        r"(connections|config)\.toml",
        profiles.snowflake,
        r"(?m)^\s*account\s*=",
        (
            "$SNOWFLAKE_HOME/connections.toml",
            "$HOME/.snowflake/connections.toml",
            "$XDG_CONFIG_HOME/snowflake/connections.toml",
        ),
    ),
    Reader(
        clients.DATABRICKS,
        r"\.databrickscfg",
        clients.workspaces,
        None,
        ("$DATABRICKS_CONFIG_FILE", "$HOME/.databrickscfg"),
    ),
    Reader(
        clients.AWS,
        r"credentials|config",
        clients.profiles,
        r"(?m)^\s*(aws_access_key_id|role_arn)\s*=",
        ("$AWS_SHARED_CREDENTIALS_FILE", "$HOME/.aws/credentials"),
    ),
    Reader(clients.ODBC, r"\.?odbc\.ini", clients.data_sources, None, ("$ODBCINI", "$HOME/.odbc.ini", "/etc/odbc.ini")),
    Reader(
        duckdb_secrets.SECRETS,
        r"\.duckdbrc|.*\.sql",
        duckdb_secrets.statements,
        r"(?i)\bcreate\s[\w\s]*\bsecret\b",
        ("$HOME/.duckdbrc",),
    ),
    Reader("env", r"\.env|.*\.env", _env, r"""(?m)^\s*(export\s+)?[\w.-]+\s*=\s*["']?(\{|[\w+.-]+://|jdbc:)"""),
)
