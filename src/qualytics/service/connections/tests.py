"""Tests of drafts: the plan, the time limit, and the report as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qualytics.errors import InvalidInput, Problem
from qualytics.fields import BY_NAME, SCOPES
from qualytics.model import Scope
from qualytics.service import policy, validate
from qualytics.settings import MAX_QUERY_TEXT, TEST_TIMEOUT_MAX_S, TEST_TIMEOUT_S
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qualytics import types
    from qualytics.connectors.contract import Connector
    from qualytics.model import Listing, OnStage, TestReport
    from qualytics.probe import Plan
    from qualytics.service.context import Context
    from qualytics.service.draft import Draft
    from qualytics.store.base import Store


# More would be logins that nobody waits for.
_MAX_LOGIN_DATABASES = 3


class Report(dict[str, Any]):
    """A test report; `trace`, the whole text of the driver, stays on this machine and is no key."""

    trace: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # so that the trace stays on this machine


def run(
    context: Context, tested: Draft, timeout_s: float, scope: Scope, on_stage: OnStage | None = None
) -> tuple[types.TestReport, dict[str, str | None]]:
    """Test a draft whose secrets are all there; return the report as a document, and what it detected."""
    document, report = discover(context, tested, timeout_s, scope, on_stage=on_stage)
    return document, {key: value for key, value in report.detected.items() if value is not None}


def discover(
    context: Context,
    tested: Draft,
    timeout_s: float,
    scope: Scope,
    listing: Listing | None = None,
    on_stage: OnStage | None = None,
) -> tuple[types.TestReport, TestReport]:
    """Test a draft, with what is listed in place of the query; return the report as a document, and itself."""
    from qualytics import probe
    from qualytics.service.connections.advice import advised

    plan = plan_of(context, tested, timeout_s, scope, listing, on_stage)
    context.release()  # a test may take long; nobody waits for the store meanwhile
    report = advised((context.run_test or probe.run)(plan), context, tested, scope)
    return report_document(report), report


def plan_of(
    context: Context,
    tested: Draft,
    timeout_s: float,
    scope: Scope,
    listing: Listing | None = None,
    on_stage: OnStage | None = None,
) -> Plan:
    """Return the plan of a test of a draft whose secrets are all there.

    Raises:
        InvalidInput: a value may not stand where a driver would write it.

    """
    from qualytics import probe

    check_values(tested, scope)
    tested = _with_default_credentials(context, tested)
    return probe.Plan(
        type=tested.connector.type,
        values=tested.values,
        secrets=tested.secrets,
        timeout_s=timeout_s,
        **vars(scope),
        ssl_mode=context.default_ssl_mode,
        listing=listing,
        policy=policy.policy_of(context.settings),
        on_stage=on_stage,
    )


def report_document(report: TestReport) -> types.TestReport:
    """Return a test report as a document; its free text is cut here."""
    from qualytics.probe.protocol import MAX_DETAIL

    def clean(text: str) -> str:
        # A driver may hand on bytes that are no text; YAML has no way to write them.
        return text.encode("utf-8", "backslashreplace").decode()

    def line(text: str) -> str:
        return " ".join(clean(text).split())

    failure = report.failure
    detail = failure.detail if failure else None
    keys = {
        "connected": failure is None,
        "stage": failure.stage if failure else None,
        "class": failure.failure_class if failure else None,
        "code": failure.code if failure else None,
        "retryable": failure.retryable if failure else None,
        "message": line(report.message),
        "hint": line(failure.hint) if failure else None,
        "detail": clean(detail).strip()[:MAX_DETAIL] if detail else None,
        **report.detected,
        "address": report.address,
        "local_address": report.local_address,
        "tls": report.tls,
        "stages": [{"name": stage.name, "ok": stage.ok, "ms": stage.ms} for stage in report.stages],
        "duration_ms": report.duration_ms,
        "warnings": [clean(warning) for warning in report.warnings],
    }
    document = Report(keys)
    document.trace = clean(failure.trace) if failure and failure.trace else None
    return cast("types.TestReport", document)


def _with_default_credentials(context: Context, tested: Draft) -> Draft:
    defaults = policy.default_credentials(context.settings.policy, tested.connector, tested.values)
    if not defaults or any(name in tested.values or name in tested.secrets for name in defaults):
        return tested
    secrets = {name: secret for name, secret in defaults.items() if BY_NAME[name].is_secret}
    plain = {name: secret.reveal() for name, secret in defaults.items() if name not in secrets}
    return replace(tested, values={**tested.values, **plain}, secrets={**tested.secrets, **secrets})


def check_values(tested: Draft, scope: Scope) -> None:
    """Raise InvalidInput for a value that may not stand where a driver would write it."""
    # It goes to drivers as it is, and not all of it comes from a datastore, whose fields were checked; and a connection
    # may have been stored before its type knew what its values may be.
    problems = validate.Problems()
    for name, value in tested.values.items():
        validate.check_grammar(tested.connector, name, value, problems)
    for name, value in (tested.values.get("parameters") or {}).items():
        validate.check_grammar(tested.connector, name, value, problems, f"parameters.{name}")
    for name in SCOPES:
        value = getattr(scope, name)
        if value is not None and not isinstance(value, str):
            problems.add(name, "must be a text")
        elif value is not None:
            validate.check_text(name, value, problems, max_length=MAX_QUERY_TEXT)
            validate.check_grammar(tested.connector, name, value, problems)
    problems.finish()


def with_login_databases(scope: Scope, store: Store, connection_id: int) -> Scope:
    """Return a scope that logs in to the database of one of a connection's datastores where it names none."""
    return with_databases(scope, store.datastores.databases_of_connection(connection_id, _MAX_LOGIN_DATABASES))


def with_databases(scope: Scope, databases: Iterable[str | None]) -> Scope:
    """Return a scope that logs in to one of these databases where it names none."""
    if scope.database is not None:
        return scope
    found = dict.fromkeys(filter(None, databases))
    return replace(scope, login_databases=tuple(found)[:_MAX_LOGIN_DATABASES])


def check_place(connector: Connector, scope: Scope) -> None:
    """Raise InvalidInput for a database or schema that a type has not, and for a schema of no database."""
    problems = validate.Problems()
    if not isinstance(scope, Scope):
        problems.add("scope", "must be a Scope", "as in qualytics.Scope('sales', 'public')")
        problems.finish()
    for name in ("database", "schema"):
        if getattr(scope, name) is not None and name not in {*connector.scope, *connector.scope_optional}:
            problems.add(name, f"is not used by {connector.type}", f"leave --{name} out", "field-not-accepted")
    if scope.schema is not None and scope.database is None and "database" in connector.scope:
        problems.add("database", "is needed with a schema", "as in --database NAME", "missing-value")
    problems.finish()


def checked_timeout(timeout_s: float | None) -> float:
    """Return the time limit of a test, the default when none is given.

    Raises:
        InvalidInput: it is out of range.

    """
    if timeout_s is None:
        return TEST_TIMEOUT_S
    if not 0 < timeout_s <= TEST_TIMEOUT_MAX_S:
        message = f"timeout must be more than 0 and at most {TEST_TIMEOUT_MAX_S:g} seconds"
        raise InvalidInput([Problem("timeout", message, f"as in --timeout {TEST_TIMEOUT_S:g}, which is the default")])
    return timeout_s
