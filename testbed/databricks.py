"""A Databricks warehouse in little: Spark's HiveServer2 over http, behind a relay that translates for the driver.

Both speak one Thrift service, of which Databricks has an extended form. The relay takes one token and changes the few
calls that differ; what a query means, and every error of it, is Spark's.
"""

from __future__ import annotations

import base64
import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from testbed import hive
from testbed.reach import WAREHOUSE
from testbed.relay import server_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testbed.servers import Server

TOKEN = "dapi-0123456789"
CATALOG = "spark_catalog"
# TCLIService.thrift: HIVE_CLI_SERVICE_PROTOCOL_V10, SPARK_CLI_SERVICE_PROTOCOL_V4, COLUMN_BASED_SET.
_HIVE_V10, _SPARK_V4, _COLUMNS = 9, 42_244, 1
# What Databricks has built in.
_VERSION = (
    "create temporary function current_version() returns struct<dbr_version string, dbsql_version string> "
    "return named_struct('dbr_version', cast(null as string), 'dbsql_version', version())"
)


@contextlib.contextmanager
def databricks(certificate: Any) -> Iterator[int]:
    """Run Spark and the relay, whose port it yields; `certificate` is (chain, key) of trustme for the relay's TLS."""
    with hive.hive("http") as spark, warehouse(spark, certificate) as port:
        yield port


@contextlib.contextmanager
def warehouse(spark: Server, certificate: Any) -> Iterator[int]:
    """Run the relay alone, before a Spark that runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(spark)) as server:
        server.daemon_threads = True
        context = server_context(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who only asked for TLS hangs up
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(5)


def _thrift() -> tuple[Any, Any, Any]:
    from databricks.sql.thrift_api.TCLIService.TCLIService import Processor
    from thrift.protocol.TBinaryProtocol import TBinaryProtocol
    from thrift.transport.TTransport import TMemoryBuffer

    return Processor, TBinaryProtocol, TMemoryBuffer


def _handler(spark: Server) -> type[BaseHTTPRequestHandler]:
    processor, protocol, memory = _thrift()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self._reply(404)  # feature flags of the driver

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._reply(403, {"X-Databricks-Reason-Phrase": "Invalid access token."})
            elif self.path.partition("?")[0] != WAREHOUSE:
                self._reply(404)
            else:
                answer = memory()
                with contextlib.closing(_Translator(spark)) as translator:
                    processor(translator).process(protocol(memory(body)), protocol(answer))
                self._reply(200, {"Content-Type": "application/x-thrift"}, answer.getvalue())

        def _reply(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


class _Translator:
    """Answers the calls of the service: by Spark, but for those below."""

    def __init__(self, spark: Server) -> None:
        from databricks.sql.thrift_api.TCLIService import TCLIService, ttypes
        from thrift.transport.THttpClient import THttpClient

        self._types: Any = ttypes
        self._transport: Any = THttpClient(f"http://{spark.host}:{spark.port}/cliservice")
        login = base64.b64encode(f"{spark.user}:{spark.password}".encode()).decode()
        self._transport.setCustomHeaders({"Authorization": f"Basic {login}"})
        client: Any = TCLIService.Client
        self._spark = client(_thrift()[1](self._transport))

    def close(self) -> None:
        self._transport.close()

    def __getattr__(self, call: str) -> Any:
        return getattr(self._spark, call)

    def OpenSession(self, request: Any) -> Any:
        request.client_protocol, request.client_protocol_i64 = _HIVE_V10, None
        answer = self._spark.OpenSession(request)
        answer.serverProtocolVersion, answer.canUseMultipleCatalogs = _SPARK_V4, True
        self._spark.ExecuteStatement(
            self._types.TExecuteStatementReq(sessionHandle=answer.sessionHandle, statement=_VERSION)
        )
        return answer

    def ExecuteStatement(self, request: Any) -> Any:
        if name := re.fullmatch("use catalog `(.*)`", request.statement):
            text = name[1].replace("``", "`").replace("\\", "\\\\").replace("'", "\\'")
            request.statement = f"set catalog '{text}'"
        return self._spark.ExecuteStatement(request)

    def GetCatalogs(self, request: Any) -> Any:
        answer = self._spark.ExecuteStatement(
            self._types.TExecuteStatementReq(sessionHandle=request.sessionHandle, statement="show catalogs")
        )
        return self._types.TGetCatalogsResp(status=answer.status, operationHandle=answer.operationHandle)

    def GetResultSetMetadata(self, request: Any) -> Any:
        answer = self._spark.GetResultSetMetadata(request)
        answer.resultFormat = _COLUMNS
        return answer

    def FetchResults(self, request: Any) -> Any:
        answer = self._spark.FetchResults(request)
        of_operation = self._types.TGetResultSetMetadataReq(operationHandle=request.operationHandle)
        answer.resultSetMetadata = self.GetResultSetMetadata(of_operation)
        # Spark says that there is no more, whatever there is: its clients read until nothing comes.
        columns = answer.results.columns if answer.results else None
        answer.hasMoreRows = any(value.values for column in columns or () for value in vars(column).values() if value)
        return answer
