"""A server that speaks TDS as far as the answer to a login, and a listener of Oracle Net that refuses or redirects."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading

# [MS-TDS] 2.2.3.1.1: types of packets; 2.2.6.5: options of PRELOGIN, values of its ENCRYPTION.
_REPLY, _PRELOGIN = 0x04, 0x12
_ENCRYPT_ON, _NOT_SUPPORTED = b"\1", b"\2"


@contextlib.contextmanager
def _serving(answer):
    """Give each peer to `answer`, one after the other."""

    def accept():
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                with peer, contextlib.suppress(EOFError, OSError):
                    answer(peer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


def _exactly(read, size):
    found = b""
    while len(found) < size:
        chunk = read(size - len(found))
        if not chunk:
            raise EOFError
        found += chunk
    return found


def _message(read):
    body = b""
    while True:
        head = _exactly(read, 8)
        body += _exactly(read, struct.unpack(">H", head[2:4])[0] - 8)
        if head[1] & 1:
            return body


def _packet(kind, body):
    return struct.pack(">BBHHBB", kind, 1, len(body) + 8, 0, 1, 0) + body


def _prelogin(encryption):
    options = {0: bytes((16, 0, 16, 0, 0, 0)), 1: encryption, 2: b"\0", 4: b"\0"}
    heads, data = b"", b""
    for token, value in options.items():
        heads += struct.pack(">BHH", token, 5 * len(options) + 1 + len(data), len(value))
        data += value
    return heads + b"\xff" + data


def _error(number, text):
    """Return the tokens ERROR and DONE (2.2.7.10, 2.2.7.6)."""
    said = struct.pack("<H", len(text)) + text.encode("utf-16-le")
    body = struct.pack("<iBB", number, 1, 14) + said + b"\0\0" + struct.pack("<i", 1)
    return b"\xaa" + struct.pack("<H", len(body)) + body + b"\xfd" + struct.pack("<HHQ", 2, 0, 0)


def _login(body):
    """Return what LOGIN7 says (2.2.6.4); the password is only scrambled."""
    found = {}
    for name, at in {"user": 40, "password": 44, "server": 52, "database": 68}.items():
        start, count = struct.unpack_from("<HH", body, at)
        raw = body[start : start + 2 * count]
        if name == "password":
            raw = bytes(((byte ^ 0xA5) << 4 | (byte ^ 0xA5) >> 4) & 0xFF for byte in raw)
        found[name] = raw.decode("utf-16-le")
    return found


class _Tls:
    """TLS whose handshake stands inside of PRELOGIN packets and whose data stand alone."""

    def __init__(self, peer, context):
        self._peer, self._in, self._out = peer, ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        while True:
            try:
                self._tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            if self._out.pending:
                peer.sendall(_packet(_PRELOGIN, self._out.read()))
            if done:
                return
            self._in.write(_message(peer.recv))

    def recv(self, size):
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                self._in.write(_exactly(self._peer.recv, 1))

    def sendall(self, data):
        self._tls.write(data)
        self._peer.sendall(self._out.read())


def sql_server(logins, number=18456, text="Login failed for user 'ann'.", context=None):
    """Note each login in the list and answer it with an error; `context` is a server's, for TLS."""

    def answer(peer):
        _message(peer.recv)
        peer.sendall(_packet(_REPLY, _prelogin(_ENCRYPT_ON if context else _NOT_SUPPORTED)))
        channel = _Tls(peer, context) if context else peer
        logins.append(_login(_message(channel.recv)))
        channel.sendall(_packet(_REPLY, _error(number, text)))

    return _serving(answer)


def oracle_listener(number):
    """Refuse each connect packet as a listener does, with an error number."""

    def answer(peer):
        size = struct.unpack(">H", _exactly(peer.recv, 8)[:2])[0]
        _exactly(peer.recv, size - 8)
        stack = f"(ERROR_STACK=(ERROR=(CODE={number})(EMFI=4)))"
        text = f"(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR={number}){stack})".encode()
        body = b"\x22\0" + struct.pack(">H", len(text)) + text
        peer.sendall(struct.pack(">HHBBH", len(body) + 8, 0, 4, 0, 0) + body)  # 4: REFUSE

    return _serving(answer)


def oracle_redirect(host, port=1):
    """Send each peer to another address, as a listener of a cluster does."""
    text = f"(ADDRESS=(PROTOCOL=tcp)(HOST={host})(PORT={port}))\0(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=x)))".encode()

    def answer(peer):
        size = struct.unpack(">H", _exactly(peer.recv, 8)[:2])[0]
        _exactly(peer.recv, size - 8)
        peer.sendall(struct.pack(">HHBBHH", 10, 0, 5, 0, 0, len(text)))  # 5: REDIRECT, 6: DATA
        peer.sendall(struct.pack(">HHBBHH", len(text) + 10, 0, 6, 0, 0, 0) + text)
        with contextlib.suppress(EOFError):
            _exactly(peer.recv, 1)

    return _serving(answer)


def sql_router(logins, host, port):
    """Note each login in the list and send it to another server ([MS-TDS] 2.2.7.9, ENVCHANGE of type 20)."""

    def answer(peer):
        _message(peer.recv)
        peer.sendall(_packet(_REPLY, _prelogin(_NOT_SUPPORTED)))
        logins.append(_login(_message(peer.recv)))
        name = "stub".encode("utf-16-le")
        said = b"\1" + b"\x74\0\0\4" + bytes([len(name) // 2]) + name + b"\x10\0\0\0"
        place = struct.pack("<BHH", 0, port, len(host)) + host.encode("utf-16-le")
        route = b"\x14" + struct.pack("<H", len(place)) + place + b"\0\0"
        tokens = b"".join(
            kind + struct.pack("<H", len(body)) + body for kind, body in ((b"\xad", said), (b"\xe3", route))
        )
        peer.sendall(_packet(_REPLY, tokens + b"\xfd" + struct.pack("<HHQ", 0, 0, 0)))
        _exactly(peer.recv, 1)

    return _serving(answer)
