"""What stands in Redshift's catalogs beyond those of PostgreSQL."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target
from qualytics.connectors.shared import postgresql_catalog
from qualytics.connectors.shared.rows import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

catalogs = partial(postgresql_catalog.catalogs, system=("padb_harvest",))
schemas = partial(postgresql_catalog.schemas, system=("information_schema", "catalog_history"))
select = postgresql_catalog.select


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables, external ones too, and views (Database Developer Guide, "SVV_TABLES")."""
    sql = (
        "select table_name, table_type from svv_tables where table_schema = %s and left(table_name, %s) = %s order by 1"
    )
    system = (target.schema or "").startswith("pg_")
    for found, kind in rows(handle, sql, (target.schema, len(prefix), prefix), target.fetch_size):
        yield Item(found, "view" if kind == "VIEW" else "table", system)
