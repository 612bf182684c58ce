"""The DNS guard: in a test's child, whoever looks up the target's host gets the address that was checked and reached.

A name may lead elsewhere at the second look (DNS rebinding), so there is none. Under a policy every
other host that a driver looks up or connects to in Python is checked, too.
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any

from qualytics.probe.resolver import look_up

if TYPE_CHECKING:
    from qualytics.probe.egress import Policy

# What Python's own class of sockets adds to.
_plain_socket: Any = socket.socket.__mro__[1]
# Audit events (PEP 578) of whatever sends something somewhere.
_SENDING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class DnsGuard:
    """Stands before every look-up and connection that is made in Python."""

    def __init__(self) -> None:
        """Let everything pass until there is a policy or a pinned address."""
        self._policy: Policy | None = None
        self._pinned: tuple[str, str] | None = None
        self._passed: dict[str, set[str]] = {}  # address → the names that it was found under
        self.has_blocked = False

    def install(self) -> None:
        """Take the place of Python's own functions, before a driver is imported, which may keep its own name of one."""
        socket.getaddrinfo = self._getaddrinfo
        socket.gethostbyname = self._gethostbyname
        socket.gethostbyname_ex = self._gethostbyname_ex
        guard = self

        def connect(sock: Any, address: Any) -> None:
            _plain_socket.connect(sock, guard.resolved(sock, address))

        def connect_ex(sock: Any, address: Any) -> int:
            code: int = _plain_socket.connect_ex(sock, guard.resolved(sock, address))
            return code

        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]

    def enforce(self, policy: Policy | None) -> None:
        """Check everything by this policy from now on."""
        self._policy = policy
        if policy is not None:
            sys.addaudithook(self._audit)

    def resolve(self, host: str, port: int) -> list[Any]:
        """Look up the target, once, and check every address of it.

        Raises:
            Blocked: the policy forbids one of them, or this is not a host at all.
            socket.gaierror: there is no such name.

        """
        return self._checked(host, look_up(self._named(host), port, type=socket.SOCK_STREAM))

    def pin(self, host: str, address: str) -> None:
        """Answer look-ups of this host with this address alone, from now on."""
        self._pinned = (_folded(host), address)

    def resolved(self, sock: Any, address: Any) -> Any:
        """Return the address for a connection with its host looked up here, not by the system, past this guard."""
        if sock.family not in {socket.AF_INET, socket.AF_INET6} or not isinstance(address, tuple):
            return address
        host, port, *rest = address
        if self._policy is None and (self._pinned is None or _folded(host) != self._pinned[0]):
            return address
        addresses = self._getaddrinfo(host, port, sock.family, sock.type)
        return (*addresses[0][4][:2], *rest)

    def _getaddrinfo(
        self,
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the standard library's own name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        pinned = self._pinned
        if host and pinned is not None and _folded(host) in pinned:
            return look_up(pinned[1], port, family, type, proto, flags)
        if not host or self._policy is None or host in self._passed:  # the address of a name that was checked
            return look_up(host, port, family, type, proto, flags)
        return self._checked(_folded(host), look_up(self._named(host), port, family, type, proto, flags))

    def _gethostbyname(self, host: str) -> str:
        address: str = self._getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
        return address

    def _gethostbyname_ex(self, host: str) -> tuple[str, list[str], list[str]]:
        addresses = self._getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
        return host, [], [address[0] for *_, address in addresses]

    def _named(self, host: Any) -> Any:
        if self._policy is not None:
            from qualytics.probe.egress import is_name

            if not is_name(_text(host)):
                self._refuse()
        return host

    def _checked(self, host: str, addresses: list[Any]) -> list[Any]:
        if self._policy is not None:
            from qualytics.probe.egress import Blocked

            try:
                self._policy.check(host, addresses)
            except Blocked:
                self.has_blocked = True
                raise
            for *_, address in addresses:
                self._passed.setdefault(address[0], set()).add(host)
        return addresses

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        # The last line of defence: it also sees what C code of Python and modules with a name of their own do.
        if event not in _SENDING or self._policy is None:
            return
        sock, address = arguments
        if address is None or sock.family not in {socket.AF_INET, socket.AF_INET6, socket.AF_UNIX}:
            return
        if sock.family == socket.AF_UNIX or not self._may_reach(*address[:2]):
            self._refuse()

    def _may_reach(self, host: str, port: int) -> bool:
        from ipaddress import ip_address

        policy = self._policy
        if policy is None:
            return True
        try:
            ip_address(host)
        except ValueError:
            return False  # a name, which nobody has looked up for it yet
        return any(policy.allows(host, port, name) for name in self._passed.get(host, {""}))

    def _refuse(self) -> None:
        from qualytics.probe.egress import Blocked

        self.has_blocked = True
        raise Blocked


def _text(host: Any) -> str:
    return host.decode("latin-1") if isinstance(host, bytes | bytearray) else str(host)


def _folded(host: Any) -> str:
    return _text(host).casefold().removesuffix(".")


GUARD = DnsGuard()
