"""What the verbs of the service share: settings, who asks, the open store, and the audit log of what they do."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Self

from qualytics.errors import NotAllowed, NotSignedIn, QualyticsError
from qualytics.model import id_of
from qualytics.service.rights import OWNER
from qualytics.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from qualytics.model import TestReport
    from qualytics.probe import Plan
    from qualytics.probe.parent.cancellation import Cancellation
    from qualytics.service.rights import Actor, Right
    from qualytics.settings import Settings
    from qualytics.store.base import Store
    from qualytics.store.tables.past_tests import EndedTest


class Action:
    """An action as `connection.update`, from its begin until it is recorded; a store of one user keeps no log."""

    def __init__(self, context: Context, name: str, record: int | str | None = None) -> None:
        self._context = context
        self.name = name
        self.object_id = id_of(record)
        self.object_name = str(record) if isinstance(record, str) and self.object_id is None else None
        self.is_recorded = False

    def found(self, object_id: int, object_name: str) -> None:
        """Keep which record it is about, for what is recorded of a refusal, too."""
        self.object_id, self.object_name = object_id, object_name

    def record(self, object_id: int | None, object_name: str | None, outcome: str = "done", **detail: Any) -> None:
        """Append an entry to the audit log, inside the transaction that does it."""
        self.object_id, self.object_name = object_id, object_name
        if self._context.is_audited:
            from qualytics.service import audit_log

            audit_log.append(self._context.store, self._context.actor, self, outcome, detail)
            self._context.refused += audit_log.is_refusal(outcome)
        self.is_recorded = True

    def record_alone(self, outcome: str, **detail: Any) -> None:
        """Append an entry on what was done outside the store, in a transaction of its own; on a control plane."""
        if self._context.is_shared:
            with self._context.writing():
                self.record(self.object_id, self.object_name, outcome, **detail)


class Undo(Exception):
    """Raised inside `Context.writing` to roll back what was written."""


class Context:
    """What the parts of the service share: settings, who asks and, once it is needed, the open store.

    `lease` gives a store for as long as it is used, where a pool holds them.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        actor: Actor = OWNER,
        lease: Callable[[], contextlib.AbstractContextManager[Store]] | None = None,
    ) -> None:
        self.settings = settings
        self.actor = actor
        self._lease = lease or (lambda: open_store(settings))
        self.run_test: Callable[[Plan], TestReport] | None = None  # where a test is not run in a fresh child process
        self.keep_test: Callable[[EndedTest], None] | None = None  # where many are written at once
        self.cancellation: Cancellation | None = None  # of whoever asks, from another thread
        self._leased: contextlib.AbstractContextManager[Store] | None = None
        self._store: Store | None = None
        self._required: set[Right] = set()
        self._is_audited: bool | None = None  # read once for a transaction, in which it cannot change
        self.refused = 0  # how many refusals the audit log has recorded

    @property
    def is_shared(self) -> bool:
        """Say whether many users share the store, which a control plane then guards."""
        return self.settings.policy is not None

    @property
    def default_ssl_mode(self) -> str:
        """Return the `ssl_mode` of a connection that has none."""
        from qualytics.connectors.contract import SHARED_SSL_MODE, SSL_MODE  # most verbs need no connector

        return SHARED_SSL_MODE if self.is_shared else SSL_MODE

    @property
    def is_audited(self) -> bool:
        """Say whether changes are written down: on a control plane, and on its own host where it has users."""
        if self._is_audited is not None:
            return self._is_audited
        return self.is_shared or self.store.accounts.has_users()

    @property
    def store(self) -> Store:
        """Return the store, opened at the first use."""
        if self._store is None:
            self._leased = self._lease()
            self._store = self._leased.__enter__()
        return self._store

    @contextlib.contextmanager
    def writing(self, *, dry_run: bool = False) -> Iterator[Store]:
        """Run a write transaction for whoever asks: who they are and what they may is read again in it.

        A dry run does all that the real one does, and is rolled back; so does whoever raises Undo inside.

        Raises:
            NotSignedIn, NotAllowed: their token, user or role has ended meanwhile; nothing is written then.

        """
        with contextlib.suppress(Undo), self.system_writing() as store:
            self._renew()
            self._is_audited = self.is_audited
            try:
                yield store
            finally:
                self._is_audited = None
            if dry_run:
                raise Undo

    def system_writing(self) -> contextlib.AbstractContextManager[Store]:
        """Run a write transaction of the program itself: for what it records of others, never for what they ask."""
        return self.store.writing()

    def release(self) -> None:
        """Give the store back, so that others may have it while something slow runs; `store` opens it again."""
        if self._leased is not None:
            leased, self._leased, self._store = self._leased, None, None
            leased.__exit__(None, None, None)

    def require_still(self) -> None:
        """Require again, once a test's turn has come, what it was let in with.

        Raises:
            NotSignedIn, NotAllowed: token, user or role are others than when it was asked for.

        """
        role = self.actor.role
        try:
            self._renew()
        finally:
            self.release()
        if self.actor.role != role:  # which decided, too, where a stored secret may go
            raise NotAllowed(f"the role of {self.actor.name!r} was changed while the test waited", "ask for it again")

    def require(self, right: Right) -> None:
        """Raise NotAllowed unless whoever asks has a right; they must still have it when they write."""
        self._required.add(right)
        self.actor.require(right)

    def _renew(self) -> None:
        if self.actor.user_id is not None:  # else it is the owner of the store, or the program itself
            from qualytics.service.accounts.actors import current_actor

            self.actor = current_actor(self.store, self.actor)
        for right in self._required:
            self.actor.require(right)

    @contextlib.contextmanager
    def audited(self, right: Right, action_name: str, record: int | str | None = None) -> Iterator[Action]:
        """Do something that needs a right and that the audit log records, allowed or refused."""
        action = Action(self, action_name, record)
        try:
            self.require(right)
            yield action
        except QualyticsError as exc:
            if self.is_shared and not action.is_recorded:
                raise self._recorded(action, exc) from exc.__cause__
            raise

    def _recorded(self, action: Action, error: QualyticsError) -> QualyticsError:
        with self.system_writing():
            try:
                self._renew()
            except (NotSignedIn, NotAllowed) as ended:  # which is all that they are told then
                error = ended
            action.record(action.object_id, action.object_name, error.code)
        return error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.release()


def changed_names(before: dict[str, Any], after: dict[str, Any], secrets: Sequence[str] = ()) -> list[str]:
    """Return the names of the values that differ, and of the secrets that were given; never a value."""
    differing = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return sorted(differing | set(secrets))
