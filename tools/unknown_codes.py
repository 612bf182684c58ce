"""Codes that an installed driver's own source knows and no table of ours: `python -m tools.unknown_codes`.

Each line is a code and what the driver calls it. Such a code belongs into the table of its type, or, where no test of a
connection can meet it, into `BEYOND` here; a test finds those that are in neither.
"""

from __future__ import annotations

import importlib
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from qualytics.connectors import get

if TYPE_CHECKING:
    from collections.abc import Iterator

# What names of errors are about that no login, listing or first query can meet: values, statements, files, replicas,
# and what a program does wrong with its driver.
BEYOND = re.compile(
    r"ARGS|ARRAY|ARROW|BATCH|BIND|BLOB|BUFFER|CHECK|CHUNK|COLLATION|COLUMN|COMMAND|COMPRESS|CONFLICTING|CONST|CONVERT|CURSOR"
    r"|CYCLIC|DATA(?!BASE|_?CATALOG)|DATETIME|DBOBJECT|DEBUG|DECLARATION|DEFAULT|DEFINER|DELAYED|DELETE|DERIVED|DIVISION|DUMP|DUP"
    r"|ENUM|ERROR_(FIRST|LAST|ON)|EVENT|EXECUTE|FACTOR|FETCH|FIELD|FILE|FLAG|FLASHBACK|FLUSH|FOREIGN|FORM|FPARSER|FRM|FSEEK"
    r"|FUNCTION|GEOMETRY|GETERRMSG|GET_(ERRMSG|TEMP)|GRANT|GROUP|HANDLER|IDENT|ILLEGAL|INDEX|INFO|INSERT|INTEGER|ITER|JOIN|KEY"
    r"|LEVEL|LOB|LOG|MASTER|MIXING|NULL|NUMBER|NUMPY|OBJECT|OLD_|OPERAND|OPTION|ORDER|OSON|OUTOF|OUT_OF_RANGE|PARAM|PARTITION"
    r"|PAYLOAD|PIPELINE|POOL_(?!NO)|PRECISION|PREPARED|PROC|PS$|QUERY|QUOTE|RAID|RANGE|RECURSI|REFERENCE|REGEXP|REPLICA|RESERVED"
    r"|RESULT|REVOKE|ROW|SAVE|SCALE|SCROLL|SELECT|SERIALIZ|SESSIONLESS|SET$|SLAVE|SPATIAL|SP_|STAGE|STATEMENT|STMT|STORED|STRING"
    r"|SUBQUERY|SUBSCR|SYNTAX|TABLE|TIMESTAMP|TPC|TRANSACTION|TRG|TRIGGER|TRUNCATED|TWICE|TYPE|UDF|UNION|UNTIL|UPDATE|VALUE|VAR"
    r"|VECTOR|VIEW|WARN|WRONG|WSAS|XA|ZLIB|HASHCHK|NISAMCHK|^NO$|^YES$|^READY$|ALREADY|ILLEGAL_HA|FILSORT|BODY|DISPLAY|BIGGER"
    r"|_EXISTS|NON_UNIQ|NO_SUCH_THREAD|UNSUPPORTED_(EXT|METHOD)|DROP_USER|STARTUP|[A-Z]_CONNECTION$|INSECURE_API|NOT_POSITIVE"
    r"|LOCAL_PATH|ENCRYPT_MATERIAL|FRACTIONAL|DISCONNECT ERROR"
)
# Codes that stand for many failures: their words are judged, and alone they say nothing.
SAY_NOTHING = frozenset({"1105", "2000", "HY000", "IOException", "UNKNOWN"})


def _constants(package: str, path: str, pattern: str) -> Iterator[tuple[str, str]]:
    """Yield name and number of constants that a module of a driver assigns."""
    spec = find_spec(package)
    folder = Path(str(spec.origin)).parent if spec else Path()
    yield from re.findall(pattern, (folder / path).read_text(encoding="utf-8"), re.MULTILINE)


def _aws() -> Iterator[tuple[str, str]]:
    loader = importlib.import_module("botocore.loaders").Loader()
    for service in ("sts", "athena", "redshift", "redshift-serverless"):
        for name, shape in loader.load_service_model(service, "service-2")["shapes"].items():
            if shape.get("exception") and service != "redshift":  # hundreds of faults of its clusters' administration
                yield name, (shape.get("error") or {}).get("code") or name


def _states() -> Iterator[tuple[str, str]]:
    for name, error in vars(importlib.import_module("psycopg.errors")).items():
        state = getattr(error, "sqlstate", None)
        if isinstance(state, str):
            yield name, state


def _sqlite() -> Iterator[tuple[str, str]]:
    result_codes = (
        "INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL"
    )
    for name in f"{result_codes} SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH RANGE NOTADB".split():
        yield name, f"SQLITE_{name}"


def _duckdb() -> Iterator[tuple[str, str]]:
    names = [name for name in dir(importlib.import_module("duckdb")) if name.endswith("Exception")]
    return ((name, name) for name in names if name != "StandardException")


def _databricks() -> Iterator[tuple[str, str]]:
    return _constants("databricks.sdk", "errors/platform.py", r'^    "([A-Z_]+)": ([A-Z]\w+),$')


# By type: what yields the names and codes that its driver knows.
SOURCES = {
    "mysql": lambda: (
        *_constants("pymysql", "constants/ER.py", r"^([A-Z_0-9]+) = (\d+)$"),
        *_constants("pymysql", "constants/CR.py", r"^CR_([A-Z_]+) = (\d+)$"),
    ),
    "oracle": lambda: (
        (name, f"DPY-{code}") for name, code in _constants("oracledb", "errors.py", r"^ERR_([A-Z_]+) = (\d{4})$")
    ),
    "snowflake": lambda: _constants("snowflake.connector", "errorcode.py", r"^ER_([A-Z_]+) = (\d{6})$"),
    "postgresql": _states,
    "athena": _aws,
    "sqlite": _sqlite,
    "duckdb": _duckdb,
    "databricks": lambda: ((name, name) for name, _ in _databricks()),
    "sqlserver": lambda: ((name, state) for state, name in _constants(
        "mssql_python", "exceptions.py", r'"([0-9A-Z]{5})": [\w.]+\(\s*driver_error="([^"]+)"'
    )),
}  # fmt: skip


def unknown(connector_type: str) -> tuple[int, list[str]]:
    """Return how many codes the driver of a type knows, and those that neither a table nor `BEYOND` has."""
    explain = get(connector_type).explain or (lambda text: get(connector_type).classify(Exception(text)))
    codes = dict.fromkeys(SOURCES[connector_type]())
    missing = []
    for name, code in codes:
        verdict = explain(code)
        is_known = verdict is not None and verdict.failure_class != "unknown"
        if not (is_known or code in SAY_NOTHING or BEYOND.search(name.upper())):
            missing.append(f"{code} {name}")
    return len(codes), missing


def main() -> None:
    for connector_type in SOURCES:
        connector = get(connector_type)
        count, missing = unknown(connector_type)
        driver = connector.distribution
        print(f"{connector_type}: {count} codes of {driver or 'Python'} {version(driver) if driver else ''}".rstrip())
        print("".join(f"  {line}\n" for line in missing), end="")


if __name__ == "__main__":
    main()
