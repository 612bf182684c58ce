"""A server of gRPC that refuses every login and keeps for which host, and with which header, it was asked."""

from __future__ import annotations

import concurrent.futures
import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def flight_server(certificate: Any = None) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Serve on a free port of 127.0.0.1, with TLS by a certificate; yields the port and what was asked."""
    import grpc  # a third of a second

    asked: list[tuple[str, str]] = []

    class Refusing(grpc.GenericRpcHandler):  # type: ignore[misc]  # untyped
        def service(self, call: Any) -> Any:
            sent = dict(call.invocation_metadata)

            def answer(_requests: Any, context: Any) -> None:
                host = context._rpc_event.call_details.host.decode()  # no other place tells it
                asked.append((host, sent.get("authorization", "").rstrip("=")))  # not every client pads
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "Unable to authenticate user")

            return grpc.stream_stream_rpc_method_handler(answer)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, handlers=[Refusing()])
        if certificate is None:
            port = server.add_insecure_port("127.0.0.1:0")
        else:
            chain, key = certificate
            pair = (key.bytes(), b"".join(blob.bytes() for blob in chain))
            port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        server.start()
        try:
            yield port, asked
        finally:
            server.stop(None).wait()
