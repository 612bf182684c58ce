"""What --color and --quiet set for one call: which streams get colours, and whether more than errors is written.

The few colours are those of every terminal, readable on a light and on a dark background.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from typing import TextIO

WHEN = ("auto", "always", "never")
BOLD, DIM, RED, GREEN = "1", "2", "31", "32"
_COLOR, _QUIET = "qualytics.color", "qualytics.quiet"


def keep_color(ctx: click.Context, _param: click.Parameter, when: str) -> None:
    """Keep what --color says for the rest of the call."""
    ctx.meta[_COLOR] = when


def keep_quiet(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    """Keep for the rest of the call whether --quiet was given."""
    ctx.meta[_QUIET] = value


def is_quiet() -> bool:
    """Say whether stderr gets errors only."""
    return bool(_chosen(_QUIET, default=False))


def has_color(stream: TextIO | None) -> bool:
    """Say whether a stream gets colours: as --color says, else as the variables do, else where it is a terminal.

    https://no-color.org and https://bixense.com/clicolors say what the variables mean.
    """
    when = _chosen(_COLOR, default="auto")
    if when != "auto":
        return when == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "") not in {"", "0"}:
        return True
    return stream is not None and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def painted(text: str, color: str) -> str:
    """Return a text in a colour, or bold or dim."""
    return f"\x1b[{color}m{text}\x1b[0m" if text else text


def _chosen(key: str, *, default: object) -> object:
    ctx = click.get_current_context(silent=True)
    return default if ctx is None else ctx.meta.get(key, default)
