"""The verbs on many records at once, as type checkers see them; a part of the contract of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from qualytics import types


class Config(Protocol):
    """The verbs on a configuration: many connections and datastores as they are to be."""

    def datastores(self) -> Iterator[types.ConfigDatastore]:
        """Yield all datastores with their settings, and the datastore of their enrichment by name."""

    def plan(self, config: types.Config, *, on_change: Callable[[types.Change], object] | None = None) -> types.Plan:
        """Return what an apply would create, update and delete, and what is wrong; nothing is stored.

        `on_change` takes each change in its order, which the plan then does not hold.
        """

    def apply(
        self,
        config: types.Config,
        *,
        plan: str | None = None,
        on_change: Callable[[types.Change], object] | None = None,
        test: bool = False,
        timeout_s: float | None = None,
    ) -> types.Plan:
        """Store a configuration, all or nothing, and return the plan that it was; with `test`, only if tests pass.

        They are those of the verb `test`, and are kept. `plan` is that of a plan which was looked at: something else
        is not applied. `on_change` is as in `plan`.
        """

    def test(
        self, config: types.Config, *, plan: str | None = None, timeout_s: float | None = None
    ) -> types.ConfigTests:
        """Test each connection that an apply would create or change, and return the reports of those that fail."""


class Run(Protocol):
    """Tests of many connections; iterate once for the results, in the order in which the tests end.

    Use it in a `with` statement, which ends the tests that still run when it is left.
    """

    @property
    def operation_id(self) -> int | None:
        """Return the id by which a control plane resumes it; None on the embedded store."""

    @property
    def total(self) -> int:
        """Return how many connections there were when it began."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what could not be kept of its tests, once it was left."""

    def untested(self) -> Iterator[str]:
        """Yield the names of connections that have no result, once it was left."""

    def __iter__(self) -> Iterator[types.TestResult]:
        """Yield the results as they come."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Runs(Protocol):
    """The verbs that test many connections."""

    def start(  # noqa: PLR0913 - a filter each, and how it is tested
        self,
        name: str | None = None,
        types: Sequence[str] = (),
        *,
        tags: Sequence[str] = (),
        owner: str | None = None,
        parallel: int | None = None,
        timeout_s: float | None = None,
        retry: bool = False,
    ) -> Run:
        """Return a run over all connections, or those that a list with these filters has.

        `parallel` is how many tests run at once, `timeout_s` the time limit of each; with `retry` what may pass a
        moment later is tested once more.
        """

    def resume(self, operation_id: int) -> Run:
        """Follow a run of a control plane from its first result on; what was left untested is tested."""


class Imports(Protocol):
    """The verb on a set of new connections."""

    def create(self, items: Sequence[types.ConnectionFields], *, dry_run: bool = False) -> Sequence[types.Imported]:
        """Store new connections and return what became of each, in their order."""
