"""Documents on a configuration: the resources, the plan of what an apply would do, and the tests of it."""

from typing import Any, Literal, NotRequired, TypedDict

from qualytics.types.connections import ConnectionValues
from qualytics.types.datastores import Datastore, DatastoreSettings, DatastoreValues
from qualytics.types.reports import TestReport


class ConnectionResource(ConnectionValues):
    """A connection as it is to be.

    It is the record of that name, of `id`, or of `previous_name`. What it does not hold stays, None clears a field
    but keeps a secret, and `parameters` are whole.
    """

    name: str
    type: str
    id: NotRequired[int]
    previous_name: NotRequired[str]


class DatastoreResource(DatastoreValues):
    """A datastore as it is to be; `connection_name` and `enrich_datastore_name` stand in place of ids."""

    name: str
    connection_name: NotRequired[str]
    enrich_datastore_name: NotRequired[str | None]
    id: NotRequired[int]
    previous_name: NotRequired[str]


class Config(TypedDict, total=False):
    """Connections and datastores as they are to be; `prune` names the sorts of which everything else is deleted."""

    connections: list[ConnectionResource]
    datastores: list[DatastoreResource]
    prune: list[Literal["connections", "datastores"]]


class ConfigDatastore(Datastore, DatastoreSettings):
    """A datastore with its settings, and the datastore of its enrichment by name."""

    enrich_datastore_name: str | None


class FieldChange(TypedDict):
    """One field that an apply changes, a parameter as `parameters.role`.

    Of a secret, `secret` says what is known and both values are None; `given` was not compared with the stored one.
    """

    name: str
    before: Any
    after: Any
    secret: Literal["changed", "given"] | None


class Change(TypedDict):
    """What an apply does to one record; the id is None for one that is to be made."""

    action: Literal["create", "update", "delete"]
    resource: Literal["connection", "datastore"]
    id: int | None
    name: str
    type: str
    fields: list[FieldChange]


class PlanProblem(TypedDict):
    """What is wrong with the resource at `index` among those of its sort; without one, with what is to be deleted."""

    resource: Literal["connection", "datastore"]
    index: int | None
    loc: str | None
    message: str
    hint: str | None
    code: str


class Plan(TypedDict):
    """What an apply would do, or did, and what is wrong; `plan` is what an apply of exactly this one is given."""

    create: int
    update: int
    delete: int
    unchanged: int
    changes: list[Change]
    problems: list[PlanProblem]
    plan: str


class ConfigTestResult(TestReport):
    """The report of a test that failed; the id is None for a connection that is to be made."""

    id: int | None
    name: str
    type: str


class ConfigTests(TypedDict):
    """How many connections of a plan were tested, and the reports of those that failed."""

    tested: int
    failures: list[ConfigTestResult]
