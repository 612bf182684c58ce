"""Users, tokens and steps of sign-ins: what is unique, what goes with what, and what is good once."""

import pytest

from qualytics.errors import Conflict
from qualytics.store import open_store
from qualytics.store.tables.accounts import Token, User
from qualytics.structs import replace

pytestmark = pytest.mark.both_stores

ADA = User(
    name="Ada",
    name_key="ada",
    kind="user",
    role="Admin",
    email="ada@example.com",
    password_hash=None,
    issuer=None,
    subject=None,
    created="2026-01-01",
)
BOB = replace(ADA, name="Bob", name_key="bob", kind="service", role="Member", email=None)


def token_of(user_id, hash_, **more):
    return Token(
        **{"user_id": user_id, "name": "t", "hash": hash_, "created": "2026-01-01", "expires": "2026-12-31"} | more
    )


@pytest.fixture
def store(settings):
    with open_store(settings) as found:
        yield found


@pytest.fixture
def accounts(store):
    """Return the table with Ada (1) and Bob (2)."""
    with store.writing():
        assert [store.accounts.insert_user(user) for user in (ADA, BOB)] == [1, 2]
    return store.accounts


def add_tokens(store, *tokens):
    with store.writing():
        return [store.accounts.insert_token(token) for token in tokens]


def test_a_user_is_found_by_id_name_address_and_provider(store, accounts):
    with store.writing():
        accounts.update_user(1, {"issuer": "https://login.example", "subject": "s-1"})
    found = [accounts.user(1), accounts.user_named("ada"), accounts.user_of("https://login.example", "s-1")]
    assert [user.name for user in (*found, *accounts.users_with_email("ada@example.com"))] == ["Ada"] * 4
    assert (accounts.user(3), accounts.user(10**30), accounts.user_named("Ada")) == (None, None, None)
    assert accounts.user_of("https://login.example", "s-2") is None
    assert accounts.users_with_email("ADA@example.com") == []


@pytest.mark.parametrize(
    "twin", [replace(ADA, subject="other"), replace(BOB, name_key="other")], ids=["name", "subject"]
)
def test_two_users_have_neither_one_name_nor_one_subject_of_a_provider(store, accounts, twin):
    with store.writing():
        accounts.update_user(2, {"issuer": "https://login.example", "subject": "s-1"})
    with pytest.raises(Conflict), store.writing():
        accounts.insert_user(replace(twin, issuer="https://login.example", subject=twin.subject or "s-1"))
    assert accounts.count_users() == 2


def test_users_are_listed_and_counted_by_kind_and_part_of_the_name(accounts):
    assert [user.name for user in accounts.users()] == ["Ada", "Bob"]
    assert [user.name for user in accounts.users(kind="service")] == ["Bob"]
    assert [user.name for user in accounts.users(contains="a")] == ["Ada"]
    assert [user.name for user in accounts.users(skip=1, limit=5)] == ["Bob"]
    assert (accounts.count_users(), accounts.count_users(kind="user"), accounts.count_users(contains="%")) == (2, 1, 0)
    assert (accounts.count_role("Admin"), accounts.count_role("Manager"), accounts.has_users()) == (1, 0, True)


def test_a_change_raises_the_version_and_a_new_hash_of_the_same_password_does_not(store, accounts):
    with store.writing():
        accounts.update_user(1, {"role": "Member"})
        accounts.set_password_hash(1, "hash-2")
    assert (accounts.user(1).version, accounts.user(1).role, accounts.user(1).password_hash) == (2, "Member", "hash-2")
    assert accounts.user(2).version == 1


def test_an_admin_counts_who_has_a_way_to_sign_in(store, accounts):
    now = "2026-06-01"
    assert not accounts.has_admin(now)
    add_tokens(store, token_of(1, "h1"), token_of(2, "h2"))
    assert accounts.has_admin(now)
    assert not accounts.has_admin(now, besides=1)
    assert not accounts.has_admin("2026-12-31")  # the token has expired
    with store.writing():
        accounts.end_token(1, now, is_final=False)
    assert not accounts.has_admin(now)
    for way in ({"password_hash": "hash"}, {"password_hash": None, "issuer": "https://login.example", "subject": "s"}):
        with store.writing():
            accounts.update_user(1, way)
        assert accounts.has_admin("2027-01-01"), way


def test_a_user_who_is_deleted_takes_every_token_along(store, accounts):
    add_tokens(store, token_of(1, "h1"), token_of(1, "h2"), token_of(2, "h3"))
    with store.writing():
        accounts.delete_user(1)
    assert [token.hash for token in accounts.tokens()] == ["h3"]
    assert accounts.signed_in("hash", "h1") is None
    assert accounts.user(1) is None


def test_a_token_is_of_a_user_who_is_there_and_its_hash_is_of_no_other(store, accounts):
    add_tokens(store, token_of(1, "h1"))
    for wrong in (token_of(1, "h1"), token_of(9, "h9")):
        with pytest.raises(Conflict), store.writing():
            accounts.insert_token(wrong)
    assert accounts.count_tokens() == 1


