"""The health of all connections together: how many are in which state, by type, and of which class the failures are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics import connectors
from qualytics.model import STATES
from qualytics.service.rights import READ
from qualytics.structs import Struct

if TYPE_CHECKING:
    from qualytics.service.context import Context


class TypeHealth(Struct, eq=True):
    """Connections of one type: how many are in each of `model.STATES`, and how many fail with each class."""

    type: str
    title: str
    states: dict[str, int]
    classes: dict[str, int]


class Health(Struct, eq=True):
    """All connections: the sums, and each type that has one, the most failures first."""

    total: int
    states: dict[str, int]
    classes: dict[str, int]
    types: tuple[TypeHealth, ...]


def health(context: Context) -> Health:
    """Return how the connections do that there are."""
    context.require(READ)
    counts, failures = context.store.connections.count_states(), context.store.past_tests.count_classes()
    types = []
    for name in {name for name, _ in counts}:
        states = {state: counts.get((name, state), 0) for state in STATES}
        classes = {key: count for (of, key), count in failures.items() if of == name}
        types.append(TypeHealth(name, connectors.get(name).title, states, _most_first(classes)))
    types.sort(key=lambda one: (*(-one.states[state] for state in STATES), one.type))
    states = {state: sum(one.states[state] for one in types) for state in STATES}
    classes = dict.fromkeys((key for _, key in failures), 0)
    for (_, key), count in failures.items():
        classes[key] += count
    return Health(sum(states.values()), states, _most_first(classes), tuple(types))


def _most_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
