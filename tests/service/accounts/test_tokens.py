"""Tokens: what they are, who may have them, and every way in which one is not good."""

import base64
import hmac
import json
import threading
import time

import jwt
import pytest

from qualytics.digests import digest_of
from qualytics.errors import Conflict, InvalidInput, NotAllowed, NotFound, NotSignedIn, UsageError
from qualytics.model import Word
from qualytics.service.accounts.token_usage import TokenUsage
from qualytics.service.accounts.tokens import MAX_ACTIVE, Tokens, authenticate
from qualytics.service.accounts.users import Users
from qualytics.service.rights import Actor
from qualytics.store.tables.accounts import Token

KEYS = ["id", "name", "user", "active", "expiration", "last_used", "revoked", "created"]


@pytest.fixture
def ada(shared):
    return shared.make("Ada", "Admin")


@pytest.fixture
def bob(shared, ada):
    return shared.make("Bob", "Member")


def refusal(worker, bearer):
    with worker.context() as context, pytest.raises(NotSignedIn) as caught:
        authenticate(context, bearer)
    assert caught.value.hint
    return caught.value.message


def signing_secret(shared):
    with shared.context() as context:
        return context.store.own_secrets.get("tokens").reveal()


def claims_of(bearer):
    return jwt.decode(bearer, options={"verify_signature": False})


def test_a_token_is_shown_once_and_only_its_hash_is_kept(shared, bob):
    with shared.as_user(bob) as context:
        made = Tokens(context).create("pipeline", 30)
        assert list(made) == [*KEYS, "bearer_token"]
        assert made["user"] == {"id": bob["id"], "name": "Bob"}
        assert list(Tokens(context).get(made["id"])) == KEYS
        assert [list(found) for found in Tokens(context).list()] == [KEYS]
    held = shared.everything()
    assert digest_of(made["bearer_token"]) in held
    assert made["bearer_token"].rpartition(".")[2] not in held


def test_a_token_says_whose_it_is_and_until_when(shared, bob):
    with shared.as_user(bob) as context:
        claims = claims_of(Tokens(context).create("pipeline", 30)["bearer_token"])
        assert claims["sub"] == str(bob["id"])
        assert claims["iss"] == context.store.store_id
        assert claims["exp"] - claims["iat"] == 30 * 86_400
        other = claims_of(Tokens(context).create("pipeline")["bearer_token"])
    assert other["jti"] != claims["jti"]
    assert other["exp"] - other["iat"] == 90 * 86_400


def test_a_good_token_gives_its_user_with_the_role_of_now(shared, second_worker, ada, bob):
    with shared.as_user(bob) as context:
        made = Tokens(context).create("pipeline")
    with second_worker.context() as context:
        found = authenticate(context, made["bearer_token"], address="192.0.2.7", request_id="r7")
        assert found == Actor("Bob", "Member", bob["id"], made["id"], "192.0.2.7", "r7")
    with shared.as_user(ada) as context:
        Users(context).update(bob["id"], {"role": "Manager"})
    with second_worker.context() as context:
        assert authenticate(context, made["bearer_token"]).role == "Manager"


def test_a_revoked_token_is_refused_at_once_on_every_worker(shared, second_worker, bob):
    with shared.as_user(bob) as context:
        made = Tokens(context).create("pipeline")
    with second_worker.context() as context:
        authenticate(context, made["bearer_token"])
    with shared.as_user(bob) as context:
        assert not Tokens(context).revoke(made["id"])["active"]
    assert refusal(second_worker, made["bearer_token"]) == "the token was revoked"
    with shared.as_user(bob) as context:
        assert Tokens(context).revoke(made["id"], revoke=False)["active"]
    with second_worker.context() as context:
        authenticate(context, made["bearer_token"])


def forged(shared, claims, secret=None, algorithm="HS256", **header):
    return jwt.encode(claims, secret or signing_secret(shared), algorithm, headers=header)


