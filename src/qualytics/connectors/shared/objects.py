"""What object stores share: the driver's options, one page of a listing, and discovery."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from qualytics.connectors.contract import Item, Server, Target, refuse, second_host, tls_params
from qualytics.connectors.shared.object_uris import clean_path
from qualytics.connectors.shared.preamble import expect_silence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TLS_PARAMS = tls_params(("auto", "verify", "require"))  # these services speak nothing but HTTPS
# As much of a listing as one answer of any of these services holds.
_PAGE = 100
# The driver's word for a server that spoke or closed before the request left: nothing was sent, and only the next
# attempt tells which of the two it was.
_UNSENT = "connection was not ready"
_UNSENT_MAX = 5
_ARCHIVED = re.compile(r"InvalidObjectState|BlobArchived")


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A store that answered: `path` is where its connection begins, `page` the first objects under it."""

    store: Any
    path: str
    page: tuple[Any, ...]


class StoreError(Exception):
    """The driver's words without its dump of Rust structures, for the report's detail."""


def base_url(target: Target) -> str:
    """Return the address that the stages reached, with the path of `endpoint_url` where there is one.

    Over plain http, which no certificate holds to a name, it is the IP address that was dialled.
    """
    name = target.host if target.tls is not None else target.address or target.host
    host = f"[{name}]" if ":" in name else name
    port = "" if target.tls is not None and target.port == 443 else f":{target.port}"
    path = urlsplit(target.parameters.get("endpoint_url", "")).path.rstrip("/")
    return f"{'http' if target.tls is None else 'https'}://{host}{port}{path}"


def driver_options(target: Target) -> dict[str, Any]:
    """Return the options of the driver's HTTP client: the deadline, no retry, the trusted roots.

    The driver adds roots to those of the system and cannot be told to trust them alone; the stage
    `tls`, which comes first, does trust them alone.
    """
    limit = timedelta(seconds=target.timeout_s)
    client: dict[str, Any] = {"allow_http": target.tls is None, "connect_timeout": limit, "timeout": limit}
    if target.tls is not None:
        client["allow_invalid_certificates"] = not target.tls.verified
        if target.tls.ca_file and target.parameters.keys() & {"ssl_root_cert", "ssl_root_cert_file"}:
            with open(target.tls.ca_file, "rb") as file:
                client["root_certificate"] = file.read()
    return {"client_options": client, "retry_config": {"max_retries": 0, "retry_timeout": limit}}


def secret_of(target: Target, field: str) -> str:
    """Return a key of the connection.

    Raises:
        Refusal: it is not set; no other place is asked for one.

    """
    secret = getattr(target, field)
    if secret is None:
        raise refuse("config", f"no {field} is set", f"give it with --{field.replace('_', '-')}")
    found: str = secret.reveal()
    return found


def fenced(found: dict[str, Any], target: Target, second: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Return the driver's arguments with a fence: it follows redirects, but to no host other than these.

    The fence dials the address that was checked, whatever the name resolves to by now; `second` are hosts of the
    vendor that a login needs, with their purposes: each is reached once before the driver starts, which could not say
    what keeps it from one. Over plain http, which only this machine may speak, there is no tunnel and so no
    fence: the driver gets the address itself.
    """
    from socket import create_connection

    expect_silence(target)
    places = {(target.host.lower(), target.port): target.address or target.host}
    for host, purpose in second.items():
        with target.asking(host, purpose), create_connection((host, 443), target.timeout_s) as sock:
            places[host, 443] = sock.getpeername()[0]
    if target.tls is not None:
        from qualytics.connectors.shared.fence import fence

        def heard(host: str) -> None:
            target.ask(second_host(host, second[host]) if host in second else None)

        found["client_options"]["proxy_url"] = fence(places, target.timeout_s, heard)
    return found


def opened(kind: Any, found: dict[str, Any], target: Target) -> Opened:
    """Build the driver's store from its arguments and list the first page under the uri's path."""
    with plainly():
        store = kind(**found)
    return first_page(store, target, clean_path((target.uri or "").partition("://")[2].partition("/")[2]))


def first_page(store: Any, target: Target, prefix: str) -> Opened:
    """List one page under the datastore's root path, else under the uri's: that is the login, too."""
    path = prefix if target.root_path is None else _given("root_path", target.root_path)
    with plainly():
        return Opened(store, path, _page(store, path))


def _page(store: Any, path: str) -> tuple[Any, ...]:
    from obstore.exceptions import BaseError

    for _ in range(_UNSENT_MAX):
        try:
            return tuple(next(iter(store.list(path or None, chunk_size=_PAGE)), ()))
        except BaseError as exc:
            if _UNSENT not in str(exc):
                raise
    return tuple(next(iter(store.list(path or None, chunk_size=_PAGE)), ()))


def _given(name: str, path: str) -> str:
    try:
        return clean_path(path)
    except ValueError as exc:
        raise refuse("config", f"{name} {exc}", f"check --{name.replace('_', '-')}", stage="list") from exc


def check(handle: Opened, target: Target, product: str) -> Server:
    """Read a byte of the first object that has one; an empty path says nothing of the right to read."""
    warnings: tuple[str, ...] = ()
    first = next((item for item in handle.page if item["size"]), None)
    if first is None:
        warnings = (f"there is nothing to read under /{handle.path}: whether it may be read is not known",)
    else:
        with plainly(), _archived_is_readable():
            handle.store.get_range(first["path"], start=0, end=1)
    return Server(None if "endpoint_url" in target.parameters else product, None, warnings)


def tables(handle: Opened, _target: Target, prefix: str) -> Iterator[Item]:
    """Yield the prefixes, then the objects one level under a path."""
    path = "/".join(filter(None, (handle.path, _given("prefix", prefix))))
    with plainly():
        found = handle.store.list_with_delimiter(path or None)
    yield from (Item(f"{name}/", "prefix") for name in found["common_prefixes"])
    yield from (Item(item["path"], "object") for item in found["objects"])


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Raise what a client of object stores raises without the chain that its SDK hangs behind it."""
    try:
        yield
    except Exception as exc:
        raise StoreError(str(exc).partition("\n\nDebug source:")[0]) from exc


@contextlib.contextmanager
def _archived_is_readable() -> Iterator[None]:
    # What lies in cold storage must be restored first; the right to read it was granted all the same.
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as exc:
        if not _ARCHIVED.search(str(exc)):
            raise
