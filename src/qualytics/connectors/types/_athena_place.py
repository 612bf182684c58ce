"""Where Athena is asked: its region and endpoint, and what must be known to reach it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.shared import aws_role
from qualytics.connectors.shared.https import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.connectors.contract import Endpoint

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]{1,12}){1,3}-\d{1,2}\Z")
# "Amazon Athena endpoints and quotas", and interface endpoints of a VPC: athena.REGION.vpce.amazonaws.com.
_HOST = re.compile(r"(?:\A|\.)athena(?:-fips)?\.(?P<region>[a-z0-9-]+)\.")
_OUTPUT = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s?#\\]*)?\Z")


def region_of(values: Mapping[str, Any]) -> str | None:
    """Return the region in the parameters, else the one in the host's name; None when neither tells."""
    found = _HOST.search(values.get("host") or "")
    return (values.get("parameters") or {}).get("region") or (found and found["region"])


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return the host, else the region's endpoint; `endpoint_url` stands for both."""
    return endpoint_of(values, values.get("host") or _host(region_of(values) or "us-east-1"))


def _host(region: str) -> str:
    return f"athena.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def implied(values: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the region that the host's name tells, and the host that the region has."""
    region = region_of(values)
    if "endpoint_url" in values["parameters"]:
        return {"region": region}
    return {"region": region, "host": _host(region or "")}


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for both keys, a region and a place for results."""
    found = values.get("parameters") or {}
    if not values.get("username"):
        yield "username", "is needed for athena: the access key id", "no profile or role of this machine is used"
    if "password" not in secrets_set:
        yield "password", "is needed for athena: the secret access key", "no profile or role of this machine is used"
    if not _REGION.match(region_of(values) or ""):
        yield "parameters.region", "is needed, as the host does not tell it", "as in eu-west-1"
    if "endpoint_url" in found and (values.get("host") or values.get("port")):
        yield "parameters.endpoint_url", "stands for host and port, which are set too", "keep one of them"
    if "output" not in found and "work_group" not in found:
        yield "parameters.output", "is needed: where Athena puts results", "as in s3://bucket/results/, or a work_group"
    if not _OUTPUT.match(found.get("output", "s3://any")):
        yield "parameters.output", "must be s3://bucket or s3://bucket/path", "as in s3://bucket/results/"
    yield from aws_role.lacking(found)