def test_forged_tokens_are_refused_each_for_its_reason(shared, ada):
    good = ada["bearer_token"]
    claims = claims_of(good)
    head, body, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    changed = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "2"}).encode()).rstrip(b"=").decode()
    not_right = "the token was changed after it was made: its signature is wrong"
    not_ours = "the token is not signed the way this control plane signs"
    elsewhere = "the token belongs to another control plane"
    found = {
        "alg none": (f"{none}.{body}.", not_ours),
        "alg none with a signature": (f"{none}.{body}.{signature}", not_ours),
        "no signature": (f"{head}.{body}.", not_right),
        "another body": (f"{head}.{changed}.{signature}", not_right),
        "another secret": (forged(shared, claims, "x" * 32), not_right),
        "another length": (forged(shared, claims, "x" * 64, "HS512"), not_ours),
        "another store": (forged(shared, {**claims, "iss": "other"}, "x" * 32), elsewhere),
        "another store, our secret": (forged(shared, {**claims, "iss": "other"}), elsewhere),
        "another audience": (forged(shared, {**claims, "aud": "other"}), not_right),
        "no end": (
            forged(shared, {key: value for key, value in claims.items() if key != "exp"}),
            "the value sent is not a token",
        ),
        "an end that is past": (forged(shared, {**claims, "exp": 1}), "the token has expired"),
        "never given out": (
            forged(shared, {**claims, "jti": "x"}),
            "the token no longer exists: it or its user was deleted",
        ),
        "no token": ("Basic", "the value sent is not a token"),
        "endless": ("a." * 100_000, "the value sent is not a token"),
        "odd": ("\udc80.\u202e.\0", "the value sent is not a token"),
    }
    for name, (bearer, reason) in found.items():
        told = refusal(shared, bearer)
        assert told == reason, name
        assert bearer not in told
    assert refusal(shared, "") == "no token was sent"
    with shared.context() as context:
        assert authenticate(context, good).name == "Ada"


def test_a_public_key_taken_for_the_secret_signs_nothing(shared, ada):
    # The classic confusion of algorithms: the header asks for a check that the server must not choose by.
    claims, pem = claims_of(ada["bearer_token"]), b"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"
    parts = [
        json.dumps({"alg": "HS256", "kid": "../../dev/null", "jwk": {"kty": "oct", "k": "AA"}}).encode(),
        json.dumps(claims).encode(),
    ]
    text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(pem, text.encode(), "sha256")).rstrip(b"=").decode()
    assert "signature is wrong" in refusal(shared, f"{text}.{signature}")


def test_an_expired_token_is_refused_though_its_signature_is_known_to_be_right(shared, ada):
    with shared.context() as context, context.store.writing():
        authenticate(context, ada["bearer_token"])
        context.store.execute("UPDATE tokens SET expires = '2020-01-01T00:00:00.000Z'")
    assert refusal(shared, ada["bearer_token"]) == "the token has expired"


def test_a_token_of_another_control_plane_is_told_so(shared, ada, tmp_path):
    other = type(shared)(tmp_path / "other")
    made = other.make("Ada", "Admin")
    assert refusal(shared, made["bearer_token"]) == "the token belongs to another control plane"
    assert refusal(other, ada["bearer_token"]) == "the token belongs to another control plane"
    other.pool.close()


def test_no_token_is_good_where_none_was_ever_made(shared):
    bearer = jwt.encode({"sub": "1", "iss": "x", "aud": "qualytics"}, "x" * 32, "HS256")
    assert refusal(shared, bearer) == "the token belongs to another control plane"


def test_the_secret_that_signs_is_sealed_long_and_made_once(shared, second_worker, ada):
    before = signing_secret(shared)
    second_worker.make("Cid")
    with second_worker.context() as context:
        Tokens(context).create("t", user="Cid")
    assert signing_secret(shared) == before
    assert len(before.encode()) >= 32
    assert before not in shared.everything()


@pytest.mark.parametrize("days", [0, -1, 366, 10**30, 1.5, "30", True])
def test_a_token_is_good_for_a_day_to_a_year(shared, bob, days):
    with shared.as_user(bob) as context:
        with pytest.raises(InvalidInput, match="expires_in_days must be 1 to 365"):
            Tokens(context).create("pipeline", days)
        assert Tokens(context).create("pipeline", 365)["active"]


@pytest.mark.parametrize("name", ["", "x" * 256, "a\nb", None, 7])
def test_a_token_has_a_name(shared, bob, name):
    with shared.as_user(bob) as context, pytest.raises(InvalidInput, match="name"):
        Tokens(context).create(name)


