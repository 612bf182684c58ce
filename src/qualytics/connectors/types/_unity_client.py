"""Databricks' SDK on a session of ours, with a token in hand: no profile, no other host, no retry."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qualytics.connectors.shared import databricks
from qualytics.connectors.shared.objects import base_url
from qualytics.connectors.shared.preamble import expect_silence
from qualytics.connectors.shared.requests import pin, roots_of

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target


@dataclass(frozen=True, slots=True)
class Catalogs:
    """The parts of the SDK that are used, over one session of HTTPS."""

    session: Any
    catalogs: Any
    schemas: Any
    tables: Any


def arguments(target: Target, token: str) -> dict[str, Any]:
    """Return the keyword arguments of databricks.sdk's Config: a token alone, so that no other login is tried."""
    return {
        "host": base_url(target),
        "token": token,
        "auth_type": "pat",
        "http_timeout_seconds": target.timeout_s,
        "retry_timeout_seconds": 1,  # 0 would mean the default, minutes
        "product": "qualytics",
        "product_version": "0",
    }


def connect(target: Target) -> Catalogs:
    """Log in, and ask who that is: any principal of the workspace may."""
    expect_silence(target)
    token = databricks.bearer(target)
    os.environ["DATABRICKS_CONFIG_FILE"] = os.devnull
    from databricks.sdk.clock import RealClock
    from databricks.sdk.core import ApiClient, Config
    from databricks.sdk.service import catalog

    part: Any = catalog  # the SDK's own constructors are untyped

    class Plain(Config):
        attributes = Config.attributes  # which looks for them in its own class alone

        def _resolve_host_metadata(self) -> None:
            """Ask the host for nothing: it could name another host to log in at."""

    class Impatient(RealClock):
        slept = 0.0

        def time(self) -> float:
            """Count the pauses before retries, none of which is made: so the first failure is the last."""
            return super().time() + self.slept

        def sleep(self, seconds: float) -> None:
            """Let the time of a pause have passed."""
            self.slept += seconds

    client = ApiClient(Plain(clock=Impatient(), **arguments(target, token)))
    session = pin(client._api_client._session, base_url(target), roots=roots_of(target))  # noqa: SLF001 - no other way in
    client.do("GET", "/api/2.0/preview/scim/v2/Me")
    return Catalogs(session, part.CatalogsAPI(client), part.SchemasAPI(client), part.TablesAPI(client))
