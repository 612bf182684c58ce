"""A control plane behind nginx, as `deploy/` has it."""

import http.client
import json
import ssl

import pytest

from testbed.control_plane import serving
from testbed.proxy import NAME, proxy


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """Return a control plane that trusts the proxy on this machine, and gives secrets to whom they were granted."""
    home = tmp_path_factory.mktemp("plane") / "home"
    with serving(home, "--trusted-proxy", "127.0.0.1", "--allow-use") as found:
        yield found


@pytest.fixture(scope="module")
def front(plane):
    with proxy(plane.port) as found:
        yield found


@pytest.fixture
def ask(plane, front):
    """Return a function that asks through the proxy, from 127.0.0.2, and returns status, headers and document."""

    def call(method, path, body=None, who="Admin", **headers):
        context = ssl.create_default_context(cafile=front.authority)
        caller = http.client.HTTPSConnection(
            "127.0.0.1", front.port, timeout=60, context=context, source_address=("127.0.0.2", 0)
        )
        whole = {"Host": NAME, "Authorization": f"Bearer {plane.tokens[who]}", "Content-Type": "application/json"}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        caller.request(method, f"/api{path}", content, whole | headers)
        reply = caller.getresponse()
        text = reply.read()
        caller.close()
        names = {name.lower(): value for name, value in reply.getheaders()}
        return reply.status, names, json.loads(text) if "json" in names.get("content-type", "") else None

    return call
