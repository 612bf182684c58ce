"""Documents on tests and what their failures mean."""

from typing import Literal, TypedDict

FailureClass = Literal[
    "auth", "permission", "dns", "refused", "network", "timeout", "tls", "unknown_db", "quota", "config", "blocked",
    "driver_missing", "transient", "internal", "unknown",
]  # fmt: skip


class Stage(TypedDict):
    """One stage of a test; `ms` is how long it took, in milliseconds."""

    name: str
    ok: bool
    ms: float


class Tls(TypedDict):
    """What a TLS handshake agreed on; `not_after`, the end of the server's certificate, is RFC 3339."""

    version: str | None
    cipher: str | None
    verified: bool
    not_after: str | None


_Class = TypedDict("_Class", {"class": FailureClass | None})  # a keyword, which no body of a class takes
_FailureClass = TypedDict("_FailureClass", {"class": FailureClass})


class TestReport(_Class):
    """The report of a test; what says why it failed is None when connected."""

    connected: bool
    stage: str | None
    code: str | None
    retryable: bool | None
    message: str
    hint: str | None
    detail: str | None
    product_name: str | None
    product_version: str | None
    driver_name: str | None
    driver_version: str | None
    address: str | None
    local_address: str | None
    tls: Tls | None
    stages: list[Stage]
    duration_ms: float | None
    warnings: list[str]


class Verdict(_FailureClass):
    """What an error message, or a code alone, means."""

    code: str | None
    retryable: bool
    cause: str
    hint: str


class TestResult(TestReport):
    """The report of one of many tests, with the connection that it is of."""

    id: int
    name: str
    type: str
