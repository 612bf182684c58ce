"""What the words and states of PostgreSQL and libpq mean."""

from __future__ import annotations

from qualytics.connectors._base import Verdict
from qualytics.connectors._sql import by_sqlstate, by_text

_TLS_HINT = "set ssl_mode in --parameters to suit the server"

# libpq gives no SQLSTATE for what fails before or during authentication; these are its own
# words (fe-connect.c, fe-auth.c, fe-secure-openssl.c) and the server's (auth.c, hba.c, postinit.c).
MESSAGES = (
    (r"pg_hba\.conf.*(no encryption|SSL off)", Verdict("tls", "the server demands TLS", _TLS_HINT)),
    (r"pg_hba\.conf rejects.*(SSL encryption|SSL on)", Verdict("tls", "the server's pg_hba.conf rejects this login over TLS", "if it works with ssl_mode=disable in --parameters, the server refuses TLS; else ask for an entry in pg_hba.conf")),
    (r"pg_hba\.conf", Verdict("permission", "the server's pg_hba.conf lets this user, database or address in nowhere", "ask for an entry in pg_hba.conf for the local_address of this report")),
    (r"role .* is not permitted to log in", Verdict("auth", "the role may not log in")),
    (r"authentication method requirement .* failed|requires? a cleartext password", Verdict("tls", "the server asks for the password in clear text over a plain connection", "turn TLS on at the server, or set ssl_mode=disable to send it all the same")),
    (r"authentication failed|no password supplied|role .* does not exist|SCRAM|password is empty", Verdict("auth")),
    (r"database .* does not exist", Verdict("unknown_db", stage="database")),
    (r"permission denied for database|does not have CONNECT privilege", Verdict("permission", stage="database")),
    (r"database .* is not currently accepting connections", Verdict("permission", stage="database")),
    (r"too many (connections|clients)|remaining connection slots", Verdict("quota")),
    (r"the database system is (starting up|shutting down|in recovery)|not yet accepting connections", Verdict("transient")),
    (r"certificate verify failed|server certificate|root certificate|SSL error|does not support SSL|tlsv1 alert", Verdict("tls")),
    (r"server closed the connection unexpectedly|connection reset", Verdict("network")),
    (r"timeout expired|connection timeout", Verdict("timeout")),
    (r"received invalid response to (SSL|GSS)|expected authentication request from server", Verdict("config", "the server does not speak the PostgreSQL protocol", "check host and port")),
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by SQLSTATE where there is one, else by libpq's words."""
    return by_sqlstate(getattr(exc, "sqlstate", None)) or by_text(str(exc), MESSAGES)