def test_tokens_are_listed_and_counted_by_user(store, accounts):
    add_tokens(store, token_of(1, "h1"), token_of(2, "h2"), token_of(1, "h3"))
    assert [(token.hash, token.user_name) for token in accounts.tokens(1)] == [("h1", "Ada"), ("h3", "Ada")]
    assert [token.hash for token in accounts.tokens(skip=1, limit=1)] == ["h2"]
    assert (accounts.count_tokens(), accounts.count_tokens(2), accounts.count_tokens(10**30)) == (3, 1, 0)
    assert accounts.token(2).hash == "h2"
    assert accounts.token(10**30) is None


def test_a_token_and_its_user_are_read_together(store, accounts):
    add_tokens(store, token_of(2, "h1"))
    for by, value in (("hash", "h1"), ("id", 1)):
        found = accounts.signed_in(by, value)
        assert (found.token_id, found.user_id, found.user_name, found.role) == (1, 2, "Bob", "Member")
        assert (found.expires, found.last_used, found.revoked) == ("2026-12-31", None, None)
    assert accounts.signed_in("hash", "H1") is None


def test_a_token_stays_revoked_since_when_it_was_first_and_for_good_once_it_is(store, accounts):
    add_tokens(store, token_of(1, "h1"))

    def ended():
        return accounts.token(1).revoked, bool(accounts.token(1).is_final)

    with store.writing():
        accounts.end_token(1, "2026-02-01", is_final=False)
    assert ended() == ("2026-02-01", False)
    with store.writing():
        accounts.restore_token(1)
    assert ended() == (None, False)
    with store.writing():
        accounts.end_token(1, "2026-03-01", is_final=True)
        accounts.end_token(1, "2026-04-01", is_final=False)
    assert ended() == ("2026-03-01", True)


def test_a_use_is_not_written_again_before_its_time(store, accounts):
    add_tokens(store, token_of(1, "h1"))
    written = []
    for when, unless_since in (("10:00:10", "10:00:00"), ("10:00:40", "10:00:00"), ("10:01:20", "10:01:00")):
        with store.writing():
            accounts.set_used(1, when, unless_since)
        written.append(accounts.token(1).last_used)
    assert written == ["10:00:10", "10:00:10", "10:01:20"]


def test_what_a_deleted_token_made_counts_as_made_by_its_maker(store, accounts):
    add_tokens(store, token_of(1, "h1"), token_of(1, "h2", made_by=1), token_of(1, "h3", made_by=2))
    with store.writing():
        accounts.delete_token(2)
    assert [(token.hash, token.made_by) for token in accounts.tokens()] == [("h1", None), ("h3", 1)]


def test_a_step_of_a_sign_in_is_good_once_for_its_kind_and_until_it_expires(store):
    with store.writing():
        store.accounts.add_login("k1", "form", {"state": "s"}, "2026-01-02")
        store.accounts.add_login("k2", "form", {}, "2026-01-02")
    with store.writing():
        assert store.accounts.take_login("k1", "code", "2026-01-01") is None
        assert store.accounts.take_login("k1", "form", "2026-01-01") == {"state": "s"}
        assert store.accounts.take_login("k1", "form", "2026-01-01") is None
        assert store.accounts.take_login("k2", "form", "2026-01-02") is None  # too old, and used up by that
        assert store.accounts.take_login("k2", "form", "2026-01-01") is None


def test_a_step_is_never_stored_over_another(store):
    with store.writing():
        store.accounts.add_login("k1", "form", {"state": "first"}, "2026-01-02")
    with pytest.raises(Conflict), store.writing():
        store.accounts.add_login("k1", "form", {"state": "second"}, "2026-01-02")


def test_steps_that_have_expired_are_dropped_and_no_other(store):
    with store.writing():
        for day in (1, 2, 3):
            store.accounts.add_login(f"k{day}", "form", {}, f"2026-01-0{day}")
        store.accounts.drop_logins("2026-01-02")
    with store.writing():
        assert [store.accounts.take_login(f"k{day}", "form", "2026-01-00") for day in (1, 2, 3)] == [None, None, {}]


def test_attempts_are_counted_until_the_end_of_the_first_and_may_be_forgiven(store):
    with store.writing():
        assert store.accounts.count_attempt("who", "10:15") == (1, "10:15")
        assert store.accounts.count_attempt("who", "10:20") == (2, "10:15")
        assert store.accounts.count_attempt("other", "10:20") == (1, "10:20")
        store.accounts.forgive_attempt("who")
        assert store.accounts.count_attempt("who", "10:30") == (2, "10:15")
        store.accounts.drop_logins("10:15")
        assert store.accounts.count_attempt("who", "10:30") == (1, "10:30")


def test_a_step_of_a_sign_in_is_no_attempt_that_could_be_forgiven(store):
    with store.writing():
        store.accounts.add_login("k1", "form", {"n": 1}, "2026-01-02")
        store.accounts.forgive_attempt("k1")
        assert store.accounts.take_login("k1", "form", "2026-01-01") == {"n": 1}
