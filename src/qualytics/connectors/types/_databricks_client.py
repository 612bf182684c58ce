"""Databricks' SQL connector with a token in hand: no browser, no telemetry, no results from an object store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.shared import databricks

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target


def arguments(target: Target, token: str) -> dict[str, Any]:
    """Return the keyword arguments of databricks.sql.connect.

    Results come with the answers, never from addresses in an object store; a given token keeps the
    driver from opening a browser.
    """
    tls = target.tls
    return {
        "server_hostname": target.host,
        "_port": target.port,
        "http_path": target.parameters["path"],
        "access_token": token,
        "user_agent_entry": "qualytics",
        "use_cloud_fetch": False,
        "enable_telemetry": False,
        "_socket_timeout": target.timeout_s,
        "_retry_stop_after_attempts_count": 1,
        "_retry_stop_after_attempts_duration": target.timeout_s,
        "_respect_server_retry_after_header": True,  # else any 5xx is asked again, and its words are lost
        "_tls_trusted_ca_file": tls.ca_file if tls is not None else None,
        "_tls_no_verify": tls is not None and not tls.verified,
    }


def connect(target: Target) -> Any:
    """Get a token where a service principal logs in, and open a session."""
    token = databricks.bearer(target)
    from databricks import sql

    return sql.connect(**arguments(target, token))
