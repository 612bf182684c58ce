"""The files of command-line clients: libpq, MySQL, Snowflake, Databricks, AWS and ODBC."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from qualytics.exchange.imports import ini
from qualytics.exchange.imports.files import File, read_file, read_text
from qualytics.service.foreign.entries import Entry, Unreadable
from qualytics.service.foreign.matching import decoded, word_of_driver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIBPQ, MYSQL, DATABRICKS, AWS, ODBC = "libpq", "mysql-client", "databrickscfg", "aws-profiles", "odbc"
_MAX_INCLUDED = 50
_PGPASS = re.compile(
    r"((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^\\])*)\Z", re.DOTALL
)


def services(file: File) -> Iterator[Entry | tuple[str, str]]:
    """Read pg_service.conf; a password that is missing there is looked for in .pgpass, as libpq does."""
    lines = list(_password_lines(file.variables))
    for section in ini.sections(file.text, comments="#"):
        values = dict(section.values)
        if "password" not in values:
            asked = (
                values.get("host", "localhost"),
                values.get("port", "5432"),
                values.get("dbname"),
                values.get("user"),
            )
            password = next((line[4] for line in lines if _fits(line, asked)), None)
            values |= {"password": password} if password else {}
        yield Entry(section.name, LIBPQ, LIBPQ, file.place(section.line), values, notes=tuple(section.notes))


def _password_lines(variables: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    path = variables.get("PGPASSFILE") or os.path.expanduser("~/.pgpass")
    try:
        text = read_text(path)
    except Unreadable:
        return
    for _, parts in _passwords(text):
        if parts is not None:
            yield parts


def _fits(line: tuple[str, ...], asked: tuple[str | None, ...]) -> bool:
    return all(part in {"*", wanted} for part, wanted in zip(line, asked, strict=False))


def passwords(file: File) -> Iterator[Entry | tuple[str, str]]:
    """Read .pgpass: a line is host:port:database:user:password, with a backslash before : and itself."""
    for number, parts in _passwords(file.text):
        place = file.place(number)
        if parts is None:
            yield place, "not host:port:database:user:password"
        elif parts[0] == "*":
            yield place, "is for every host, and names none"
        else:
            named = zip(("host", "port", "dbname", "user", "password"), parts, strict=True)
            values = {key: value for key, value in named if value not in {"", "*"} or key == "password"}
            yield Entry(None, LIBPQ, LIBPQ, place, values)


def _passwords(text: str) -> Iterator[tuple[int, tuple[str, ...] | None]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            match = _PGPASS.match(line)
            yield number, match and tuple(re.sub(r"\\(.)", r"\1", part) for part in match.groups())


def options(file: File) -> Iterator[Entry | tuple[str, str]]:
    """Read an option file of MySQL or MariaDB with what it includes; groups of servers and dumps are no connections."""
    found: list[tuple[File, ini.Section]] = []
    problems = [*_options(file, found, [])]
    yield from problems
    common: dict[str, str] = {}
    for one, section in found:
        name = section.name.lower()
        values = {key.replace("_", "-"): value for key, value in section.values.items()}
        if name == "client":
            common |= values
        is_server = re.match(
            r"mysqld|mariadbd|mariadb\Z|server|mysqldump|mariadb-dump|galera|embedded|safe_mysqld", name
        )
        if not is_server and {"host", "user", "password", "socket"} & values.keys():
            word = "mariadb-client" if re.search(r"client-mariadb|mariadb-client", name) else MYSQL
            whole = common | values
            # A name with a hyphen is one of ours with an underscore, as program_name; those of TLS have tables.
            yield Entry(section.name, MYSQL, word, one.place(section.line), whole, notes=tuple(section.notes))


def _options(file: File, found: list[tuple[File, ini.Section]], seen: list[str]) -> Iterator[tuple[str, str]]:
    seen.append(os.path.realpath(file.path))
    plain = []
    for number, line in enumerate(file.text.split("\n"), start=1):
        match = re.match(r"\s*!(include|includedir)\s+([^\0]+?)\s*\Z", line)
        plain.append("" if match else line)
        for path in _included(match[1], match[2]) if match else ():
            if os.path.realpath(path) in seen or len(seen) > _MAX_INCLUDED:
                yield file.place(number), "includes a file that was read already, or too many"
                continue
            try:
                yield from _options(read_file(path, file.variables), found, seen)
            except Unreadable as exc:
                yield file.place(number), f"includes {path}: {exc.problem}"
    found += [(file, section) for section in ini.sections("\n".join(plain), _option)]


def _included(how: str, path: str) -> list[str]:
    path = os.path.expanduser(path)
    if how == "include":
        return [path]
    try:
        return [os.path.join(path, name) for name in sorted(os.listdir(path)) if name.endswith((".cnf", ".ini"))]
    except OSError:
        return [path]  # which then says why it cannot be read


# MySQL 8.4 Reference Manual, "Using Option Files": escapes, quotes, and # after a value.
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "\\": "\\", "s": " ", '"': '"', "'": "'"}


def _option(text: str) -> str:
    value = text.strip()
    if len(value) > 1 and value[0] in "'\"" and (end := value.find(value[0], 1)) > 0:
        value = value[1:end] if value[end + 1 :].strip()[:1] in {"", "#"} else value
    else:
        value = re.split(r"\s#|\A#", value)[0].strip()
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), value)


def workspaces(file: File) -> Iterator[Entry]:
    """Read .databrickscfg; a profile with a warehouse is one of SQL, else it is a workspace."""
    for section in ini.sections(file.text):
        if section.values:
            is_sql = {"warehouse_id", "http_path"} & section.values.keys()
            word = "databricks-warehouse" if is_sql else "databricks-workspace"
            yield Entry(
                section.name, DATABRICKS, word, file.place(section.line), section.values, notes=tuple(section.notes)
            )


def profiles(file: File) -> Iterator[Entry]:
    """Read AWS's credentials or config, each with what the other of the two says of the same profile."""
    directory, name = os.path.split(file.path)
    other = os.path.join(directory, "config" if name == "credentials" else "credentials")
    try:
        beside = {_profile(section.name): section for section in ini.sections(read_text(other))}
    except Unreadable:
        beside = {}
    for section in ini.sections(file.text):
        profile = _profile(section.name)
        if profile is not None:
            more = beside[profile].values if profile in beside else {}
            values = more | section.values
            if name == "credentials" or "aws_access_key_id" in values or "role_arn" in values:
                yield Entry(profile, AWS, "aws", file.place(section.line), values, notes=tuple(section.notes))


def _profile(section: str) -> str | None:
    first, _, rest = section.partition(" ")
    return rest.strip() if first == "profile" else None if rest else section


def data_sources(file: File) -> Iterator[Entry]:
    """Read odbc.ini; the type is told by the name of the driver."""
    for section in ini.sections(file.text):
        if section.name.lower() not in {"odbc", "odbc data sources", ""}:
            word = word_of_driver(section.values.get("driver", "")) or section.values.get("driver", "")
            yield Entry(
                section.name,
                ODBC,
                word,
                file.place(section.line),
                decoded(word, section.values),
                notes=tuple(section.notes),
            )
