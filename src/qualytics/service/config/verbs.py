"""Plans of many connections and datastores, and their application in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qualytics.errors import PROBLEM_CODES, Conflict, InvalidInput, NotFound, Problem, UsageError, VersionChanged
from qualytics.model import ListQuery
from qualytics.service import documents, validate
from qualytics.service.config.changes import (
    CREATE,
    DATASTORE,
    DELETE,
    UNCHANGED,
    UPDATE,
    Change,
    plan_document,
    problems_of,
)
from qualytics.service.config.connections import ConnectionChanges
from qualytics.service.config.datastores import ENRICHMENT, DatastoreChanges
from qualytics.service.config.renames import Renames, wrong
from qualytics.service.connections.runs import checked_parallel, own_contexts
from qualytics.service.connections.tests import checked_timeout
from qualytics.service.rights import READ, TEST, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from qualytics import types
    from qualytics.service.config.connections import Planned
    from qualytics.service.config.tests import Contexts
    from qualytics.service.connections.verbs import Connections
    from qualytics.service.context import Context
    from qualytics.service.datastores.verbs import Datastores
    from qualytics.store.base import Store

    Resources = Mapping[str, list[dict[str, Any]]]

SORTS = ("connections", "datastores")


class Config:
    """The verbs on a configuration: `{connections, datastores, prune}`, each resource as a document of it.

    A resource is the record of its name; of its `id`, or of its `previous_name`, where it has one. What a resource
    does not hold stays, null clears it but keeps a secret, and parameters are whole. `prune` names the sorts of which
    everything else is deleted.
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

    def plan(self, config: Mapping[str, Any]) -> types.Plan:
        """Return what an apply would do, with what is wrong, resource by resource; nothing is stored.

        Of a secret it says `changed`; `given`, and no comparison, to whoever is no Admin of a control plane.

        Raises:
            InvalidInput: it is no configuration.

        """
        resources = _checked(config)
        with self._context.audited(WRITE, "config.plan") as action:
            with self._context.writing(dry_run=True) as store:
                run = self._run(store, resources, config)
            if self._context.is_shared:
                action.record_alone("done", compared=run.compared)
        return run.document()

    def apply(self, config: Mapping[str, Any], *, plan: str | None = None) -> types.Plan:
        """Store a configuration, all or nothing, and return the plan that it was.

        Raises:
            InvalidInput: something is wrong, with a problem for each; or it is no configuration.
            NameTaken, SecretNeeded, ConnectionInUse: that is all that is wrong.
            VersionChanged: what is stored has changed since `plan` was made.

        """
        resources = _checked(config)
        with self._context.audited(WRITE, "config.apply") as action, self._context.writing() as store:
            run = self._run(store, resources, config)
            document = run.checked(resources, plan)
            if run.changes or run.compared:
                counts = {name: document[name] for name in (CREATE, UPDATE, DELETE)}  # type: ignore[literal-required]
                action.record(None, None, **counts, compared=run.compared)
        return document

    def test(
        self,
        config: Mapping[str, Any],
        *,
        plan: str | None = None,
        timeout_s: float | None = None,
        parallel: int | None = None,
        contexts: Contexts | None = None,
    ) -> types.ConfigTests:
        """Test each connection that an apply would create or change, with what it would store; nothing is stored.

        `failures` are the reports of those that fail, each with `id`, `name` and `type` first. `contexts` make those
        in which tests run, if not in children of this process.

        Raises:
            InvalidInput, NameTaken, SecretNeeded, ConnectionInUse, VersionChanged: as in `apply`.

        """
        from qualytics.service.config import tests

        resources, timeout_s, parallel = _checked(config), checked_timeout(timeout_s), checked_parallel(parallel)
        with self._context.audited(WRITE, "config.test") as action:
            self._context.require(TEST)
            planned: list[Planned] = []
            with self._context.writing(dry_run=True) as store:
                run = self._run(store, resources, config, planned)
                run.checked(resources, plan)
                scopes = tests.scopes(store, planned)
            self._context.release()
            contexts = contexts or own_contexts(self._context, parallel)
            failures = tests.failures(planned, scopes, contexts, timeout_s, parallel)
            action.record_alone("failed" if failures else "done", tests=len(planned), failed=len(failures))
        return {"tested": len(planned), "failures": failures}

    def _run(
        self, store: Store, resources: Resources, config: Mapping[str, Any], planned: list[Planned] | None = None
    ) -> _Run:
        run = _Run(self._context, store, self._connections, self._datastores, planned)
        run.change(resources, prune := config.get("prune") or ())
        run.prune(prune)
        return run


