"""The log: one JSON object a line, with foreign text escaped as JSON escapes it."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import sys
import time
from json.encoder import encode_basestring_ascii as _text


class JsonLines(logging.Formatter):
    """Formats a record as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        moment = _moment(record.created)
        known = {"time": moment, "level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info:
            known["traceback"] = self.formatException(record.exc_info)
        return json.dumps(known)


def write_request(method: str, path: str, status: int, seconds: float, request_id: str) -> None:
    """Write the line of a request: as the others are, without what makes those cost as much as a request."""
    line = (
        f'{{"time": "{_moment(time.time())}", "level": "info", "method": {_text(method)}, "path": {_text(path)}, '
        f'"status": {status}, "ms": {seconds * 1_000:.1f}, "request_id": {_text(request_id)}}}\n'
    )
    with contextlib.suppress(OSError, ValueError):  # nobody reads the log any more
        sys.stderr.write(line)


def _moment(created: float) -> str:
    return f"{_second(int(created))}.{int(created * 1_000) % 1_000:03d}Z"


@functools.lru_cache(maxsize=4)
def _second(created: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(created))
