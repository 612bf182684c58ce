"""Rights count when something is written: whoever lost them between the question and the write stores nothing."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from qualytics.digests import challenge_of
from qualytics.errors import InvalidInput, NameTaken, NotAllowed, NotFound, NotSignedIn, SecretNeeded
from qualytics.fields import DETECTED
from qualytics.model import TestReport
from qualytics.probe.parent.pool import Pool
from qualytics.service.accounts.passwords import Passwords
from qualytics.service.accounts.sign_in import Logins
from qualytics.service.accounts.tokens import Tokens, authenticate
from qualytics.service.accounts.users import Users
from qualytics.service.audit import Audit
from qualytics.service.connections.verbs import Connections
from qualytics.service.datastores import bulk
from qualytics.service.datastores.operations import SYNC, Operations
from qualytics.service.datastores.verbs import Datastores
from qualytics.service.grants import Grants
from qualytics.store.schema import TABLES

# Each has a fresh store with users.
pytestmark = pytest.mark.slow

GIVEN = {"type": "postgresql", "host": "db.example.com", "username": "u", "password": "secret-1"}


def passed(_plan=None):
    return TestReport(None, (), 1.0, "connected", dict.fromkeys(DETECTED))


class World:
    """A control plane with an Admin who stays, one who does not, a connection and a datastore."""

    def __init__(self, shared):
        self.shared = shared
        shared.make("Root")
        self.eve = shared.make("Eve")
        with shared.context() as context:
            self.token = Tokens(context).create("eve", user="Eve")
            self.connection = Connections(context).create({**GIVEN, "name": "used"})["id"]
            self.free = Connections(context).create({**GIVEN, "name": "free"})["id"]
            place = {"name": "d", "connection_id": self.connection, "database": "d", "schema": "s"}
            self.datastore = Datastores(context, Connections(context)).create(place)["id"]
            self.other = Users(context).create({"name": "other"})["id"]
            self.old = Tokens(context).create("old", user="Eve")["id"]
            Tokens(context).revoke(self.old)
            self.grant = Grants(context).create("other", self.connection)["id"]

    def as_eve(self):
        """Return a context of Eve, whose token was found good a moment ago."""
        context = self.shared.context()
        context.actor = authenticate(context, self.token["bearer_token"])
        context.run_test = passed
        return context

    def ending(self, how):
        """End Eve's rights."""
        with self.shared.context() as context, context.writing():
            ENDINGS[how][0](self, context.store)

    def rows(self):
        """Return what the store holds, but for what was refused."""
        with self.shared.context() as context:
            tables = {
                name: [tuple(row) for row in context.store.execute(f"SELECT * FROM {name}").all()] for name in TABLES
            }
            tables["audit"] = [row for row in tables["audit"] if row[-2] in {"done", "failed"}]
            return {name: sorted(rows, key=str) for name, rows in tables.items()}


@pytest.fixture
def world(anywhere):
    return World(anywhere)


@pytest.fixture
def small_world(shared):
    return World(shared)


def run_sql(world, sql, *arguments):
    with world.shared.context() as context, context.writing():
        context.store.execute(sql, arguments)


ENDINGS = {
    "revoked": (
        lambda world, store: store.execute("UPDATE tokens SET revoked = 'now' WHERE id = ?", (world.token["id"],)),
        NotSignedIn,
    ),
    "expired": (
        lambda world, store: store.execute("UPDATE tokens SET expires = '2020' WHERE id = ?", (world.token["id"],)),
        NotSignedIn,
    ),
    "deleted": (
        lambda world, store: store.execute("DELETE FROM users WHERE id = ?", (world.eve["id"],)),
        NotSignedIn,
    ),
    "demoted": (
        lambda world, store: store.execute("UPDATE users SET role = 'Member' WHERE id = ?", (world.eve["id"],)),
        NotAllowed,
    ),
}


def datastores(context):
    return Datastores(context, Connections(context))


