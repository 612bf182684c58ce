"""`python -m bench`: print the figures of docs/performance.md, each beside a floor measured in the same run.

Each figure is printed when it is known. A row that fails, or does not end, says so in a line of its own; the others go
on, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import compileall
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import qualytics
from bench import (
    browser,
    configuration,
    control_plane_figures,
    explain,
    fleet,
    pages,
    past_tests,
    reading,
    reading_files,
)
from bench import rows as bench_rows
from bench.apart import Failed, figures_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.apart import Row
    from bench.rows import Figure

ROWS = (
    bench_rows.ROWS
    | control_plane_figures.ROWS
    | explain.ROWS
    | fleet.ROWS
    | configuration.ROWS
    | past_tests.ROWS
    | pages.ROWS
    | browser.ROWS
    | reading.ROWS
    | reading_files.ROWS
)
_HEAD = ("figure", "measured", "floor", "ratio", "target", "reached")
_WIDTHS = (44, 13, 38, 8, 20, 7)
_CAUSE = 300  # the most characters of why a row has failed
_ROW_S = 900.0  # the slowest row takes about three minutes on two cores


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    compileall.compile_dir(Path(qualytics.__file__).parent, quiet=2)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {sys.platform}, load {os.getloadavg()[0]:.1f}")
    return measure({name: ROWS[name] for name in arguments.rows})


def measure(rows: Mapping[str, Row], row_s: float = _ROW_S) -> int:
    """Measure rows one after the other, each for at most so long, and print their figures; 1 if one has failed."""
    began = time.monotonic()
    figures: list[Figure] = []
    failed = []
    _print_line(_HEAD)
    _print_line(tuple("-" * width for width in _WIDTHS))
    with tempfile.TemporaryDirectory(prefix="qualytics-bench-") as place:
        os.chmod(place, 0o711)  # servers run as another user than root
        for name, row in rows.items():
            print(f"measuring: {name}", file=sys.stderr)
            try:
                for figure in figures_of(row, Path(place) / name, row_s):
                    figures.append(figure)
                    _print_line(_line(figure))
            except Failed as exc:
                failed.append(name)
                _print_line((name, "failed", " ".join(str(exc).split())[:_CAUSE], "", "", "NO"))
    missed = [figure.what for figure in figures if figure.reached is False]
    print(f"{len(figures)} figures in {time.monotonic() - began:.0f} s; missed: {', '.join(missed) or 'none'}")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return bool(failed)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    ordinary = [name for name in ROWS if name != "published"]
    parser.add_argument("--rows", type=_names, default=ordinary, help=f"some of: {' '.join(ROWS)}")
    parser.add_argument(
        "--published", action="store_true", help="also measure the published client, which is installed"
    )
    arguments = parser.parse_args(argv)
    if arguments.published and "published" not in arguments.rows:
        arguments.rows = [*arguments.rows, "published"]
    return arguments


def _names(text: str) -> list[str]:
    names = text.replace(",", " ").split()
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


def _print_line(cells: tuple[str, ...]) -> None:
    padded = (cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
    print(f"| {' | '.join(padded)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
