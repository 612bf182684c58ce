"""Names of records for completion and hints: of the store, or of a control plane and then kept for a minute.

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
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from qualytics.client.config import ControlPlane

MAX_NAMES = 1_000
# So long a control plane may take; a look-up of its host may take longer.
_LIMIT_S = 1.0


def known(part: str) -> list[str]:
    """Return the names of records of a part, at most a thousand; none where they cannot be had."""
    try:
        settings = load()
        control_plane = config.find(settings.home)
        if control_plane is not None:
            return _of_control_plane(settings.home / names_file.FILE, control_plane, part)
        if settings.store_url is None:
            from qualytics.store.sqlite import names

            return names.read(settings.store_path, part, MAX_NAMES)
        from qualytics.client.local import LocalClient

        with LocalClient(settings) as client:
            return _names(getattr(client, part).list())
    except QualyticsError:
        return []


def _of_control_plane(path: Path, control_plane: ControlPlane, part: str) -> list[str]:
    key = _key(control_plane, part)
    kept = names_file.read(path)
    if key in kept:
        return [name for name in kept[key].get("names") or () if isinstance(name, str)]
    from qualytics.client.http.client import HttpClient

    limited = replace(control_plane, endpoint=replace(control_plane.endpoint, timeout_s=_LIMIT_S))
    with HttpClient(limited) as client:
        names = _names(getattr(client, part).list())
    names_file.write(path, {**kept, key: {"at": time.time(), "names": names}})
    return names


def _names(records: Iterable[Mapping[str, Any]]) -> list[str]:
    # Of tokens those that are not revoked.
    return [str(record["name"]) for record in islice(records, MAX_NAMES) if record.get("revoked") is None]


def _key(control_plane: ControlPlane, part: str) -> str:
    # A digest, so that neither the token nor the URL stands in the file.
    from qualytics.digests import digest_of

    token = control_plane.token.reveal() if control_plane.token else ""
    return digest_of(f"{control_plane.api_url} {token} {part}")
