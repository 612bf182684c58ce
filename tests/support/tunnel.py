"""A proxy that opens tunnels, for tests of who goes through one and of what it can read."""

import contextlib
import socket
import threading

from tests.support import faults


def tunnelling(seen):
    """Return a proxy that opens tunnels to wherever 127.0.0.1 has the port, and keeps what it could read."""

    def behave(peer, over):
        head = b""
        while b"\r\n\r\n" not in head:
            head += peer.recv(4_096)
        seen.append(head)
        port = int(head.split()[1].rpartition(b":")[2])
        with socket.create_connection(("127.0.0.1", port)) as other:
            peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

            def copy(source, sink):
                with contextlib.suppress(OSError):
                    while part := source.recv(65_536):
                        seen.append(part)
                        sink.sendall(part)

            back = threading.Thread(target=copy, args=(other, peer), daemon=True)
            back.start()
            copy(peer, other)

    return faults.serving(behave)
