"""The log: one JSON object a line, with foreign text escaped as JSON escapes it."""

from __future__ import annotations

import json
import logging
import time


class JsonLines(logging.Formatter):
    """Formats a record as a JSON object; a record whose message is one already is taken over."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        known = {"time": moment, "level": record.levelname.lower()}
        text = record.getMessage()
        if record.name == "qualytics.server.requests":
            known |= json.loads(text)
        else:
            known["message"] = text
        if record.exc_info:
            known["traceback"] = self.formatException(record.exc_info)
        return json.dumps(known)
