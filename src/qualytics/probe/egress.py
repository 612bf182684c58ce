"""The network policy: which addresses a test may reach, judged by what an address is, not how it is spelled."""

from __future__ import annotations

import contextlib
import functools
import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Refusal, Verdict
from qualytics.probe.resolver import look_up
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network

# Nobody's database, unless the settings say so; private ranges (RFC 1918, unique local) are where databases are.
_REFUSED_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this host" (RFC 1122); Linux connects to itself
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and with it most clouds' metadata
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # Azure's own service inside each machine
        "192.0.0.0/24",  # protocol assignments (RFC 6890); metadata of Oracle Cloud
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Of IPv6 only global unicast and unique local addresses are let through, but for these.
_UNICAST_6 = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"))
_REFUSED_6 = (
    IPv6Network("fd00:ec2::/32"),  # metadata, time and names at Amazon
    IPv6Network("fd20:ce::/32"),  # metadata at Google
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214 section 6.1: the third quarter of the address
# A name, or an address with its zone. What libpq reads as a socket's path or a list of hosts is neither.
_NAME = re.compile(r"[\w.-]{1,255}|[0-9a-fA-F:.]{2,64}(%[\w.-]{1,32})?")
_ENTRY = re.compile(r"(\[(?P<bracketed>[^\]]*)\]|(?P<host>[^:\[\]]*))(:(?P<port>\d{1,5}))?")


class Blocked(Refusal, PermissionError):
    """The policy forbids an address; an OSError, too, as drivers expect of a look-up or a connection that fails."""

    def __init__(self) -> None:
        """Say no more than that: not where a name led, nor whether anything listens there."""
        super().__init__(Verdict("blocked"))


class Policy(Struct, eq=True):
    """What a control plane lets tests reach.

    `allowed` are networks, addresses and host names as the settings give them, each with `:port` or without; an
    IPv6 address with a port stands in brackets. `own` are host (or address) and port of the product's own
    store: these only an entry that names the port as well opens.
    """

    allowed: tuple[str, ...] = ()
    own: tuple[tuple[str, int], ...] = ()

    def __init__(self, allowed: tuple[str, ...] = (), own: tuple[tuple[str, int], ...] = ()) -> None:
        """Check every entry.

        Raises:
            ValueError: one is not a network, an address or a host name.

        """
        super().__init__(allowed, own)
        _entries(allowed)

    def check(self, host: str, addresses: Iterable[Any]) -> None:
        """Check the addresses of `host`, as getaddrinfo returns them; one bad address condemns the name.

        Raises:
            Blocked: the policy does not allow it.

        """
        if not all(self.allows(address[0], address[1], host) for *_, address in addresses):
            raise Blocked

    def allows(self, address: str, port: int | None, host: str = "") -> bool:
        """Say whether an address may be reached, where it is one of the name `host`."""
        forms = list(_forms(ip_address(address)))
        if port is not None and any(self._is_own(form, port) for form in forms):
            # What other settings open for databases does not open the registry itself.
            return any(one.port == port and one.covers(form, host) for form in forms for one in _entries(self.allowed))
        opened = [one for one in _entries(self.allowed) if one.port in {None, port}]
        return all(not _is_refused(form) or any(one.covers(form, host) for one in opened) for form in forms)

    def _is_own(self, address: Address, port: int) -> bool:
        hosts = [host for host, its_port in self.own if its_port == port]
        return any(
            address == one or (_is_local(address) and _is_local(one)) for host in hosts for one in addresses(host)
        )


class _Entry(Struct, eq=True):
    """One target that the settings allow: a network or a name."""

    network: Network | None
    name: str
    port: int | None

    def covers(self, address: Address, host: str) -> bool:
        if self.network is None:
            return fold(host) == self.name
        return address.version == self.network.version and address in self.network


@functools.cache
def _entries(allowed: tuple[str, ...]) -> tuple[_Entry, ...]:
    return tuple(map(_entry, allowed))


def _entry(text: str) -> _Entry:
    parts = _ENTRY.fullmatch(text)
    host = text if parts is None else parts["bracketed"] or parts["host"] or ""
    port = int(parts["port"]) if parts is not None and parts["port"] else None
    if port is None or 0 < port <= 65_535:
        with contextlib.suppress(ValueError):
            return _Entry(ip_network(host, strict=False), "", port)
        # A name of digits alone would be an address in some short form, which the settings have no need of.
        if is_name(host) and ":" not in host and not re.fullmatch(r"[\d.]+", host):
            return _Entry(None, fold(host), port)
    raise ValueError(
        "holds an entry that is not a network, an address or a host name"
    )  # a URL pasted here may hold a password


def is_name(host: str) -> bool:
    """Say whether this is a host name or an address, rather than a path or a list."""
    return _NAME.fullmatch(host) is not None


def fold(host: str) -> str:
    """Return a host name as it is compared: case and a final dot do not count."""
    return host.casefold().removesuffix(".")


def _forms(address: Address) -> Iterator[Address]:
    """Yield what an address reaches: itself, and the IPv4 addresses that it carries to some gateway."""
    if isinstance(address, IPv4Address):
        yield address
        return
    whole = int(address)
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    if address in _NAT64:
        yield IPv4Address(whole & 0xFFFFFFFF)
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if (whole >> 32) & 0xFFFFFFFF in _ISATAP:
        yield IPv4Address(whole & 0xFFFFFFFF)


def _is_refused(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return any(address in network for network in _REFUSED_4)
    return not any(address in network for network in _UNICAST_6) or any(address in network for network in _REFUSED_6)


def addresses(host: str) -> list[Address]:
    """Look a host up and return all that its addresses reach; nothing where there is no such name."""
    with contextlib.suppress(OSError, UnicodeError):  # of a name that cannot be one
        return [form for *_, address in look_up(host, None) for form in _forms(ip_address(address[0]))]
    return []


def _is_local(address: Address) -> bool:
    """Say whether this machine itself has the address: only then can a socket be bound to it. Nothing is sent."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((str(address), 0))
        return True
    return False
