"""Many datastores of one connection at once: which schemas would do, and making them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from qualytics.errors import InvalidInput, NotAllowed, NotSignedIn, Problem, QualyticsError
from qualytics.fields import MAX_NAME
from qualytics.model import Scope
from qualytics.service.datastores.fields import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qualytics.service.datastores.verbs import Datastores

_MAX_VALIDATED = 50
_MAX_CREATED = 1_000
# So many tests of one call run side by side; others' tests have their turn between them.
_AT_ONCE = 8
# What is no fault of one of many: whoever asks has lost the right to any of them.
_ENDED = (NotSignedIn, NotAllowed)
_SCHEMA = "{{schema}}"
_CONNECTION = "{connection_name}"
TEMPLATE = f"{_CONNECTION}_{_SCHEMA}"


def validate(given: Mapping[str, Any], test: Callable[[Scope], dict[str, Any]]) -> dict[str, Any]:
    """Test every schema of a body; return `{results: [{schema_name, status, message}]}`.

    Raises:
        InvalidInput: there are none, or too many.

    """
    names = _texts(given, "schemas", _MAX_VALIDATED)

    def one(name: str) -> dict[str, Any]:
        try:
            report = test(Scope(given.get("database"), name))
        except _ENDED:
            raise
        except QualyticsError as exc:
            return {"schema_name": name, "status": "failure", "message": exc.message}
        status = "success" if report["connected"] else "failure"
        return {"schema_name": name, "status": status, "message": None if report["connected"] else report["message"]}

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return {"results": list(threads.map(one, names))}


def create(given: Mapping[str, Any], connection: Mapping[str, Any], datastores: Datastores) -> dict[str, Any]:
    """Make a datastore for every schema or root path of a body; return `{created: [ids], errors}`; not atomic.

    Raises:
        InvalidInput: there are none, too many, or the template names all alike.

    """
    field, names = _places(given)
    template = given.get("name_template") or TEMPLATE
    # What is longer makes no name; a short one repeated thousands of times would fill the memory.
    if not isinstance(template, str) or len(template) > MAX_NAME:
        message = f"name_template must be a text of at most {MAX_NAME} characters"
        raise InvalidInput([Problem("name_template", message, f"as in {TEMPLATE}")])
    if _SCHEMA not in template:
        raise InvalidInput([Problem("name_template", f"name_template must hold {_SCHEMA}", f"as in {TEMPLATE}")])
    common = {
        key: given[key] for key in ("database", "description", "tags", "teams", "enrichment_only") if key in given
    }
    settings = {key: given[key] for key in SETTINGS if given.get(key) is not None}
    made: list[int] = []
    errors: list[dict[str, Any]] = []
    for name in names:
        full = template.replace(_CONNECTION, connection["name"]).replace(_SCHEMA, name)
        row = {key: value for key, value in common.items() if value is not None}
        row |= {"name": full, "connection_id": connection["id"], field: name, "settings": settings}
        try:
            made.append(datastores.create(row)["id"])
        except _ENDED:
            raise
        except QualyticsError as exc:
            errors.append({"schema_name": name, "error": exc.message})
    return {"created": made, "errors": errors}


def _places(given: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    if given.get("root_paths") is not None and given.get("schemas") is not None:
        raise InvalidInput([Problem("schemas", "give either schemas or root_paths, not both")])
    if given.get("root_paths") is not None:
        return "root_path", _texts(given, "root_paths", _MAX_CREATED)
    return "schema", _texts(given, "schemas", _MAX_CREATED)


def _texts(given: Mapping[str, Any], name: str, most: int) -> list[str]:
    value = given.get(name)
    if not isinstance(value, list) or not 0 < len(value) <= most or not all(isinstance(text, str) for text in value):
        raise InvalidInput([Problem(name, f"{name} must be a list of 1 to {most:,} texts", None, "missing-value")])
    return list(dict.fromkeys(value))
