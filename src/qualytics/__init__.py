"""Manage the database connections that datastores use; `connect()` is the way in from Python."""

# Nothing is imported here: `python -m qualytics` comes by before its working directory is out of the way.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from qualytics.client.asynchronous import AsyncClient
    from qualytics.client.contract import Client
    from qualytics.client.sdk import aconnect, connect, explain
    from qualytics.errors import (
        Abandoned,
        AddressTaken,
        Busy,
        Conflict,
        ConnectionInUse,
        DriverMissing,
        InvalidInput,
        KeyInvalid,
        KeyMismatch,
        KeyMissing,
        KeyProblem,
        NameTaken,
        NotAllowed,
        NotFound,
        NotSignedIn,
        NotWhole,
        Problem,
        QualyticsError,
        ReadFailed,
        SealBroken,
        SecretNeeded,
        StoreDamaged,
        StoreError,
        StoreFull,
        StoreNewer,
        StoreUnreachable,
        StoreUnsafe,
        TestFailed,
        TooMany,
        Unreachable,
        UsageError,
        VersionChanged,
    )
    from qualytics.model import Listing, Scope, StageEvent, version_of
    from qualytics.secret import Secret

__version__ = "0.1.0"

__all__ = [
    "Abandoned",
    "AddressTaken",
    "AsyncClient",
    "Busy",
    "Client",
    "Conflict",
    "ConnectionInUse",
    "DriverMissing",
    "InvalidInput",
    "KeyInvalid",
    "KeyMismatch",
    "KeyMissing",
    "KeyProblem",
    "Listing",
    "NameTaken",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "NotWhole",
    "Problem",
    "QualyticsError",
    "ReadFailed",
    "Scope",
    "SealBroken",
    "Secret",
    "SecretNeeded",
    "StageEvent",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreNewer",
    "StoreUnreachable",
    "StoreUnsafe",
    "TestFailed",
    "TooMany",
    "Unreachable",
    "UsageError",
    "VersionChanged",
    "__version__",
    "aconnect",
    "connect",
    "explain",
    "version_of",
]

_MODULES = {
    **dict.fromkeys(("aconnect", "connect", "explain"), "client.sdk"),
    "AsyncClient": "client.asynchronous",
    "Client": "client.contract",
    **dict.fromkeys(("Listing", "Scope", "StageEvent", "version_of"), "model"),
    "Secret": "secret",
}

if not TYPE_CHECKING:  # or every name would be right to type checkers

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
