"""Servers of many kinds on a loopback port, as far as their first words; where each stands is said at it."""

from __future__ import annotations

import functools
import struct
from typing import TYPE_CHECKING

from tests.support import faults

if TYPE_CHECKING:
    import contextlib
    import socket
    from collections.abc import Callable

# What each says before it is spoken to.
BANNERS = {
    # MySQL Source Code Documentation, "Protocol::HandshakeV10": version, thread, salt, filler, capabilities.
    "a MySQL or MariaDB server": (
        b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0saltsalt\0\xff\xf7\xff\x02\0\xff\xdf\x15" + bytes(10) + b"saltsaltsalt\0"
        b"caching_sha2_password\0"
    ),
    "an SSH server": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",  # RFC 4253, section 4.2
    "an SMTP server": b"220 mail.example.com ESMTP Postfix\r\n",  # RFC 5321, section 4.2
    "an FTP server": b"220 (vsFTPd 3.0.3)\r\n",  # RFC 959, section 5.4
    "an IMAP server": b"* OK [CAPABILITY IMAP4rev1] ready\r\n",  # RFC 9051, section 7.1
    "a POP3 server": b"+OK Dovecot ready.\r\n",  # RFC 1939, section 4
    "a VNC server": b"RFB 003.008\n",  # RFC 6143, section 7.1.1
    "a Telnet server": b"\xff\xfd\x18\xff\xfd\x20",  # RFC 854: IAC DO …
    # RFC 9113, section 6.5: gRPC servers send SETTINGS at once.
    "a gRPC server": bytes.fromhex("000006 04 00 00000000 0005 00004000"),
}


def by_lines(answer: bytes, *, ends: bool = True) -> contextlib.AbstractContextManager[int]:
    """Answer the first line, as servers of texts do, and then hang up or wait."""

    def behave(peer: socket.socket, over: object) -> None:
        said = b""
        while b"\n" not in said:
            chunk = peer.recv(4_096)
            if not chunk:
                return
            said += chunk
        peer.sendall(answer)
        if not ends:
            over.wait()  # type: ignore[attr-defined]

    return faults.serving(behave)


def by_packet(
    size_of: Callable[[bytes], int], answer: Callable[[bytes], bytes]
) -> contextlib.AbstractContextManager[int]:
    """Answer the first packet whose length its first eight bytes tell; hang up on one that is none."""

    def behave(peer: socket.socket, _over: object) -> None:
        said = b""
        while len(said) < 8 or len(said) < size_of(said):
            chunk = peer.recv(4_096)
            if not chunk:
                return
            said += chunk
            if len(said) >= 8 and not 8 <= size_of(said) <= 4_096:
                return
        peer.sendall(answer(said))
        peer.recv(4_096)

    return faults.serving(behave)


def _tds(said: bytes) -> bytes:
    # [MS-TDS] 2.2.6.5: a version, and no encryption.
    options = b"\0\0\x0b\0\x06\x01\0\x11\0\x01\xff" + bytes((16, 0, 16, 0, 0, 0)) + b"\x02"
    return struct.pack(">BBHHBB", 4, 1, len(options) + 8, 0, 1, 0) + options if said[0] == 0x12 else b""


def _tns(said: bytes) -> bytes:
    # As oracledb reads it (impl/thin/messages/connect.pyx): REFUSE, with the reasons and a text.
    if said[2:5] != b"\0\0\x01":
        return b""
    text = b"(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR=1189)(ERROR_STACK=(ERROR=(CODE=1189)(EMFI=4))))"
    body = b"\x22\0" + struct.pack(">H", len(text)) + text
    return struct.pack(">HHBBH", len(body) + 8, 0, 4, 0, 0) + body


def _drda(said: bytes) -> bytes:
    # DDM Reference, EXCSATRD in a reply DSS.
    return bytes.fromhex("000a d0 02 0001 0004 1443") if said[2] == 0xD0 else b""


def _postgresql(said: bytes) -> bytes:
    # PostgreSQL documentation, "Message Formats": SSLRequest is answered by one byte.
    return b"N" if said[4:8] == b"\x04\xd2\x16\x2f" else b""


def _cassandra(said: bytes) -> bytes:
    # native_protocol_v4.spec, sections 2 and 4.2.1: ERROR 0x0A, "Invalid or unsupported protocol version".
    text = f"Invalid or unsupported protocol version ({said[0]}); supported versions are (3/v3, 4/v4, 5/v5)".encode()
    body = struct.pack(">IH", 0x0A, len(text)) + text
    return b"\x84\0\0\0\0" + struct.pack(">I", len(body)) + body


def _big_endian_16(said: bytes) -> int:
    return int.from_bytes(said[:2])


_MONGODB = b"It looks like you are trying to access MongoDB over HTTP on the native driver port.\r\n"
_CLICKHOUSE = b"Port 9000 is for clickhouse-client program\r\nYou must use port 8123 for HTTP.\r\n"
# What waits to be spoken to.
WAITING = {
    "an HTTP server": functools.partial(by_lines, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    # "Redis serialization protocol specification", simple errors.
    "a Redis server": functools.partial(by_lines, b"-NOAUTH Authentication required.\r\n", ends=False),
    "a memcached server": functools.partial(by_lines, b"ERROR\r\n", ends=False),  # memcached's protocol.txt
    # transport/asio_session_impl.cpp of MongoDB; TCPHandler.cpp of ClickHouse
    "a MongoDB server": functools.partial(
        by_lines, b"HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n" + _MONGODB
    ),
    "a ClickHouse server": functools.partial(by_lines, b"HTTP/1.0 400 Bad Request\r\n\r\n" + _CLICKHOUSE),
    "a Microsoft SQL Server": functools.partial(by_packet, lambda said: int.from_bytes(said[2:4]), _tds),
    "an Oracle listener": functools.partial(by_packet, _big_endian_16, _tns),
    "a Db2 or Derby server": functools.partial(by_packet, _big_endian_16, _drda),
    "a Cassandra server": functools.partial(by_packet, lambda _said: 8, _cassandra),
    "a PostgreSQL server": functools.partial(by_packet, lambda said: int.from_bytes(said[:4]), _postgresql),
}
ALL: dict[str, Callable[[], contextlib.AbstractContextManager[int]]] = {
    **{name: functools.partial(faults.garbage, said) for name, said in BANNERS.items()},
    **WAITING,
}
