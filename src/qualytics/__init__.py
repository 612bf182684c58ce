"""Manage the database connections that datastores use; `connect()` is the way in from Python."""

# Nothing is imported here: `python -m qualytics` comes by before its working directory is out of the way.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from qualytics.client import connect
    from qualytics.errors import (
        Conflict,
        ConnectionInUse,
        InvalidInput,
        KeyProblem,
        NameTaken,
        NotAllowed,
        NotFound,
        NotSignedIn,
        QualyticsError,
        StoreError,
        TestFailed,
        UsageError,
        VersionChanged,
    )
    from qualytics.model import Scope
    from qualytics.secret import Secret

__version__ = "0.1.0"

__all__ = [
    "Conflict",
    "ConnectionInUse",
    "InvalidInput",
    "KeyProblem",
    "NameTaken",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "QualyticsError",
    "Scope",
    "Secret",
    "StoreError",
    "TestFailed",
    "UsageError",
    "VersionChanged",
    "__version__",
    "connect",
]

_MODULES = {"connect": "qualytics.client", "Scope": "qualytics.model", "Secret": "qualytics.secret"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_MODULES.get(name, "qualytics.errors")), name)
