"""Rows of the table on what a browser shows: the first paint of a form, and the first stage of a test in it."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.rows import Bench, Figure
from testbed import browser
from testbed.control_plane import PASSWORD, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

_ROUNDS, _SLOWER = 9, 4
# Somebody who has opened a form types at least so long before a test.
_TYPING_MS = 3_000
# Milliseconds from a click until a stage shows that it runs or has ended; the page is asked before each frame.
_FIRST_STAGE = """() => new Promise((resolve) => {
  const began = performance.now();
  document.querySelector("[name=_do][value=test]").click();
  const look = () => document.querySelector("[data-stage]:not([data-state=waiting])")
    ? resolve(performance.now() - began) : requestAnimationFrame(look);
  requestAnimationFrame(look);
})"""
_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def in_a_browser(bench: Bench) -> Iterator[Figure]:
    """Measure the first paint with a processor that is four times slower, and the first stage of a test."""
    with serving(bench.home("browser"), password=PASSWORD) as plane, browser.chromium() as chromium:
        given = {"type": "postgresql", "name": "live", "host": "127.0.0.1", "port": 9, "username": "reader"}
        record = plane.api()("POST", "/connections", given).json["id"]
        page = chromium.new_page()
        browser.sign_in(page, plane.url, "admin", PASSWORD)
        form = f"{plane.url}/connections/{record}/edit"
        page.goto(form)
        page.wait_for_timeout(_TYPING_MS)
        first = page.evaluate(_FIRST_STAGE)  # also awaits what later ones are forked from, which the form has started
        page.get_by_text("Failed at").wait_for()
        yield Figure("first stage of the first test of a type, after the click", first, "ms", limit=200)
        yield Figure("first stage of a test, after the click", _median(page, form, _FIRST_STAGE), "ms", limit=200)
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER})
        for what, address in (("list", f"{plane.url}/connections"), ("form", form)):
            taken = _median(page, address, _FIRST_PAINT)
            yield Figure(f"first paint of a {what}, processor {_SLOWER} times slower", taken, "ms", limit=300)


def _median(page: Page, address: str, script: str) -> float:
    taken = []
    for _ in range(_ROUNDS):
        page.goto(address)
        page.wait_for_function(f"() => {_FIRST_PAINT} !== undefined")
        taken.append(page.evaluate(script))
    return statistics.median(taken)


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {"browser": in_a_browser}
