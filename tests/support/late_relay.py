"""A relay of bytes that can hold back what a server says: a process, as some drivers let no other thread run meanwhile.

It prints its port, and an empty line for each number that it reads: of the seconds by which the next answer is late.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time


class Held:
    """How much later the next answer is to come."""

    seconds = 0.0

    def take(self) -> float:
        """Return it, once."""
        taken, self.seconds = self.seconds, 0.0
        return taken


def _pump(source: socket.socket, sink: socket.socket, held: Held | None) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65_536):
            if held is not None:
                time.sleep(held.take())
            sink.sendall(chunk)
    for sock in (sink, source):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, port: int, held: Held) -> None:
    while True:
        peer, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        for way in ((peer, server, None), (server, peer, held)):
            threading.Thread(target=_pump, args=way, daemon=True).start()


def main(port: int) -> None:
    """Pass on what comes for the server of a port, until the input ends."""
    held = Held()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, port, held), daemon=True).start()
        print(listener.getsockname()[1], flush=True)  # noqa: T201 - what it is asked for
        for line in sys.stdin:
            held.seconds = float(line)
            print(flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main(int(sys.argv[1]))
