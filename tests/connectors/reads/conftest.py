"""Connections to read through, in an embedded store."""

from tests.support.lakes import lake, put, s3
from tests.support.reads import client, on_server

__all__ = ["client", "lake", "on_server", "put", "s3"]
