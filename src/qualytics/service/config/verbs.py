"""Plans of many connections and datastores, and their application in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from qualytics.errors import PROBLEM_CODES, Conflict, InvalidInput, NotFound, Problem, UsageError, VersionChanged
from qualytics.model import ListQuery
from qualytics.packed import PackedList
from qualytics.service import documents, validate
from qualytics.service.config.changes import (
    CREATE,
    DATASTORE,
    DELETE,
    UPDATE,
    Changes,
    problems_of,
)
from qualytics.service.config.connections import ConnectionChanges
from qualytics.service.config.datastores import ENRICHMENT, DatastoreChanges
from qualytics.service.config.renames import Renames, wrong
from qualytics.service.connections.runs import checked_parallel, own_contexts
from qualytics.service.connections.tests import checked_timeout
from qualytics.service.rights import READ, TEST, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from qualytics import types
    from qualytics.service.config.connections import Planned
    from qualytics.service.config.tests import Contexts, Tested
    from qualytics.service.connections.verbs import Connections
    from qualytics.service.context import Context
    from qualytics.service.datastores.verbs import Datastores
    from qualytics.store.base import Store

    OnChange = Callable[[types.Change], object] | None

SORTS = ("connections", "datastores")


class Resources(Protocol):
    """The resources of one sort: a list, or what reads one when it is asked for."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> dict[str, Any]: ...
    def __iter__(self) -> Iterator[dict[str, Any]]: ...


class Config:
    """The verbs on a configuration: `{connections, datastores, prune}`, each resource as a document of it.

    A resource is the record of its name; of its `id`, or of its `previous_name`, where it has one. What a resource
    does not hold stays, null clears it but keeps a secret, and parameters are whole. `prune` names the sorts of which
    everything else is deleted. Of thousands, the resources may be a `PackedList`, and `on_change` takes each change in
    its order, which the plan then does not hold.
    """

    def __init__(self, context: Context, connections: Connections, datastores: Datastores) -> None:
        self._context = context
        self._connections = connections
        self._datastores = datastores

    def datastores(self) -> Iterator[types.ConfigDatastore]:
        """Yield every datastore as a document, with its settings, and `enrich_datastore_name` in place of an id."""
        self._context.require(READ)
        table = self._context.store.datastores
        for found in table.select(ListQuery()):
            settings = dict(found.settings)
            target = settings.pop("enrichment_datastore_id", None)
            there = table.get(target) if target is not None else None
            named = {ENRICHMENT: None if there is None else there.name}
            document = documents.datastore_document(found) | settings | named
            yield cast("types.ConfigDatastore", document)

    def plan(self, config: Mapping[str, Any], *, on_change: OnChange = None) -> types.Plan:
        """Return what an apply would do, with what is wrong, resource by resource; nothing is stored.

        Of a secret it says `changed`; `given`, and no comparison, to whoever is no Admin of a control plane.

        Raises:
            InvalidInput: it is no configuration.

        """
        resources = _checked(config)
        with self._context.audited(WRITE, "config.plan") as action:
            with self._context.writing(dry_run=True) as store:
                run = self._run(store, resources, config, on_change=on_change)
            if self._context.is_shared:
                action.record_alone("done", compared=run.compared)
        return run.document()

    def apply(
        self,
        config: Mapping[str, Any],
        *,
        plan: str | None = None,
        on_change: OnChange = None,
        test: bool = False,
        **how: Any,
    ) -> types.Plan:
        """Store a configuration, all or nothing, and return the plan that it was.

        With `test`, only if all pass that are tested as `test` does, which takes `how`; the tests are kept.

        Raises:
            InvalidInput: something is wrong, with a problem for each; or it is no configuration.
            NameTaken, SecretNeeded, ConnectionInUse: that is all that is wrong.
            VersionChanged: what is stored has changed since `plan` was made, or while it was tested.
            TestFailed: `test` was asked for and one failed, or more; `failures` are their reports.

        """
        resources = _checked(config)
        with self._context.audited(WRITE, "config.apply") as action:
            tested = self._tested(resources, config, plan, **how) if test else None
            if tested is not None:
                tested.require_passed()
                plan = tested.plan
            planned: list[Planned] | None = None if tested is None else []
            with self._context.writing() as store:
                run = self._run(store, resources, config, planned, on_change)
                document = run.checked(resources, plan)
                if tested is not None and planned is not None:
                    tested.write(store, planned)
                if len(run.changes) or run.compared:
                    counts = {name: document[name] for name in (CREATE, UPDATE, DELETE)}  # type: ignore[literal-required]
                    action.record(None, None, **counts, compared=run.compared)
        return document

    def test(self, config: Mapping[str, Any], *, plan: str | None = None, **how: Any) -> types.ConfigTests:
        """Test each connection that an apply would create or change, with what it would store; nothing is stored.

        `failures` are the reports of those that fail, each with `id`, `name` and `type` first. Of `how`, `timeout_s` is
        the time limit of each, `parallel` how many run at once, and `contexts` make those in which they run, if not in
        children of this process.

        Raises:
            InvalidInput, NameTaken, SecretNeeded, ConnectionInUse, VersionChanged: as in `apply`.

        """
        resources = _checked(config)
        with self._context.audited(WRITE, "config.test") as action:
            tested = self._tested(resources, config, plan, **how)
            count, failed = len(tested.ended), len(tested.failures)
            action.record_alone("failed" if failed else "done", tests=count, failed=failed)
        return {"tested": count, "failures": [*tested.failures]}

    def _tested(
        self,
        resources: Mapping[str, Resources],
        config: Mapping[str, Any],
        plan: str | None,
        *,
        timeout_s: float | None = None,
        parallel: int | None = None,
        contexts: Contexts | None = None,
    ) -> Tested:
        from qualytics.service.config import tests

        timeout_s, parallel = checked_timeout(timeout_s), checked_parallel(parallel)
        self._context.require(TEST)
        planned: list[Planned] = []
        with self._context.writing(dry_run=True) as store:
            run = self._run(store, resources, config, planned, lambda _change: None)
            plan = run.checked(resources, plan)["plan"]
            scopes = tests.scopes(store, planned)
        self._context.release()
        contexts = contexts or own_contexts(self._context, parallel)
        return tests.run(plan, planned, scopes, contexts, timeout_s=timeout_s, parallel=parallel)

    def _run(
        self,
        store: Store,
        resources: Mapping[str, Resources],
        config: Mapping[str, Any],
        planned: list[Planned] | None = None,
        on_change: OnChange = None,
    ) -> _Run:
        connections = ConnectionChanges(self._context, store, self._connections)
        connections.planned = planned
        run = _Run(store, connections, DatastoreChanges(self._context, store, self._datastores), on_change)
        run.change(resources, prune := config.get("prune") or ())
        run.prune(prune)
        return run


