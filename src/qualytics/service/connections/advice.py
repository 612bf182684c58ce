"""What a failed test is told beyond its class: what is stored of the connection, and what the caller may do."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from qualytics.probe.verdicts.failure_classes import CLASSES
from qualytics.structs import replace

if TYPE_CHECKING:
    from qualytics.connectors.contract import Connector
    from qualytics.model import Failure, Scope, TestReport
    from qualytics.service.context import Context
    from qualytics.service.draft import Draft

_REFUSED = CLASSES["auth"].cause.partition("{")[0]


def advised(report: TestReport, context: Context, tested: Draft, scope: Scope) -> TestReport:
    """Return a report whose failure, if any, says more of its cause or of what to do about it."""
    failure = report.failure
    if failure is None:
        return report
    if failure.failure_class == "blocked" and context.actor.is_admin:
        failure = _blocked(failure, tested)
    elif failure.failure_class == "auth" and _lacks_password(failure, tested):
        state = "given" if tested.stored_name is None else "stored"
        message = f"no password is {state}, and the server asks for one"
        failure = replace(failure, message=message, hint="give one with --password")
    elif failure.failure_class == "unknown_db":
        failure = _unknown(failure, tested, scope)
    return replace(report, failure=failure, message=failure.message)


def _blocked(failure: Failure, tested: Draft) -> Failure:
    # The host as it was given: where a name leads is not said. A second host of the login stands in the message.
    host = tested.values.get("host")
    if not host or failure.message != CLASSES["blocked"].cause:
        return failure
    return replace(failure, hint=f"restart the control plane with --allow-target {shlex.quote(str(host))}")


def _lacks_password(failure: Failure, tested: Draft) -> bool:
    way = (tested.values.get("parameters") or {}).get("authentication_type")
    first = next((name for name, _ in tested.connector.authentication), None)
    is_asked = "password" in tested.connector.fields and way in {None, first}
    return is_asked and "password" not in tested.secrets and failure.message.startswith(_REFUSED)


def _unknown(failure: Failure, tested: Draft, scope: Scope) -> Failure:
    message, hint = failure.message, failure.hint
    if message == CLASSES["unknown_db"].cause:
        message = _missing(scope) or message
    command = _listing(tested.connector, scope, message)
    if tested.stored_name is not None and command is not None and hint.startswith("check "):
        # Digits would be an id.
        name = tested.stored_name
        selector = f"--name {shlex.quote(name)}" if name.isdigit() or name.startswith("-") else shlex.quote(name)
        hint = f"qualytics connections {command.format(selector)} lists them"
    return replace(failure, message=message, hint=hint)


def _missing(scope: Scope) -> str | None:
    database = scope.database and f"there is no database {scope.database!r}"
    schema = scope.schema and f"no schema {scope.schema!r}"
    if database and schema:
        return f"{database}, or {schema} in it"
    return database or (schema and f"there is {schema}") or None


def _listing(connector: Connector, scope: Scope, message: str) -> str | None:
    """Return the command that lists what is missing, `{}` for the connection; None where a type cannot list it."""
    is_schema = scope.schema is not None and (scope.database is None or message.startswith("there is no schema"))
    if not is_schema and scope.database is not None:
        if connector.catalogs is not None:
            return "catalogs {}"
        # Of a type with one level of names, these are its databases.
        return "schemas {}" if connector.schemas is not None and "schema" not in connector.scope else None
    if not is_schema or connector.schemas is None:
        return None
    within = scope.database is not None and (connector.catalogs is not None or "database" in connector.scope)
    return "schemas {}" + (f" --catalog {_braced(str(scope.database))}" if within else "")


def _braced(text: str) -> str:
    return shlex.quote(text).replace("{", "{{").replace("}", "}}")
