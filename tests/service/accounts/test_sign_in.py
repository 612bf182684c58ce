"""Sign-ins below their pages: what a try costs, who may try, and when a step is too old."""

import functools

import pytest
from argon2 import PasswordHasher

from qualytics.errors import NotSignedIn, TooMany
from qualytics.service.accounts import sign_in_limits
from qualytics.service.accounts.passwords import Passwords
from qualytics.service.accounts.sign_in import Logins, TryAgain
from qualytics.service.accounts.tokens import authenticate
from qualytics.service.accounts.users import Users
from qualytics.service.rights import Actor

# Every password costs what argon2 makes it cost.
pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
ASKED = {"redirect_uri": "http://127.0.0.1:9/callback", "state": "s" * 43, "hostname": "laptop"}
BROWSER = "b" * 43


class Counting(PasswordHasher):
    """The real hasher, which also counts what it is asked for, with the parameters of the hash."""

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self.hashed, self.verified = 0, []

    def hash(self, password, **more):
        self.hashed += 1
        return super().hash(password, **more)

    def verify(self, hash, password):  # noqa: A002 - the name that argon2 gives it
        self.verified.append(hash.rpartition("$")[0].rpartition("$")[0])
        return super().verify(hash, password)


LIGHT = {"time_cost": 1, "memory_cost": 1_024, "parallelism": 1}


@pytest.fixture
def hasher():
    return Counting(**LIGHT)


@pytest.fixture
def attempt(shared, hasher):
    """Return a function that tries to sign in and returns where that leads, None when it was refused."""
    passwords = Passwords(hasher)
    with shared.context() as context:
        Users(context, passwords).create({"name": "Ada", "password": PASSWORD})
    shared.make("Bot", kind="service")
    shared.make("Nopass", "Member")

    def call(name, password=PASSWORD, address="192.0.2.1"):
        with shared.context(Actor("nobody", role="", address=address)) as context:
            logins = Logins(context, passwords)
            step = logins.begin(ASKED, BROWSER)
            try:
                return logins.with_password(step.key, BROWSER, name, password)
            except TryAgain:
                return None

    return call


def test_whoever_is_unknown_costs_the_same_verification_as_a_wrong_password(attempt, hasher):
    attempt("Ada", "wrong")  # what is made once is made now
    made, parameters = hasher.hashed, hasher.verified[-1]
    assert parameters.startswith("$argon2id$")
    for name in ("Ada", "Eve", "Bot", "Nopass", "", "x" * 2_000, "\u202e"):
        before = len(hasher.verified)
        assert attempt(name, "wrong") is None
        assert hasher.verified[before:] == [parameters], name
    assert hasher.hashed == made


def test_the_first_try_of_all_costs_the_same_for_known_and_unknown(shared):
    shared.make("Ada", password=PASSWORD)
    costs = []
    for name in ("Ada", "Eve"):
        hasher = Counting(**LIGHT)
        passwords = Passwords(hasher)
        with shared.context(Actor("nobody", role="")) as context:
            logins = Logins(context, passwords)
            step = logins.begin(ASKED, BROWSER)
            with pytest.raises(TryAgain):
                logins.with_password(step.key, BROWSER, name, "wrong")
        costs.append((hasher.hashed, len(hasher.verified)))
    assert costs[0] == costs[1] == (1, 1)


def test_a_try_beyond_the_limit_costs_no_verification_for_anybody(attempt, hasher):
    for name in ("Ada", "Eve"):
        for _ in range(sign_in_limits.PER_PAIR):
            attempt(name, "wrong")
        before = len(hasher.verified)
        with pytest.raises(TooMany) as caught:
            attempt(name)
        assert 0 < caught.value.retry_after_s <= sign_in_limits.WINDOW_S
        assert len(hasher.verified) == before


def test_an_address_has_a_limit_over_all_names_and_a_name_over_all_addresses(shared):
    def tries(address, name):
        with shared.context() as context, context.store.writing():
            return sign_in_limits.count(context.store.accounts, sign_in_limits.of(address, name)) == 0

    assert [tries("a", f"n{number}") for number in range(sign_in_limits.PER_ADDRESS + 1)].count(
        True
    ) == sign_in_limits.PER_ADDRESS
    assert tries("b", "n1")
    assert [tries(f"a{number}", "ada") for number in range(sign_in_limits.PER_NAME + 1)].count(
        True
    ) == sign_in_limits.PER_NAME
    assert tries("c", "bob")


