"""Verdicts on words alone: what another tool wrote of a failure, judged without the exception it came from."""

from __future__ import annotations

import re

from qualytics.connectors import Connector, Verdict, all_connectors
from qualytics.connectors.codes import STATE, by_sqlstate
from qualytics.connectors.contract import by_text
from qualytics.probe.verdicts.network_faults import WORDS, furthest, is_unknown, refined
from qualytics.structs import replace

# What servers of every kind say once they were reached.
_ANSWERS = (
    (r"no suitable driver|ClassNotFoundException|NoClassDefFoundError|can't open lib|data source name not found|No module named|Can't load plugin", Verdict("driver_missing")),
    (r"(unsupported|unknown|unrecogni[sz]ed) authentication (type|method|protocol|plugin|response)|authentication (type|method|plugin|protocol)\b.{0,60}\bnot (supported|recogni[sz]ed)|requires libpq version", Verdict("config")),
    (r"(access denied for user|authentication failed|login failed|log ?on failed|log ?on denied|invalid (username|user name|credentials|password|token|api key)|incorrect (username|password)|wrong password|bad credentials|password (has )?expired|unauthenticated|unauthorized)", Verdict("auth")),
    (r"permission denied|access (is )?denied|not authorized|insufficient[_ ]privilege|lacks? .*privilege|forbidden", Verdict("permission")),
    (r"(database|schema|catalog|bucket|container|warehouse)\b.{0,255}(does not exist|not found|doesn't exist)|unknown database|no such (database|schema|catalog|bucket|container)", Verdict("unknown_db")),
    (r"too many (connections|clients|requests|sessions)|quota|rate limit|throttl|limit (exceeded|reached)|resources? exhausted", Verdict("quota")),
    (r"service unavailable|temporarily unavailable|shutting down|starting up|try again|in recovery|bad gateway|deadlock", Verdict("transient")),
    (r"unsupported protocol|protocol (error|version)|bad request|invalid (argument|parameter|option|url)", Verdict("config")),
)  # fmt: skip
_STATUS = {
    400: Verdict("config"),
    401: Verdict("auth"),
    403: Verdict("permission"),
    404: Verdict("unknown_db"),
    407: Verdict("config", "a proxy stands before the server and wants a login"),
    408: Verdict("timeout"),
    429: Verdict("quota"),
    500: Verdict("transient"),
    502: Verdict("transient"),
    503: Verdict("transient"),
    504: Verdict("timeout"),
}
_HTTP = re.compile(
    r"\b(?:HTTP(?:/\d(?:\.\d)?)?(?: status)?(?: code)?|status(?: ?code)?|HTTPError)\W{1,3}(\d{3})\b", re.IGNORECASE
)
# How clients begin what they say of each attempt, where they tried several addresses, hosts, or TLS and none: libpq,
# psycopg, pgx ("10.0.0.5:5432 (db): …"), Node.js, Go, lib/pq, Java, those of MySQL, and PostgreSQL's own answers.
_ATTEMPT = re.compile(
    r"(?=\bconnection to server (?:at|on)\b|\bcould not (?:connect to server|translate host name)\b|\bFATAL:"
    r"|\bconnection failed: |\bhost: '|(?<!\S)(?:\[[\da-f:]+\]|\d+(?:\.\d+){3}):\d+ \(|\bhostname resolving error\b"
    r"|\bconnect E[A-Z]{4}|\bgetaddrinfo E|\bdial (?:tcp|unix)\b|\bpq: |\bSuppressed: "
    r"|(?<![\[(])\b(?:ERROR|Error)(?: Code:)? \d{4}\b|\(\d{4}, "
    r"|\bno pg_hba\.conf entry\b|\bpg_hba\.conf rejects\b|\bpassword authentication failed\b"
    r'|\bdatabase "[^"]{1,255}" does not exist)'
)
# The SQLSTATE of a wrapper, which stands before what it wraps and says less.
_WRAPPER_STATE = re.compile(r"(?:SQL ?STATE)?\[[0-9A-Z]{5}\]")


_STATE = re.compile(STATE, re.IGNORECASE)
# What systems and Node.js call failures, where nothing else has a code.
_NAME = re.compile(
    r"\b(?:E(?:AI_)?[A-Z]{4,14}|ERR_[A-Z_]{4,40}|[A-Z]{3,10}(?:_[A-Z]{1,12}){1,5}_(?:CERT|CHAIN|SIGNATURE|EXPIRED))\b"
)


def connector_of(text: str) -> Connector | None:
    """Return the type whose codes a message has, where no other type's look like them."""
    return next((one for one in all_connectors() if one.signature and re.search(one.signature, text)), None)


def verdict_on(connector: Connector | None, text: str) -> Verdict:
    """Return the verdict on a message; where it tells of several attempts, on the one that got furthest."""
    head, *attempts = _ATTEMPT.split(_WRAPPER_STATE.sub("", text))
    verdicts = [_verdict(connector, attempt) for attempt in dict.fromkeys(attempts)]
    if attempts and (wrapper := _verdict(connector, head)).failure_class != "network":  # "communications link failure"
        verdicts.append(wrapper)
    certain = [verdict for verdict in verdicts if verdict.failure_class != "unknown"]
    verdict = furthest(certain) if certain else _verdict(connector, text)
    return verdict if verdict.code else replace(verdict, code=_verdict(connector, text).code)


def _verdict(connector: Connector | None, text: str) -> Verdict:
    # By the type's own tables, SQLSTATE, the words of all systems, HTTP status.
    judge = connector and (connector.explain or (lambda words: connector.classify(Exception(words))))
    own = judge(text) if judge else None
    states = (match[match.lastindex or 0].upper() for match in _STATE.finditer(text))
    verdict = own if own and not is_unknown(own) else next(filter(None, map(by_sqlstate, states)), None)
    code = (own and own.code) or (verdict and verdict.code)
    if verdict is None or is_unknown(verdict := refined(verdict, text)):
        status = _HTTP.search(text)
        answer = by_text(text, _ANSWERS) or (_STATUS.get(int(status[1])) if status else None)
        verdict = by_text(text, WORDS) or answer or Verdict("unknown")
    name = _NAME.search(text)
    return replace(verdict, code=code or (name and name[0]) or None)
