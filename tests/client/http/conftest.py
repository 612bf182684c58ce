"""Commands on servers that answer what they are told to."""

import pytest

from tests.support.misbehaving_http import TOKEN


@pytest.fixture
def ask(run):
    """Return a function that runs a command on a server of a port, or at a URL."""

    def call(where, *args, **env):
        url = f"http://127.0.0.1:{where}" if isinstance(where, int) else where
        return run(*(args or ("connections", "list")), env={"QUALYTICS_URL": url, "QUALYTICS_TOKEN": TOKEN, **env})

    return call
