"""Configuration in files: written of what is stored, and read back with the secrets of the environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qualytics.exchange import layout, schemas, yaml_text
from qualytics.exchange.folder import FileFault, Folder
from qualytics.exchange.layout import CONNECTIONS, DATASTORE_FILE, DATASTORES, REFERENCE, SCHEMAS
from qualytics.fields import DATASTORE_KEYS, SECRETS
from qualytics.packed import PackedList
from qualytics.secret import References, Secret
from qualytics.structs import Struct, field
from qualytics.text import folded, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

SORTS = (CONNECTIONS, DATASTORES)
# What else stands in the file of a datastore is of the program that wrote it, or is mistyped.
_KNOWN = frozenset((*schemas.of_datastore()["properties"], *DATASTORE_KEYS))


class Fault(Struct, eq=True):
    """What is wrong with a file, and in which line; None for the whole."""

    path: str
    line: int | None
    message: str
    hint: str | None = None


class Source(Struct):
    """Where a resource was read: its file, and the text of that, which is read again for the line of a fault."""

    path: str
    text: str

    def line_of(self, loc: str | None) -> int:
        """Return the line of a field, as `host` or `parameters.role`; that of what holds it where it has none."""
        return _line(yaml_text.load(self.text), loc)


class LeftOut(Struct, eq=True):
    """What a folder holds that is not carried over: fields of a file, none for a file or a folder as a whole."""

    path: str
    fields: list[str]


class Configuration(Struct, frozen=False):
    """What a folder holds: `resources` by sort, each of a source; `folders` are the sorts that have one.

    Thousands of files are held as text: what is made of it takes many times the memory.
    """

    resources: dict[str, PackedList] = field(default_factory=lambda: {sort: PackedList() for sort in SORTS})
    folders: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    _sources: dict[str, PackedList] = field(default_factory=lambda: {sort: PackedList() for sort in SORTS})
    # The places of resources by the names that they define, as names are compared.
    _places: dict[str, dict[str, int]] = field(default_factory=lambda: {sort: {} for sort in SORTS})

    def source(self, sort: str, index: int) -> Source:
        """Return where the resource was read that stands at `index` among those of its sort."""
        return Source(*self._sources[sort][index])

    def secrets(self) -> Iterator[Secret]:
        """Yield the secrets that its files hold or refer to."""
        for fields in self.resources[CONNECTIONS]:
            yield from (Secret(fields[name]) for name in SECRETS if isinstance(fields.get(name), str))

    def add(self, sort: str, fields: Mapping[str, Any], source: Source) -> None:
        """Add a resource."""
        self.resources[sort].append(fields)
        self._sources[sort].append([source.path, source.text])

    def first_of(self, sort: str, name: Any) -> str | None:
        """Return the file that has defined a name before the next resource, which does now; cases are alike."""
        key, place = folded(name.strip()) if isinstance(name, str) else None, len(self.resources[sort])
        first = place if key is None else self._places[sort].setdefault(key, place)
        return None if first == place else self.source(sort, first).path


def read(folder: Folder, variables: Mapping[str, str]) -> Configuration:
    """Read a folder; a secret that is wholly one `${NAME}` is taken of the variables, all else is literal.

    A file that cannot be read is left out, and a secret whose variable is not set; the others are there.
    """
    found = Configuration(folders=[sort for sort in SORTS if folder.is_there(sort)])
    for sort, parts in _files(folder, found):
        path = "/".join(parts)
        try:
            value = yaml_text.load(text := folder.read(*parts))
        except FileFault as exc:
            found.faults.append(Fault(path, None, exc.args[0]))
        except yaml_text.YamlFault as exc:
            found.faults.append(Fault(path, exc.line, exc.message))
        else:
            _take(found, sort, Source(path, text), value, variables)
    found.references = sorted(set(found.references))
    return found


def _files(folder: Folder, found: Configuration) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in _names(folder, found, CONNECTIONS):
        if name.endswith((".yaml", ".yml")) and not name.startswith("."):
            yield CONNECTIONS, (CONNECTIONS, name)
        else:
            _leave_out(found, CONNECTIONS, name)
    for name in _names(folder, found, DATASTORES):
        inner = [] if name.startswith(".") else _names(folder, found, DATASTORES, name)
        if DATASTORE_FILE in inner:
            for other in inner:
                if other != DATASTORE_FILE:
                    _leave_out(found, DATASTORES, name, other)
            yield DATASTORES, (DATASTORES, name, DATASTORE_FILE)
        else:
            _leave_out(found, DATASTORES, name)


def _leave_out(found: Configuration, *parts: str) -> None:
    if not parts[-1].startswith("."):
        found.left_out.append(LeftOut("/".join(parts), []))


def _names(folder: Folder, found: Configuration, *parts: str) -> list[str]:
    try:
        return folder.names(*parts)
    except FileFault as exc:
        found.faults.append(Fault("/".join(parts), None, exc.args[0]))
        return []


def _take(found: Configuration, sort: str, source: Source, value: Any, variables: Mapping[str, str]) -> None:
    if not isinstance(value, yaml_text.Mapping):
        what = "is empty" if value is None else "is no mapping of fields"
        found.faults.append(Fault(source.path, 1, what, "see qualytics config schema"))
        return
    if (other := found.first_of(sort, value.get("name"))) is not None:
        message, hint = (
            f"{sort[:-1]} {value['name']!r} is defined in {other}, too",
            "rename it, or delete one of the two files",
        )
        found.faults.append(Fault(source.path, _line(value, "name"), message, hint))
        return
    fields: dict[str, Any] = value if sort == CONNECTIONS else _carried(found, source.path, value)
    for name in SECRETS if sort == CONNECTIONS else ():
        text = fields.get(name)
        if isinstance(text, str) and REFERENCE.fullmatch(text):
            references, variable = References(variables), layout.variable_of(text)
            fields[name] = references.resolve(name, f"${{{variable}}}", may_be_empty=name == "password")
            found.references.append(variable)
            for problem in references.problems:
                found.faults.append(Fault(source.path, _line(value, name), problem.message, problem.hint))
                fields.pop(name, None)  # what else is wrong with the file is told as well
    found.add(sort, fields, source)


def _line(mapping: Any, loc: str | None) -> int:
    line: int = mapping.line
    for part in (loc or "").split("."):
        if not isinstance(mapping, yaml_text.Mapping) or part not in mapping.lines:
            break
        line, mapping = mapping.lines[part], mapping.get(part)
    return line


def _carried(found: Configuration, path: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a datastore that are known, or are mistyped; those of another program are noted."""
    unknown = [name for name in fields if name not in _KNOWN and not nearest(name, _KNOWN)]
    if unknown:
        found.left_out.append(LeftOut(path, unknown))
    return {name: value for name, value in fields.items() if name not in unknown}


