"""A connection to read through, in an embedded store."""

from tests.support.reads import client

__all__ = ["client"]