class _Run:
    """One pass over a configuration, inside a transaction."""

    def __init__(
        self, store: Store, connections: ConnectionChanges, datastores: DatastoreChanges, on_change: OnChange
    ) -> None:
        self._store = store
        self._connections = connections
        self._datastores = datastores
        self._known: dict[str, set[int]] = {"connection": set(), "datastore": set()}
        self._taken: list[types.Change] = []
        self.changes = Changes(on_change or self._taken.append)
        self.problems: list[dict[str, Any]] = []
        self.conflicts: list[Conflict] = []

    @property
    def compared(self) -> int:
        """Return how many secrets were compared with stored ones."""
        return self._connections.compared

    def document(self) -> types.Plan:
        """Return the plan."""
        return self.changes.document(self._taken, self.problems)

    def checked(self, resources: Mapping[str, Resources], plan: str | None) -> types.Plan:
        """Return the plan, once nothing is wrong and it is the one that was looked at.

        Raises:
            InvalidInput, Conflict, VersionChanged: as `Config.apply` does.

        """
        document = self.document()
        if self.conflicts and len(self.conflicts) == len(self.problems):
            raise self.conflicts[0]
        if self.problems:
            raise InvalidInput([_as_problem(problem, resources) for problem in self.problems])
        if plan is not None and plan != document["plan"]:
            message = "what is stored has changed since the plan was made, so nothing was applied"
            raise VersionChanged(message, "make a new plan, and look at it")
        return document

    def change(self, resources: Mapping[str, Resources], prune: Iterable[str]) -> None:
        """Make the changes of every resource, and keep what is wrong with each; see `prune`."""
        self._change(self._connections, resources, prune)
        faulty = self._change(self._datastores, resources, prune)
        for index, fields in enumerate(resources["datastores"]):
            if index not in faulty:
                self._guarded(DATASTORE, index, self._datastores.link, fields)

    def prune(self, sorts: Iterable[str]) -> None:
        """Delete what no resource is: datastores first, as they use connections."""
        for changes in (self._datastores, self._connections):
            if f"{changes.resource}s" in sorts:
                known = self._known[changes.resource]
                for record in [one.id for one in changes.table.select(ListQuery()) if one.id not in known]:
                    self._guarded(changes.resource, None, self._remove, changes, record)

    def _remove(self, changes: Any, record: int) -> None:
        self.changes.add(changes.remove(changes.table.get(record)))

    def _change(self, changes: Any, resources: Mapping[str, Resources], prune: Iterable[str]) -> set[int]:
        """Make the changes of one sort, and return which resources are wrong."""
        every = resources[sort := f"{changes.resource}s"]
        renames = Renames(changes.table, changes.resource, every)
        renames.free_names(is_pruned=sort in prune)
        faulty, names = set[int](), set[str]()
        for index, fields in enumerate(every):
            if not self._guarded(changes.resource, index, self._one, changes, fields, index, names, renames):
                faulty.add(index)
                names.add(_key(fields))
        return faulty

    def _one(self, changes: Any, fields: dict[str, Any], index: int, names: set[str], renames: Renames) -> None:
        name = fields.get("name")
        if name is None or name == "":
            raise wrong("name", "name is missing", code="missing-value")
        if not isinstance(name, str):
            raise wrong("name", "name must be a text", "put it in quotation marks")
        before, key = renames.find(index, name), _key(fields)
        # Of those before it, the wrong ones are known by `names`, the others by the records that have their names now.
        holder = before if before is None or validate.fold(before.name) == key else changes.table.named(key)
        known = self._known[changes.resource]
        if (key and key in names) or any(one is not None and one.id in known for one in (before, holder)):
            raise wrong("name", f"{changes.resource} {name!r} is defined twice")
        if before is not None:
            known.add(before.id)
        change, record = changes.make(fields, before)
        known.add(record)
        self.changes.add(change)

    def _guarded(self, resource: str, index: int | None, work: Callable[..., None], *arguments: Any) -> bool:
        """Run a step that checks before it writes; keep what is wrong, and say whether nothing is."""
        try:
            work(*arguments)
        except (InvalidInput, Conflict, NotFound, UsageError) as exc:
            self.problems += problems_of(exc, resource, index)
            self.conflicts += [exc] if isinstance(exc, Conflict) else []
            return False
        return True


