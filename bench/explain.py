"""How often `connections explain` is right: about messages that its rules were written from, and about unseen ones."""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import TYPE_CHECKING

from bench.rows import Bench, Figure
from qualytics.errors import InvalidInput
from qualytics.service.connections.explain import explain
from tools import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tools.messages import Message

CLASS_GOAL, RETRY_GOAL = 95.0, 90.0
_ANY = "any type"


def share(hits: Iterable[bool]) -> float:
    """Return how many of 100 are true."""
    counted = list(hits)
    return 100 * sum(counted) / len(counted)


def class_is_right(message: Message, connector_type: str | None) -> bool:
    """Say whether a message gets its class; one that is not understood without a type does not."""
    return _judged(message, connector_type)[0] == message.failure_class


def retry_is_right(message: Message, connector_type: str | None) -> bool:
    """Say whether the advice to retry is right."""
    return _judged(message, connector_type)[1] == message.retryable


@functools.cache
def _judged(message: Message, connector_type: str | None) -> tuple[str | None, bool | None]:
    try:
        told = explain(connector_type, message.message)
    except InvalidInput:
        return None, None
    return told["class"], told["retryable"]


def explained(_bench: Bench) -> Iterator[Figure]:
    """Score the unseen half beside the seen one: in all, without the type, and for each type."""
    unseen, seen = messages.read("measure"), messages.read("rules")
    yield _figure("class", unseen, seen, lambda message: class_is_right(message, message.type), CLASS_GOAL)
    yield _figure("retryable", unseen, seen, lambda message: retry_is_right(message, message.type), RETRY_GOAL)
    yield _figure("class, no --type", unseen, seen, lambda message: class_is_right(message, None))
    yield _figure("retryable, no --type", unseen, seen, lambda message: retry_is_right(message, None))
    of_type, seen_of_type = _by_type(unseen), _by_type(seen)
    for name in sorted(of_type):
        yield _figure(
            f"class, {name}", of_type[name], seen_of_type[name], lambda message: class_is_right(message, message.type)
        )


def _figure(
    what: str,
    unseen: list[Message],
    seen: list[Message],
    right: Callable[[Message], bool],
    goal: float | None = None,
) -> Figure:
    hits = [right(message) for message in unseen]
    return Figure(
        f"explain, {what}: {sum(hits)} of {len(hits)}",
        share(hits),
        "%",
        share(map(right, seen)),
        "seen half",
        goal,
        at_least=True,
    )


def _by_type(half: list[Message]) -> dict[str, list[Message]]:
    groups: dict[str, list[Message]] = defaultdict(list)
    for message in half:
        groups[message.type or _ANY].append(message)
    return groups


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {"explain": explained}
