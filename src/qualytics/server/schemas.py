"""The shapes of bodies and replies as JSON Schemas, made from the tables that the service works by."""

from __future__ import annotations

from typing import Any

from qualytics import connectors
from qualytics.fields import (
    BY_NAME,
    DATASTORE_KEYS,
    FIELDS,
    KEYS,
    MAX_TAGS,
    READ_ONLY,
    SECRETS,
    TAG_CHANGES,
    Field,
)
from qualytics.secret import MASK
from qualytics.server import config_schemas, report_schemas, use_schemas
from qualytics.server.shapes import FLAG as _FLAG
from qualytics.server.shapes import ID, Schema
from qualytics.server.shapes import OBJECT as _OBJECT
from qualytics.server.shapes import TEXT as _TEXT
from qualytics.server.shapes import TIME as _TIME
from qualytics.server.shapes import closed as _closed
from qualytics.server.shapes import list_of as _list
from qualytics.server.shapes import one_of as _words
from qualytics.server.shapes import or_null as _or_null
from qualytics.server.shapes import ref as _ref
from qualytics.service.accounts.passwords import MAX_LENGTH, MIN_LENGTH
from qualytics.service.accounts.users import KINDS
from qualytics.service.datastores.fields import SETTINGS, Setting
from qualytics.service.rights import ROLES
from qualytics.settings import MAX_PARALLEL, MAX_TOKEN_DAYS, TEST_TIMEOUT_MAX_S

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", list: "array"}
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TAG_CHANGES = ("tags beside those there are", "tags that it shall no longer have")
_WORDS = {"message": "what is wrong, in one line", "hint": "what to do about it"}


def components() -> dict[str, Schema]:
    """Return every shape by name."""
    connection = _closed(_connection_properties(), "id", "name", "type", "connection_type")
    datastore = _closed(_datastore_properties(), *DATASTORE_KEYS)
    return {
        "Problem": _problem(),
        "Connection": connection,
        "ConnectionPage": _page("Connection"),
        "ConnectionCreate": _closed({field.name: _field(field) for field in FIELDS} | _MANAGER, "type"),
        "ConnectionPut": _closed(_changes() | _read_only(), "name", "type"),
        "ConnectionPatch": _closed(_changes() | _read_only()),
        "ConnectionCopy": _closed(_changes() | _read_only(), "name"),
        **use_schemas.components(_connection_properties()),
        "GrantPage": _page("Grant"),
        "ConnectionStubs": _list(
            _closed(dict.fromkeys(("created", "name", "connection_type", "type"), _TEXT) | {"id": ID})
        ),
        "History": _closed({"id": ID, "created": _TIME, "versions": _list(_OBJECT)}, "id", "created", "versions"),
        "PastTest": report_schemas.past_test(),
        "PastTestPage": _page("PastTest"),
        "TestReport": report_schemas.report(),
        "TestLine": _line({"report": _ref("TestReport")}),
        "ChangeLine": _line(_changed()),
        "Names": _list(_closed({"name": _TEXT, "is_system": _FLAG, "existing_datastores": _list(_OBJECT)}, "name")),
        "Strings": _list(_TEXT),
        "Tables": _closed({"items": _list(_OBJECT), "next": _or_null(_TEXT)}, "items", "next"),
        "Datastore": datastore,
        "DatastorePage": _page("Datastore"),
        "DatastoreCreate": _closed(_datastore_fields() | {"connection": _ref("ConnectionCreate")}, "name"),
        "DatastorePut": {"type": "object", "properties": {k: _or_null(v) for k, v in _datastore_fields().items()}},
        "DatastorePatch": {"type": "object", "properties": {k: _or_null(v) for k, v in _datastore_fields().items()}},
        "Deleted": _closed({"id": ID, "name": _NAME, "deleted": _FLAG}, "id", "name", "deleted"),
        "Favorite": _closed({"favorite": _FLAG}, "favorite"),
        "Group": _closed({"group_id": _or_null(ID)}),
        "Message": _closed({"message": _TEXT, "type": _or_null(_NAME)}, "message"),
        "ConnectionImport": _closed({"connections": _list(_ref("ConnectionCreate"))}, "connections"),
        "ConnectionImported": _closed({"connections": _list(_imported())}, "connections"),
        "Explanation": report_schemas.explanation(),
        **config_schemas.components(_changes(), _datastore_fields()),
        "Validate": _closed(_validate(), "schemas"),
        "Validated": _closed(
            {
                "results": _list(
                    _closed({"schema_name": _TEXT, "status": _words("success", "failure"), "message": _or_null(_TEXT)})
                )
            }
        ),
        "Bulk": _closed(_bulk()),
        "BulkMade": _closed({"created": _list(ID), "errors": _list(_closed({"schema_name": _TEXT, "error": _TEXT}))}),
        "OperationRun": {
            "type": "object",
            "properties": {"type": _words("sync"), "datastore_id": ID},
            "required": ["type", "datastore_id"],
        },
        "Operation": _operation(),
        "TestRun": _test_run(),
        "TestRunResults": _closed({"items": _list(_OBJECT), "next": _COUNT, "operation": _OBJECT}, "items", "next"),
        "EmptyPage": _page(None),
        "Status": _closed({"database_connection": _words("OK")}, "database_connection"),
        "AuditPrune": _closed({"before": _TEXT | {"description": "a day, or a moment as of RFC 3339"}}, "before"),
        "AuditPruned": _closed({"before": _TIME, "deleted": {"type": "integer", "minimum": 0}}, "before", "deleted"),
        "Entries": _closed({"items": _list(_OBJECT), "next": _or_null(ID)}, "items", "next"),
        **_accounts(),
    }


