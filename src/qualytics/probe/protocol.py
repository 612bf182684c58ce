"""What passes between the program and the child of a test: a plan goes in, messages come out, each a line of JSON.

A child runs foreign code. What it sends is therefore checked for its type and its bounds here, and its words are masked
once more by whoever shows them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from qualytics.connectors.contract import CLASSES
from qualytics.model import Item

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[Any], bool]

STAGES = ("resolve", "tcp", "tls", "login", "database", "query", "list", "open", "read")
# Of the longest line, of all lines of a test, and of all lines of a listing.
MAX_LINE_BYTES = 98_304
MAX_REPORT_BYTES = 98_304
MAX_LISTING_BYTES = 16 << 20
# Of the texts of a message, in characters.
MAX_NAME = 255
MAX_ITEM = 1_000
MAX_TEXT = 1_000
MAX_DETAIL = 4_096
MAX_TRACE = 8_192
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
MAX_ADDRESS = 64
_MAX_MS = 3_600_000_000  # a read may take days
_MAX_ROWS = 1 << 62
MAX_PARTITIONS = 1_024
MAX_PREDICATE = 8_192
_MAX_BYTES = 1 << 48
_MAX_PID = 1 << 22  # of 64-bit Linux


class Began(NamedTuple):
    """A stage has begun."""

    stage: str


class Ended(NamedTuple):
    """A stage has ended, after so many milliseconds."""

    stage: str
    ok: bool
    ms: float


class Detected(NamedTuple):
    """What was learned of driver or server, by the key of a document."""

    facts: dict[str, str | None]


class Connected(NamedTuple):
    """The addresses of the two ends of the TCP connection."""

    address: str
    port: int
    local_address: str
    local_port: int


class Encrypted(NamedTuple):
    """What a TLS handshake agreed on; `not_after`, the end of the server's certificate, is RFC 3339."""

    version: str | None
    cipher: str | None
    verified: bool
    not_after: str | None


class SecondHost(NamedTuple):
    """The second host that the login asks from now on; None is the connection's own."""

    host: str | None


class Memory(NamedTuple):
    """How many bytes of memory the test holds."""

    held_bytes: int


class Warned(NamedTuple):
    """What a passed check must still tell."""

    text: str


class Items(NamedTuple):
    """A part of what discovery found."""

    items: tuple[Item, ...]


class Failed(NamedTuple):
    """The test has failed; None leaves cause and hint to the common texts of the class.

    `detail` is what is worth reading of the driver's own text, `trace` the whole of it. `code` is the driver's or
    server's own.
    """

    failure_class: str
    cause: str | None = None
    hint: str | None = None
    detail: str | None = None
    trace: str | None = None
    code: str | None = None


class Unanswered(NamedTuple):
    """The server has said nothing so far: cause and hint of the failure, should the deadline end the open stage."""

    cause: str
    hint: str


class Passed(NamedTuple):
    """The test has passed; `has_more` says that discovery found more than it was asked for."""

    has_more: bool = False


class SnapshotTaken(NamedTuple):
    """What the first session of a read sees, and by what others find it."""

    kind: str
    id: str | None


class PartitionPlanned(NamedTuple):
    """A partition of what is read; `predicate` is in the engine's SQL, None for all rows."""

    number: int
    predicate: str | None


class Planned(NamedTuple):
    """All partitions of a read are planned."""


class PartitionBegan(NamedTuple):
    """A partition is read from now on."""

    number: int


class PartitionRead(NamedTuple):
    """A partition has been read: so many rows, in so many milliseconds."""

    number: int
    rows: int
    ms: float


class Unshared(NamedTuple):
    """The session does not see the snapshot of the first one: it reads nothing."""


class Counted(NamedTuple):
    """The engine itself counts so many rows in the same snapshot."""

    rows: int


class WorkerEnded(NamedTuple):
    """How the process that ran the driver has ended, as in `exit 0` or `SIGSEGV`."""

    status: str


class Imported(NamedTuple):
    """A zygote has imported its driver; `problem` says why it may not be forked."""

    problem: str | None


class Forked(NamedTuple):
    """A zygote has forked a child of this number, or `problem` says why not."""

    pid: int | None
    problem: str | None = None


ReadMessage = SnapshotTaken | PartitionPlanned | Planned | PartitionBegan | PartitionRead | Unshared | Counted
Message = (
    Began | Ended | Detected | Connected | Encrypted | SecondHost | Memory | Warned | Items | Failed
    | Unanswered | Passed | WorkerEnded | Imported | Forked
    | ReadMessage
)  # fmt: skip


class Unreadable(Exception):
    """What came is no message; `cause` says so of the child of a test."""

    cause = "the driver wrote into the report"


class TooLong(Unreadable):
    """More came than may."""

    cause = "the driver wrote more than a report may hold"