def test_others_have_no_tokens_for_who_is_not_admin(shared, ada, bob):
    cid = shared.make("Cid", "Manager")
    with shared.as_user(cid) as context:
        theirs = Tokens(context).create("theirs")
    with shared.as_user(bob) as context:
        service = Tokens(context)
        for action in (service.get, service.revoke, service.delete):
            with pytest.raises(NotFound, match=f"there is no token {theirs['id']} of yours"):
                action(theirs["id"])
        for action in (
            lambda: service.create("mine", user="Cid"),
            lambda: service.create("mine", user=cid["id"]),
            lambda: list(service.list("Cid")),
            lambda: list(service.list(everybody=True)),
            lambda: service.page(1, 50, "Cid"),
        ):
            with pytest.raises(NotAllowed, match="may not manage the tokens of others"):
                action()
        assert list(service.list()) == []
    with shared.as_user(ada) as context:
        service = Tokens(context)
        assert [found["name"] for found in service.list("Cid")] == ["theirs"]
        assert [found["user"]["name"] for found in service.list(everybody=True)] == ["Ada", "Cid"]
        assert service.create("for Cid", user=cid["id"])["user"]["name"] == "Cid"
        assert service.revoke(theirs["id"])["revoked"]


def test_only_a_revoked_token_can_be_deleted(shared, bob):
    with shared.as_user(bob) as context:
        service = Tokens(context)
        made = service.create("pipeline")
        with pytest.raises(Conflict, match="token 'pipeline' is not revoked"):
            service.delete(made["id"])
        service.revoke(made["id"])
        assert service.delete(made["id"]) == {"id": made["id"], "name": "pipeline", "deleted": True}
        with pytest.raises(NotFound):
            service.get(made["id"])
    assert "no longer exists" in refusal(shared, made["bearer_token"])


def test_a_token_is_named_by_its_user_alone_and_a_valid_one_is_meant(shared, ada, bob):
    with shared.as_user(bob) as context:
        service = Tokens(context)
        first, digits = service.create("Nightly"), service.create("1000")
        assert service.get(" nightly")["id"] == service.revoke("NIGHTLY")["id"] == first["id"]
        assert service.get("nightly")["revoked"]
        second = service.create("nightly")
        assert service.get("nightly")["id"] == second["id"]
        third = service.create("nightly")
        message = f"2 tokens are named 'nightly': {second['id']}, {third['id']}"
        with pytest.raises(UsageError, match=message):
            service.revoke("nightly")
        assert service.get(Word(str(first["id"])))["id"] == first["id"]
        with pytest.raises(UsageError, match=f"1000 could be an id, or the name of token {digits['id']}"):
            service.revoke(Word("1000"))
        with pytest.raises(NotFound, match="there is no token 'nobody' of yours"):
            service.delete("nobody")
    with shared.as_user(ada) as context, pytest.raises(NotFound, match="there is no token '1000' of yours"):
        Tokens(context).revoke("1000")
    with shared.context() as context:
        assert Tokens(context).revoke("1000")["user"]["name"] == "Bob"


def test_the_owner_of_the_store_says_whose_token_it_is(shared, ada):
    with shared.context() as context:
        with pytest.raises(UsageError, match="--user is missing"):
            Tokens(context).create("x")
        with pytest.raises(NotFound, match="there is no user 'Eve'"):
            Tokens(context).create("x", user="Eve")
        assert len(list(Tokens(context).list())) == 1


def test_a_user_has_a_limited_number_of_good_tokens(shared, bob):
    with shared.as_user(bob) as context:
        with context.store.writing():
            accounts = context.store.accounts
            for number in range(MAX_ACTIVE):
                row = {"created": "2026-01-01T00:00:00.000Z", "expires": "2099-01-01T00:00:00.000Z"}
                last = accounts.insert_token(Token(user_id=bob["id"], name="t", hash=str(number), **row))
        with pytest.raises(Conflict, match="has 100 valid tokens"):
            Tokens(context).create("one more")
        Tokens(context).revoke(last)
        Tokens(context).create("one more")


def test_tokens_are_in_the_audit_log_without_themselves(shared, bob):
    with shared.as_user(bob) as context:
        service = Tokens(context)
        made = service.create("pipeline")
        service.revoke(made["id"])
        service.delete(made["id"])
        with pytest.raises(NotFound):
            service.revoke(1)
    told = [entry[:4] for entry in shared.audit() if entry[0].startswith("token.") and entry[1] == "Bob"]
    assert told == [
        *(("token.create", "Bob", "pipeline", "done"), ("token.revoke", "Bob", "pipeline", "done")),
        *(("token.delete", "Bob", "pipeline", "done"), ("token.revoke", "Bob", None, "not-found")),
    ]
    assert made["bearer_token"] not in str(shared.audit())


