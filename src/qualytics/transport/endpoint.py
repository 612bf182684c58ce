"""A server that speaks HTTP; apart from what connects to it, which loads TLS."""

from __future__ import annotations

from qualytics.structs import Struct
from qualytics.urls import is_loopback

PORTS = {"https": 443, "http": 80}


class Endpoint(Struct):
    """A server that speaks HTTP, and how it is reached; `timeout_s` is for a request with its reply."""

    scheme: str
    host: str
    port: int
    ssl_verify: bool = True
    ca_file: str | None = None
    timeout_s: float = 30.0

    @property
    def authority(self) -> str:
        """Return host and port as they stand in a URL, the usual port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Return the URL without a path."""
        return f"{self.scheme}://{self.authority}"

    @property
    def is_loopback(self) -> bool:
        """Say whether it is on this machine."""
        return is_loopback(self.host)
