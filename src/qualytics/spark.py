"""Tables and queries of a saved connection as DataFrames of Spark, read in parallel by the executors over JDBC.

The URL, the login, the number of partitions and the fetch size are those of the connection. The jar of the JDBC driver
is the user's own: `SparkSession.builder.config("spark.jars", "postgresql.jar")`.
"""

from __future__ import annotations

import json
import math
import warnings
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qualytics.client import purpose_of
from qualytics.client.sdk import given_or_own
from qualytics.connectors.reading import DEFAULT_FETCH_SIZE
from qualytics.errors import UsageError
from qualytics.exchange import other_tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from qualytics.client.contract import Client

_ALIAS = "qualytics_read"


def read(  # noqa: PLR0913 - where, what, and how, a name each
    spark: SparkSession,
    connection: int | str,
    *,
    table: str | None = None,
    query: str | None = None,
    database: str | None = None,
    schema: str | None = None,
    partition_column: str | None = None,
    parallel: int | None = None,
    fetch_size: int | None = None,
    client: Client | None = None,
) -> DataFrame:
    """Return a DataFrame of a table, or of one query in the engine's SQL.

    `connection` is the name or the id. With a `partition_column` of numbers, dates or timestamps it has `parallel`
    partitions, by default as many as the connection's `max_parallelization`; each row is in one of them, those with
    NULL in one of their own. The bounds are looked up now, the rows when Spark needs them, each partition in a session
    of its own: what others change meanwhile may be seen by one and not by another. `fetch_size` is the number of rows
    that a driver holds at once, by default the connection's `jdbc_fetch_size`, else 1,000.

    Raises:
        UsageError: neither table nor query is given, or both; Spark has no JDBC driver for the type; values of the
            column cannot be divided.
        NotFound, NotAllowed: as `client.connections.use` raises them.

    """
    if (table is None) == (query is None):
        raise UsageError("either a table or a query is needed", "as in table='orders', or query='select 1'")
    scope = {name: text for name, text in (("database", database), ("schema", schema)) if text}
    with given_or_own(client) as asked:
        options, tuning = _options(asked, connection, table, scope)
    options["fetchsize"] = str(fetch_size or tuning.get("jdbc_fetch_size") or DEFAULT_FETCH_SIZE)
    dialects = spark._jvm.org.apache.spark.sql.jdbc.JdbcDialects  # noqa: SLF001 - Python has no other way to them
    quote = dialects.get(options["url"]).quoteIdentifier
    # On lines of its own a query may end with a comment.
    source = (
        f"(\n{query.rstrip().rstrip(';')}\n) {_ALIAS}"
        if query is not None
        else ".".join(quote(part) for part in (schema, table) if part)
    )
    count = parallel or tuning.get("max_parallelization") or 1
    if partition_column is None or count == 1:
        return spark.read.format("jdbc").options(**options, dbtable=source).load()
    column = quote(partition_column)
    url, properties = options.pop("url"), options
    predicates = [*_predicates(column, _cuts(spark, url, properties, source, column, count)), f"{column} IS NULL"]
    return spark.read.jdbc(url, source, predicates=predicates, properties=properties)


def _options(
    client: Client, connection: int | str, table: str | None, scope: Mapping[str, str]
) -> tuple[dict[str, str], Mapping[str, Any]]:
    """Return Spark's options of a connection, secrets in clear, and the values of the connection."""
    purpose = purpose_of(f"Spark: read {table or 'a query'}")
    used = client.connections.use(connection, purpose=purpose)
    document = client.connections.get(used.id)
    if "spark" not in other_tools.tools_of(used.type) or document["connection_type"] == "dfs":
        raise UsageError(
            f"Spark reads no tables of {used.type} over JDBC", "qualytics connections url --for spark, for files"
        )
    # YAML is of other tools; a DataFrameReader takes what stands here as JSON.
    written = other_tools.write(document, [used.name], "spark", scope, json.dumps, used.secrets)
    for name in written.left:
        warnings.warn(f"Spark's JDBC driver has no option for {name}; it is left out", stacklevel=4)
    options: dict[str, str] = json.loads(written.text)["options"]
    return options, used.values


def _cuts(
    spark: SparkSession, url: str, properties: Mapping[str, str], source: str, column: str, count: int
) -> Sequence[Any]:
    """Return values, ascending, that divide the column into so many ranges of one width; fewer where it is narrow."""
    bounds = f"(SELECT min({column}) low, max({column}) high FROM {source}) qualytics_bounds"  # noqa: S608 - quoted
    low, high = spark.read.jdbc(url, bounds, properties=dict(properties)).collect()[0]
    if low is None:
        return []
    if not isinstance(low, int | float | Decimal | date) or isinstance(low, bool):
        raise UsageError(f"{column} holds no numbers, dates or timestamps", "choose another partition_column")
    width = high - low
    if isinstance(width, float) and not math.isfinite(width):  # NaN or infinity is among the values
        return []
    if isinstance(low, int):
        cuts: list[Any] = [low + width * number // count for number in range(1, count)]
    else:
        cuts = [low + width * number / count for number in range(1, count)]
    return [value for before, value in pairwise([low, *cuts]) if value > before]


def _predicates(column: str, cuts: Sequence[Any]) -> Iterator[str]:
    """Yield conditions of which exactly one is true for a value; the first and the last range have no end."""
    if not cuts:
        yield f"{column} IS NOT NULL"
        return
    texts = [_literal(value) for value in cuts]
    yield f"{column} < {texts[0]}"
    for first, end in pairwise(texts):
        yield f"{column} >= {first} AND {column} < {end}"
    yield f"{column} >= {texts[-1]}"


def _literal(value: Any) -> str:
    """Return a value in SQL; dates and times by the escapes of JDBC, which a driver writes as its engine takes them."""
    if isinstance(value, datetime):
        return f"{{ts '{value.isoformat(' ', 'microseconds')}'}}"
    if isinstance(value, date):
        return f"{{d '{value.isoformat()}'}}"
    return format(value, "f") if isinstance(value, Decimal) else repr(value)