# Each verb that writes, as Eve calls it.
VERBS = {
    "Connections.create": lambda context, _: Connections(context).create(GIVEN),
    "Connections.create tested": lambda context, _: Connections(context).create(GIVEN, test=True),
    "Connections.update": lambda context, at: Connections(context).update(at.free, {"username": "v"}),
    "Connections.update tested": lambda context, at: Connections(context).update(at.free, {"port": 7}, test=True),
    "Connections.copy": lambda context, at: Connections(context).copy(at.free, "copied"),
    "Connections.delete": lambda context, at: Connections(context).delete(at.free),
    "Connections.test": lambda context, at: Connections(context).test(at.free),
    "Connections.test_unsaved": lambda context, _: Connections(context).test_unsaved(GIVEN),
    "Datastores.create": lambda context, at: datastores(context).create(
        {"name": "e", "connection_id": at.connection, "database": "d", "schema": "s"}
    ),
    "Datastores.create with a connection": lambda context, _: datastores(context).create(
        {"name": "e", "database": "d", "schema": "s", "connection": GIVEN}
    ),
    "Datastores.update": lambda context, at: datastores(context).update(at.datastore, {"description": "x"}),
    "Datastores.delete": lambda context, at: datastores(context).delete(at.datastore),
    "Datastores.verify": lambda context, at: datastores(context).verify(at.datastore),
    "Operations.start": lambda context, at: Operations(context, datastores(context)).start(SYNC, at.datastore),
    "Users.create": lambda context, _: Users(context).create({"name": "Mallory", "role": "Admin"}),
    "Users.update": lambda context, at: Users(context).update(at.other, {"role": "Admin"}),
    "Users.delete": lambda context, at: Users(context).delete(at.other),
    "Tokens.create": lambda context, _: Tokens(context).create("mine"),
    "Tokens.create for another": lambda context, _: Tokens(context).create("theirs", user="Root"),
    "Tokens.revoke": lambda context, _: Tokens(context).revoke(1),
    "Tokens.revoke back": lambda context, at: Tokens(context).revoke(at.old, revoke=False),
    "Tokens.delete": lambda context, at: Tokens(context).delete(at.old),
    "Tokens.revoke_all": lambda context, _: Tokens(context).revoke_all(),
    "Grants.create": lambda context, at: Grants(context).create("Root", at.connection),
    "Grants.delete": lambda context, at: Grants(context).delete(at.grant),
    "Audit.prune": lambda context, _: Audit(context).prune("2000-01-01"),
    "bulk.create": lambda context, at: bulk.create(context, {"schemas": ["a", "b"], "database": "d"}, at.connection),
}
# What every role may do with what is its own; the token of another is none for a Member.
_OWN = {"Tokens.create", "Tokens.revoke back", "Tokens.delete", "Tokens.revoke_all"}
CASES = [(verb, how) for verb in VERBS for how in ENDINGS if not (how == "demoted" and verb in _OWN)]


@pytest.mark.parametrize(("verb", "how"), CASES)
def test_who_lost_the_right_since_the_question_was_let_in_writes_nothing(small_world, verb, how):
    with small_world.as_eve() as context:
        context.release()
        small_world.ending(how)
        before = small_world.rows()
        with pytest.raises(NotFound if (verb, how) == ("Tokens.revoke", "demoted") else ENDINGS[how][1]):
            VERBS[verb](context, small_world)
    assert small_world.rows() == before


@pytest.mark.parametrize(
    ("place", "error"),
    [({"name": "D", "database": "d", "schema": "s"}, NameTaken), ({"name": "e", "database": "d"}, InvalidInput)],
)
def test_a_datastore_that_is_refused_leaves_no_connection_that_was_to_be_made_with_it(world, place, error):
    before = world.rows()
    with world.as_eve() as context:
        with pytest.raises(error):
            datastores(context).create({**place, "connection": GIVEN})
        assert world.rows() == before
        made = datastores(context).create({"name": "e", "database": "d", "schema": "s", "connection": GIVEN})
        assert Connections(context).get(made["connection_id"])["host"] == GIVEN["host"]
    assert [entry[0] for entry in world.shared.audit()[-3:]] == [
        "datastore.create",
        "connection.create",
        "datastore.create",
    ]


def test_every_verb_that_writes_is_among_those():
    writers = {name.partition(" ")[0] for name in VERBS}
    for service in (Audit, Connections, Datastores, Grants, Operations, Users, Tokens):
        for name, function in vars(service).items():
            if (
                inspect.isfunction(function)
                and not name.startswith("_")
                and "context.writing(" in inspect.getsource(function)
            ):
                assert f"{service.__name__}.{name}" in writers