def test_what_is_right_does_not_count(attempt):
    for _ in range(sign_in_limits.PER_PAIR + 2):
        assert attempt("ADA ") is not None


def test_a_hash_of_weaker_parameters_is_made_anew_at_the_next_sign_in(shared, hasher):
    with shared.context() as context:
        weaker = Passwords(PasswordHasher(**LIGHT | {"memory_cost": 512}))
        Users(context, weaker).create({"name": "Ada", "password": PASSWORD})
    assert "m=512,t=1" in shared.everything()
    with shared.context(Actor("nobody", role="")) as context:
        logins = Logins(context, Passwords(hasher))
        logins.with_password(logins.begin(ASKED, BROWSER).key, BROWSER, "Ada", PASSWORD)
    assert "m=512,t=1" not in shared.everything()


@pytest.mark.parametrize("kind", ["asked", "code"])
def test_a_step_is_not_good_for_long(shared, kind):
    shared.make("Ada", password=PASSWORD)
    with shared.context(Actor("nobody", role="")) as context:
        logins = Logins(context, Passwords())
        challenge = {"code_challenge": "c" * 43, "code_challenge_method": "S256"}
        step = logins.begin(ASKED | challenge, BROWSER)
        code = ""
        if kind == "code":
            code = logins.with_password(step.key, BROWSER, "Ada", PASSWORD).rpartition("code=")[2]
        with context.store.writing():
            context.store.execute("UPDATE logins SET expires = '2020-01-01T00:00:00.000Z'")
        late = (
            functools.partial(logins.redeem, code, "c" * 43)
            if kind == "code"
            else functools.partial(logins.with_password, step.key, BROWSER, "Ada", PASSWORD)
        )
        with pytest.raises(NotSignedIn, match="too old"):
            late()
        logins.begin(ASKED, BROWSER)
        (left,) = context.store.execute("SELECT count(*) FROM logins").all()[0]
    assert left == 1


def test_the_store_holds_nothing_that_leads_into_a_step(shared):
    shared.make("Ada", password=PASSWORD)
    with shared.context(Actor("nobody", role="")) as context:
        logins = Logins(context, Passwords())
        step = logins.begin(ASKED | {"code_challenge": "c" * 43, "code_challenge_method": "S256"}, BROWSER)
        held = shared.everything()
        assert step.key not in held
        assert BROWSER not in held
        code = logins.with_password(step.key, BROWSER, "Ada", PASSWORD).rpartition("code=")[2]
    assert code not in shared.everything()


def test_a_user_who_is_deleted_meanwhile_gets_no_token(shared):
    shared.make("Ada", "Member", password=PASSWORD)
    shared.make("Bob", "Admin")
    with shared.context(Actor("nobody", role="")) as context:
        from qualytics.digests import challenge_of

        logins, verifier = Logins(context, Passwords()), "v" * 43
        challenge = {"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
        step = logins.begin(ASKED | challenge, BROWSER)
        code = logins.with_password(step.key, BROWSER, "Ada", PASSWORD).rpartition("code=")[2]
        with shared.context() as other:
            Users(other).delete(1)
        with pytest.raises(NotSignedIn):
            logins.redeem(code, verifier)


def test_a_sign_in_is_told_as_its_user_and_leads_to_a_good_token(shared, attempt):
    token = attempt("ada").rpartition("token=")[2]
    with shared.context() as context:
        assert authenticate(context, token).name == "Ada"
    told = [entry[:5] for entry in shared.audit() if entry[1] != "owner"]
    assert told == [
        ("user.login", "Ada", "Ada", "done", "192.0.2.1"),
        ("token.create", "Ada", "cli on laptop", "done", "192.0.2.1"),
    ]


def test_a_stored_hash_has_the_parameters_that_are_recommended(shared):
    shared.make("Ada", password=PASSWORD)
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in shared.everything()
