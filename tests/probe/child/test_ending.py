"""Queries that send nothing are ended with their readers, at services of which servers of ours are the stand-ins."""

import ssl
import threading

import pytest

from tests.support.reads import end_reader
from tests.support.snowflake_service import Service, serving, success
from tests.support.statement_server import Behaviour, statement_server

pytestmark = pytest.mark.slow  # each starts processes
QUERY = ("--sql", "select n from numbers")


@pytest.mark.parametrize("kind", ["trino", "presto"])
def test_trino_and_presto_are_told_by_the_address_of_the_next_page(client, kind):
    behaviour = Behaviour()
    behaviour.is_silent = True
    with statement_server(behaviour) as port:
        where = {"host": "127.0.0.1", "port": port, "username": "ann", "parameters": {"ssl_mode": "disable"}}
        client.connections.create({"type": kind, "name": "lake", **where})
        end_reader(behaviour.is_asked.is_set, *QUERY)
        assert behaviour.is_ended.wait(300)


class Silent(Service):
    """Answers no query before that was aborted."""

    def __init__(self):
        super().__init__()
        self.running, self.aborted = [], []
        self.is_aborted = threading.Event()

    def answer(self, path, body):
        if path.path == "/queries/v1/abort-request":
            self.aborted.append(body["requestId"])
            self.is_aborted.set()
            return success(None)
        if "numbers" in body.get("sqlText", ""):
            self.running.append(dict(one.split("=") for one in path.query.split("&"))["requestId"])
            self.is_aborted.wait(300)
        return super().answer(path, body)


def test_snowflake_is_told_by_the_number_of_the_request(client, root_file, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with serving(Silent(), context) as service:
        where = {"host": "localhost", "port": service.port, "parameters": {"ssl_root_cert_file": str(root_file)}}
        client.connections.create({"type": "snowflake", "name": "flake", "username": "ann", "password": "x", **where})
        end_reader(lambda: service.running, *QUERY)
        assert service.is_aborted.wait(300)
    assert service.aborted == service.running
