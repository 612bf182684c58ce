"""Every error of the product: its code, its exit code, its HTTP status and its hint.

QualyticsError            internal              exit 1  500
├─ UsageError             usage                 exit 2  400
├─ InvalidInput           invalid-input         exit 2  422   carries one Problem per bad value
├─ NotFound               not-found             exit 3  404
├─ NotSignedIn            not-signed-in         exit 4  401
├─ NotAllowed             not-allowed           exit 4  403
├─ Conflict               conflict              exit 5  409
│  ├─ NameTaken           name-taken            exit 5  409
│  ├─ ConnectionInUse     connection-in-use     exit 5  409
│  ├─ SecretNeeded        secret-needed-for-new-target  exit 5  409
│  └─ VersionChanged      version-changed       exit 5  412
├─ TestFailed             test-failed           exit 6  400   carries the report, or those of several
├─ ReadFailed             read-failed           exit 1  502   carries the report, where a session failed
├─ NotWhole               not-whole             exit 8  500   carries the receipt
├─ DriverMissing          driver-missing        exit 6  200
├─ TooMany                too-many              exit 1  429   carries the seconds to wait
├─ Abandoned              abandoned             exit 1  499
├─ AddressTaken          address-taken         exit 1  500
├─ Unreachable            unreachable           exit 1  502
├─ Busy                   store-busy            exit 1  503
├─ StoreError             store-error           exit 1  500
│  ├─ StoreDamaged        store-damaged         exit 1  500
│  ├─ StoreNewer          store-newer           exit 1  500
│  ├─ StoreFull           store-full            exit 1  507
│  ├─ StoreUnreachable    store-unreachable     exit 1  503
│  └─ StoreUnsafe         store-unsafe          exit 1  500
└─ KeyProblem             key-problem           exit 1  500
   ├─ KeyMissing          key-missing           exit 1  500
   ├─ KeyInvalid          key-invalid           exit 1  500
   ├─ KeyMismatch         key-mismatch          exit 1  500
   └─ SealBroken          seal-broken           exit 1  500
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qualytics.types import ConfigTestResult, DatastoreStub, TestReport


class Problem(Struct, eq=True):
    """One bad value: where it stands, what is wrong, and what to do.

    `code` is kebab-case and never changes; the list is `PROBLEM_CODES`.
    """

    loc: str
    message: str
    hint: str | None = None
    code: str = "invalid-value"


PROBLEM_CODES: dict[str, str] = {
    "invalid-value": "the value has the wrong form or is out of range",
    "missing-value": "a value the type needs was not given",
    "unknown-type": "there is no connection type of that name",
    "unknown-parameter": "the type has no parameter of that name",
    "unknown-field": "there is no field of that name",
    "field-not-accepted": "the field exists, but this type does not take it",
    "secret-is-mask": "the mask that stands for a secret was given as the secret",
    "type-not-allowed": "this control plane does not take connections of that type, or not with that file",
    "not-supported": "the value is part of the contract but not supported yet",
    "unset-reference": "a ${NAME} names a variable that is not set",
    "empty-reference": "a ${NAME} names a variable that is empty",
    "malformed-reference": "a ${…} is not a reference to one variable",
}


class QualyticsError(Exception):
    """A fault of the program itself.

    Base of all errors: a message in lower case without full stop, and a hint with what to do.
    """

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    # Every error has both, so that a caller may read them of any.
    problems: Sequence[Problem] = ()
    report: TestReport | None = None

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Keep the message (one line, never a secret) and the hint (a command to run)."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # Those of processes and schedulers go through pickle, which knows nothing of what `__init__` takes.
        return _remade, (type(self), self.args), self.__dict__

    @classmethod
    def meaning(cls) -> str:
        """Return what errors of a class mean: the first line of its docstring, without docstrings its code."""
        line = (cls.__doc__ or cls.code).partition("\n")[0].removesuffix(".")
        return line[:1].lower() + line[1:]


def _remade(error: type[QualyticsError], args: tuple[Any, ...]) -> QualyticsError:
    return error.__new__(error, *args)


class UsageError(QualyticsError):
    """The call is wrong: options that exclude each other, or one that is missing."""

    code = "usage"
    exit_code = 2
    http_status = 400


class InvalidInput(QualyticsError):
    """A value breaks a rule; every problem of the call is listed."""

    code = "invalid-input"
    exit_code = 2
    http_status = 422

    def __init__(self, problems: Sequence[Problem]) -> None:
        hint = next((problem.hint for problem in problems if problem.hint), None)
        super().__init__("; ".join(problem.message for problem in problems), hint)
        self.problems = tuple(problems)


class NotFound(QualyticsError):
    """There is no record of that id or name."""

    code = "not-found"
    exit_code = 3
    http_status = 404


class NotSignedIn(QualyticsError):
    """No token was sent, or it is not valid any more."""

    code = "not-signed-in"
    exit_code = 4
    http_status = 401


class NotAllowed(QualyticsError):
    """The caller lacks the right that the message names."""

    code = "not-allowed"
    exit_code = 4
    http_status = 403


class Conflict(QualyticsError):
    """The request conflicts with what is stored."""

    code = "conflict"
    exit_code = 5
    http_status = 409


class NameTaken(Conflict):
    """Another record has this name (case does not count)."""

    code = "name-taken"


class ConnectionInUse(Conflict):
    """Datastores still use the connection; they are listed."""

    code = "connection-in-use"

    def __init__(self, message: str, hint: str, datastores: Sequence[DatastoreStub]) -> None:
        super().__init__(message, hint)
        self.datastores = tuple(datastores)


class SecretNeeded(Conflict):
    """The target changes, so its secret must be given again."""

    code = "secret-needed-for-new-target"

    def __init__(self, message: str, hint: str | None = None, secrets: Sequence[str] = ()) -> None:
        """Keep the names of the secrets that must be given again."""
        super().__init__(message, hint)
        self.problems = tuple(Problem(name, message, hint, self.code) for name in secrets)


class VersionChanged(Conflict):
    """The record was changed since it was read."""

    code = "version-changed"
    http_status = 412


class TestFailed(QualyticsError):
    """A connection test that something else depended on ran and failed; of several, `failures` are the reports."""

    code = "test-failed"
    exit_code = 6
    http_status = 400
    report: TestReport

    def __init__(
        self, message: str, hint: str | None, report: TestReport, failures: Sequence[ConfigTestResult] = ()
    ) -> None:
        super().__init__(message, hint)
        self.report = report
        self.failures = failures


class ReadFailed(QualyticsError):
    """A read of data began, and could not be ended; what it wrote is gone."""

    code = "read-failed"
    http_status = 502

    def __init__(self, message: str, hint: str | None = None, report: TestReport | None = None) -> None:
        super().__init__(message, hint)
        self.report = report


class NotWhole(QualyticsError):
    """A read ended, and the engine counts other rows in the same snapshot; nothing of it is kept."""

    code = "not-whole"
    exit_code = 8

    def __init__(self, message: str, receipt: Mapping[str, Any]) -> None:
        super().__init__(message, "read it again with --parallel 1, and report this")
        self.receipt = receipt


class DriverMissing(QualyticsError):
    """The Python driver of the type is not installed."""

    code = "driver-missing"
    exit_code = 6
    http_status = 200


class TooMany(QualyticsError):
    """A limit on requests, or on tests at once, is reached."""

    code = "too-many"
    http_status = 429

    def __init__(self, message: str, hint: str | None = None, retry_after_s: float = 1.0) -> None:
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s


class Abandoned(QualyticsError):
    """The client closed the connection before the answer, so what it asked for was ended."""

    code = "abandoned"
    http_status = 499


class AddressTaken(QualyticsError):
    """Another program listens on the address."""

    code = "address-taken"


class Unreachable(QualyticsError):
    """The control plane could not be reached, or what answered is not a control plane."""

    code = "unreachable"
    http_status = 502


class Busy(QualyticsError):
    """Other writers held the store for longer than we wait."""

    code = "store-busy"
    http_status = 503


class StoreError(QualyticsError):
    """The store could not be read or written."""

    code = "store-error"


class StoreDamaged(StoreError):
    """The file is not a store, or no longer a whole one."""

    code = "store-damaged"


class StoreNewer(StoreError):
    """A newer version of the program has written the store."""

    code = "store-newer"


class StoreFull(StoreError):
    """No space is left where the store is; nothing was changed."""

    code = "store-full"
    http_status = 507


class StoreUnreachable(StoreError):
    """The store's server could not be reached, or was lost in the middle of a change; the message says which."""

    code = "store-unreachable"
    http_status = 503


class StoreUnsafe(StoreError):
    """The store or its directory is a link, or belongs to another user."""

    code = "store-unsafe"


class KeyProblem(QualyticsError):
    """The key that seals the secrets cannot be used."""

    code = "key-problem"


class KeyMissing(KeyProblem):
    """There is a store but no key for it."""

    code = "key-missing"


class KeyInvalid(KeyProblem):
    """What stands where the key should be is not a key, or others could read it."""

    code = "key-invalid"


class KeyMismatch(KeyProblem):
    """The key is not the one that sealed this store."""

    code = "key-mismatch"


class SealBroken(KeyProblem):
    """A sealed value was changed, moved or cut since it was written."""

    code = "seal-broken"


def all_errors(root: type[QualyticsError] = QualyticsError) -> list[type[QualyticsError]]:
    """Return every error class, parents first, in the order of the tree above."""
    errors = [root]
    for child in root.__subclasses__():
        errors += all_errors(child)
    return errors
