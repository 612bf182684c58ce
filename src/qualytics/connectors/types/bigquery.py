"""Google BigQuery through its own client, over its REST interface, with a service account's key and nothing else."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import ErrorTable, by_code, spelled_as
from qualytics.connectors.contract import Chars, Connector, Endpoint, Param, Server, Target, Verdict, by_text, refuse
from qualytics.connectors.foreign import Foreign, Form
from qualytics.connectors.shared import google
from qualytics.connectors.shared.http import (
    ENDPOINT_URL,
    HTTP,
    SEGMENT,
    TLS_PARAMS,
    base_url,
    by_class,
    by_status,
    endpoint_of,
    pin,
    roots_of,
    segment,
)
from qualytics.model import Item
from qualytics.module_path import leave_out
from qualytics.structs import replace
from qualytics.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What the client loads for data frames, notebooks, gRPC and traces; without it, it loads in a quarter of the time.
_UNUSED = ("IPython", "db_dtypes", "geopandas", "grpc", "opentelemetry", "pandas", "pyarrow", "tqdm")
_SCOPE = "https://www.googleapis.com/auth/bigquery"
# Both are segments of the path of a URL; an old project may have a domain before its name.
PROJECT = Chars(r"[A-Za-z0-9][A-Za-z0-9.:_-]*", "letters, digits and - _ . :")
DATASET = Chars(r"[A-Za-z0-9_]{1,1024}", "letters, digits and _, and no project before it")


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return Google's endpoint, else `endpoint_url`."""
    return endpoint_of(values, "bigquery.googleapis.com")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for the key of a service account; only an emulator on this machine goes without one."""
    if "password" not in secrets_set and not is_loopback(endpoint(values).host):
        yield "password", "is needed for bigquery", google.key_hint("password")
    yield from google.key_problems(values, "password")


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of bigquery.Client but for the session and its login.

    Jobs run in the project of the key, which pays for them; the datastore's database may be another one.
    """
    project = key_of(target).get("project_id") or target.database
    if not project:
        raise refuse("config", "no project is known", "give one with --database")
    return {
        "project": project,
        "location": target.parameters.get("location"),
        "client_options": {"api_endpoint": base_url(target)},
    }


def connect(target: Target) -> Any:
    """Trade the key for a token at Google's pinned address, then ask the service what the token may see."""
    from qualytics.connectors.shared.preamble import expect_silence

    expect_silence(target)
    leave_out(*_UNUSED)
    import requests
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    options = arguments(target)
    session = pin(requests.Session(), base_url(target), roots=roots_of(target))
    if target.password is not None:
        session.headers["Authorization"] = f"Bearer {token_of(target)}"
    anonymous: Any = AnonymousCredentials
    handle = bigquery.Client(**options, credentials=anonymous(), _http=session)
    next(handle.list_projects(max_results=1, **limits(target)).pages, None)
    return handle


def key_of(target: Target) -> dict[str, str]:
    """Return what of a service account's key the client gets, and the key's project; {} without a key."""
    if target.password is None:
        return {}
    text = target.password.reveal()
    clean = google.checked_key(text, "password")
    return {**json.loads(clean), "project_id": json.loads(text.lstrip("\ufeff")).get("project_id", "")}


def token_of(target: Target) -> str:
    """Return a token for BigQuery that the key's signature was good for; nothing is kept or renewed."""
    import requests
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    key: Any = Credentials
    try:
        credentials = key.from_service_account_info(key_of(target), scopes=[_SCOPE])
    except ValueError as exc:
        raise refuse(
            "config", "the private_key in the password is not a PEM private key", google.key_hint("password")
        ) from exc
    origin = google.TOKEN_URI.removesuffix("/token")
    session = pin(requests.Session(), origin, roots=_all_roots(target))

    def ask(*positional: Any, **named: Any) -> Any:
        return request(*positional, **{**named, "timeout": target.timeout_s})

    request: Any = Request(session)
    with target.asking(origin.removeprefix("https://"), "Google issues a token for the key"):
        credentials.refresh(ask)
    return str(credentials.token)


def _all_roots(target: Target) -> str | bool:
    """Return a file with the roots of the connection and the public ones: Google's own address needs these."""
    import certifi

    own_roots = target.tls.ca_file
    if own_roots is None:
        return True
    path = os.path.join(target.directory, "token-roots.pem")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as out:
        for source in (own_roots, certifi.where()):
            with open(source, encoding="utf-8") as text:
                out.write(text.read() + "\n")
    return path


