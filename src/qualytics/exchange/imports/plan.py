"""The plan of an import: each entry as the connection that it becomes, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors import get
from qualytics.fields import SECRETS
from qualytics.service import documents
from qualytics.service.foreign.matching import Candidate, match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qualytics.service.foreign.entries import Entry, Source

CREATE, SKIP, REFUSE = "create", "skip", "refuse"


class Plan:
    """What sources hold, as `candidates`; `items` are the fields of those that a store may take."""

    def __init__(self, sources: Sequence[Source], defaults: Mapping[str, str] | None = None) -> None:
        self.sources = sources
        self._defaults = defaults or {}
        self.candidates = [self._candidate(entry) for source in sources for entry in source.entries]

    def _candidate(self, entry: Entry) -> Candidate:
        candidate = match(entry)
        for name, value in self._defaults.items():
            if candidate.type is not None and name in get(candidate.type).fields:
                candidate.fields.setdefault(name, value)
        return candidate

    @property
    def items(self) -> list[dict[str, Any]]:
        """Return the fields of each connection, secrets among them."""
        return [candidate.fields for candidate in self.candidates if candidate.type is not None]

    def secrets(self) -> Iterable[str]:
        """Return every secret that was read."""
        return (value for candidate in self.candidates for name, value in candidate.fields.items() if name in SECRETS)

    def document(self, outcomes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Return plan or result; `outcomes` are a store's, one for each of `items` in their order."""
        said = iter(outcomes)
        rows = [_row(one, next(said) if one.type is not None else None) for one in self.candidates]
        return {"sources": [_source(source) for source in self.sources], "connections": rows}


def _row(candidate: Candidate, outcome: Mapping[str, Any] | None) -> dict[str, Any]:
    entry, fields = candidate.entry, candidate.fields
    outcome = outcome or {"action": REFUSE, "id": None, "name": entry.name, "reason": candidate.reason}
    # What breaks a rule may be a secret in the wrong place, as a URL in place of a host.
    is_clean = candidate.type is not None and outcome["action"] != REFUSE
    payload = documents.payload_document(get(str(candidate.type)), fields) if is_clean else {}
    return {
        "action": outcome["action"],
        "id": outcome["id"],
        "name": outcome["name"],
        "type": candidate.type,
        "original_name": entry.name,
        "tool": entry.tool,
        "place": entry.place,
        "fields": {name: value for name, value in payload.items() if name not in {"name", "type"}},
        "datastore": candidate.scope or None if is_clean else None,
        "left_out": list(candidate.left),
        "reason": outcome["reason"],
    }


def _source(source: Source) -> dict[str, Any]:
    return {
        "tool": source.tool or None,
        "place": source.place,
        "connections": len(source.entries),
        "problem": source.problem,
    }