class _Run:
    """One pass over a configuration, inside a transaction."""

    def __init__(
        self,
        context: Context,
        store: Store,
        connections: Connections,
        datastores: Datastores,
        planned: list[Planned] | None,
    ) -> None:
        self._store = store
        self._connections = ConnectionChanges(context, store, connections)
        self._connections.planned = planned
        self._datastores = DatastoreChanges(context, store, datastores)
        self._known: dict[str, set[int]] = {"connection": set(), "datastore": set()}
        self.changes: list[Change] = []
        self.unchanged = 0
        self.problems: list[dict[str, Any]] = []
        self.conflicts: list[Conflict] = []

    @property
    def compared(self) -> int:
        """Return how many secrets were compared with stored ones."""
        return self._connections.compared

    def document(self) -> types.Plan:
        """Return the plan."""
        return plan_document(self.changes, self.unchanged, self.problems)

    def checked(self, resources: Resources, plan: str | None) -> types.Plan:
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

    def change(self, resources: Resources, prune: Sequence[str]) -> None:
        """Make the changes of every resource, and keep what is wrong with each; see `prune`."""
        self._change(self._connections, resources, prune)
        datastores = resources["datastores"]
        for index in self._change(self._datastores, resources, prune):
            self._guarded(DATASTORE, index, self._datastores.link, datastores[index])

    def prune(self, sorts: Sequence[str]) -> None:
        """Delete what no resource is: datastores first, as they use connections."""
        for changes in (self._datastores, self._connections):
            if f"{changes.resource}s" in sorts:
                known = self._known[changes.resource]
                for found in [one for one in changes.table.select(ListQuery()) if one.id not in known]:
                    self._guarded(changes.resource, None, self._remove, changes, found)

    def _remove(self, changes: Any, found: Any) -> None:
        self.changes.append(changes.remove(found))

    def _change(self, changes: Any, resources: Resources, prune: Sequence[str]) -> list[int]:
        every = resources[sort := f"{changes.resource}s"]
        renames = Renames(changes.table, changes.resource, every)
        renames.free_names(is_pruned=sort in prune)
        names: dict[str, int] = {}
        return [
            index
            for index, fields in enumerate(every)
            if self._guarded(changes.resource, index, self._one, changes, fields, index, names, renames)
        ]

    def _one(self, changes: Any, fields: dict[str, Any], index: int, names: dict[str, int], renames: Renames) -> None:
        name = fields.get("name")
        if name is None or name == "":
            raise wrong("name", "name is missing", code="missing-value")
        if not isinstance(name, str):
            raise wrong("name", "name must be a text", "put it in quotation marks")
        first = names.setdefault(validate.fold(name), index)
        before = renames.find(index, name)
        if first != index or (before is not None and before.id in self._known[changes.resource]):
            raise wrong("name", f"{changes.resource} {name!r} is defined twice")
        if before is not None:
            self._known[changes.resource].add(before.id)
        change, record = changes.make(fields, before)
        self._known[changes.resource].add(record)
        if change.action == UNCHANGED:
            self.unchanged += 1
        else:
            self.changes.append(change)

    def _guarded(self, resource: str, index: int | None, work: Callable[..., None], *arguments: Any) -> bool:
        """Run a step that checks before it writes; keep what is wrong, and say whether nothing is."""
        try:
            work(*arguments)
        except (InvalidInput, Conflict, NotFound, UsageError) as exc:
            self.problems += problems_of(exc, resource, index)
            self.conflicts += [exc] if isinstance(exc, Conflict) else []
            return False
        return True


def _checked(config: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    resources = {sort: [] if config.get(sort) is None else config[sort] for sort in SORTS}
    for sort, entries in resources.items():
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise wrong(sort, f"{sort} must be a list of objects")
    prune = [] if config.get("prune") is None else config["prune"]
    if not isinstance(prune, list) or not all(sort in SORTS for sort in prune):
        raise wrong("prune", f"prune must be a list of {' and '.join(SORTS)}")
    return resources


def _as_problem(problem: Mapping[str, Any], resources: Mapping[str, Sequence[Mapping[str, Any]]]) -> Problem:
    sort, index = f"{problem['resource']}s", problem["index"]
    name = None if index is None else resources[sort][index].get("name")
    where = f"{problem['resource']} {name!r}: " if isinstance(name, str) else ""
    loc = sort if index is None else ".".join(filter(None, (sort, str(index), problem["loc"])))
    code = problem["code"] if problem["code"] in PROBLEM_CODES else "invalid-value"
    return Problem(loc, f"{where}{problem['message']}", problem["hint"], code)
