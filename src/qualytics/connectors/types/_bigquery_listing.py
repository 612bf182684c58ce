"""What BigQuery has: projects, datasets, tables and views, by calls that run no query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target
from qualytics.connectors.shared.requests import segment

if TYPE_CHECKING:
    from collections.abc import Iterator


def limits(target: Target) -> dict[str, Any]:
    """Return what every call takes: no retry, and what is left of the time."""
    return {"retry": None, "timeout": target.timeout_s}


def _datasets(handle: Any, target: Target, **more: Any) -> Any:
    return handle.list_datasets(segment(target.database or handle.project), **more, **limits(target))


def _dataset(handle: Any, project: str | None, name: str) -> Any:
    from google.cloud.bigquery import DatasetReference

    return DatasetReference(segment(project or handle.project), segment(name))


def select(handle: Any, target: Target) -> None:
    """Check that the project, the dataset and the temporary dataset are there for this account."""
    if target.schema is not None:
        handle.get_dataset(_dataset(handle, target.database, target.schema), **limits(target))
    elif target.database is not None:
        next(iter(_datasets(handle, target, max_results=1)), None)
    if name := target.parameters.get("temp_dataset"):
        handle.get_dataset(_dataset(handle, None, name), **limits(target))


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the projects that the account has a role in."""
    for page in handle.list_projects(**limits(target)).pages:
        for found in page.raw_page.get("projects", ()):
            yield Item(found["projectReference"]["projectId"], "catalog")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the datasets of a project; hidden ones begin with an underscore."""
    for found in _datasets(handle, target, include_all=True):
        yield Item(found.dataset_id, "schema", found.dataset_id.startswith("_"))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a dataset whose names begin with a prefix."""
    for found in handle.list_tables(_dataset(handle, target.database, target.schema or ""), **limits(target)):
        if found.table_id.startswith(prefix):
            yield Item(found.table_id, "view" if "VIEW" in (found.table_type or "") else "table")