class Lines:
    """Cuts what comes over a pipe into lines."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._unread = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that end with this chunk.

        Raises:
            TooLong: a line, or all of them, are longer than may be.

        """
        self._left -= len(chunk)
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        if self._left < 0 or len(self._unread) > MAX_LINE_BYTES:
            raise TooLong
        return lines


def encode(message: Message) -> bytes:
    """Return a message as a line."""
    return json.dumps([type(message).__name__, *message], ensure_ascii=False).encode(errors="replace") + b"\n"


def decode(line: bytes) -> Message:
    """Return the message of a line.

    Raises:
        Unreadable: it is none, or has values of another type or beyond their bounds.

    """
    try:
        name, *values = json.loads(line)
        make, *checks = _MESSAGES[name]
        if len(values) == len(checks) and all(check(value) for check, value in zip(checks, values, strict=True)):
            message: Message = make(*values)
            return message
    except (ValueError, LookupError, TypeError, RecursionError) as exc:
        raise Unreadable from exc
    raise Unreadable


def _text(max_length: int) -> Check:
    # Half of a surrogate pair, which JSON can spell, has no encoding: a ValueError.
    return lambda value: isinstance(value, str) and len(value) <= max_length and value.encode() is not None


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _whole(least: int, most: int) -> Check:
    return lambda value: type(value) is int and least <= value <= most  # True is no number


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_ms(value: Any) -> bool:
    return type(value) in {int, float} and 0 <= value <= _MAX_MS  # nor is NaN


def _is_address(value: Any) -> bool:
    from ipaddress import ip_address

    # A zone (fe80::1%eth0) may be any text.
    return _ADDRESS(value) and ip_address(value) is not None


def _are_facts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_NAME, value)) and all(map(_NAME_OR_NONE, value.values()))


def _are_items(value: Any) -> bool:
    return isinstance(value, list) and all(
        _ITEM(name) and _NAME(kind) and _is_bool(is_system) for name, kind, is_system in value
    )


def _items(rows: list[Any]) -> Items:
    return Items(tuple(Item(*row) for row in rows))


def is_code(value: Any) -> bool:
    """Say whether a value is the code of an error, as a report may show it."""
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


_NAME, _ITEM, _TEXT = _text(MAX_NAME), _text(MAX_ITEM), _text(MAX_TEXT)
_NAME_OR_NONE, _TEXT_OR_NONE = _or_none(_NAME), _or_none(_TEXT)
_DETAIL_OR_NONE, _TRACE_OR_NONE = _or_none(_text(MAX_DETAIL)), _or_none(_text(MAX_TRACE))
_ADDRESS, _PORT = _text(MAX_ADDRESS), _whole(0, 65_535)
_MESSAGES: dict[str, tuple[Any, ...]] = {
    "Began": (Began, STAGES.__contains__),
    "Ended": (Ended, STAGES.__contains__, _is_bool, _is_ms),
    "Detected": (Detected, _are_facts),
    "Connected": (Connected, _is_address, _PORT, _is_address, _PORT),
    "Encrypted": (Encrypted, _NAME_OR_NONE, _NAME_OR_NONE, _is_bool, _NAME_OR_NONE),
    "SecondHost": (SecondHost, _TEXT_OR_NONE),
    "Memory": (Memory, _whole(0, _MAX_BYTES)),
    "Warned": (Warned, _TEXT),
    "Items": (_items, _are_items),
    "Failed": (
        *(Failed, CLASSES.__contains__, _TEXT_OR_NONE, _TEXT_OR_NONE, _DETAIL_OR_NONE, _TRACE_OR_NONE),
        _or_none(is_code),
    ),
    "Unanswered": (Unanswered, _TEXT, _TEXT),
    "Passed": (Passed, _is_bool),
    "SnapshotTaken": (SnapshotTaken, _NAME, _NAME_OR_NONE),
    "PartitionPlanned": (PartitionPlanned, _whole(0, MAX_PARTITIONS), _or_none(_text(MAX_PREDICATE))),
    "Planned": (Planned,),
    "PartitionBegan": (PartitionBegan, _whole(0, MAX_PARTITIONS)),
    "PartitionRead": (PartitionRead, _whole(0, MAX_PARTITIONS), _whole(0, _MAX_ROWS), _is_ms),
    "Unshared": (Unshared,),
    "Counted": (Counted, _whole(0, _MAX_ROWS)),
    "WorkerEnded": (WorkerEnded, _NAME),
    "Imported": (Imported, _TEXT_OR_NONE),
    # 0 and 1 would make of the end of a child that of a whole group, or of the system.
    "Forked": (Forked, _or_none(_whole(2, _MAX_PID)), _TEXT_OR_NONE),
}