def _checked(config: Mapping[str, Any]) -> dict[str, Resources]:
    resources: dict[str, Any] = {sort: [] if config.get(sort) is None else config[sort] for sort in SORTS}
    for sort, entries in resources.items():
        if not isinstance(entries, (list, PackedList)) or not all(isinstance(entry, dict) for entry in entries):
            raise wrong(sort, f"{sort} must be a list of objects")
    prune = [] if config.get("prune") is None else config["prune"]
    if not isinstance(prune, list) or not all(sort in SORTS for sort in prune):
        raise wrong("prune", f"prune must be a list of {' and '.join(SORTS)}")
    return resources


def _key(fields: Mapping[str, Any]) -> str:
    """Return what names are compared by, an empty text for what is no name."""
    return validate.fold(fields["name"]) if isinstance(fields.get("name"), str) else ""


def _as_problem(problem: Mapping[str, Any], resources: Mapping[str, Resources]) -> Problem:
    sort, index = f"{problem['resource']}s", problem["index"]
    name = None if index is None else resources[sort][index].get("name")
    where = f"{problem['resource']} {name!r}: " if isinstance(name, str) else ""
    loc = sort if index is None else ".".join(filter(None, (sort, str(index), problem["loc"])))
    code = problem["code"] if problem["code"] in PROBLEM_CODES else "invalid-value"
    return Problem(loc, f"{where}{problem['message']}", problem["hint"], code)
