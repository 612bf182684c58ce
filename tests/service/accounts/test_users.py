"""Users and service accounts: who may change them, what is kept of them, and the last Admin."""

import json
import threading

import pytest

from qualytics.errors import Conflict, InvalidInput, NameTaken, NotAllowed, NotFound, NotSignedIn, VersionChanged
from qualytics.service.accounts.passwords import MIN_LENGTH, Passwords
from qualytics.service.accounts.tokens import Tokens, authenticate
from qualytics.service.accounts.users import Users

# Every password costs what argon2 makes it cost.
pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
KEYS = ["id", "name", "kind", "role", "email", "issuer", "subject", "created"]


def problems_of(action, *given):
    with pytest.raises(InvalidInput) as caught:
        action(*given)
    return [(problem.loc, problem.code) for problem in caught.value.problems]


def test_the_first_admin_gets_a_token_and_nobody_after(shared):
    first = shared.make("Ada", "Admin")
    assert list(first) == [*KEYS, "bearer_token"]
    with shared.context() as context:
        assert authenticate(context, first["bearer_token"]).name == "Ada"
    assert list(shared.make("Bob", "Admin")) == KEYS
    assert list(shared.make("Cid", "Member")) == KEYS


def test_no_document_and_no_table_holds_a_password(shared):
    made = shared.make("Ada", "Admin", password=PASSWORD)
    with shared.context() as context:
        service = Users(context)
        shown = [
            made,
            service.get(1),
            *service.list(),
            service.page(1, 50),
            service.update(1, {"password": PASSWORD * 2}),
        ]
    assert "argon2" not in json.dumps(shown)
    assert PASSWORD not in json.dumps(shown)
    held = shared.everything()
    assert "$argon2id$" in held
    assert PASSWORD not in held
    assert made["bearer_token"] not in held


REFUSED = [
    ({}, [("name", "missing-value")]),
    ({"name": None}, [("name", "missing-value")]),
    ({"name": ""}, [("name", "invalid-value")]),
    ({"name": 7}, [("name", "invalid-value")]),
    ({"name": "a\u202eb"}, [("name", "invalid-value")]),
    ({"name": "x", "role": "Root"}, [("role", "invalid-value")]),
    ({"name": "x", "kind": "robot"}, [("kind", "invalid-value")]),
    ({"name": "x", "email": "nowhere"}, [("email", "invalid-value")]),
    ({"name": "x", "email": "a@b\r\nX: y"}, [("email", "invalid-value")]),
    ({"name": "x", "password": "a" * (MIN_LENGTH - 1)}, [("password", "invalid-value")]),
    ({"name": "x", "password": "********"}, [("password", "secret-is-mask")]),
    ({"name": "x", "password": "a\ud800" * 10}, [("password", "invalid-value")]),
    ({"name": "x", "issuer": "https://i.example"}, [("subject", "missing-value")]),
    ({"name": "x", "kind": "service", "password": PASSWORD}, [("password", "field-not-accepted")]),
    ({"name": "x", "kind": "service", "issuer": "https://i", "subject": "s"}, [("issuer", "field-not-accepted")]),
    *(
        ({"name": "x", field: "y"}, [(field, "unknown-field")])
        for field in ("id", "version", "password_hash", "created")
    ),
]


@pytest.mark.parametrize(("given", "found"), REFUSED)
def test_a_create_tells_every_problem_by_place_and_code(shared, given, found):
    with shared.context() as context:
        assert problems_of(Users(context).create, given) == found


def test_names_are_unique_whatever_their_case(shared):
    shared.make("Ada")
    with pytest.raises(NameTaken):
        shared.make("ADA ", kind="service")
    bob = shared.make("Bob")
    with shared.context() as context, pytest.raises(NameTaken):
        Users(context).update(bob["id"], {"name": "ada"})


