"""Where connections of other tools are: one file or URL, or all that the tools of this machine keep."""

from __future__ import annotations

import os
import re
from itertools import islice
from typing import TYPE_CHECKING

from qualytics.exchange.imports import airflow, json_lines, urls
from qualytics.exchange.imports.entries import Entry, Source, Unreadable
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_FILE = 16 * 1_048_576
MAX_ENTRIES = 20_000
_ENV_LINE = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*?)[ \t]*\Z", re.DOTALL)


class File(Struct):
    """A file that was read: `path` as people know it, its text, and the variables of this process."""

    path: str
    text: str
    variables: Mapping[str, str]

    def place(self, line: int) -> str:
        """Return the place of a line."""
        return f"{self.path}:{line}"


class Reader(Struct):
    """A kind of file: which tool has it, how it is known by its name or by its text, and how it is read.

    What is read are entries, and (place, problem) for parts that cannot be.
    """

    tool: str
    names: str  # a regular expression of whole names of files
    read: Callable[[File], Iterator[Entry | tuple[str, str]]]
    knows: Callable[[str], bool] = lambda _text: False


def of_file(path: str, variables: Mapping[str, str]) -> Source:
    """Read a file, whose kind is told by its name, else by what it holds."""
    try:
        text = read_text(path)
        reader = _reader_of(path, text)
    except Unreadable as exc:
        return Source("", path, [], exc.problem)
    return _read(reader, File(path, text, variables))


def of_url(url: str, name: str | None = None) -> Source:
    """Read a connection URL, under a name if one is given."""
    try:
        return Source("url", "--from", [urls.parse(url, "url", "--from", name)])
    except Unreadable as exc:
        return Source("url", "--from", [], exc.problem)


def read_text(path: str) -> str:
    """Return the text of a file, whatever way its lines end.

    Raises:
        Unreadable: it is not there, too large, or not UTF-8.

    """
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as exc:
        raise Unreadable((getattr(exc, "strerror", None) or "holds a null byte").lower()) from None
    if len(raw) > MAX_FILE:
        raise Unreadable(f"larger than {MAX_FILE // 1_048_576} MiB")
    for encoding in ("utf-16",) if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig",):
        try:
            return raw.decode(encoding).replace("\r\n", "\n")
        except UnicodeDecodeError:
            pass
    raise Unreadable("not UTF-8; save it as UTF-8")


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


def _reader_of(path: str, text: str) -> Reader:
    name = os.path.basename(path).lower()
    for reader in READERS:
        if re.fullmatch(reader.names, name):
            return reader
    for reader in READERS:
        if reader.knows(text):
            return reader
    known = ", ".join(sorted({reader.tool for reader in READERS}))
    raise Unreadable(f"not a file of a tool that is known here: {known}")


def _airflow_json(file: File) -> Iterator[Entry | tuple[str, str]]:
    for name, value, line in json_lines.members(file.text):
        try:
            yield airflow.of_object(name, value, file.place(line))
        except Unreadable as exc:
            yield file.place(line), exc.problem


def _env(file: File) -> Iterator[Entry | tuple[str, str]]:
    """Read lines NAME=VALUE: Airflow's variables, and every other one whose value is a connection URL."""
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
            elif urls.is_url(value) and not value.startswith(("http://", "https://")):
                yield urls.parse(value, "url", place, name.lower())
        except Unreadable as exc:
            yield place, exc.problem


READERS: tuple[Reader, ...] = (
    Reader(airflow.TOOL, r"connections\.json", _airflow_json, lambda text: '"conn_type"' in text),
    Reader("env", r"\.env|.*\.env", _env, lambda text: airflow.PREFIX in text),
)
