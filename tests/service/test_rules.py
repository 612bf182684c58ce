"""The rules of the service where no option of the command line leads: unknown fields, types, nulls, hosts, names."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qualytics.client import connect
from qualytics.connectors import get
from qualytics.errors import InvalidInput, NotFound, Problem, VersionChanged
from qualytics.model import Failure, StageResult, TestReport
from qualytics.secret import MASK
from qualytics.service import documents, hosts, validate
from qualytics.service.connections.drafts import derived_name, draft
from qualytics.text import visible

PG = {"type": "postgresql", "host": "db.example.com"}


@pytest.fixture
def client(home):
    """Return a client of a fresh store."""
    with connect() as found:
        yield found


def problems_of(action, *given, **options):
    with pytest.raises(InvalidInput) as caught:
        action(*given, **options)
    return [(problem.loc, problem.code) for problem in caught.value.problems]


REFUSED = [
    ({}, [("type", "missing-value")]),
    ({"type": ""}, [("type", "missing-value")]),
    ({"type": None}, [("type", "missing-value")]),
    ({"type": 7}, [("type", "missing-value")]),
    ({"type": "nope"}, [("type", "unknown-type")]),
    ({"type": "postgresql"}, [("host", "missing-value")]),
    ({"type": "postgresql", "host": None}, [("host", "missing-value")]),
    ({**PG, "hots": "x"}, [("hots", "unknown-field")]),
    ({**PG, "id": 7}, [("id", "unknown-field")]),
    ({**PG, "uri": "x"}, [("uri", "field-not-accepted")]),
    ({**PG, "secrets_manager": {"kind": "vault"}}, [("secrets_manager", "not-supported")]),
    ({**PG, "port": "5432"}, [("port", "invalid-value")]),
    ({**PG, "port": True}, [("port", "invalid-value")]),
    ({**PG, "port": 1.5}, [("port", "invalid-value")]),
    ({**PG, "host": ["h"]}, [("host", "invalid-value")]),
    ({**PG, "name": 5}, [("name", "invalid-value")]),
    ({**PG, "username": ""}, [("username", "invalid-value")]),
    ({**PG, "password": 5}, [("password", "invalid-value")]),
    ({**PG, "password": MASK}, [("password", "secret-is-mask")]),
    ({**PG, "parameters": []}, [("parameters", "invalid-value")]),
    ({**PG, "parameters": {"x": 1}}, [("parameters", "unknown-parameter")]),
    (
        {**PG, "host": "a:1", "port": 0, "nam": "x"},
        [("host", "invalid-value"), ("port", "invalid-value"), ("nam", "unknown-field")],
    ),
]


@pytest.mark.parametrize(("given", "found"), REFUSED)
def test_a_create_tells_every_problem_by_place_and_code(client, home, given, found):
    assert problems_of(client.connections.create, given) == found
    assert not home.exists()


def test_every_problem_has_a_hint():
    for given_, _ in REFUSED:
        with pytest.raises(InvalidInput) as caught:
            draft(given_)
        assert all(problem.hint or problem.code == "unknown-field" for problem in caught.value.problems)


def test_a_null_is_an_unset_field_and_a_null_secrets_manager_is_fine(client):
    made = client.connections.create({**PG, "port": None, "secrets_manager": None, "parameters": {"ssl_mode": None}})
    assert (made["port"], made["secrets_manager"], made["parameters"]) == (None, None, None)


def test_the_type_cannot_change_but_may_be_named_again(client):
    client.connections.create(PG)
    assert problems_of(client.connections.update, 1, {"type": "sqlite"}) == [("type", "invalid-value")]
    assert problems_of(client.connections.update, 1, {"type": None}) == [("type", "invalid-value")]
    assert client.connections.update(1, {"type": "postgres", "port": 1})["port"] == 1


def test_an_update_with_an_old_version_is_refused(client):
    client.connections.create(PG)
    client.connections.update(1, {"port": 1}, version=1)
    with pytest.raises(VersionChanged, match="was changed by somebody else meanwhile"):
        client.connections.update(1, {"port": 2}, version=1)
    assert client.connections.get(1)["port"] == 1


def test_a_name_with_half_a_character_is_nobodys(client):
    client.connections.create({**PG, "name": "a?b"})
    with pytest.raises(NotFound):
        client.connections.find("a\ud800b")
    assert list(client.connections.list("\udcff")) == []


VISIBLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\u061c\u200e\u200f"))


@given(st.text())
@example("\u202e a \u2066")
def test_a_visible_name_is_one_that_the_rules_let_through(text):
    name = visible(text)
    assert name == visible(name)
    if 1 <= len(name) <= 255:
        problems = validate.Problems()
        assert validate.check_name("name", name, problems) == name
        problems.finish()


@given(st.text())
def test_folding_ignores_case_form_and_outer_spaces_and_is_stable(text):
    key = validate.fold(text)
    for other in (f" {text}\t", unicodedata.normalize("NFD", text), unicodedata.normalize("NFC", text)):
        assert validate.fold(other) == key
    if text.isascii():
        assert validate.fold(text.upper()) == validate.fold(text.lower())


@given(st.text(max_size=300))
def test_a_derived_name_is_always_a_good_name(place):
    name = derived_name(get("sqlite"), {"uri": f"/data/{place}"})
    problems = validate.Problems()
    assert validate.check_name("name", name + "-1000000", problems) == name + "-1000000"
    problems.finish()


GOOD_HOSTS = [
    *("db", "db.example.com", "db.example.com.", "DB-1.example.com", "a_b.example", "127.0.0.1", "::1"),
    *("2001:db8::1", "xy12345.eu-central-1.snowflakecomputing.com", "b\u00fccher.example", "x" * 63, "1.2", "0"),
]


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_a_name_or_an_address_is_a_host(host):
    assert hosts.clean(host) == ("xn--bcher-kva.example" if "b\u00fc" in host else host, None)


@given(st.text())
def test_a_host_is_judged_whatever_it_is_and_never_repeated(text):
    host, found = hosts.clean(text)
    if found is None:
        assert host.isascii()
        assert not set(host) & set(" /\\@,;[]%\n\0")
    elif len(text) > 12:
        assert text not in "".join(found)


def report(**changes):
    failure = Failure("login", "auth", retryable=False, message="m ", hint="h\nx", detail="d\udc80 " + "x" * 5_000)
    return TestReport(failure, (StageResult("login", ok=False, ms=1.0),), 1.5, "m\n x", **changes)


def test_a_report_is_cut_and_its_words_are_on_one_line():
    document = documents.report_document(report(warnings=("w",)))
    assert (document["message"], document["hint"], document["warnings"]) == ("m x", "h x", ["w"])
    assert len(document["detail"]) == 4_096
    assert document["detail"].startswith("d\\udc80 x")


def test_a_problem_is_named_by_its_place():
    problems = validate.Problems()
    problems.add("port", "is odd")
    assert problems.found == [Problem("port", "port is odd")]


def test_a_new_name_that_looks_like_anothers_is_taken_with_a_warning(client):
    twin = "\u0440r\u043e\u0501"
    prod = client.connections.create({**PG, "name": "prod"})["id"]
    assert client.connections.warnings == ()
    other = client.connections.create({**PG, "name": twin})["id"]
    assert client.connections.warnings == (f"the name looks like that of connection {prod}, 'prod'",)
    client.connections.update(other, {"port": 5433})
    assert client.connections.warnings == ()
    client.connections.update(other, {"name": "test"})
    assert client.connections.warnings == ()
    client.connections.update(other, {"name": "pr0d-\u0430"})
    assert client.connections.warnings == ()
    client.connections.create({**PG, "name": "prOd-a"})
    assert client.connections.warnings == (f"the name looks like that of connection {other}, 'pr0d-\u0430'",)


def test_a_name_made_of_a_host_that_looks_like_anothers_is_warned_of(client):
    first = client.connections.create(PG | {"host": "db1"})["id"]
    for host in ("db1", "db2"):
        client.connections.create(PG | {"host": host})
        assert client.connections.warnings == ()
    client.connections.create(PG | {"host": "dbl"})
    assert client.connections.warnings == (f"the name looks like that of connection {first}, 'postgresql-db1'",)


def test_a_datastore_whose_new_name_looks_like_anothers_is_taken_with_a_warning(client):
    place = {"connection_id": client.connections.create(PG)["id"], "database": "x", "schema": "y"}
    sales = client.datastores.create({**place, "name": "sales"})["id"]
    assert client.datastores.warnings == ()
    other = client.datastores.create({**place, "name": "s\u0430les"})["id"]
    assert client.datastores.warnings == (f"the name looks like that of datastore {sales}, 'sales'",)
    client.datastores.update(other, {"name": "s\u0430les", "schema": "z"})
    assert client.datastores.warnings == ()
    client.datastores.update(other, {"name": "SALES-\u0430"})
    assert client.datastores.warnings == ()
    client.datastores.update(sales, {"name": "5ales-a"})
    assert client.datastores.warnings == ()
    client.datastores.update(sales, {"name": "sa1es-a"})
    assert client.datastores.warnings == (f"the name looks like that of datastore {other}, 'SALES-\u0430'",)