def test_two_users_cannot_be_one_subject(shared):
    link = {"issuer": "https://i.example", "subject": "s1"}
    shared.make("Ada", **link)
    with pytest.raises(Conflict, match="'Ada' is already linked to that subject"):
        shared.make("Bob", **link)


@pytest.mark.parametrize("role", ["Manager", "Member"])
def test_only_an_admin_sees_or_changes_users(shared, role):
    shared.make("Ada")
    other = shared.make("Bob", role)
    with shared.as_user(other) as context:
        service = Users(context)
        for action, given in (
            (service.create, ({"name": "Eve", "role": "Admin"},)),
            (service.update, (other["id"], {"role": "Admin"})),
            (service.delete, (1,)),
            (service.get, (1,)),
            (service.find, ("Ada",)),
            (service.page, (1, 50)),
            (lambda: list(service.list()), ()),
        ):
            with pytest.raises(NotAllowed, match=f"'Bob' has the role {role}"):
                action(*given)
        assert service.me()["role"] == role
    refused = [(action, actor, outcome) for action, actor, _, outcome, _, _ in shared.audit() if outcome != "done"]
    assert refused == [(f"user.{verb}", "Bob", "not-allowed") for verb in ("create", "update", "delete")]


def test_the_last_admin_stays_admin(shared):
    ada = shared.make("Ada")
    with shared.as_user(ada) as context:
        service = Users(context)
        for action, given in ((service.delete, (1,)), (service.update, (1, {"role": "Manager"}))):
            with pytest.raises(Conflict, match="'Ada' is the last Admin"):
                action(*given)
        service.create({"name": "Bob", "role": "Admin", "issuer": "https://i.example", "subject": "s"})
        assert service.update(1, {"role": "Manager"})["role"] == "Manager"


