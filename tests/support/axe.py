"""Whether axe-core finds a barrier in a page; what it looked at stands in the log of the test run."""

from __future__ import annotations

import functools

from testbed.browser import axe_script

# Under this name a test keeps the lines that the end of a run shows.
REPORT = "axe"


@functools.cache
def _script():
    return axe_script().read_text(encoding="utf-8")


def barriers(page, what, record_property):
    """Return what axe finds in a page, of any level and of its best practices, as lines; note what it looked at.

    What it cannot decide by itself is among them.
    """
    found = page.evaluate(f"async () => {{ {_script()}; return await axe.run(document, {{reporter: 'v2'}}) }}")
    lines = [
        f"{rule['id']} ({rule['impact']}): {node['html']}"
        for rule in found["violations"] + found["incomplete"]
        for node in rule["nodes"]
    ]
    counts = f"{len(lines)} barriers, {len(found['passes'])} rules passed, {len(found['incomplete'])} undecided"
    record_property(REPORT, f"axe-core {found['testEngine']['version']}: {what}: {counts}")
    return lines
