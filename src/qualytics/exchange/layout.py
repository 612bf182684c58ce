"""The layout of a folder of configuration: names of files, placeholders of secrets, and which keys a file has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.digests import digest_of
from qualytics.fields import DATASTORE_KEYS, READ_ONLY, SECRETS
from qualytics.text import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONNECTIONS, DATASTORES, SCHEMAS = "connections", "datastores", ".schema"
DATASTORE_FILE = "_datastore.yaml"
# A secret that is wholly this is looked up in the environment; all else in a file is literal.
REFERENCE = re.compile(r"\$\{[A-Za-z0-9_]+\}")
_MAX_SLUG = 200
_LEFT_OUT = {"id", "type", "store_type", "connection_id", "connected", "created"}


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Return the name of the file of each record: lower case, `_` for all that is no letter or digit of ASCII.

    Records whose names would be the same have a part of a digest of their names behind it, wherever they are stored.
    """
    plain = {name: _slug(name) for name in names}
    often: dict[str, int] = {}
    for slug in plain.values():
        often[slug] = often.get(slug, 0) + 1
    return {
        name: slug if slug and often[slug] == 1 and len(slug) <= _MAX_SLUG else _told_apart(name, slug)
        for name, slug in plain.items()
    }


def namesakes_part(name: str) -> str | None:
    """Return a part that every name has whose plain slug is the same, None where there is no such part."""
    return max(_slug(name).split("_"), key=len) or None


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _told_apart(name: str, slug: str) -> str:
    # No other name has two of `_` in a row.
    return f"{slug[:_MAX_SLUG] or 'x'}__{digest_of(folded(name) or name)[:12]}"


def placeholder(slug: str, field: str) -> str:
    """Return the reference that stands for a secret in a file."""
    return f"${{{_variable(f'{slug}_{field}'.upper())}}}"


def variable_of(reference: str) -> str:
    """Return the variable that is meant: no shell has one that begins with a digit, as the published client writes."""
    return _variable(reference[2:-1])


def _variable(name: str) -> str:
    return f"_{name}" if name[0].isdigit() else name


def connection_content(document: Mapping[str, Any], slug: str) -> dict[str, Any]:
    """Return what the file of a connection holds, of its document."""
    return {
        key: placeholder(slug, key) if key in SECRETS and value is not None else value
        for key, value in document.items()
        if key not in READ_ONLY
    }


def datastore_content(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the file of a datastore holds, of its document with its settings; those that are unset are not."""
    settings = {key: value for key, value in document.items() if key not in DATASTORE_KEYS and value is not None}
    return {key: document[key] for key in DATASTORE_KEYS if key not in _LEFT_OUT} | settings
