"""The receipt of a read: what was read, from which snapshot, in which partitions, and how exactly each column came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.reading import DATABASE_TYPE, NOTE, NULLED
from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from qualytics.connectors.reading import Partition, Query, Snapshot


class Read(Struct, frozen=False):
    """What the children have said of a read so far; `seconds` and `rows` of partitions are by number.

    `unshared` are the sessions that could not see the snapshot, and read nothing.
    """

    snapshot: Snapshot | None = None
    partitions: list[Partition] = field(default_factory=list)
    rows: dict[int, int] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    unshared: int = 0
    counted: int | None = None
    driver: Mapping[str, str | None] = field(default_factory=dict)


def receipt(
    source: Mapping[str, Any], query: Query, read: Read, schema: pa.Schema, totals: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the receipt as a document; `totals` are began, seconds, rows, bytes and batches."""
    rows = totals["rows"]
    is_counted = read.counted is not None
    return {
        "source": dict(source),
        "began": totals["began"],
        "seconds": totals["seconds"],
        "rows": rows,
        "bytes": totals["bytes"],
        "batches": totals["batches"],
        "fetch_size": query.fetch_size,
        "parallel": totals["parallel"],
        "snapshot": {"kind": read.snapshot.kind, "id": read.snapshot.id} if read.snapshot else None,
        "partitions": [
            {
                "number": one.number,
                "predicate": one.predicate,
                "rows": read.rows[one.number],
                "seconds": read.seconds[one.number],
            }
            for one in read.partitions
        ],
        "columns": [_column(one) for one in schema],
        "verified": {"count": read.counted, "ok": read.counted == rows} if is_counted else None,
        "driver": {"name": read.driver.get("driver_name"), "version": read.driver.get("driver_version")},
    }


def _column(one: pa.Field) -> dict[str, Any]:
    metadata = one.metadata or {}
    note = metadata.get(NOTE.encode(), b"").decode()
    return {
        "name": one.name,
        "database_type": metadata.get(DATABASE_TYPE.encode(), b"").decode() or None,
        "arrow_type": str(one.type),
        "exact": note != NULLED,
        "note": note or None,
    }


def plain(schema: pa.Schema) -> pa.Schema:
    """Return a schema without what the receipt alone says of its columns."""
    import pyarrow as pa

    return pa.schema([one.remove_metadata() for one in schema])