@pytest.mark.parametrize("how", ENDINGS)
def test_all_who_queue_for_the_lock_while_the_right_ends_write_nothing(world, how):
    """The right ends in the transaction that they wait for, so that each of them writes after it."""
    contexts = [world.as_eve() for _ in range(4)]
    for context in contexts:
        context.release()

    def ask(number):
        with contexts[number] as context:
            return Users(context).create({"name": f"Mallory {number}", "role": "Admin"})

    with ThreadPoolExecutor(4) as threads:
        with world.shared.context() as holder, holder.writing():
            asking = [threads.submit(ask, number) for number in range(4)]
            ENDINGS[how][0](world, holder.store)
        errors = [one.exception(60) for one in asking]
    assert {type(error) for error in errors} == {ENDINGS[how][1]}
    with world.shared.context() as context:
        assert not list(Users(context).list(name="Mallory"))


@pytest.mark.parametrize(("how", "verb"), [(how, verb) for how in ENDINGS for verb in ("create", "update")])
def test_a_test_that_outlives_the_right_stores_nothing(world, how, verb):
    def pass_late(_plan):
        world.ending(how)
        before.append(world.rows())
        return passed()

    before = []
    with world.as_eve() as context:
        context.run_test = pass_late
        with pytest.raises(ENDINGS[how][1]):
            VERBS[f"Connections.{verb} tested"](context, world)
    assert world.rows() == before[0]


def test_a_test_that_ran_is_told_though_the_token_ended_meanwhile(world):
    def pass_late(_plan):
        world.ending("revoked")
        return passed()

    with world.as_eve() as context:
        context.run_test = pass_late
        with pytest.raises(NotSignedIn, match="the token was revoked"):
            Connections(context).test(world.free)
    last = world.shared.audit()[-1]
    assert last[:4] == ("connection.test", "Eve", "free", "not-signed-in")


def test_a_new_target_for_a_stored_secret_needs_the_role_of_the_moment_it_is_written(world):
    def pass_late(_plan):
        run_sql(world, "UPDATE users SET role = 'Manager' WHERE id = ?", world.eve["id"])
        return passed()

    with world.as_eve() as context:
        context.run_test = pass_late
        with pytest.raises(SecretNeeded):
            Connections(context).update(world.free, {"host": "evil.example.com"}, test=True)
    with world.shared.context() as context:
        assert Connections(context).get(world.free)["host"] == "db.example.com"


@pytest.mark.parametrize("how", ENDINGS)
def test_a_test_whose_turn_comes_after_the_right_has_ended_does_not_run(world, how):
    with Pool(1, 1) as pool, world.as_eve() as context:

        def run(plan):
            world.ending(how)  # while it waits
            return pool.run(plan, "eve", context.require_still)

        context.run_test = run
        with pytest.raises(ENDINGS[how][1]):
            Connections(context).test_unsaved({**GIVEN, "host": "127.0.0.1", "port": 1})


def test_a_sync_writes_nothing_but_its_own_end_once_the_token_is_revoked(world):
    with world.as_eve() as context:
        operations = Operations(context, datastores(context))
        number = operations.start(SYNC, world.datastore)["id"]

        def pass_late(_plan):
            world.ending("revoked")
            return passed()

        context.run_test = pass_late
        operations.run(number, datastores(context).verify)
    with world.shared.context() as context:
        assert datastores(context).get(world.datastore)["connected"] is None
        ended = Operations(context, datastores(context)).get(number)
    assert (ended["result"], ended["message"]) == ("failure", "the token was revoked")


def test_a_code_of_a_sign_in_is_void_once_the_user_has_changed(anywhere):
    anywhere.make("Root")
    eve = anywhere.make("Eve", "Member", issuer="https://i.example", subject="s")
    verifier = "v" * 43
    with anywhere.context() as context:
        logins = Logins(context, Passwords())
        asked = {
            "redirect_uri": "http://127.0.0.1/x",
            "state": "s" * 8,
            "hostname": "",
            "challenge": challenge_of(verifier),
        }
        with context.writing():
            accounts = context.store.accounts
            place = logins._finish(accounts.user(eve["id"]), asked, "provider")
    code = parse_qs(urlsplit(place).query)["code"][0]
    with anywhere.context() as context:
        Users(context).update(eve["id"], {"role": "Manager"})
    with anywhere.context() as context, pytest.raises(NotSignedIn, match="changed or deleted since"):
        Logins(context, Passwords()).redeem(code, verifier)
