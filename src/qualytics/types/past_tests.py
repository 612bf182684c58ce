"""Documents on past tests, and on the state that they leave a connection in."""

from typing import Literal, TypedDict

from qualytics.types.records import Author
from qualytics.types.reports import FailureClass

StateWord = Literal["works", "fails", "unknown", "never"]

_Class = TypedDict("_Class", {"class": FailureClass | None})  # a keyword, which no body of a class takes


class PastTest(_Class):
    """A past test of a connection; `ms` is how long each stage took.

    What says why it failed is None when connected.
    """

    at: str
    user: Author
    connected: bool
    stage: str | None
    code: str | None
    duration_ms: float
    ms: dict[str, float]
    product_version: str | None
    driver_version: str | None


class ConnectionState(_Class):
    """How the last test of a connection ended; `never` without one.

    It is `unknown` once a value was changed that the test depends on. `since` is when the first of the tests in a row
    ended that all ended so, `at` when the last did, so many seconds ago.
    """

    state: StateWord
    since: str | None
    at: str | None
    age_s: int | None
    stage: str | None
    code: str | None
