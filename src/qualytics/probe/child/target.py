"""What the stages of a test and its connector work on, made of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.connectors import get
from qualytics.connectors.contract import Target, ssl_mode
from qualytics.connectors.reading import DEFAULT_FETCH_SIZE
from qualytics.probe.child.tls import make_tls

if TYPE_CHECKING:
    from qualytics.probe.plan import Plan


def make_target(plan: Plan, directory: str) -> Target:
    """Return what a connector gets of a plan; `directory` is the test's own."""
    connector = get(plan.type)
    values, secrets = plan.values, plan.secrets
    parameters = values.get("parameters") or {}
    mode, _ = ssl_mode(parameters, plan.ssl_mode)
    with_mode = {**values, "parameters": {**parameters, "ssl_mode": mode}}  # a port may hang on whether TLS is spoken
    endpoint = connector.endpoint(with_mode) if connector.endpoint is not None else None
    name = endpoint.host if endpoint else values.get("host") or ""
    encrypted = connector.tls != "none" and (endpoint is None or endpoint.https)
    return Target(
        type=connector.type,
        parameters=parameters,
        timeout_s=plan.timeout_s,
        directory=directory,
        host=name.removesuffix("."),
        name=name,
        port=endpoint.port if endpoint else values.get("port") or connector.default_port or 0,
        username=values.get("username"),
        password=secrets.get("password"),
        passphrase=secrets.get("passphrase"),
        uri=values.get("uri") or "",
        access_key=secrets.get("access_key"),
        secret_key=secrets.get("secret_key"),
        catalog=values.get("catalog"),
        database=plan.database,
        schema=plan.schema,
        root_path=plan.root_path,
        login_databases=plan.login_databases,
        protocols=connector.protocols,
        fetch_size=values.get("jdbc_fetch_size") or DEFAULT_FETCH_SIZE,
        max_parallelization=values.get("max_parallelization"),
        tls=make_tls(mode if encrypted else "disable", parameters, directory),
    )