def _imported() -> Schema:
    fields: dict[str, Schema] = {
        "action": _words("create", "skip", "refuse"),
        "id": _or_null(ID),
        "name": _or_null(_TEXT),
        "reason": _or_null(_TEXT),
    }
    return _closed(fields, *fields)


def _connection_properties() -> dict[str, Schema]:
    named: dict[str, Schema] = {
        "id": ID,
        "name": _NAME,
        "tags": _list(_TEXT),
        "type": _words(*connectors.type_names()),
        "connection_type": _words(*KEYS),
        "secrets_manager": {"type": "null"},
        "datastores": _or_null(_list(_closed({"id": ID, "name": _NAME, "store_type": _words(*KEYS), "type": _TEXT}))),
        "created": _TIME,
    }
    keys = dict.fromkeys(key for of_kind in KEYS.values() for key in of_kind)
    return {key: named.get(key) or _or_null(_shown(key)) for key in keys}


def _shown(key: str) -> Schema:
    if key in SECRETS:
        return {"type": "string", "const": MASK}
    return {"type": _TYPES[BY_NAME[key].type]} if key in BY_NAME else _TEXT


def _field(field: Field) -> Schema:
    schema: Schema = {"type": _TYPES[field.type], "description": field.help or field.noun}
    if field.name == "type":
        schema["enum"] = [name for kind in connectors.type_names() for name in (kind, *connectors.get(kind).aliases)]
    elif field.type is str:
        schema |= {"minLength": 0 if field.name == "password" else 1, "maxLength": field.max_length}
    elif field.type is list:
        schema |= {"items": {"type": "string", "minLength": 1, "maxLength": field.max_length}, "maxItems": MAX_TAGS}
    if field.minimum is not None:
        schema |= {"minimum": field.minimum, "maximum": field.maximum}
    if field.is_secret:
        schema["writeOnly"] = True
    return schema


def _changes() -> dict[str, Schema]:
    free = {field.name: _or_null(_field(field)) for field in FIELDS}
    tags = _field(BY_NAME["tags"])
    free |= {name: _or_null(tags | {"description": text}) for name, text in zip(TAG_CHANGES, _TAG_CHANGES, strict=True)}
    return free | {"type": _field(BY_NAME["type"]), "name": _NAME} | _MANAGER


