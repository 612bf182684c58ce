"""Tokens that tokens make: none outlives its maker, and what is ended for good takes what it made with it."""

import json

import jwt
import pytest

from qualytics.errors import Conflict, NotSignedIn
from qualytics.service.accounts.tokens import Tokens, authenticate
from qualytics.service.accounts.users import Users

# Each has a fresh store with users.
pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"


class Accounts:
    """Users of a control plane, who act by their tokens alone."""

    def __init__(self, shared):
        self._shared = shared
        self.root = shared.make("Root")["bearer_token"]
        shared.make("Bob", "Member")
        shared.make("Robot", "Member", kind="service")

    def by(self, bearer, verb, *given, **options):
        """Call a verb of `Tokens` with a token, or as the owner of the store."""
        with self._shared.context() as context:
            if bearer is not None:
                context.actor = authenticate(context, bearer)
            return getattr(Tokens(context), verb)(*given, **options)

    def make(self, maker, user=None, days=30):
        return self.by(maker, "create", "t", days, user)

    def update(self, bearer, user_id, given):
        with self._shared.context() as context:
            context.actor = authenticate(context, bearer)
            return Users(context).update(user_id, given)

    def is_good(self, token):
        with self._shared.context() as context:
            try:
                return bool(authenticate(context, token["bearer_token"]))
            except NotSignedIn:
                return False

    def good(self, *tokens):
        return [self.is_good(token) for token in tokens]


@pytest.fixture
def accounts(anywhere):
    return Accounts(anywhere)


def test_no_token_outlives_the_one_that_made_it(accounts):
    for whom in ("Bob", "Robot", "Root"):
        short = accounts.make(None, whom, 1)
        own = accounts.make(short["bearer_token"], days=365)
        last = accounts.make(own["bearer_token"], days=365)
        ends = jwt.decode(short["bearer_token"], options={"verify_signature": False})["exp"]
        for made in (own, last):
            assert made["expiration"] == short["expiration"]
            assert jwt.decode(made["bearer_token"], options={"verify_signature": False})["exp"] == ends
        assert accounts.make(short["bearer_token"], days=1)["expiration"] <= short["expiration"]
    day = accounts.make(None, "Root", 1)
    assert accounts.make(day["bearer_token"], "Robot", 365)["expiration"] == day["expiration"]
    assert accounts.make(None, "Robot", 365)["expiration"] > accounts.make(None, "Robot", 364)["expiration"]


def test_what_an_admin_ends_takes_what_it_made_and_is_never_good_again(accounts):
    for whom in ("Bob", "Robot", "Root"):
        first = accounts.make(None, whom)
        second = accounts.make(first["bearer_token"])
        third = accounts.make(second["bearer_token"])
        apart = accounts.make(None, whom)
        assert not accounts.by(accounts.root, "revoke", first["id"])["active"]
        assert accounts.good(first, second, third, apart) == [False, False, False, True]
        for bearer in (apart["bearer_token"], accounts.root, None):
            for ended in (first, second, third):
                with pytest.raises(Conflict, match="and cannot be restored"):
                    accounts.by(bearer, "revoke", ended["id"], revoke=False)


def test_a_token_that_an_admin_made_for_another_stays_when_the_admins_own_ends(accounts):
    own = accounts.make(accounts.root)
    robots = accounts.make(own["bearer_token"], "Robot")
    accounts.by(accounts.root, "revoke", own["id"])
    assert accounts.good(own, robots) == [False, True]


def test_a_user_ends_a_token_and_may_think_better_of_it_but_not_by_what_it_made(accounts):
    first, apart = accounts.make(None, "Bob"), accounts.make(None, "Bob")
    second = accounts.make(first["bearer_token"])
    accounts.by(apart["bearer_token"], "revoke", first["id"])
    assert accounts.good(first, second, apart) == [False, False, True]
    accounts.by(apart["bearer_token"], "revoke", second["id"], revoke=False)
    with pytest.raises(Conflict, match="cannot be restored by a token that it made"):
        accounts.by(second["bearer_token"], "revoke", first["id"], revoke=False)
    accounts.by(apart["bearer_token"], "revoke", first["id"], revoke=False)
    assert accounts.good(first, second, apart) == [True, True, True]
    accounts.by(apart["bearer_token"], "revoke", first["id"])
    accounts.by(accounts.root, "revoke", first["id"])  # ended already, and final from now on
    with pytest.raises(Conflict, match="and cannot be restored"):
        accounts.by(apart["bearer_token"], "revoke", first["id"], revoke=False)


def test_signing_out_ends_that_token_alone(accounts):
    first = accounts.make(None, "Bob")
    second = accounts.make(first["bearer_token"])
    accounts.by(first["bearer_token"], "revoke", first["id"])
    assert accounts.good(first, second) == [False, True]


def test_a_token_may_take_the_place_of_the_one_that_made_it(accounts):
    first = accounts.make(None, "Bob")
    second, third = (accounts.make(first["bearer_token"]) for _ in range(2))
    own = accounts.make(second["bearer_token"])
    accounts.by(second["bearer_token"], "revoke", first["id"])
    assert accounts.good(first, second, third, own) == [False, True, False, True]


def test_who_made_a_token_is_known_when_one_between_was_deleted(accounts):
    first = accounts.make(None, "Bob")
    second = accounts.make(first["bearer_token"])
    third = accounts.make(second["bearer_token"])
    accounts.by(second["bearer_token"], "revoke", second["id"])
    accounts.by(first["bearer_token"], "delete", second["id"])
    accounts.by(accounts.root, "revoke", first["id"])
    assert not accounts.is_good(third)


@pytest.mark.parametrize("change", [{"password": PASSWORD * 2}, {"password": None}, {"issuer": None, "subject": None}])
def test_another_way_to_sign_in_ends_every_token_of_a_user_for_good(anywhere, accounts, change):
    eve = anywhere.make("Eve", "Admin", password=PASSWORD, issuer="https://i.example", subject="s")
    tokens = [accounts.make(None, "Eve") for _ in range(2)]
    tokens.append(accounts.make(tokens[0]["bearer_token"]))
    accounts.update(accounts.root, eve["id"], {"email": "eve@example.com"})
    assert accounts.good(*tokens) == [True, True, True]
    accounts.update(accounts.root, eve["id"], change)
    assert accounts.good(*tokens) == [False, False, False]
    with pytest.raises(Conflict, match="and cannot be restored"):
        accounts.by(accounts.root, "revoke", tokens[0]["id"], revoke=False)
    assert json.loads(anywhere.audit()[-2][5])["tokens_ended"] == 3


def test_the_token_that_sets_a_new_password_stays(accounts):
    own, other = accounts.make(None, "Root"), accounts.make(None, "Root")
    accounts.update(own["bearer_token"], 1, {"password": PASSWORD})
    assert accounts.good(own, other, {"bearer_token": accounts.root}) == [True, False, False]
