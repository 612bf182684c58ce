"""Addresses of object stores: scheme, bucket and path, and nothing else; a uri that is refused is never repeated."""

from __future__ import annotations

import re

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]\Z")


def split_uri(uri: str, schemes: tuple[str, ...], example: str) -> tuple[str, str, str]:
    """Return scheme, authority and path of a uri; the path has no slash at its ends.

    Raises:
        ValueError: another scheme, credentials, a query or a path that no object can have. The uri
            is never repeated: it may hold a key.

    """
    scheme, found, rest = uri.partition("://")
    if not found or scheme not in schemes:
        raise ValueError(f"must be such as {example}")
    if "?" in rest or "#" in rest:
        raise ValueError(f"must not hold ? or #; it must be such as {example}")
    authority, _, path = rest.partition("/")
    return scheme, authority, clean_path(path)


def split_bucket(uri: str, scheme: str) -> tuple[str, str]:
    """Return bucket and path of a uri such as s3://bucket/path.

    Raises:
        ValueError: as `split_uri`, or the bucket's name cannot be one.

    """
    _, bucket, path = split_uri(uri, (scheme,), f"{scheme}://bucket or {scheme}://bucket/path")
    if "@" in bucket or ":" in bucket:
        raise ValueError("must not hold a key or a port; keys have fields of their own")
    if not _BUCKET.match(bucket):
        raise ValueError("must name a bucket of 3 or more letters, digits, dots, hyphens or underscores")
    return bucket, path


def clean_bucket(uri: str, scheme: str) -> str:
    """Return a uri such as s3://bucket/path without slashes at its end; raises as `split_bucket`."""
    return f"{scheme}://" + "/".join(filter(None, split_bucket(uri, scheme)))


def clean_path(path: str) -> str:
    """Return a path inside a bucket without slashes at its ends.

    Raises:
        ValueError: it has a part that is empty, `.` or `..`.

    """
    path = path.strip("/")
    if any(part in {"", ".", ".."} for part in path.split("/")) and path:
        raise ValueError("must not have an empty, . or .. part in its path")
    return path
