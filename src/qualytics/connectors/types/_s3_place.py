"""Where a bucket of S3 lies, and what must be known to reach it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.shared import aws_role
from qualytics.connectors.shared.https import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.connectors.contract import Endpoint

# Without a dot: a region stands in host names of AWS, S3's and STS's.
_REGION = re.compile(r"[a-z0-9](-?[a-z0-9]){1,40}\Z")


def region_of(values: Mapping[str, Any]) -> str:
    """Return the region in the parameters, else the first one of AWS."""
    return str((values.get("parameters") or {}).get("region") or "us-east-1")


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return the region's endpoint, else `endpoint_url`."""
    region = region_of(values)
    return endpoint_of(values, f"s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for both keys in each mode, and for a role with IAM_ROLE alone."""
    for field in ("access_key", "secret_key"):
        if field not in secrets_set:
            option = f"--{field.replace('_', '-')}"
            yield field, "is needed for s3", f"give it with {option}; no profile or role of this machine is used"
    if not _REGION.match(region_of(values)):
        yield "parameters.region", "is not a region", "as in eu-west-1"
    yield from aws_role.lacking(values.get("parameters") or {})
