"""Runs BuenaVista in an environment of its own: `python buenavista_server.py PORT FILE [CERTIFICATE KEY]`.

What it lacks is put in here: two defaults that pydantic asks for since its second version, the information schema of a
catalog by the catalog's name, and the table in which Presto keeps the version.
"""

from __future__ import annotations

import re
import sys

import duckdb
import uvicorn  # type: ignore[import-not-found]  # this and what follows stand in that environment alone
from buenavista.backends.duckdb import DuckDBConnection  # type: ignore[import-not-found]
from buenavista.examples import duckdb_http  # type: ignore[import-not-found]
from buenavista.http import main as presto  # type: ignore[import-not-found]
from buenavista.http import schemas, type_mapping
from fastapi import FastAPI  # type: ignore[import-not-found]

# DuckDB has one information schema for all catalogs, with the catalog in this column.
_COLUMNS = {"schemata": "catalog_name", "tables": "table_catalog"}
_OF_CATALOG = re.compile(rf'"(\w+)"\.information_schema\.({"|".join(_COLUMNS)})', re.IGNORECASE)
_SHOW_SCHEMAS = re.compile(r'^(show schemas from )"(\w+)"$', re.IGNORECASE)


def rewritten(sql: str) -> str:
    """Return a query of Trino as DuckDB takes it."""
    sql = duckdb_http.rewriter.rewrite(_SHOW_SCHEMAS.sub(r"\1\2", sql))
    return _OF_CATALOG.sub(
        lambda found: f"(from information_schema.{found[2]} where {_COLUMNS[found[2]]} = '{found[1]}')", sql
    )


class Rewriter:
    """What BuenaVista wants of a rewriter."""

    rewrite = staticmethod(rewritten)


def complete_types() -> None:
    """Say the digits that Trino says of each timestamp, and more than none behind the point of a decimal."""
    for name, digits in (("TIMESTAMP", [6]), ("TIME", [6]), ("DECIMAL", [38, 10])):
        word, arguments = name.lower(), [type_mapping._long(number) for number in digits]  # noqa: SLF001 - there is no other
        text = f"{word}({', '.join(map(str, digits))})"
        type_mapping.TYPE_MAPPING[type_mapping.BVType[name]] = (text, type_mapping._cts(word, arguments))  # noqa: SLF001
    for name, text in (("BOOL", "boolean"), ("FLOAT", "double"), ("BYTES", "varbinary")):
        type_mapping.TYPE_MAPPING[type_mapping.BVType[name]] = (text, type_mapping._cts(text))  # noqa: SLF001


def nodes() -> str:
    return "select version() as node_version, true as coordinator"


def main(port: int, path: str, *certificate: str) -> None:
    for name in ("partial_cancel_uri", "update_count"):
        schemas.QueryResult.model_fields[name].default = None
    schemas.QueryResult.model_rebuild(force=True)
    complete_types()
    duckdb_http.rewriter.relation("system.runtime.nodes")(nodes)
    app = FastAPI()
    presto.quacko(app, DuckDBConnection(duckdb.connect(path)), Rewriter)
    tls = dict(zip(("ssl_certfile", "ssl_keyfile"), certificate, strict=False))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", **tls)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