def test_two_admins_cannot_remove_each_other_at_once(shared, second_worker):
    for number in range(10):
        with shared.context() as context, context.store.writing():
            context.store.execute("DELETE FROM users")
        link = {"issuer": "https://i.example"}
        pair = [shared.make(f"{name}{number}", **link, subject=f"{name}{number}") for name in ("Ada", "Bob")]
        start, ended = threading.Barrier(2), []

        def remove(worker, who, whom, start=start, ended=ended):
            with worker.as_user(who) as context:
                start.wait(60)
                try:
                    ended.append(Users(context).delete(whom["id"])["deleted"])
                except NotSignedIn:  # removed before it could remove
                    ended.append(False)

        threads = [
            threading.Thread(target=remove, args=(shared, *pair)),
            threading.Thread(target=remove, args=(second_worker, *reversed(pair))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ended) == [False, True]


def test_an_update_changes_what_is_given_and_keeps_the_rest(shared):
    shared.make("Ada", email="Ada@Example.com", password=PASSWORD)
    with shared.context() as context:
        service = Users(context)
        before = service.get(1)
        after = service.update(1, {"name": "Ada L."}, version=before.version)
        assert after == {**before, "name": "Ada L."}
        assert after.version == before.version + 1
        assert service.update(1, {"email": None})["email"] is None
        assert service.update(1, {"kind": "user"})["name"] == "Ada L."
        with pytest.raises(VersionChanged):
            service.update(1, {"email": "x@y.z"}, version=before.version)
        assert problems_of(service.update, 1, {"kind": "service"}) == [("kind", "invalid-value")]
        assert problems_of(service.update, 1, {"name": None}) == [("name", "invalid-value")]
        assert problems_of(service.update, 1, {"role": None}) == [("role", "invalid-value")]


def test_a_user_who_is_not_there_is_not_found(shared):
    with shared.context() as context:
        service = Users(context)
        for action, given in ((service.get, (9,)), (service.update, (9, {"name": "x"})), (service.delete, (2**80,))):
            with pytest.raises(NotFound, match="there is no user"):
                action(*given)


def test_a_list_is_filtered_by_kind_and_part_of_the_name(shared):
    for name, kind in (("Ada", "user"), ("Adabot", "service"), ("Bob", "user")):
        shared.make(name, kind=kind)
    with shared.context() as context:
        service = Users(context)
        assert [found["name"] for found in service.list("user")] == ["Ada", "Bob"]
        assert [found["name"] for found in service.list(name="ADA")] == ["Ada", "Adabot"]
        page = service.page(2, 2)
        assert ([found["name"] for found in page["items"]], page["total"], page["pages"]) == (["Bob"], 3, 2)


def test_deleting_a_user_ends_every_token_of_theirs(shared, second_worker):
    ada, bob = shared.make("Ada"), shared.make("Bob", "Manager")
    with shared.as_user(bob) as context:
        bearer = Tokens(context).create("pipeline")["bearer_token"]
    with second_worker.context() as context:
        assert authenticate(context, bearer).name == "Bob"
    with shared.as_user(ada) as context:
        Users(context).delete(bob["id"])
    with second_worker.context() as context, pytest.raises(NotSignedIn, match="no longer exists"):
        authenticate(context, bearer)


def test_every_change_is_in_the_audit_log_by_names_alone(shared):
    ada = shared.make("Ada")
    with shared.as_user(ada) as context:
        service = Users(context)
        made = service.create({"name": "Bob", "email": "bob@example.com", "password": PASSWORD})
        service.update(made["id"], {"role": "Manager", "password": PASSWORD * 2})
        service.delete(made["id"])
    told = [entry for entry in shared.audit() if entry[0].startswith("user.")]
    assert [entry[:4] for entry in told] == [
        ("user.create", "owner", "Ada", "done"),
        ("user.create", "Ada", "Bob", "done"),
        ("user.update", "Ada", "Bob", "done"),
        ("user.delete", "Ada", "Bob", "done"),
    ]
    assert json.loads(told[2][5])["changed"] == ["password", "role"]
    assert PASSWORD not in str(told)
    assert "bob@example.com" not in str(told)


def test_a_password_is_the_same_however_its_letters_are_composed():
    passwords = Passwords()
    made = passwords.hash("pa\u00df und Mu\u0308he, ganz lang")
    assert passwords.verify(made, "pa\u00df und M\u00fche, ganz lang")
    assert not passwords.verify(made, "pass und M\u00fche, ganz lang")
    assert not passwords.verify("no hash at all", "x")


TWINS = ["\u0430lice", "a\u217cice", "AL\u0406CE", "a1ice", "\uff41lice", "\U0001d41alice", "alic\u0435", "\u0391LICE"]


@pytest.mark.parametrize("kind", ["user", "service"])
@pytest.mark.parametrize("twin", TWINS, ids=ascii)
def test_nobody_is_named_so_that_they_look_like_another(shared, twin, kind):
    shared.make("Ada", "Admin")
    shared.make("alice", "Member")
    bob = shared.make("Bob", "Member", kind=kind)
    with shared.context() as context:
        service = Users(context)
        with pytest.raises(NameTaken, match="looks like that of user 'alice'"):
            service.create({"name": twin, "kind": kind})
        with pytest.raises(NameTaken, match="looks like that of user 'alice'"):
            service.update(bob["id"], {"name": twin})
        assert service.update(bob["id"], {"name": "Bobby"})["name"] == "Bobby"


def test_a_twin_from_before_stays_readable_and_can_be_changed_and_deleted(shared):
    shared.make("Ada", "Admin")
    shared.make("alice", "Member")
    with shared.context() as context:
        service = Users(context)
        twin = service.create({"name": "other"})["id"]
        with context.store.writing():
            context.store.execute("UPDATE users SET name = ?, name_key = ? WHERE id = ?", (TWINS[0], TWINS[0], twin))
        assert service.get(twin)["name"] == TWINS[0]
        assert service.update(twin, {"role": "Manager", "name": TWINS[0]})["role"] == "Manager"
        assert service.update(twin, {"name": "alicia"})["name"] == "alicia"
        assert service.delete(twin)["deleted"]
