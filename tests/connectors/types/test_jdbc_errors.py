"""What messages of JDBC drivers mean."""

# ruff: noqa: E501 - messages stand as they came

from __future__ import annotations

import pytest

from qualytics.connectors.types import jdbc
from qualytics.connectors.types.jdbc.errors import judge

# Class, text, SQLSTATE, number: runs of these drivers (Debian 12) against their servers and faulty listeners, or the
# manual that the line names.
MESSAGES = [
    ("org.h2.jdbc.JdbcSQLInvalidAuthorizationSpecException", "Wrong user name or password [28000-214]", "28000", 28000, "auth"),
    ("org.h2.jdbc.JdbcSQLNonTransientConnectionException", 'Database "/tmp/nodb" not found, and IFEXISTS=true, so we cant auto-create it [90146-214]', "90146", 90146, "unknown_db"),
    ("org.h2.jdbc.JdbcSQLNonTransientConnectionException", 'Connection is broken: "unexpected status 1213486160" [90067-214]', "90067", 90067, "config"),
    ("org.h2.jdbc.JdbcSQLNonTransientConnectionException", 'Connection is broken: "java.net.SocketException: Connection reset: 127.0.0.1:1" [90067-214]', "90067", 90067, "network"),
    ("java.sql.SQLInvalidAuthorizationSpecException", "invalid authorization specification: SA", "28000", -4000, "auth"),
    ("java.sql.SQLException", "General error: database alias does not exist", "S1000", -458, "unknown_db"),
    ("java.sql.SQLTransientConnectionException", "connection exception: connection failure: java.net.SocketException: Connection reset", "08006", -1305, "network"),
    ("java.sql.SQLNonTransientConnectionException", "Connection authentication failure occurred.  Reason: Userid or password invalid.", "08004", 40000, "auth"),
    ("java.sql.SQLNonTransientConnectionException", "The connection was refused because the database nodb was not found.", "08004", 40000, "unknown_db"),
    ("java.sql.SQLNonTransientConnectionException", "A network protocol error was encountered and the connection has been terminated: A protocol error (Data Stream Syntax Error) was detected.  Reason: 0x3. Perhaps this is an attempt to open a plaintext connection to an SSL enabled server.", "58009", 40000, "config"),
    ("java.sql.SQLNonTransientConnectionException", "Insufficient data while reading from the network - expected a minimum of 6 bytes and received only 0 bytes.  The connection has been terminated.", "08006", 40000, "network"),
    ("java.sql.SQLNonTransientConnectionException", "A communications error has been detected: Connection reset.", "08006", 40000, "network"),
    ("org.postgresql.util.PSQLException", 'FATAL: password authentication failed for user "admin"', "28P01", 0, "auth"),
    ("org.postgresql.util.PSQLException", 'FATAL: database "nodb" does not exist', "3D000", 0, "unknown_db"),
    ("org.postgresql.util.PSQLException", "The server does not support SSL.", "08004", 0, "tls"),
    ("org.postgresql.util.PSQLException", "The connection attempt failed.", "08001", 0, "network"),
    ("org.postgresql.util.PSQLException", "An error occurred while setting up the SSL connection.", "08P01", 0, "config"),
    ("org.postgresql.util.PSQLException", "FATAL: sorry, too many clients already", "53300", 0, "quota"),  # PostgreSQL manual, appendix A
    ("java.sql.SQLInvalidAuthorizationSpecException", "(conn=8) Access denied for user 'admin'@'127.0.0.1' (using password: YES)", "28000", 1045, "auth"),
    ("java.sql.SQLSyntaxErrorException", "(conn=10) Unknown database 'nodb'", "42000", 1049, "unknown_db"),
    ("java.sql.SQLNonTransientConnectionException", "(conn=20) Trying to connect with ssl, but ssl not enabled in the server", "08000", 0, "tls"),
    ("java.sql.SQLNonTransientConnectionException", "Could not connect to 127.0.0.1:1 : unexpected end of stream, read 0 bytes from 4 (socket was closed by server)", "08000", -1, "network"),
    ("java.sql.SQLSyntaxErrorException", "Access denied for user 'a'@'%' to database 'b'", "42000", 1044, "permission"),  # MariaDB manual, "Error Codes"
    ("java.sql.SQLNonTransientConnectionException", "Too many connections", "08004", 1040, "quota"),  # as above
    # The Java SE API: the classes that stand below those of the drivers.
    ("java.net.ConnectException", "Connection refused", "", 0, "refused"),
    ("java.net.ConnectException", "Connection timed out", "", 0, "timeout"),
    ("java.net.SocketTimeoutException", "Read timed out", "", 0, "timeout"),
    ("java.net.UnknownHostException", "db.example.com", "", 0, "dns"),
    ("java.net.NoRouteToHostException", "No route to host", "", 0, "network"),
    ("java.io.EOFException", "", "", 0, "network"),
    ("javax.net.ssl.SSLHandshakeException", "PKIX path building failed: unable to find valid certification path to requested target", "", 0, "tls"),
    ("java.security.cert.CertificateExpiredException", "NotAfter: Sun Nov 22 00:00:00 UTC 2026", "", 0, "tls"),
    ("javax.net.ssl.SSLException", "Unsupported or unrecognized SSL message", "", 0, "config"),
    ("java.lang.ClassNotFoundException", "org.example.Driver", "", 0, "driver_missing"),
    ("java.lang.UnsupportedClassVersionError", "org/example/Driver has been compiled by a more recent version of the Java Runtime", "", 0, "driver_missing"),
    ("jpype._jvmfinder.JVMNotFoundException", "No JVM shared library file (libjvm.so) found. Try setting up the JAVA_HOME environment variable properly.", "", 0, "driver_missing"),
    ("java.sql.SQLTimeoutException", "", "", 0, "timeout"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "state", "number", "failure_class"), MESSAGES)
def test_a_message_has_its_class(name, text, state, number, failure_class):
    assert judge(name, text, state, number).failure_class == failure_class


def test_words_alone_are_judged_as_well():
    assert jdbc.CONNECTOR.classify(Exception('Database "x" not found')).failure_class == "unknown_db"
    assert jdbc.CONNECTOR.classify(Exception("something else")) is None
