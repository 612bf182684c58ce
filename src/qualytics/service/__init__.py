"""The rules of the product: what may be stored, changed, deleted and tested, and what leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from qualytics.store import open_store

if TYPE_CHECKING:
    from types import TracebackType

    from qualytics.settings import Settings
    from qualytics.store.base import Store

__all__ = ["Context"]


class Context:
    """What the parts of the service share: the settings and, once it is needed, the open store."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; nothing is opened yet."""
        self.settings = settings
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """Return the store, opened at the first use."""
        if self._store is None:
            self._store = open_store(self.settings)
        return self._store

    def release(self) -> None:
        """Close the store, so that others may have it while something slow runs; `store` opens it again."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.release()
