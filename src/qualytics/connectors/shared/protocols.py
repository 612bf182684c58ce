"""Which protocol a server speaks, by the first bytes that it sends: those of the types, and others that share their hosts."""

from __future__ import annotations

import functools
import re

from qualytics.connectors import all_connectors
from qualytics.connectors.contract import Protocol
from qualytics.connectors.shared.http import HTTP

# Neither type nor driver speaks these. The sources: MongoDB and ClickHouse answer HTTP in these words on the ports of
# their own protocols; RFC 4253 (SSH), 5321 (SMTP), 959 (FTP), 9051 (IMAP), 1939 (POP3), 6143 (VNC), 854 (Telnet); "Redis
# serialization protocol", errors; memcached's protocol.txt; AMQP 0-9-1 section 4.2.2; Cassandra's native_protocol_v4.spec
# section 2, of which a server sends ERROR (0) or SUPPORTED (6) first.
_OTHERS = (
    Protocol("a MongoDB server", rb"HTTP/1\.[01] 200 OK\r\n[\s\S]*trying to access MongoDB over HTTP"),
    Protocol("a ClickHouse server", rb"HTTP/1\.[01] 400 [\s\S]*is for clickhouse-client program"),
    Protocol("an SSH server", rb"SSH-"),
    Protocol("an SMTP server", rb"(?:220|421|554)[ -][^\r\n]*SMTP"),
    Protocol("an FTP server", rb"(?:120|220|421|530)[ -][^\r\n]*FTP"),
    Protocol("an FTP or SMTP server", rb"(?:120|220|421|530|554)[ -]"),
    Protocol("an IMAP server", rb"\* (?:OK|PREAUTH|BYE)\b"),
    Protocol("a POP3 server", rb"\+OK\b"),
    Protocol("a Redis server", rb"-(?:ERR|NOAUTH|DENIED|LOADING|MISCONF|BUSY|NOPERM|MASTERDOWN)\b"),
    Protocol("a memcached server", rb"(?:CLIENT_)?ERROR\b"),
    Protocol("an AMQP server", rb"AMQP[\0-\x03]"),
    Protocol("a VNC server", rb"RFB 00\d\."),
    Protocol("a Telnet server", rb"\xff[\xfb-\xfe]"),
    Protocol("a Cassandra server", rb"[\x81-\x86][\0-\x1f][\s\S]{2}[\0\x06]\0"),
)
# A record of TLS: 21 alert, 22 handshake (RFC 8446, section 5.1). What is inside is asked of it next.
TLS = Protocol("a server that speaks TLS from the first byte", rb"[\x15\x16]\x03[\0-\x04]")
HTTPS = Protocol("an HTTPS server", rb"(?!)")


@functools.cache
def protocols() -> tuple[Protocol, ...]:
    """Return all protocols that can be told, those first whose answers another one's pattern takes, too."""
    of_types = dict.fromkeys(one for connector in all_connectors() for one in connector.protocols)
    return (*_OTHERS, *(one for one in of_types if one is not HTTP), HTTP, TLS)


def recognised(answer: bytes, asked: Protocol | None = None) -> Protocol | None:
    """Return the protocol of which a server's first bytes are; `asked` is the one whose question they answer."""
    if asked is not None and answer in asked.replies:
        return asked
    return next((one for one in protocols() if re.match(one.begins, answer)), None)


def types_of(protocol: Protocol) -> tuple[str, ...]:
    """Return the types whose servers speak this protocol, the one first that is called after it; none tell no engine."""
    if protocol.type is None:
        return ()
    types = (one.type for one in all_connectors() if one.protocols[:1] == (protocol,))
    return tuple(sorted(types, key=lambda name: (name != protocol.type, name)))
