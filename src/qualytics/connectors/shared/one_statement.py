"""That a query is one statement, and a condition one expression: what an engine would read as more is refused.

Both are put between parentheses into statements of ours. Many an engine runs several statements at once, and not each
has sessions that only read: so nothing may end the parentheses, or the statement, from within.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Comments up to the end of a line. Of MySQL two dashes begin one before a blank alone.
_DASHES, _DASHES_BLANK, _HASH, _SLASHES = r"--[^\n]*", r"--(?![^\s\0-\x1f])[^\n]*", r"#[^\n]*", r"//[^\n]*"
# A text in quotes, in which doubled ones, or one behind a backslash, mean the quote itself; a name likewise.
_TEXT, _ESCAPED_TEXT = r"'(?:[^']|'')*+'", r"'(?:[^'\\]|\\.|'')*+'"
_NAME, _ESCAPED_NAME = r'"(?:[^"]|"")*+"', r'"(?:[^"\\]|\\.|"")*+"'
_BACKTICKS, _BRACKETS = r"`(?:[^`]|``)*+`", r"\[(?:[^\]]|\]\])*+\]"
_DOLLARS, _TAGGED_DOLLARS = r"\$\$.*?\$\$", r"(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$"
_RAW = (r"(?i:(?<!\w)b?rb?)'[^']*'", r'(?i:(?<!\w)b?rb?)"[^"]*"')
_TRIPLE = (r"(?i:(?<!\w)b?rb?)(?P<raw>'''|\"\"\").*?(?P=raw)", r"(?P<triple>'''|\"\"\")(?:[^\\]|\\.)*?(?P=triple)")
_CHOSEN = (
    *(rf"(?i:(?<!\w)n?q)'{re.escape(first)}.*?{re.escape(last)}'" for first, last in ("[]", "{}", "()", "<>")),
    r"(?i:(?<!\w)n?q)'(?P<mark>[^\s\[{(<]).*?(?P=mark)'",
)
_STANDARD = (_DASHES, _TEXT, _NAME)
_POSTGRESQL = (rf"(?i:(?<!\w)e){_ESCAPED_TEXT}", *_STANDARD, _TAGGED_DOLLARS)
_SQLSERVER = (*_STANDARD, _BRACKETS)
_SPARK = (*_RAW, _DASHES, _ESCAPED_TEXT, _ESCAPED_NAME, _BACKTICKS)
# By the module of `connectors/reads`: what may hold a semicolon or a parenthesis that means nothing, as the engine's
# manual has it, beside comments between /* and */. What begins as another does stands before it.
_SYNTAX: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("postgresql", "redshift", "duckdb"), _POSTGRESQL),
    "mysql": (_DASHES_BLANK, _HASH, _ESCAPED_TEXT, _ESCAPED_NAME, _BACKTICKS),
    "sqlite": (*_SQLSERVER, _BACKTICKS),
    "sqlserver": _SQLSERVER,
    **dict.fromkeys(("hive", "databricks"), _SPARK),
    "bigquery": (*_TRIPLE, _HASH, *_SPARK),
    "snowflake": (_DASHES, _SLASHES, _ESCAPED_TEXT, _NAME, _DOLLARS),
    "oracle": (*_CHOSEN, *_STANDARD),
    "jdbc": (*_POSTGRESQL, _SLASHES),  # as H2 has it, of whose marks others have some
}
# By the beginning of a URL: of which engine a driver of JDBC is.
_OF_URL = {
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlserver": "sqlserver",
    "jtds": "sqlserver",
}
_COMMENT = re.compile(r"/\*|--|#|//")
# Where a line ends for some engines alone: what is a comment here would be a statement there.
_OTHER_LINE_END = re.compile("[\r\v\f\x85\u2028\u2029](?!\n)")
# Of comments between /* and */: MySQL runs what some hold, and some engines nest them.
_RUN_OR_NESTED = re.compile(r"/\*M?!|.+?/\*", re.DOTALL)


def syntax_of(reads: str, uri: str = "") -> str:
    """Return whose quotes and comments hold: by the module that reads a type, through JDBC by the URL."""
    return reads if reads != "jdbc" else _OF_URL.get(uri.removeprefix("jdbc:").partition(":")[0], reads)


def one_statement(sql: str, syntax: str) -> str:
    """Return a query without the semicolon at its end.

    Raises:
        ValueError: it is not one statement; it says why, and repeats nothing of it.

    """
    ends = _ends(sql, syntax)
    body, rest = (sql, "") if not ends else (sql[: ends[0]], sql[ends[0] :])
    if not _bare(body, syntax):
        raise ValueError("holds no statement")
    if _bare(rest, syntax).strip("; \t\r\n"):
        raise ValueError("holds more than one statement")
    return body


def one_expression(sql: str, syntax: str) -> str:
    """Return a condition.

    Raises:
        ValueError: it is not one expression; it says why, and repeats nothing of it.

    """
    if _ends(sql, syntax):
        raise ValueError("holds a semicolon")
    if not _bare(sql, syntax):
        raise ValueError("holds no condition")
    return sql


def is_ordered(sql: str, syntax: str) -> bool:
    """Say whether a query has an order of its own, beside those of queries within it."""
    depth, at, bare = 0, 0, list[str]()
    for match in _tokens(syntax).finditer(sql):
        if depth == 0:
            bare.append(sql[at : match.start()])
        depth += (match[0] == "(") - (match[0] == ")")
        at = match.end()
    return re.search(r"(?i)\border\s+by\b", " ".join([*bare, sql[at:]])) is not None


def _ends(sql: str, syntax: str) -> list[int]:
    """Return where semicolons stand that are part of neither a comment nor quotes."""
    depth, ends = 0, []
    for match in _tokens(syntax).finditer(sql):
        part = match[0]
        if part == ";":
            ends.append(match.start())
        if part == ";" and depth:
            raise ValueError("does not close a parenthesis")
        depth += (part == "(") - (part == ")")
        if depth < 0:
            raise ValueError("closes a parenthesis that it did not open")
        if match.lastgroup == "open":
            raise ValueError("ends within a comment, or within quotes")
        if match.lastgroup == "skipped" and part.startswith("/*") and _RUN_OR_NESTED.match(part):
            raise ValueError("holds a comment within a comment, or one that MySQL runs")
        if part.startswith(("--", "#", "//")) and _OTHER_LINE_END.search(part + "\n"):
            raise ValueError("holds a comment with a line end that engines differ on")
    if depth:
        raise ValueError("does not close a parenthesis")
    return ends


def _bare(sql: str, syntax: str) -> str:
    """Return a text without comments and blanks around it."""
    return _tokens(syntax).sub(lambda match: " " if _COMMENT.match(match[0]) else match[0], sql).strip()


@functools.cache
def _tokens(syntax: str) -> re.Pattern[str]:
    parts = _SYNTAX.get(syntax, _STANDARD)
    skipped = "|".join((r"/\*.*?\*/", *parts))
    unclosed = "|".join(
        ("/\\*", "['\"]", *(first for part, first in ((_BRACKETS, r"\["), (_BACKTICKS, "`")) if part in parts))
    )
    return re.compile(rf"(?P<skipped>{skipped})|(?P<open>{unclosed})|[();]", re.DOTALL)
