"""A store that a control plane shares, and ways to act on it as somebody."""

import pytest

from qualytics.client import connect
from qualytics.service.accounts.users import Users
from qualytics.service.context import Context
from qualytics.service.rights import OWNER, Actor
from qualytics.settings import ServerPolicy, Settings
from qualytics.store import open_pool


class Shared:
    """One worker's share of a control plane: a pool of one store."""

    def __init__(self, home, settings=None):
        self.settings = settings or Settings(home=home, policy=ServerPolicy())
        self.pool = open_pool(self.settings)

    def context(self, actor=OWNER):
        return Context(self.settings, actor=actor, lease=self.pool.lease)

    def make(self, name="Ada", role="Admin", **more):
        """Make a user and return the document, with the id and all."""
        with self.context() as context:
            return Users(context).create({"name": name, "role": role, **more})

    def as_user(self, document):
        """Return a context of a user, signed in."""
        return self.context(Actor(document["name"], document["role"], document["id"], None, "192.0.2.1", "r1"))

    def audit(self):
        """Return what the log says, the oldest first: action, actor, object, outcome."""
        sql = "SELECT action, actor, object_name, outcome, address, detail FROM audit ORDER BY id"
        with self.context() as context:
            return [tuple(row) for row in context.store.execute(sql).all()]

    def everything(self):
        """Return all that the store's tables hold, as text."""
        with self.context() as context:
            tables = [
                row[0] for row in context.store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").all()
            ]
            return "".join(
                str([tuple(row) for row in context.store.execute(f"SELECT * FROM {name}").all()]) for name in tables
            )


@pytest.fixture
def shared(home):
    """Return one worker's share of a control plane on a fresh store."""
    found = Shared(home)
    yield found
    found.pool.close()


@pytest.fixture(params=["embedded", pytest.param("postgresql", marks=pytest.mark.servers)])
def anywhere(request, home):
    """Return one worker's share of a control plane on a fresh store of each engine."""
    settings = Settings(home=home, policy=ServerPolicy())
    found = Shared(home, settings if request.param == "embedded" else request.getfixturevalue("on_postgres")(settings))
    yield found
    found.pool.close()


@pytest.fixture
def second_worker(shared, home):
    """Return another worker's share of the same store."""
    found = Shared(home)
    yield found
    found.pool.close()


@pytest.fixture
def client(home):
    """Return a client of a fresh store."""
    with connect() as found:
        yield found
