"""What Google's services and their client say, as verdicts."""

from __future__ import annotations

import re
from typing import Any

from qualytics.connectors.contract import Verdict, by_text
from qualytics.connectors.shared.requests import by_class, by_status

_KEY = "check --password: the key may have been deleted or disabled"
_ROLE = "grant the service account roles/bigquery.jobUser on the project and roles/bigquery.dataViewer on the data"
# errors[].reason: cloud.google.com/bigquery/docs/error-messages
_REASONS = {
    "accessDenied": Verdict("permission", hint=_ROLE),
    "accessNotConfigured": Verdict("config", "the BigQuery API is not enabled in this project", "run: gcloud services enable bigquery.googleapis.com"),
    "authError": Verdict("auth", stage="login"),
    "backendError": Verdict("transient"),
    "billingNotEnabled": Verdict("config", "billing is not enabled in this project", "turn billing on for the project"),
    "billingTierLimitExceeded": Verdict("quota"),
    "blocked": Verdict("permission", "the project or account is blocked for now"),
    "internalError": Verdict("transient"),
    "jobBackendError": Verdict("transient"),
    "jobRateLimitExceeded": Verdict("quota"),
    "quotaExceeded": Verdict("quota"),
    "rateLimitExceeded": Verdict("quota"),
    "required": Verdict("auth", "the service wants a login", "give the key of a service account with --password", "login"),
    "resourcesExceeded": Verdict("quota"),
    "timeout": Verdict("timeout"),
}  # fmt: skip
# Of Google's token endpoint, by way of google.auth's RefreshError: developers.google.com/identity/protocols/oauth2/service-account
_TOKEN = (
    (r"invalid_grant.*(short-lived token|reasonable timeframe|iat and exp)", Verdict("config", "the clock of this machine is wrong", "set the clock")),
    (r"invalid_grant.*(account not found|not a valid email)", Verdict("auth", "the service account does not exist any more", _KEY)),
    (r"invalid_grant", Verdict("auth", "Google refused the key", _KEY)),
    (r"invalid_scope|unauthorized_client|access_denied", Verdict("permission", "the service account may not ask for a token")),
    (r"disabled_client|account.*(disabled|deleted)", Verdict("auth", "the service account is disabled", _KEY)),
    (r"internal_failure|backend error", Verdict("transient")),
)  # fmt: skip
_TEXT = (
    (r"not found: (project|dataset)|has not enabled BigQuery|cannot parse .* as (project|dataset)", Verdict("unknown_db", "the project or dataset does not exist, or this account may not see it", "check --database and --schema", "database")),
    (r"API has not been used in project|it is disabled", _REASONS["accessNotConfigured"]),
    (r"invalid (project|dataset) id", Verdict("unknown_db", "this is not the name of a project or dataset", "check --database and --schema", "database")),
    (r"location .* (is not supported|not found|does not support)|not found in location|invalid location", Verdict("config", "BigQuery does not have it in this location", "check location in --parameters")),
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the words that name what is missing, by the error's reason, by the HTTP status."""
    text = str(exc)
    if type(exc).__name__ == "RefreshError":
        return by_text(text, _TOKEN) or Verdict("auth", "Google refused the key", _KEY)
    status: Any = getattr(exc, "code", None)
    if isinstance(status, int) and hasattr(exc, "errors"):
        reasons = [found.get("reason", "") for found in exc.errors if isinstance(found, dict)]
        known = next((_REASONS[reason] for reason in reasons if reason in _REASONS), None)
        return by_text(text, _TEXT) or known or by_status(int(status))
    return by_class(exc)


def explain(text: str) -> Verdict | None:
    """Judge by the words that name what is missing, by a reason, by an HTTP status."""
    reason = next((verdict for name, verdict in _REASONS.items() if re.search(rf"\b{name}\b", text)), None)
    status = re.search(r"(?:\bcode\W{1,4}|\bHTTPError |\bHTTP |exceptions\.\w+: )([45]\d\d)\b", text)
    return by_text(text, _TEXT) or by_text(text, _TOKEN[:-2]) or reason or by_status(int(status[1]) if status else None)