def _read_only() -> dict[str, Schema]:
    return {
        name: {"readOnly": True, "description": "ignored: a client may send a reply back"} for name in sorted(READ_ONLY)
    }


def _datastore_properties() -> dict[str, Schema]:
    texts = {name: _or_null(_TEXT) for name in ("database", "schema", "root_path", "description")}
    named = _list({"type": "object", "properties": {"name": _TEXT}, "required": ["name"]})
    return {
        "id": ID,
        "name": _NAME,
        "type": _words(*connectors.type_names()),
        "store_type": _words(*KEYS),
        "connection_id": ID,
        "connection_name": _NAME,
        **texts,
        "tags": _list(_TEXT),
        "teams": named,
        "enrichment_only": _FLAG,
        "connected": _or_null(_FLAG),
        "created": _TIME,
        **{name: _or_null(_setting(SETTINGS[name])) for name in SETTINGS if name != "enrichment_datastore_id"},
        "global_tags": named,
        "enrich_datastore": _or_null(_closed({"id": ID, "name": _NAME})),
    }


def _datastore_fields() -> dict[str, Schema]:
    text = {"type": "string", "minLength": 1, "maxLength": 255}
    names = {"type": ["array", "null"], "items": {"type": ["string", "object"]}, "maxItems": 100}
    return {
        "name": _NAME,
        "connection_id": ID,
        **{name: _or_null(text) for name in ("database", "schema", "root_path", "description")},
        "tags": names,
        "teams": names,
        "enrichment_only": _FLAG,
        "enrich_only": _FLAG | {"deprecated": True},
        **{name: _or_null(_setting(setting)) for name, setting in SETTINGS.items()},
        "trigger_sync": _FLAG,
        "trigger_catalog": _FLAG | {"deprecated": True},
    }


def _validate() -> dict[str, Schema]:
    names = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 50}
    return {
        "connection": _ref("ConnectionCreate"),
        "database": _or_null(_TEXT),
        "schemas": names,
        "enrichment_only": _FLAG,
    }


def _bulk() -> dict[str, Schema]:
    names = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 1_000}
    common = {name: shape for name, shape in _datastore_fields().items() if name not in {"name", "connection_id"}}
    own = {"connection": _ref("ConnectionCreate"), "schemas": names, "root_paths": names, "name_template": _TEXT}
    return common | own


def _setting(setting: Setting) -> Schema:
    schema: Schema = {"type": _TYPES[setting.type]}
    if setting.words:
        schema["enum"] = list(setting.words)
    elif setting.type is int:
        schema |= {"minimum": setting.minimum, "maximum": setting.maximum}
    elif setting.type is str:
        schema |= {"minLength": setting.minimum, "maxLength": setting.maximum}
    return schema


def _line(last: dict[str, Schema]) -> dict[str, Any]:
    stage = _closed({"stage": _TEXT, "ok": _or_null(_FLAG), "ms": _or_null({"type": "number"})}, "stage", "ok", "ms")
    ends = [_closed(properties, *properties) for properties in (last, {"problem": _ref("Problem")})]
    return {"description": "a stage that begins (ok is null) or ends, or the last line", "oneOf": [stage, *ends]}


def _changed() -> dict[str, Schema]:
    beside = {"version": _or_null({"type": "integer"}), "warnings": _list(_TEXT)}
    return {"connection": _ref("Connection"), **beside, "report": _or_null(_ref("TestReport"))}


def _operation() -> Schema:
    properties: dict[str, Schema] = {
        "id": ID,
        "type": _words("sync", "test"),
        "result": _words("running", "success", "failure", "interrupted", "cancelled"),
        "message": _or_null(_TEXT),
        "user_id": _or_null(ID),
        "created": _TIME,
        "start_time": _or_null(_TIME),
        "end_time": _or_null(_TIME),
    }
    own: dict[str, Schema] = {"datastore_id": ID, **dict.fromkeys(("total", "tested", "failed", "untested"), _COUNT)}
    return _closed(properties | own, *properties)


