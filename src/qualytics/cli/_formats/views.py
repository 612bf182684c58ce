"""What each command's documents hold, and which of it are the columns of its tables: a column is one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.fields import DATASTORE_KEYS, DETECTED, KEYS
from qualytics.structs import Struct, field, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Document = Mapping[str, Any]
    # A path such as `user.name`, or a function of the document.
    Source = str | Callable[[Document], Any]

_STUB = ("id", "name")
# Of a part that holds whatever its author put there.
_ANY: tuple[str, ...] = ()


class View(Struct):
    """The documents of a command.

    `keys` stand in their order, `parts` says what the objects among them hold; `columns` are those of a table, by
    name, `more` those that `wide` adds; `rows` is the key of a document that is a list with something beside it, which
    `beside` says in a line or a few;
    `lines` shows a key of one document in words of its own, a line each, or as usual where it returns None.
    """

    keys: tuple[str, ...] = ()
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    columns: dict[str, Source] = field(default_factory=dict)
    more: dict[str, Source] = field(default_factory=dict)
    rows: str | None = None
    beside: Callable[[Document], list[str]] | None = None
    lines: dict[str, Callable[[Document], list[str] | None]] = field(default_factory=dict)


def _named(*names: str, **others: Source) -> dict[str, Source]:
    return {**{name: name for name in names}, **others}


def target(connection: Document) -> Any:
    """Return what a connection reaches: host and port, a URI or a path; None for other documents."""
    host, port = connection.get("host"), connection.get("port")
    if not host:
        return connection.get("uri")
    if port is None:
        return str(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _product(document: Document) -> str | None:
    name, version = document.get("product_name"), document.get("product_version")
    return " ".join(filter(None, (name, version))) or None


def _stages(report: Document) -> list[str]:
    return [f"{_mark(stage['ok'])} {stage['name']} {stage['ms']} ms" for stage in report["stages"]]


def _age(test: Document) -> str:
    from datetime import UTC, datetime

    try:
        age_s = (datetime.now(UTC) - datetime.fromisoformat(test["at"])).total_seconds()
    except (TypeError, ValueError):  # of another server
        return str(test["at"])
    for size_s, unit in _AGES:
        if age_s >= size_s:
            return f"{int(age_s // size_s)} {unit}"
    return f"{max(0, int(age_s))} s"


def _tls(report: Document) -> list[str] | None:
    asked = any(stage["name"] == "tls" and stage["ok"] for stage in report["stages"])
    return ["not offered"] if asked and report["tls"] is None else None


def _datastores(connection: Document) -> list[str] | None:
    there = connection.get("datastores")
    return [f"{one['name']} (id {one['id']})" for one in there] if there else None


def _checks(report: Document) -> list[str]:
    return [f"{_mark(one['ok'])} {one['name']}: {one['found']}" for one in report["checks"]]


def _types(report: Document) -> list[str]:
    return [" ".join(filter(None, (_mark(one["installed"]), *_driver(one)))) for one in report["types"]]


def _driver(connection_type: Document) -> tuple[str | None, ...]:
    there = connection_type["version"] if connection_type["installed"] else connection_type["install"]
    return f"{connection_type['type']}:", connection_type["driver"], there


def _mark(is_well: Any) -> str:
    return "✓" if is_well else "✗"


def _sources(plan: Document) -> list[str]:
    found = [one for one in plan["sources"] if one["connections"] or not (one["problem"] or "").startswith("no such ")]
    missing = len(plan["sources"]) - len(found)
    rest = [f"note: {missing} other places were looked at and do not exist"] if missing > 1 else []
    rest += ["note: 1 other place was looked at and does not exist"] if missing == 1 else []
    return [f"note: {_source(one)}" for one in found] + rest


def _source(source: Document) -> str:
    count = source["connections"]
    read = source["problem"] or f"{count} {'connection' if count == 1 else 'connections'}"
    return f"{' '.join(filter(None, (source['tool'], source['place'])))}: {read}"


def _planned(plan: Document) -> list[str]:
    counts = [f"{plan[name]:,} to {name}" for name in ("create", "update", "delete")]
    return [_counted("plan", counts, plan)]


def _applied(done: Document) -> list[str]:
    counts = [f"{done[name]:,} {name}d" for name in ("create", "update", "delete")]
    return [_counted("applied", counts, done)]


def _counted(what: str, counts: list[str], plan: Document) -> str:
    needed = f"; needs {', '.join(plan['references'])}" if plan["references"] else ""
    return f"{what}: {', '.join(counts)}, {plan['unchanged']:,} unchanged{needed}"


_AGES = ((86_400, "d"), (3_600, "h"), (60, "min"))
_END = (*DETECTED, "datastores", "created")  # of every kind of connection
_CONNECTION = View(
    tuple(dict.fromkeys(key for keys in KEYS.values() for key in keys if key not in _END)) + _END,
    {"parameters": _ANY, "datastores": ("id", "name", "store_type", "type")},
    _named("id", "name", "type", target=target, user="username"),
    {
        **_named("tags", "owner", datastores="datastores.name", kind="connection_type", product=_product),
        **_named("parameters", "created"),
    },
    lines={"datastores": _datastores},
)
_DATASTORE = View(
    DATASTORE_KEYS,
    {"teams": _ANY},
    _named("id", "name", "type", "database", "schema", connection="connection_name"),
    _named("root_path", "tags", "description", "connected", "created"),
)
_DELETED = View((*_STUB, "deleted"))
_REPORT = View(
    (
        *("connected", "stage", "class", "code", "retryable", "message", "hint", "detail"),
        *("product_name", "product_version", "driver_name", "driver_version", "address", "local_address"),
        *("tls", "stages", "duration_ms", "warnings"),
    ),
    {"tls": ("version", "cipher", "verified", "not_after"), "stages": ("name", "ok", "ms")},
    lines={"stages": _stages, "tls": _tls},
)
_PAST_TEST = View(
    (
        *("at", "user", "connected", "stage", "class", "code", "duration_ms", "ms"),
        *("product_version", "driver_version"),
    ),
    {"user": _STUB, "ms": _ANY},
    _named(age=_age, verdict=lambda test: "passed" if test["connected"] else "failed")
    | _named("stage", "class", "code", total_ms="duration_ms"),
    _named("at", user="user.name", stages="ms", product="product_version", driver="driver_version"),
)
_RESULT = View(
    ("id", "name", "type", *_REPORT.keys),
    _REPORT.parts,
    _named("id", "name", "type", result=lambda result: result["class"] or "passed", stage="stage", ms="duration_ms")
    | _named("message"),
    _named("address", "code", "hint", product=_product),
)
_TYPE = View(
    (
        *("type", "title", "connection_type", "aliases", "default_port", "driver", "fields", "parameters"),
        *("datastore", "stages", "example"),
    ),
    {
        "driver": ("name", "installed", "version", "install"),
        "fields": ("name", "type", "required", "secret", "takes_references", "harmless"),
        "parameters": ("name", "type", "choices", "default", "control_plane_default", "help", "harmless"),
        "datastore": ("required", "optional"),
    },
    _named("type", "title", port="default_port", driver="driver.name", installed="driver.installed"),
    _named("aliases", kind="connection_type", version="driver.version", install="driver.install"),
)
_IMPORT = View(
    (
        *("action", "id", "name", "type", "original_name", "tool", "place", "fields"),
        *("datastore", "left_out", "reason"),
    ),
    {"fields": _ANY, "datastore": ("database", "schema", "root_path")},
    _named("action", "name", "type", "tool", "place", "reason"),
    _named("id", "original_name", "fields", "datastore", "left_out"),
    rows="connections",
    beside=_sources,
)
_NAMES = View(
    ("name", "is_system", "existing_datastores"),
    {"existing_datastores": _STUB},
    _named("name", system="is_system", datastores="existing_datastores.name"),
)
_TABLES = View(
    ("name", "kind", "is_system", "existing_datastores"),
    {"existing_datastores": _STUB},
    _named("name", "kind", system="is_system", datastores="existing_datastores.name"),
    rows="items",
)
_EXPLANATION = View(("class", "code", "retryable", "cause", "hint"))
_DOCTOR = View(
    ("checks", "types"),
    {
        "checks": ("name", "ok", "found", "hint"),
        "types": ("type", "driver", "installed", "version", "importable", "install", "java"),
    },
    lines={"checks": _checks, "types": _types},
)
_USER_KEYS = (*_STUB, "kind", "role", "email", "issuer", "subject", "created")
_USER = View(_USER_KEYS, columns=_named(*_STUB, "role", "email", "created"), more=_named("kind", "issuer", "subject"))
_NEW_USER = View((*_USER_KEYS, "bearer_token"))
_TOKEN_KEYS = (*_STUB, "user", "active", "expiration", "last_used", "revoked", "created")
_TOKEN = View(
    _TOKEN_KEYS,
    {"user": _STUB},
    _named(*_STUB, "active", "expiration", "last_used", user="user.name"),
    _named("revoked", "created"),
)
_NEW_TOKEN = View((*_TOKEN_KEYS, "bearer_token"), {"user": _STUB})
_GRANT = View(
    ("id", "user", "connection", "active", "created", "created_by", "expires"),
    {"user": _STUB, "connection": _STUB},
    _named("id", user="user.name", connection="connection.name", active="active", expires="expires"),
    _named("created", "created_by"),
)
_ENTRY = View(
    (
        *("id", "created", "actor", "actor_id", "token_id", "address", "request_id", "action"),
        *("object_id", "object_name", "outcome", "detail"),
    ),
    {"detail": _ANY},
    _named("id", "created", "actor", "action", "outcome", object="object_name"),
    _named("object_id", "address", "token_id", "request_id", "detail"),
)
_STATUS = View(("context", "url", "source", "signed_in", "user", "role", "expires", "ssl_verify"))
_CONTEXT = View(("name", "current", "url", "token"), columns=_named("name", "current", "url"), more=_named("token"))

_PLAN = View(
    ("create", "update", "delete", "unchanged", "references", "left_out", "changes"),
    {"changes": ("action", "resource", "id", "name", "type", "fields"), "left_out": ("path", "fields")},
    _named("action", "resource", "name", "type", fields="fields.name"),
    _named("id"),
    rows="changes",
    beside=_planned,
)

# By the words of the command, without the program's name.
VIEWS: dict[str, View] = {
    **{f"connections {verb}": _CONNECTION for verb in ("create", "update", "copy", "get", "list", "find")},
    **dict.fromkeys((f"datastores {verb}" for verb in ("create", "update", "get", "list")), _DATASTORE),
    **dict.fromkeys(
        (f"{noun} delete" for noun in ("connections", "datastores", "users", "service-accounts")), _DELETED
    ),
    **dict.fromkeys(("connections test", "datastores verify"), _REPORT),
    "connections types": _TYPE,
    "connections import": _IMPORT,
    "connections usages": _DATASTORE,
    "connections history": _PAST_TEST,
    **dict.fromkeys(("connections catalogs", "connections schemas"), _NAMES),
    "connections tables": _TABLES,
    "connections explain": _EXPLANATION,
    **{f"{noun} {verb}": _USER for noun in ("users", "service-accounts") for verb in ("update", "get", "list")},
    **dict.fromkeys(("users create", "service-accounts create"), _NEW_USER),
    **dict.fromkeys((f"auth {verb}" for verb in ("login", "init", "status")), _STATUS),
    "auth logout": View(("context", "url", "signed_in", "revoked")),
    **dict.fromkeys(("auth use", "auth contexts"), _CONTEXT),
    "auth token create": _NEW_TOKEN,
    **dict.fromkeys(("auth token list", "auth token revoke"), _TOKEN),
    **dict.fromkeys(("grants create", "grants list"), _GRANT),
    "grants delete": replace(_GRANT, keys=(*_GRANT.keys, "deleted")),
    "config export": View(("folder", "connections", "datastores", "written", "unchanged", "others")),
    "config plan": _PLAN,
    "config apply": replace(_PLAN, beside=_applied),
    "config schema": View(
        ("$schema", "title", "type", "properties", "required", "additionalProperties"), {"properties": _ANY}
    ),
    "audit list": _ENTRY,
    "audit prune": View(("before", "deleted")),
    "keys rotate": View(("old_key", "new_key", "secrets", "old_key_file")),
    "keys forget": View(("old_keys", "forgotten"), {"old_keys": ("file", "key_id")}),
    "store check": View(
        ("store", "store_id", "key_id", "key", "old_keys", "connections", "datastores", "secrets", "ok", "problems")
    ),
    "store backup": View(("file", "store_id", "key_id")),
    "store restore": View(("file", "store", "store_id", "key_id", "tokens_ended")),
    "store copy": View(
        (
            *("from", "to", "store_id", "key_id", "key", "connections", "connection_tags", "secrets", "datastores"),
            *(
                "past_tests",
                "users",
                "tokens",
                "grants",
                "logins",
                "own_secrets",
                "audit",
                "operations",
                "operation_results",
            ),
        )
    ),
    "doctor": _DOCTOR,
}
# Of commands that do with many records what they do with one, by their words and the option.
OF_MANY: dict[str, View] = {"connections test --all": _RESULT}
