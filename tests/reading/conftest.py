"""Connections to read through, in an embedded store."""

from tests.support.reads import client, on_server

__all__ = ["client", "on_server"]
