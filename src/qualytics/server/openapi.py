"""The OpenAPI document of the routes that are there, and a page to read it by."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import qualytics
from qualytics.server import schemas, shapes
from qualytics.settings import BY_NAME, MAX_QUERY_TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from litestar.typing import FieldDefinition

_PATH_PARAMETER = re.compile(r"\{(\w+):int\}")
_OWN = {"request", "body", "return"}
_TYPES: dict[Any, str] = {int: "integer", float: "number", bool: "boolean", str: "string"}
# One of the two says which record is meant; see `parameters.record_of`.
_NAMES = {
    "name": "name of the record, without regard to case; this or `word` is needed",
    "word": "what a user typed: digits are an id, and 400 where they are another record's name; else a name",
}
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "max_length": "maxLength", "pattern": "pattern"}


def document(prefix: str, routes: Iterable[Callable[..., Any]]) -> dict[str, Any]:
    """Return the document; every route stands in it, and nothing else."""
    paths: dict[str, dict[str, Any]] = {}
    for handler in routes:
        route: Any = handler
        for path in sorted(route.paths):
            entry = paths.setdefault(prefix.rstrip("/") + _PATH_PARAMETER.sub(r"{\1}", path), {})
            for method in sorted(route.http_methods):
                entry[method.lower()] = _operation(route, path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "qualytics control plane",
            "version": qualytics.__version__,
            "description": "Manage the database connections that datastores use.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas.components(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"token": []}],
    }


def page(document: dict[str, Any]) -> str:
    """Return the document as a page of HTML, without scripts."""
    rows = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            right = operation.get("x-right") or ""
            cells = (method.upper(), path, operation["summary"], right)
            rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>qualytics control plane: API</title></head>'
        f"<body><h1>qualytics {html.escape(qualytics.__version__)}: API</h1>"
        '<p>The whole document: <a href="openapi.json">openapi.json</a>. Send a token as '
        "<code>Authorization: Bearer TOKEN</code>.</p><table><thead><tr><th>Method</th><th>Path</th>"
        f"<th>Does</th><th>Right</th></tr></thead><tbody>{''.join(rows)}</tbody></table></body></html>"
    )


def _operation(route: Any, path: str) -> dict[str, Any]:
    opt = route.opt
    operation: dict[str, Any] = {
        "operationId": f"{route.fn.__name__}{'_by_name' if BY_NAME in path else ''}",
        "summary": " ".join((route.fn.__doc__ or "").split("\n\n")[0].split()),
        "tags": [path.strip("/").split("/")[0]],
        "parameters": [*_path_parameters(path), *_query_parameters(route), *_headers(route)],
        "responses": _responses(route),
    }
    if opt.get("public"):
        operation["security"] = []
    if right := opt.get("right"):
        operation["x-right"] = right.words
    if body := opt.get("body"):
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}}
        operation["requestBody"] = {"content": content, "required": not opt.get("body_optional", False)}
    return operation


def _responses(route: Any) -> dict[str, Any]:
    reply = route.opt.get("reply")
    good: dict[str, Any] = {"description": "done"}
    if reply:
        media = route.opt.get("media", "application/json")
        shape = {"$ref": f"#/components/schemas/{reply}"} if media == "application/json" else {"type": "string"}
        good["content"] = {media: {"schema": shape}}
        if lines := route.opt.get("lines"):
            good["content"]["application/jsonl"] = {"schema": {"$ref": f"#/components/schemas/{lines}"}}
    none = {"204": {"description": "done"}} if reply == "Deleted" else {}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(route.status_code): good, **none, "default": {"description": "a problem", "content": problem}}


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    if BY_NAME in path:
        schema = {"type": "string", "minLength": 1, "maxLength": MAX_QUERY_TEXT}
        for name, text in _NAMES.items():
            yield {"name": name, "in": "query", "required": False, "schema": schema, "description": text}
    for name in _PATH_PARAMETER.findall(path):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "schema": shapes.ID,
        }


def _query_parameters(route: Any) -> Iterator[dict[str, Any]]:
    taken = {*_OWN, *_PATH_PARAMETER.findall("".join(route.paths))}
    for name, field in route.parsed_fn_signature.parameters.items():
        if name not in taken:
            yield _query_parameter(name, field)


def _query_parameter(name: str, field: FieldDefinition) -> dict[str, Any]:
    definition: Any = field.kwarg_definition
    inner = next((part for part in field.inner_types if part.annotation is not type(None)), field)
    schema: dict[str, Any]
    if inner.origin is list or field.origin is list:
        schema = {"type": "array", "items": {"type": _TYPES[inner.inner_types[0].annotation]}, "maxItems": 100}
    else:
        schema = {"type": _TYPES[inner.annotation]}
        for bound, word in _BOUNDS.items():
            if (value := getattr(definition, bound, None)) is not None:
                schema[word] = value
    parameter = {"name": getattr(definition, "name", None) or name, "in": "query", "required": False, "schema": schema}
    return parameter | ({"description": definition.description} if getattr(definition, "description", None) else {})


def _headers(route: Any) -> Iterator[dict[str, Any]]:
    if route.opt.get("reply") == "Deleted":
        yield {
            "name": "Prefer",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "return=representation answers with what was deleted, as a dry run does; else 204",
        }
    if route.opt.get("versioned"):
        hint = "the ETag of the record as it was read; another version answers 412"
        yield {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": '^("[0-9]{1,15}"|\\*)$'},
            "description": hint,
        }
