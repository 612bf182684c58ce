"""`python -m dev.bench`: print the figures of docs/performance.md, each beside a floor measured in the same run."""

from __future__ import annotations

import argparse
import compileall
import contextlib
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import qualytics
from dev import bench_plane, bench_rows
from dev.bench_rows import Bench, Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS = bench_rows.ROWS | bench_plane.ROWS
_HEAD = ("figure", "measured", "floor", "ratio", "target", "reached")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    compileall.compile_dir(Path(qualytics.__file__).parent, quiet=2)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {sys.platform}, load {os.getloadavg()[0]:.1f}")
    began = time.monotonic()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="qualytics-bench-") as place, contextlib.ExitStack() as stack:
        bench = Bench(Path(place), stack)
        for name in arguments.rows:
            print(f"measuring: {name}", file=sys.stderr)
            figures += ROWS[name](bench)
    _print_table([_HEAD, *map(_line, figures)])
    missed = [figure.what for figure in figures if figure.reached is False]
    print(f"{len(figures)} figures in {time.monotonic() - began:.0f} s; missed: {', '.join(missed) or 'none'}")
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dev.bench", description=__doc__)
    ordinary = [name for name in ROWS if name != "published"]
    parser.add_argument("--rows", type=_names, default=ordinary, help=f"some of {','.join(ROWS)}")
    parser.add_argument(
        "--published", action="store_true", help="also measure the published client, which is installed"
    )
    arguments = parser.parse_args(argv)
    if arguments.published and "published" not in arguments.rows:
        arguments.rows = [*arguments.rows, "published"]
    return arguments


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in ROWS]:
        raise argparse.ArgumentTypeError(f"there is no row {', '.join(unknown)}")
    return names


def _line(figure: Figure) -> tuple[str, ...]:
    floor = "" if figure.floor is None else f"{figure.floor:.1f} {figure.unit} ({figure.floor_is})"
    return (
        figure.what,
        f"{figure.measured:.1f} {figure.unit}",
        floor,
        "" if figure.ratio is None else f"{figure.ratio:.2f} x",
        _target(figure),
        {None: "", True: "yes", False: "NO"}[figure.reached],
    )


def _target(figure: Figure) -> str:
    value = None if figure.limit is None else f"{figure.limit:g} {figure.unit}"
    ratio = None if figure.limit_ratio is None else f"{figure.limit_ratio:.2f} x"
    both = " or ".join(filter(None, (value, ratio)))
    return both and f"{'≥' if figure.at_least else '≤'} {both}"


def _print_table(lines: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    for line in lines:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")


if __name__ == "__main__":
    sys.exit(main())
