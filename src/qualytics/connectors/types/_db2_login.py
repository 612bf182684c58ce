"""How Db2 is logged in to: the password encrypted where the server takes it so, and never in clear by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.preamble import leave_to_driver
from qualytics.connectors.types._db2_arguments import CLEAR, ENCRYPTED, arguments, credentials, describe, is_encrypted
from qualytics.connectors.types._db2_errors import OTHER_WAY, classify

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target


def connect(target: Target) -> Any:
    """Log in; the password goes encrypted where the server takes it so, and as it is only over TLS or when told to."""
    from qualytics.connectors.shared.tunnel import tunnel  # brings ssl, which knowing a type does not need

    tls, encrypted = target.tls, is_encrypted(target)
    if tls is not None:
        tls.active = encrypted
    given = credentials(target)
    arguments(target)  # refuses what can be no database before the server is asked
    leave_to_driver(target, "DRDA, Db2's protocol")
    describe(target, tunnel(target) if encrypted else None)
    import ibm_db  # after the variables that it reads are set
    import ibm_db_dbi

    in_clear = encrypted or tls is None or tls.mode == "disable"
    try:
        return ibm_db_dbi.Connection(_log_in(ibm_db.connect, given, in_clear=in_clear))
    except Exception as exc:  # noqa: BLE001 - the driver has no other class
        failed = exc
    verdict = classify(failed)
    if target.database is not None or verdict is None or verdict.failure_class != "unknown_db":
        raise failed
    # The answer about our guess of a database is not the user's concern.
    hint = "name one with --database"
    raise refuse("config", "the server answers, but Db2 lets nobody in without a database", hint, stage="login")


def _log_in(dial: Any, credentials: tuple[str, str], *, in_clear: bool) -> Any:
    try:
        return dial(ENCRYPTED, *credentials)
    except Exception as exc:  # noqa: BLE001 - the driver has no other class
        failed = exc
    if not in_clear or classify(failed) != OTHER_WAY:
        raise failed
    return dial(CLEAR, *credentials)
