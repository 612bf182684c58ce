"""What is left of a driver's text: its causes, in at most ten lines, whatever language its stack traces are in."""

import json
import re
import time

import pytest

from qualytics.probe.verdicts.stack_traces import MAX_LINES, without_stack_traces
from tests.support.statement_server import Behaviour, statement_server

JAVA = """\
java.sql.SQLException: Cannot create PoolableConnectionFactory
Second line of the message
\tat org.apache.commons.dbcp2.PoolableConnectionFactory.makeObject(PoolableConnectionFactory.java:291)
\tat java.base/jdk.internal.reflect.NativeMethodAccessorImpl.invoke0(Native Method)
\tat app//org.apache.spark.sql.hive.thriftserver.Main$.$anonfun$main$1(Main.scala:67)
\tat com.example.Pool$$Lambda$12/0x0000000800c8.run(Unknown Source)
\tat org.apache.hive.jdbc.HiveConnection.<init>(HiveConnection.java:209) ~[hive-jdbc-3.1.3.jar:3.1.3]
\t... 12 more
Caused by: org.apache.thrift.TException: wrapped
\tat org.apache.thrift.Factory.make(Factory.java:1)
\t... 23 common frames omitted
Caused by: java.net.ConnectException: Connection refused (Connection refused)
\tat java.base/java.net.PlainSocketImpl.socketConnect(Native Method)
"""
CAUSES = """\
java.sql.SQLException: Cannot create PoolableConnectionFactory
Second line of the message
Caused by: org.apache.thrift.TException: wrapped
Caused by: java.net.ConnectException: Connection refused (Connection refused)"""
PYTHON = """\
DatabaseError: the gateway failed
Traceback (most recent call last):
  File "/opt/gateway/app.py", line 12, in handle
    run(query)
    ~~~^^^^^^^
  File "/opt/gateway/run.py", line 3, in run
    raise ValueError("no such table")
ValueError: no such table

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/opt/gateway/app.py", line 15, in handle
    raise Failed from exc
Failed: the query failed"""
DOTNET = """\
System.InvalidOperationException: no connection
   at System.Data.SqlClient.SqlConnection.Open() in C:\\src\\SqlConnection.cs:line 42
   at App.Program.Main(String[] args)
--- End of inner exception stack trace ---"""
GO = """\
panic: runtime error: index out of range
goroutine 1 [running]:
/home/build/main.go:12 +0x1d
	/usr/local/go/src/net/http/server.go:2136 +0x29"""
TERADATA = """\
OperationalError: [Error 444] Failed to connect
 at gosqldriver/teradatasql.(*TeradataConnection).connectToHost LCC.go:280
 at database/sql.(*DB).Conn.func1 sql.go:1955
 at runtime.cgocallback asm_amd64.s:1130
Caused by EOF"""
HIVE = (
    "TStatus(statusCode=3, infoMessages=['*org.apache.hive.service.cli.HiveSQLException:Table not found:28:27', "
    "'org.apache.hive.service.cli.operation.Operation:toSQLException:Operation.java:335', "
    "'org.apache.hive.service.cli.session.HiveSessionImpl:executeStatement:HiveSessionImpl.java:-1'], "
    "sqlState='42S02', errorCode=10001)"
)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (JAVA, CAUSES),
        (JAVA.replace("\n", "\r\n"), CAUSES),
        (JAVA.replace("\t", "    "), CAUSES),
        (f"ServerOperationError: {json.dumps(JAVA)}", f'ServerOperationError: "{CAUSES}'),
        (" ".join(JAVA.split()), " ".join(CAUSES.split())),
        (PYTHON, "DatabaseError: the gateway failed\nValueError: no such table\nFailed: the query failed"),
        (DOTNET, "System.InvalidOperationException: no connection"),
        (GO, "panic: runtime error: index out of range"),
        (TERADATA, "OperationalError: [Error 444] Failed to connect\nCaused by EOF"),
        (
            HIVE,
            re.sub(r"not found:28:27'.*\]", "not found:28:27']", HIVE),
        ),
    ],
    ids=["java", "windows", "blanks", "escaped", "one line", "python", "dotnet", "go", "teradata", "hive"],
)
def test_of_a_stack_trace_its_causes_are_left(text, left):
    found = without_stack_traces(text)
    # A quoted text keeps the escapes of its own line ends.
    assert found.replace("\\n", "\n").rstrip('"\n') == left


@pytest.mark.parametrize(
    "text",
    [
        'OperationalError: connection to server at "127.0.0.1", port 5432 failed: FATAL: no',
        'ORA-06512: at "APP.CHECK", line 4\nORA-06512: at line 1',
        "syntax error at or near (1:2)\nLINE 1: select (\n               ^",
        "Failed to connect\nCaused by dial tcp: i/o timeout",
        "select at.b(c) failed",
    ],
)
def test_what_is_no_stack_trace_stays(text):
    assert without_stack_traces(text) == text


def test_a_long_text_keeps_its_head_and_the_first_cause():
    lines = [f"line {number}" for number in range(40)]
    assert without_stack_traces("\n".join(lines)).splitlines() == [*lines[:9], "… and 31 more lines"]
    deep = [f"Caused by: com.example.E{number}: wrapped\n\tat a.b.C.d(C.java:1)" for number in range(40)]
    found = without_stack_traces("\n".join(["Error: no", *deep])).splitlines()
    assert len(found) == MAX_LINES
    assert (found[0], found[-1]) == ("Error: no", "Caused by: com.example.E39: wrapped")


def test_what_each_address_answered_is_told_once():
    assert without_stack_traces("FATAL: no\nFATAL: no\nFATAL: other\nFATAL: no") == "FATAL: no\nFATAL: other"


def test_frames_alone_leave_the_first_of_them():
    assert without_stack_traces("\tat a.b.C.d(C.java:1)\n\tat a.b.C.e(C.java:2)") == "at a.b.C.d(C.java:1)"
    assert without_stack_traces("") == ""


@pytest.mark.parametrize(
    "part", ["at a.", "at ", "\\n\\t", "a:b:", "a.b(", "'", '  File "', "\n\t", "at a.b(C:1", "... 1"]
)
def test_a_hostile_text_takes_no_time(part):
    began = time.process_time()
    without_stack_traces(part * 200_000)
    assert time.process_time() - began < 2


@pytest.mark.slow
def test_a_test_shows_the_causes_and_debug_shows_it_all(run):
    behaviour = Behaviour()
    behaviour.error = {
        "message": JAVA,
        "errorCode": 1,
        "errorName": "GENERIC_INTERNAL_ERROR",
        "errorType": "INTERNAL_ERROR",
    }
    with statement_server(behaviour) as port:
        words = ["--host", "127.0.0.1", "--port", port, "--username", "ann", "--format", "json"]
        words += ["--parameters", '{"ssl_mode": "disable"}']
        plain = run("connections", "test", "--type", "trino", *words)
        debug = run("connections", "test", "--type", "trino", *words, "--debug")
    assert (plain.code, debug.code) == (6, 6)
    for found in (plain, debug):
        assert "Connection refused (Connection refused)" in found.json["detail"]
        assert len(found.json["detail"].splitlines()) <= MAX_LINES
        assert "makeObject" not in found.json["detail"]
    assert "makeObject" not in plain.err
    assert re.search(r"^debug: .* driver: .*at org\.apache\.commons\.dbcp2\.\S+makeObject", debug.err, re.MULTILINE)