_KEY = "check --password: the key may have been deleted or disabled"
_ROLE = "grant the service account roles/bigquery.jobUser on the project and roles/bigquery.dataViewer on the data"
_NOT_ENABLED = Verdict(
    "config", "the BigQuery API is not enabled in this project", "run: gcloud services enable bigquery.googleapis.com"
)
_NOT_FOUND = Verdict("unknown_db", "the project or dataset does not exist, or this account may not see it", "check --database and --schema", "database")  # fmt: skip
# errors[].reason: cloud.google.com/bigquery/docs/error-messages
_REASONS = by_code({
    "accessDenied": Verdict("permission", hint=_ROLE),
    "accessNotConfigured SERVICE_DISABLED": _NOT_ENABLED,
    "authError ACCESS_TOKEN_EXPIRED": Verdict("auth", stage="login"),
    "required": Verdict("auth", "the service wants a login", "give the key of a service account with --password", "login"),
    "billingNotEnabled": Verdict("config", "billing is not enabled in this project", "turn billing on for the project"),
    "blocked": Verdict("permission", "the project or account is blocked for now"),
    "billingTierLimitExceeded jobRateLimitExceeded quotaExceeded rateLimitExceeded userRateLimitExceeded resourcesExceeded responseTooLarge": Verdict("quota"),
    "backendError internalError jobBackendError jobInternalError tableUnavailable resourceInUse": Verdict("transient"),
    "timeout stopped": Verdict("timeout"),
})  # fmt: skip
# Reasons of several faults: what is missing, or wrong, stands in the words.
_UMBRELLAS = by_code({"notFound": _NOT_FOUND, "invalid invalidQuery badRequest parseError invalidUser notImplemented duplicate": Verdict("config")})  # fmt: skip
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
    (r"not found: (project|dataset)|has not enabled BigQuery|cannot parse .* as (project|dataset)", _NOT_FOUND),
    (r"API has not been used in project|it is disabled|requires billing", _NOT_ENABLED),
    (r"invalid (project|dataset) id", Verdict("unknown_db", "this is not the name of a project or dataset", "check --database and --schema", "database")),
    (r"location .* (is not supported|not found|does not support)|not found in location|invalid location", Verdict("config", "BigQuery does not have it in this location", "check location in --parameters")),
)  # fmt: skip


