"""What a connection through a JDBC driver must hold: the driver's class and its jars."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Param

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PARAMS = (
    Param("driver_class", str, "Java class of the driver, as org.h2.Driver"),
    Param("jars", list, "absolute paths of the driver's .jar files on this machine"),
    Param(
        "ssl_root_cert_file",
        str,
        "trusted root certificates as a PEM file, in place of those that Java trusts",
        is_path=True,
        max_length=4_096,
    ),
)
_CLASS = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?:\$\w+)*\Z", re.ASCII)
# A class path gives these a meaning: it divides, or stands for many files.
_SPECIAL = re.compile(r"[:;*?\[\]\x00-\x1f]")
_MAX_JARS = 32


def requires(values: Mapping[str, Any], _secrets: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for the driver's class and its jars."""
    parameters = values.get("parameters") or {}
    if not _CLASS.match(parameters.get("driver_class") or ""):
        yield (
            "parameters.driver_class",
            "must be the name of a Java class",
            "as org.h2.Driver; the driver's manual has it",
        )
    jars = parameters.get("jars")
    if not isinstance(jars, list) or not 1 <= len(jars) <= _MAX_JARS:
        yield "parameters.jars", f"must be a list of 1 to {_MAX_JARS} files", 'as ["/opt/drivers/h2.jar"]'
    elif not all(map(_is_jar, jars)):
        hint = "without : ; * ? and brackets, which have a meaning in a class path"
        yield "parameters.jars", "must be absolute paths of .jar files of this machine", hint


def _is_jar(path: object) -> bool:
    return isinstance(path, str) and path.startswith("/") and path.endswith(".jar") and not _SPECIAL.search(path)
