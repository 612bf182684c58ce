"""`python -m testbed TYPE`: run the counterpart of a connection type until the end of standard input.

The one line on standard output is what a connection to it is given, as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from testbed.counterparts import COUNTERPARTS, Place


def main(words: list[str]) -> int:
    if len(words) != 1 or words[0] not in COUNTERPARTS:
        print(f"usage: python -m testbed TYPE, one of {', '.join(sorted(COUNTERPARTS))}", file=sys.stderr)
        return 2
    (kind,) = words
    with (
        tempfile.TemporaryDirectory(prefix="qualytics-testbed-") as folder,
        COUNTERPARTS[kind][0](Place.within(Path(folder)), kind) as case,
    ):
        print(json.dumps(case.given), flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
