"""PyAthena with the connection's own keys or a role that they assume, and with nothing of this machine's identity."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import TYPE_CHECKING, Any

from qualytics.connectors.shared import aws_errors, aws_role
from qualytics.connectors.shared.objects import base_url
from qualytics.connectors.shared.preamble import expect_silence
from qualytics.connectors.shared.requests import roots_of
from qualytics.connectors.types._athena_place import region_of

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

CATALOG = "AwsDataCatalog"
_PAGE = 1_000  # the most rows that one answer of Athena holds
_POLL_S = 0.2


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of pyathena.connect with the connection's own keys, but for two objects.

    Empty texts keep the driver from its environment variables.
    """
    given = target.parameters
    return {
        "aws_access_key_id": target.username,
        "aws_secret_access_key": target.password.reveal() if target.password is not None else "",
        "region_name": region_of({"host": target.host, "parameters": given}),
        "endpoint_url": base_url(target),
        "verify": roots_of(target),
        "s3_staging_dir": given.get("output", ""),
        "work_group": given.get("work_group", ""),
        "catalog_name": target.database or CATALOG,
        "schema_name": target.schema or "default",
        "poll_interval": _POLL_S,
        "kill_on_interrupt": False,
        "glue_metadata_fallback": False,
        "cursor_kwargs": {"arraysize": min(target.fetch_size, _PAGE)},
    }


def environment() -> dict[str, str]:
    """Return the variables that keep botocore from files and the instance's metadata, in the child alone."""
    return {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }


def connect(target: Target) -> Any:
    """Take a role where one is asked for, and ask about the work group, which shows whether the keys are good."""
    expect_silence(target)
    os.environ.update(environment())
    for name in ("fsspec", "pandas", "pyarrow"):  # for results as data frames
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # the import system's own word for "absent"
    import botocore.exceptions
    import pyathena
    from botocore.config import Config
    from pyathena.util import RetryConfig

    given = arguments(target)
    if aws_role.is_role(target.parameters):
        given |= _role(target, given["region_name"])
    patience = {"connect_timeout": target.timeout_s, "read_timeout": target.timeout_s}
    config = Config(**patience, retries={"total_max_attempts": 1}, proxies={})
    handle = pyathena.connect(**given, config=config, retry_config=RetryConfig(attempt=1))
    try:
        handle.client.get_work_group(WorkGroup=given["work_group"] or "primary")
    except botocore.exceptions.ClientError as exc:
        if aws_errors.code_of(exc) not in {"AccessDenied", "AccessDeniedException"}:  # let in, if not allowed to ask
            raise
    return handle


def _role(target: Target, region: str) -> dict[str, str]:
    from qualytics.secret import Secret

    keys = dataclasses.replace(target, access_key=Secret(target.username or ""), secret_key=target.password)
    return {f"aws_{name}": value for name, value in aws_role.assume(keys, region).items()}
