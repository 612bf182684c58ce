"""Error messages of databases and their tools, each with its class: the measure of `connections explain`.

`python -m tools.messages FILE` adds those of a JSON Lines file, each to the half that its own words choose.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parent.parent / "tests" / "data" / "messages"
HALVES = {"rules": Path("rules", "messages.jsonl"), "measure": Path("measure", "messages.jsonl.gz")}
# Never change the salt, nor what is left out: messages would change sides.
_SALT = "explain-1"
# What differs from one server to the next, and so does not make another message.
_VARIABLE = re.compile(
    r"'[^']{1,80}'|\"[^\"]{1,80}\"|`[^`]{1,80}`|«[^»]{1,80}»|»[^«]{1,80}«"  # names in quotes
    r"|\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b"  # addresses
    r"|\b[0-9a-f]{8}-[0-9a-f-]{27}\b"  # UUIDs
)


@dataclass(frozen=True)
class Message:
    """A message as it was printed; `type` is what a user would give with --type, or None."""

    type: str | None
    message: str
    failure_class: str
    retryable: bool
    source: str

    @classmethod
    def parsed(cls, line: str) -> Message:
        """Return the message of a line of JSON."""
        keys = json.loads(line)
        return cls(failure_class=keys.pop("class"), **keys)

    def line(self) -> str:
        """Return the message as a line of JSON."""
        keys = asdict(self)
        ordered = {"type": keys["type"], "message": keys["message"], "class": keys["failure_class"]}
        return json.dumps(ordered | {"retryable": self.retryable, "source": self.source}, ensure_ascii=False)


def normalised(text: str) -> str:
    """Return a message without names, addresses, case and spacing: the same for the same failure elsewhere."""
    return " ".join(_VARIABLE.sub("…", text.lower()).split())


def half_of(text: str) -> str:
    """Return the half of a message, which depends on nothing but its words."""
    digest = hashlib.sha256(f"{_SALT}\n{normalised(text)}".encode()).digest()
    return "measure" if digest[0] % 2 else "rules"


def read(half: str, root: Path = ROOT) -> list[Message]:
    """Return the messages of a half."""
    path = root / HALVES[half]
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return [Message.parsed(line) for line in text.splitlines()]


def write(half: str, messages: Iterable[Message], root: Path = ROOT) -> None:
    """Write a half anew, sorted, so that additions merge."""
    path = root / HALVES[half]
    lines = sorted({message.line() for message in messages})
    data = "".join(f"{line}\n" for line in lines).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def add(new: Iterable[Message], root: Path = ROOT) -> int:
    """Add each message that is not there yet to its half; return how many."""
    halves = {half: read(half, root) for half in HALVES}
    known = {normalised(message.message) for messages in halves.values() for message in messages}
    added = 0
    for message in new:
        if normalised(message.message) not in known:
            known.add(normalised(message.message))
            halves[half_of(message.message)].append(message)
            added += 1
    for half, messages in halves.items():
        write(half, messages, root)
    return added


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.messages", description=__doc__)
    parser.add_argument("file", type=Path, help="JSON Lines with the keys type, message, class, retryable and source")
    new = [Message.parsed(line) for line in parser.parse_args(argv).file.read_text().splitlines()]
    print(f"{add(new)} of {len(new)} are new; now {', '.join(f'{half} {len(read(half))}' for half in HALVES)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
