"""The last Admin: who counts is who can sign in, and no way of losing them is open."""

import pytest

from qualytics.errors import Conflict
from qualytics.service.accounts.tokens import Tokens, authenticate
from qualytics.service.accounts.users import Users

# Each has a fresh store with users.
pytestmark = pytest.mark.slow

LINK = {"issuer": "https://i.example", "subject": "s"}


class Plane:
    """A control plane whose one Admin is Ada, by her first token alone; she acts with it."""

    def __init__(self, shared):
        self.shared = shared
        self.ada = shared.make("Ada")

    def users(self, verb, *given, **options):
        return self._do(Users, verb, *given, **options)

    def tokens(self, verb, *given, **options):
        return self._do(Tokens, verb, *given, **options)

    def _do(self, service, verb, *given, **options):
        with self.shared.context() as context:
            context.actor = authenticate(context, self.ada["bearer_token"])
            return getattr(service(context), verb)(*given, **options)

    def run_sql(self, sql, *arguments):
        with self.shared.context() as context, context.writing():
            context.store.execute(sql, arguments)


@pytest.fixture
def plane(anywhere):
    return Plane(anywhere)


LOSSES = {
    "delete": lambda plane: plane.users("delete", 1),
    "delete, dry": lambda plane: plane.users("delete", 1, dry_run=True),
    "demote": lambda plane: plane.users("update", 1, {"role": "Manager"}),
    "revoke": lambda plane: plane.tokens("revoke", 1),
}


def lost(plane, how):
    """Say whether the last Admin is refused to go, and changes nothing if so."""
    with pytest.raises(Conflict, match="'Ada' is the last Admin who can sign in"):
        LOSSES[how](plane)
    assert plane.users("get", 1)["role"] == "Admin"
    assert plane.tokens("get", 1)["active"]


@pytest.mark.parametrize("how", LOSSES)
def test_the_last_admin_who_can_sign_in_is_not_lost(plane, how):
    others = (
        {"name": "robot", "role": "Admin", "kind": "service"},
        {"name": "new", "role": "Admin"},
        {"name": "linked", "role": "Manager", **LINK},
    )
    for other in others:
        plane.users("create", other)
    expired = plane.tokens("create", "t", user="robot")
    plane.run_sql("UPDATE tokens SET expires = '2020' WHERE id = ?", expired["id"])
    revoked = plane.tokens("create", "t", user="new")
    plane.tokens("revoke", revoked["id"])
    lost(plane, how)


@pytest.mark.parametrize("how", LOSSES)
@pytest.mark.parametrize("other", ["a service account with a token", "a user with a token", "a linked user"])
def test_another_admin_who_can_sign_in_lets_one_go(plane, how, other):
    kind = "service" if other.startswith("a service") else "user"
    link = LINK if other == "a linked user" else {}
    plane.users("create", {"name": "Bob", "role": "Admin", "kind": kind, **link})
    if "token" in other:
        plane.tokens("create", "t", user="Bob")
    assert LOSSES[how](plane)


def test_what_an_admin_signs_in_with_is_not_taken_from_the_last(plane):
    with plane.shared.context() as context:  # the owner of the store, on its host
        service = Users(context)
        service.update(1, {"password": "correct horse battery"})  # which ends the token
        with pytest.raises(Conflict, match="is the last Admin"):
            service.update(1, {"password": None})
        service.update(1, LINK)
        service.update(1, {"password": None})
        with pytest.raises(Conflict, match="is the last Admin"):
            service.update(1, dict.fromkeys(LINK))
        Tokens(context).create("t", user="Ada")
        with pytest.raises(Conflict, match="is the last Admin"):
            service.update(1, dict.fromkeys(LINK))  # which would end the token, too
        service.create({"name": "Bob", "role": "Admin", "password": "correct horse battery"})
        service.update(1, dict.fromkeys(LINK))


def test_time_may_take_the_last_admin_and_the_owner_of_the_store_makes_another(plane):
    plane.run_sql("UPDATE tokens SET expires = '2020'")
    with plane.shared.context() as context:
        assert Tokens(context).create("t", user="Ada")["active"]
        plane.ada = Tokens(context).create("t", user="Ada")
    with plane.shared.context() as context:
        Tokens(context).revoke(2)
    with plane.shared.context() as context, pytest.raises(Conflict, match="is the last Admin"):
        Tokens(context).revoke(3)
