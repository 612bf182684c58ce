"""Many datastores of one connection at once: which schemas would do, and making them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from qualytics.errors import InvalidInput, NameTaken, NotAllowed, NotSignedIn, Problem, QualyticsError
from qualytics.fields import MAX_NAME
from qualytics.model import Scope
from qualytics.service import lookup
from qualytics.service.connections.drafts import new_draft
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Action, Undo
from qualytics.service.datastores.fields import SETTINGS, checked, given_connection
from qualytics.service.datastores.verbs import Datastores
from qualytics.service.rights import TEST, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from qualytics.service.context import Context

_MAX_VALIDATED = 50
_MAX_CREATED = 1_000
# So many tests of one call run side by side; others' tests have their turn between them.
_AT_ONCE = 8
# What is no fault of one of many: whoever asks has lost the right to any of them.
_ENDED = (NotSignedIn, NotAllowed)
_SCHEMA = "{{schema}}"
_CONNECTION = "{connection_name}"
TEMPLATE = f"{_CONNECTION}_{_SCHEMA}"
# What all the datastores of a call have in common.
_COMMON = ("database", "description", "tags", "teams", "enrichment_only", *SETTINGS)


def validate(
    open_context: Callable[[], AbstractContextManager[Context]],
    given: Mapping[str, Any],
    record: int | str | None = None,
    *,
    timeout_s: float | None = None,
) -> dict[str, Any]:
    """Test every schema of a body; return `{results: [{schema_name, status, message}]}`.

    On a stored connection, the `record`, or on the settings in `connection`; each test has a context of its own, as
    it runs in a thread of its own.

    Raises:
        InvalidInput: there are no schemas, or too many.

    """
    with open_context() as context, context.audited(TEST, "connection.test"):  # a refusal is recorded once
        settings = given_connection(given) if record is None else {}
        names = _texts(given, "schemas", _MAX_VALIDATED)

    def one(name: str) -> dict[str, Any]:
        scope = Scope(given.get("database"), name)
        try:
            with open_context() as context:
                connections = Connections(context)
                if record is None:
                    report = connections.test_unsaved(settings, timeout_s=timeout_s, scope=scope)
                else:
                    report = connections.test(record, timeout_s=timeout_s, scope=scope)
        except _ENDED:
            raise
        except QualyticsError as exc:
            return {"schema_name": name, "status": "failure", "message": exc.message}
        status = "success" if report["connected"] else "failure"
        return {"schema_name": name, "status": status, "message": None if report["connected"] else report["message"]}

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return {"results": list(threads.map(one, names))}


def create(
    context: Context, given: Mapping[str, Any], record: int | str | None = None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Make a datastore for every schema or root path of a body; return `{created: [ids], errors}`, and warnings.

    Those that break a rule are left out. With the fields of a new `connection` in place of the id of one, it is
    stored with the first of them, and not at all where there is none.

    Raises:
        InvalidInput: there are no names, or too many, or the template names all alike; the connection breaks a rule.
        NotFound: there is no such connection.
        NameTaken: the name of the new connection is another's.

    """
    connections = Connections(context)
    datastores = Datastores(context, connections)
    with context.audited(WRITE, "datastore.create"):  # a refusal is recorded once, not for each
        inline = new_draft(given_connection(given), context.settings) if record is None else None
        template, (field, names) = _template(given), _places(given)
        common = {name: given[name] for name in _COMMON if given.get(name) is not None}
        made: list[int] = []
        errors: list[dict[str, Any]] = []
        with context.writing() as store:
            if inline is not None:
                record = datastores.insert_connection(store, inline)
            connection = lookup.connection(store, record or 0)
            for name in names:
                full = template.replace(_CONNECTION, connection.name).replace(_SCHEMA, name)
                one = common | {"name": full, "connection_id": connection.id, field: name}
                try:
                    clean = checked(one)
                    made.append(datastores.insert(store, clean, Action(context, "datastore.create")).id)
                except (InvalidInput, NameTaken) as exc:
                    errors.append({"schema_name": name, "error": exc.message})
            if not made:
                raise Undo
    return {"created": made, "errors": errors}, datastores.warnings if made else ()


def _template(given: Mapping[str, Any]) -> str:
    template = given.get("name_template") or TEMPLATE
    # What is longer makes no name; a short one repeated thousands of times would fill the memory.
    if not isinstance(template, str) or len(template) > MAX_NAME:
        message = f"name_template must be a text of at most {MAX_NAME} characters"
        raise InvalidInput([Problem("name_template", message, f"as in {TEMPLATE}")])
    if _SCHEMA not in template:
        raise InvalidInput([Problem("name_template", f"name_template must hold {_SCHEMA}", f"as in {TEMPLATE}")])
    return template


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
