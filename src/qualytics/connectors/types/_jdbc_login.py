"""The login through a JDBC driver: a URL of ours, the rest as properties, in a fresh Java machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.preamble import MYSQL, begins_mysql, leave_to_driver
from qualytics.connectors.types import _jdbc_url as urls
from qualytics.connectors.types._jdbc_errors import reported
from qualytics.connectors.types._jdbc_machine import load, start

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target


def arguments(target: Target) -> tuple[str, dict[str, str]]:
    """Return the URL and the properties that a driver gets."""
    url = urls.parse(target.uri or "")
    dialect = url.dialect
    try:
        text = url.text(target.database if dialect.is_catalog else None)
    except ValueError:
        cause = f"no database can be called {target.database!r}"
        raise refuse("unknown_db", cause, "check --database", stage="database") from None
    seconds = max(1, int(target.timeout_s))
    found = url.fixed | dict.fromkeys(dialect.seconds, str(seconds))
    found |= dict.fromkeys(dialect.millis, str(seconds * 1_000))
    if target.username is not None:
        found["user"] = target.username
    if target.password is not None:
        found["password"] = target.password.reveal()
    return text, found


@reported()
def connect(target: Target) -> Any:
    """Start the machine, load the driver, and log in."""
    text, properties = arguments(target)
    jars = target.parameters["jars"]
    for jar in jars:
        if not os.path.isfile(jar):
            hint = "check jars in --parameters; the files must be on this machine"
            raise refuse("driver_missing", f"there is no file {jar!r}", hint, stage="login")
    _check_server(target, urls.parse(target.uri or "").dialect.first)
    import jpype

    start(target)
    driver = load(target.parameters["driver_class"])
    given = jpype.JClass("java.util.Properties")()
    for key, value in properties.items():
        given.setProperty(key, value)
    jpype.JClass("java.sql.DriverManager").setLoginTimeout(max(1, int(target.timeout_s)))
    handle = driver.connect(text, given)
    if handle is None:
        cause = f"{target.parameters['driver_class']} does not take URLs of this kind"
        raise refuse("config", cause, "check driver_class and the name after jdbc: in --uri", stage="login")
    return handle


def _check_server(target: Target, first: str | None) -> None:
    if first == "client":
        leave_to_driver(target, "this driver's protocol")
    elif first == "mysql":
        leave_to_driver(target, MYSQL, begins_mysql)
    elif target.sock is not None:
        target.sock.close()