def _test_run() -> Schema:
    properties = {
        "name": _TEXT,
        "types": _list(_words(*connectors.type_names())),
        "tags": _list(_TEXT),
        "owner": _TEXT,
        "parallel": {"type": "integer", "minimum": 1, "maximum": MAX_PARALLEL},
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": TEST_TIMEOUT_MAX_S},
        "retry_transient": _FLAG,
    }
    return _closed({"type": _words("test"), **{name: _or_null(shape) for name, shape in properties.items()}}, "type")


def _accounts() -> dict[str, Schema]:
    user: dict[str, Schema] = {
        "id": _or_null(ID),
        "name": _NAME,
        "kind": _or_null(_words(*KINDS)),
        "role": _words(*ROLES),
        **dict.fromkeys(("email", "issuer", "subject"), _or_null(_TEXT)),
        "created": _or_null(_TIME),
    }
    properties: dict[str, Schema] = {
        **dict.fromkeys(("email", "issuer", "subject"), _or_null(_NAME)),
        "password": {"type": ["string", "null"], "minLength": MIN_LENGTH, "maxLength": MAX_LENGTH, "writeOnly": True},
        "name": _NAME,
        "kind": _words(*KINDS),
        "role": _words(*ROLES),
    }
    ignored = {
        name: {"readOnly": True, "description": "ignored: a client may send a reply back"} for name in ("id", "created")
    }
    token: dict[str, Schema] = {
        "id": ID,
        "name": _NAME,
        "user": _closed({"id": ID, "name": _NAME}, "id", "name"),
        "active": _FLAG,
        "expiration": _TIME,
        "last_used": _or_null(_TIME),
        "revoked": _or_null(_TIME),
        "created": _TIME,
        "bearer_token": _TEXT | {"description": "the token itself, in the reply that makes it"},
    }
    wanted: dict[str, Schema] = {
        "name": _NAME,
        "expires_in_days": {"type": "integer", "minimum": 1, "maximum": MAX_TOKEN_DAYS},
        "user": {
            "type": ["string", "integer", "null"],
            "description": "name or id of whom it is for: oneself by default",
        },
        "scim_endpoints_only": {"type": "boolean", "const": False},
    }
    return {
        "User": _closed(user | {"bearer_token": token["bearer_token"]}, *user),
        "UserPage": _page("User"),
        "UserCreate": _closed(properties, "name"),
        "UserPut": _closed(properties | ignored, "name", "role"),
        "UserPatch": _closed(properties | ignored),
        "Token": _closed(token, *(name for name in token if name != "bearer_token")),
        "TokenPage": _page("Token"),
        "TokenCreate": _closed(wanted, "name"),
        "TokenPut": _closed({"revoke": _FLAG}, "revoke"),
    }


def _problem() -> Schema:
    entry = _closed({"loc": _list(_TEXT), "msg": _TEXT, "type": _TEXT, "hint": _or_null(_TEXT)}, "loc", "msg", "type")
    properties: dict[str, Schema] = {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": {"type": "string", "pattern": "^[a-z-]+$"},
        "message": _TEXT | {"description": _WORDS["message"]},
        "hint": _or_null(_TEXT) | {"description": _WORDS["hint"]},
        "errors": _list(entry),
        "datastores": _list(_OBJECT),
        "report": _OBJECT,
    }
    return {
        "type": "object",
        "properties": properties,
        "required": ["type", "title", "status", "detail", "code", "message"],
    }


def _page(name: str | None) -> Schema:
    count = {"type": "integer", "minimum": 0}
    items = _list(_ref(name)) if name else {"type": "array", "maxItems": 0}
    properties = {"items": items, "total": count, "page": count, "size": count, "pages": count}
    return _closed(properties, *properties)


_MANAGER: dict[str, Schema] = {"secrets_manager": {"type": "null", "description": "for now"}}
