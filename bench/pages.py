"""Rows of the table on pages: a list of a million connections beside the API's own, and what a browser loads."""

from __future__ import annotations

import http.client
import re
import statistics
import time
from typing import TYPE_CHECKING

from bench.control_plane_figures import plane_of, stored
from bench.rows import Bench, Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MILLION, _SIZE = 1_000_000, 50
_ROUNDS, _AT_ONCE = 9, 10
_LISTS = {
    "worst first": ("/connections", f"/api/connections?size={_SIZE}&sort_name=asc"),
    "by type": ("/connections?type=mysql", f"/api/connections?size={_SIZE}&type=mysql&sort_name=asc"),
    "by name, page 3": ("/connections?sort=name&page=3", f"/api/connections?size={_SIZE}&sort_name=asc&page=3"),
}
_FILES = re.compile(r'(?:href|src)="(/static/[^"]+)"')


def of_a_million(bench: Bench) -> Iterator[Figure]:
    """Time pages of 50 connections out of a million beside the API's lists of as many; weigh the page."""
    home, bearer = stored(_MILLION)
    with plane_of(bench, home, bearer=bearer) as plane:
        host = plane.running.url.partition("://")[2]
        caller = http.client.HTTPConnection(host, timeout=60)
        as_page, as_api = {"Cookie": f"qualytics={bearer}"}, {"Authorization": f"Bearer {bearer}"}
        for what, (page, api) in _LISTS.items():
            taken: dict[str, list[float]] = {"page": [], "api": []}
            for _ in range(_ROUNDS + 1):  # the first round does not count
                taken["page"].append(_ms(caller, page, as_page))
                taken["api"].append(_ms(caller, api, as_api))
            ours, floor = (statistics.median(times[1:]) for times in taken.values())
            yield Figure(f"page of {_SIZE} of {_MILLION:,}, {what}", ours, "ms", floor, "the API's list", limit_ratio=2)
        text = _get(caller, "/connections", as_page)
        files = set(_FILES.findall(text.decode()))
        weight = len(text) + sum(len(_get(caller, path, {})) for path in files)
        yield Figure("list page and its files", weight / 1_000, "kB", limit=60)
        yield Figure("requests of a list page", 1 + len(files), "", limit=6)


def _ms(caller: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> float:
    began = time.perf_counter()
    for _ in range(_AT_ONCE):
        _get(caller, path, headers)
    return (time.perf_counter() - began) * 1_000 / _AT_ONCE


def _get(caller: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> bytes:
    caller.request("GET", path, headers=headers)
    answer = caller.getresponse()
    found = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} was answered with {answer.status}")
    return found


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {"pages": of_a_million}