ERRORS = ErrorTable(
    codes=_REASONS,
    umbrellas=_UMBRELLAS,
    words=(
        *_TEXT,
        *_TOKEN[:-2],
        (r"quota ?exceeded|exceeded (your )?quota|rate limits?\b", Verdict("quota")),
        (r"default credentials|automatically determine credentials", Verdict("auth", "the tool that said this found no credentials")),
        (r"Could not deserialize key data|not in the expected format|MalformedError", Verdict("config", "the key is not one of Google's key files")),
    ),
    # A reason may be any word, so that its key must stand before it.
    inside=r"\breason['\"]?\W{1,4}(?-i:([a-z]+[A-Z]?\w{3,40}|[A-Z_]{6,40}))\b|(?-i:\b(?P<weak>[a-z]+[A-Z]\w+)\b)",
    alone=r"[A-Za-z_]{5,40}",
    spell=spelled_as(_REASONS, _UMBRELLAS),
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the words that name what is missing, by the error's reason, by the HTTP status."""
    text = str(exc)
    if type(exc).__name__ == "RefreshError":
        return by_text(text, _TOKEN) or Verdict("auth", "Google refused the key", _KEY)
    status: Any = getattr(exc, "code", None)
    if isinstance(status, int) and hasattr(exc, "errors"):
        reasons = [error.get("reason", "") for error in exc.errors if isinstance(error, dict)]
        verdict = ERRORS.judge(reasons, "")
        code = verdict.code if verdict is not None else str(int(status))
        # A reason may stand for several, and its words name the one.
        known = verdict if verdict and verdict.failure_class != "unknown" and code not in _UMBRELLAS else None
        verdict = by_text(text, _TEXT) or known or by_status(int(status))
        return verdict and replace(verdict, code=code)
    return by_class(exc)


def explain(text: str) -> Verdict | None:
    """Judge by a reason, by the words that name what is missing, by an HTTP status."""
    verdict = ERRORS.explain(text)
    if verdict is not None and verdict.failure_class != "unknown":
        return verdict
    status = re.search(r"(?:\bcode\W{1,4}|\bHTTPError |\bHTTP |exceptions\.\w+: |Exception: )([45]\d\d)\b", text)
    by_http = by_status(int(status[1])) if status else None
    return replace(by_http, code=status[1]) if by_http and status else verdict


def limits(target: Target) -> dict[str, Any]:
    """Return what every call takes: no retry, and what is left of the time."""
    return {"retry": None, "timeout": target.timeout_s}


def _datasets(handle: Any, target: Target, **more: Any) -> Any:
    return handle.list_datasets(segment(target.database or handle.project), **more, **limits(target))


def _dataset(handle: Any, project: str | None, name: str) -> Any:
    from google.cloud.bigquery import DatasetReference

    return DatasetReference(segment(project or handle.project), segment(name))


def select(handle: Any, target: Target) -> None:
    """Check that the project, the dataset and the temporary dataset are there for this account."""
    if target.schema is not None:
        handle.get_dataset(_dataset(handle, target.database, target.schema), **limits(target))
    elif target.database is not None:
        next(iter(_datasets(handle, target, max_results=1)), None)
    if name := target.parameters.get("temp_dataset"):
        handle.get_dataset(_dataset(handle, None, name), **limits(target))


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the projects that the account has a role in."""
    for page in handle.list_projects(**limits(target)).pages:
        for project in page.raw_page.get("projects", ()):
            yield Item(project["projectReference"]["projectId"], "catalog")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the datasets of a project; hidden ones begin with an underscore."""
    for dataset in _datasets(handle, target, include_all=True):
        yield Item(dataset.dataset_id, "schema", dataset.dataset_id.startswith("_"))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a dataset whose names begin with a prefix."""
    for table in handle.list_tables(_dataset(handle, target.database, target.schema or ""), **limits(target)):
        if table.table_id.startswith(prefix):
            yield Item(table.table_id, "view" if "VIEW" in (table.table_type or "") else "table")


def check(handle: Any, target: Target) -> Server:
    """Run a query that reads no byte and so costs nothing; BigQuery has no version."""
    limit = target.timeout_s
    rows = handle.query_and_wait(
        "select 1", api_timeout=limit, wait_timeout=limit, retry=None, job_retry=None, page_size=target.fetch_size
    )
    next(iter(rows))
    return Server("Google BigQuery", None)


def complete(values: dict[str, str]) -> None:
    """Drop the words for a service account's key, and the host of a JDBC URL, which is Google's own."""
    if values.get("method", "").startswith("service-account"):
        del values["method"]
    if values.get("host", "").endswith("googleapis.com"):
        del values["host"]
    if values.get("host", "") == "https" and "googleapis.com" in values.get("schema", ""):  # https://www.…, behind //
        del values["host"], values["schema"]


CONNECTOR = Connector(
    type="bigquery",
    title="Google BigQuery",
    default_port=443,
    driver="google.cloud.bigquery",
    distribution="google-cloud-bigquery",
    fields=("password",),
    required=(),
    proof="the service account's key",
    params=(
        Param("location", str, "where jobs run, as EU or us-east1 (our choice)", max_length=63, harmless="where Google runs a query; the request goes to the same endpoint"),
        Param("temp_dataset", str, "dataset of the key's project for intermediate results (our choice)", max_length=1_024, harmless="where results lie for a while, in the project of the key; the request goes to the same endpoint"),
        ENDPOINT_URL,
        *TLS_PARAMS,
    ),
    session_params=("temp_dataset",),
    grammar={"location": SEGMENT, "temp_dataset": DATASET, "database": PROJECT, "schema": DATASET},
    scope=("database", "schema"),
    example="--password '${GOOGLE_KEY_JSON}'",
    endpoint=endpoint,
    requires=requires,
    protocols=(HTTP,),
    tls="direct",
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle._http.close(),  # noqa: SLF001 - the session that `connect` made
    classify=classify,
    explain=explain,
    signature=r"(?i)bigquery",
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="emulator: bqemulator; Google's exchange of tokens against a server of the tests",
    authentication=(("service account", "password: the text of its JSON key file"),),
    privileges=(
        "roles/bigquery.jobUser on the key's project, for bigquery.jobs.create",
        "roles/bigquery.metadataViewer on the datasets or their project, for bigquery.datasets.get and bigquery.tables.list",
    ),
    public_members=google.PUBLIC,
    pinned="resolver",  # requests, for Google's token endpoint too, which has a fixed name
    reads="bigquery",
    foreign=Foreign(
        names=("bigquery", "google_cloud_platform", "gcpbigquery"),
        odbc=("bigquery",),
        keys={
            **dict.fromkeys(google.KEY_TEXTS, "password"),
            **dict.fromkeys(("host", "project", "project_id", "projectid"), "database"),
            **dict.fromkeys(("dataset", "dataset_id", "defaultdataset"), "schema"),
            **dict.fromkeys(("port", "num_retries"), ""),
        },
        files=dict.fromkeys(google.KEY_FILES, "password"),
        path=("schema",),
        complete=complete,
        environment=google.environment("password", BIGQUERY_EMULATOR_HOST="{endpoint_url}"),
        # apache-airflow-providers-google, "Google Cloud BigQuery Connection"; docs.getdbt.com, "BigQuery setup".
        forms={
            "airflow": Form("gcpbigquery", {"password": "keyfile_dict", "database": "project", "location": "location"}),
            "dbt": Form(
                "bigquery",
                {"password": "keyfile_json", "database": "project", "schema": "dataset", "location": "location"},
                needs=("database", "schema"),
                fixed={"method": "service-account-json"},
                json=("password",),
            ),
        },
    ),
)  # fmt: skip
