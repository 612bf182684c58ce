"""Addresses of Azure Data Lake: container, account and path, and nothing else."""

from __future__ import annotations

import re

from qualytics.connectors.shared.object_uris import split_uri

_EXAMPLE = "abfss://container@account.dfs.core.windows.net or the same with /path"
# Azure "Naming and referencing containers" and "Storage account overview": 3 to 63, and 3 to 24 characters.
_PLACE = re.compile(r"(\$web|\$root|[a-z0-9](?:-?[a-z0-9]){2,62})@([a-z0-9]{3,24})\.dfs\.core\.windows\.net\Z")


def split(uri: str) -> tuple[str, str, str, str]:
    """Return scheme, container, account and path of a uri.

    Raises:
        ValueError: it is not one of Azure Data Lake.

    """
    scheme, authority, path = split_uri(uri, ("abfs", "abfss"), _EXAMPLE)
    found = _PLACE.match(authority)
    if found is None:
        raise ValueError(f"must be such as {_EXAMPLE}")
    return scheme, found[1], found[2], path


def clean(uri: str) -> str:
    """Return the uri without a slash at its end; raises as `split`."""
    scheme, container, account, path = split(uri)
    return f"{scheme}://{container}@{account}.dfs.core.windows.net" + (f"/{path}" if path else "")
