"""Names and types of records for completion and hints: of the store, or of a control plane and then kept for a minute.

Whatever goes wrong gives no names: nobody who presses Tab wants to read an error.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from qualytics.client import config, names_file
from qualytics.errors import QualyticsError
from qualytics.settings import load
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from qualytics.client.config import ControlPlane
    from qualytics.client.contract import Client
    from qualytics.client.http.client import HttpClient

MAX_NAMES = 1_000
# So long a control plane may take; a look-up of its host may take longer.
_LIMIT_S = 1.0


def known(part: str) -> list[str]:
    """Return the names of records of a part, at most a thousand; none where they cannot be had."""
    try:
        settings = load()
        control_plane = config.find(settings.home)
        if control_plane is not None:
            path = settings.home / names_file.FILE
            return _kept(path, control_plane, part, lambda client: _names(getattr(client, part).list()))
        if settings.store_url is None:
            from qualytics.store.sqlite import names

            return names.read(settings.store_path, part, MAX_NAMES)
        from qualytics.client.local import LocalClient

        with LocalClient(settings) as client:
            return _names(getattr(client, part).list())
    except QualyticsError:
        return []


def known_type(record: int | str) -> str | None:
    """Return the type of a stored connection; None where it cannot be had."""
    try:
        settings = load()
        control_plane = config.find(settings.home)
        if control_plane is not None:
            what = f"type of {record if isinstance(record, int) else repr(str(record))}"
            kept = _kept(settings.home / names_file.FILE, control_plane, what, lambda client: [_type(client, record)])
            return next(iter(kept), None)
        from qualytics.client.local import LocalClient

        with LocalClient(settings) as client:
            return _type(client, record)
    except QualyticsError:
        return None


def _type(client: Client, record: int | str) -> str:
    return str(client.connections.get(record)["type"])


def _kept(path: Path, control_plane: ControlPlane, what: str, ask: Callable[[HttpClient], list[str]]) -> list[str]:
    """Return words that a control plane was asked for in the last minute, or is asked for now."""
    key = _key(control_plane, what)
    kept = names_file.read(path)
    if key in kept:
        return [word for word in kept[key].get("names") or () if isinstance(word, str)]
    from qualytics.client.http.client import HttpClient

    limited = replace(control_plane, endpoint=replace(control_plane.endpoint, timeout_s=_LIMIT_S))
    with HttpClient(limited) as client:
        words = ask(client)
    names_file.write(path, {**kept, key: {"at": time.time(), "names": words}})
    return words


def _names(records: Iterable[Mapping[str, Any]]) -> list[str]:
    # Of tokens those that are not revoked.
    return [str(record["name"]) for record in islice(records, MAX_NAMES) if record.get("revoked") is None]


def _key(control_plane: ControlPlane, what: str) -> str:
    # A digest, so that neither the token nor the URL stands in the file.
    from qualytics.digests import digest_of

    token = control_plane.token.reveal() if control_plane.token else ""
    return digest_of(f"{control_plane.api_url} {token} {what}")
