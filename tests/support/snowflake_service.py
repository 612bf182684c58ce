"""A server of ours that answers over HTTPS as Snowflake does: each login and statement as a test says."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import threading
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


class Service:
    """What our server is asked and answers: `login` and each SQL text may be given an answer of their own."""

    def __init__(self):
        self.answers = {}
        self.asked = []
        self.port = 0

    def answer(self, path, body):
        key = "login" if path.path == "/session/v1/login-request" else body.get("sqlText", path.path)
        self.asked.append((key, parse_qs(path.query), body))
        if key in self.answers:
            return self.answers[key]
        if key == "login":
            return success({"token": "t", "masterToken": "m", "sessionId": 7, "parameters": [], "sessionInfo": {}})
        return success(
            {
                "rowtype": [
                    {"name": "V", "type": "text", "nullable": True, "length": 9, "scale": None, "precision": None}
                ],
                "rowset": [["9.32.1"]],
                "queryResultFormat": "json",
                "total": 1,
                "returned": 1,
                "parameters": [],
                "queryId": "q",
            }
        )

    @property
    def keys(self):
        return [key for key, _, _ in self.asked]


def success(data):
    return 200, {}, json.dumps({"success": True, "code": None, "message": None, "data": data}).encode()


def failure(code, message, state=None):
    data = {"errorCode": code, "sqlState": state}
    return 200, {}, json.dumps({"success": False, "code": code, "message": message, "data": data}).encode()


@contextlib.contextmanager
def serving(service, context):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            status, headers, answer = service.answer(urlsplit(self.path), json.loads(body or b"{}"))
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_args):
            return

    class Listener(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_args):  # a client may go at any time
            return

    with Listener(("127.0.0.1", 0), Handler) as listener:
        if context is not None:
            listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
        service.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service
        finally:
            listener.shutdown()
            thread.join()


def new_key():
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def pem(key, passphrase=None, form=serialization.PrivateFormat.PKCS8):
    """Return a private key as PEM text, encrypted when there is a passphrase."""
    closed = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, closed).decode()