def write(
    folder: Folder,
    connections: Iterable[Mapping[str, Any]],
    datastores: Iterable[Mapping[str, Any]],
    dump: Callable[[Any], str],
    is_wanted: Callable[[Mapping[str, Any]], bool] = lambda _document: True,
) -> dict[str, Any]:
    """Write the files of connections and of their datastores, secrets as placeholders; return what was done.

    What is the same stays untouched. `dump` writes YAML; `is_wanted` says of each connection whether it is written.
    `others` are files that are there and were not written: of what was renamed, deleted or left out.

    Raises:
        FileFault: a file cannot be written; the message has its path.

    """
    every, counts, written = list(connections), {"written": 0, "unchanged": 0}, set()
    slugs = layout.slugs(document["name"] for document in every)
    wanted = {document["name"]: document for document in every if is_wanted(document)}
    rows = [one for one in datastores if one["connection_name"] in wanted]
    folders = layout.slugs(document["name"] for document in rows)

    def put(head: str, content: Mapping[str, Any], *parts: str) -> None:
        try:
            is_new = folder.write(f"# yaml-language-server: $schema={head}\n{dump(content)}", *parts)
        except FileFault as exc:
            raise FileFault(f"{'/'.join(parts)} {exc.args[0]}") from exc
        counts["written" if is_new else "unchanged"] += 1
        written.add("/".join(parts))

    for kind in sorted({document["type"] for document in wanted.values()}):
        folder.write(_as_json(schemas.of_type(kind)), SCHEMAS, f"{kind}.json")
    if rows:
        folder.write(_as_json(schemas.of_datastore()), SCHEMAS, "datastore.json")
    for name, document in wanted.items():
        schema = f"../{SCHEMAS}/{document['type']}.json"
        put(schema, layout.connection_content(document, slugs[name]), CONNECTIONS, f"{slugs[name]}.yaml")
    for row in rows:
        schema = f"../../{SCHEMAS}/datastore.json"
        put(schema, layout.datastore_content(row), DATASTORES, folders[row["name"]], DATASTORE_FILE)
    there = {"/".join(parts) for _, parts in _files(folder, Configuration())}
    return {CONNECTIONS: len(wanted), DATASTORES: len(rows), **counts, "others": sorted(there - written)}


def _as_json(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2) + "\n"