def last_used(shared, token_id=1):
    with shared.context() as context:
        return context.store.accounts.token(token_id).last_used


def test_the_last_use_is_written_once_a_minute_and_never_by_the_request(shared, ada):
    usage = TokenUsage(shared.context)
    with shared.context() as context:
        authenticate(context, ada["bearer_token"], usage=usage)
        authenticate(context, ada["bearer_token"], usage=usage)
    usage.close()
    first = last_used(shared)
    assert first is not None
    again = TokenUsage(shared.context)  # as another worker's
    with shared.context() as context:
        authenticate(context, ada["bearer_token"], usage=again)
    again.close()
    assert last_used(shared) == first
    with shared.context() as context, context.store.writing():
        context.store.execute("UPDATE tokens SET last_used = '2020-01-01T00:00:00.000Z'")
    later = TokenUsage(shared.context)
    with shared.context() as context:
        authenticate(context, ada["bearer_token"], usage=later)
    later.close()
    assert last_used(shared) >= first


def test_a_request_does_not_wait_for_whoever_writes(shared, second_worker, ada):
    usage, entered, leave = TokenUsage(second_worker.context), threading.Event(), threading.Event()

    def write():
        with shared.context() as context, context.store.writing():
            entered.set()
            leave.wait(60)

    writer = threading.Thread(target=write)
    writer.start()
    assert entered.wait(60)
    with second_worker.context() as context:
        assert authenticate(context, ada["bearer_token"], usage=usage).name == "Ada"
    assert not leave.is_set()
    leave.set()
    writer.join()
    usage.close()
    assert last_used(shared) is not None


def test_times_of_tokens_sort_as_they_pass(shared, ada):
    with shared.context() as context:
        found = context.store.accounts.token(1)
    assert found.created < found.expires
    assert len(found.created) == len(found.expires)
    assert abs(claims_of(ada["bearer_token"])["iat"] - time.time()) < 60


def kept(shared, bearer):
    """Store a forged token as one that was given out, good for long as far as its row says."""
    with shared.context() as context, context.writing():
        row = {"created": "2026-01-01T00:00:00.000Z", "expires": "2999-01-01T00:00:00.000Z"}
        context.store.accounts.insert_token(Token(user_id=1, name="t", hash=digest_of(bearer), **row))


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_replica_whose_clock_is_up_to_a_minute_ahead_makes_good_tokens(shared, ada, claim):
    for ahead_s, is_good in ((3, True), (50, True), (600, False)):
        bearer = forged(
            shared, {**claims_of(ada["bearer_token"]), "jti": str(ahead_s), claim: int(time.time()) + ahead_s}
        )
        kept(shared, bearer)
        if is_good:
            with shared.context() as context:
                assert authenticate(context, bearer).name == "Ada"
        else:
            assert refusal(shared, bearer) == "the token is not valid yet: the clocks of the servers differ"


@pytest.mark.parametrize("ago_s", [0, 1, 30])
def test_the_end_of_a_token_is_its_end_on_every_clock(shared, ada, ago_s):
    bearer = forged(shared, {**claims_of(ada["bearer_token"]), "exp": int(time.time()) - ago_s})
    kept(shared, bearer)
    assert refusal(shared, bearer) == "the token has expired"


def test_all_tokens_of_one_user_end_at_once_and_for_good(shared, ada, bob):
    with shared.as_user(ada) as context:
        theirs = Tokens(context).create("theirs")
    with shared.as_user(bob) as context:
        tokens = Tokens(context)
        made = [tokens.create("one"), tokens.create("two")]
        assert tokens.revoke_all() == 2
    assert {refusal(shared, token["bearer_token"]) for token in made} == {"the token was revoked"}
    with shared.as_user(bob) as context, pytest.raises(Conflict, match="cannot be restored"):
        Tokens(context).revoke(made[0]["id"], revoke=False)
    with shared.context() as context:
        assert authenticate(context, theirs["bearer_token"]).name == "Ada"


def test_the_last_admin_keeps_a_way_in(shared, ada):
    with shared.as_user(ada) as context:
        made = Tokens(context).create("only")
        with pytest.raises(Conflict):
            Tokens(context).revoke_all()
    with shared.context() as context:
        assert authenticate(context, made["bearer_token"]).name == "Ada"
