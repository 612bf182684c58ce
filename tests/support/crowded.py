"""A store of a control plane that is full before a test begins, of what might be mistaken for the test's own.

Tests share a control plane, in an order that is random: none of them may count on being the first, on a list that is
empty or has one page, on a name that no other contains, or on a page in which nobody has written markup. So each begins
with more than any test leaves behind.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from qualytics import settings
from qualytics.service.accounts.tokens import Tokens
from qualytics.service.accounts.users import Users
from qualytics.service.clock import later, now
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Context
from qualytics.service.datastores.verbs import Datastores
from qualytics.service.grants import Grants
from qualytics.service.rights import ROLES
from qualytics.store.tables.audit import Entry
from qualytics.store.tables.past_tests import PastTest
from qualytics.structs import replace
from testbed.control_plane import PASSWORD, make_accounts, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qualytics.store.base import Store
    from testbed.control_plane import ControlPlane

# What a page, a line of a table, a header or a pattern may take for its own.
MARKUP = (
    """<script>alert("1")</script>""",
    """"><img src=x onerror=alert(1) style=x>""",
    """' onclick='x' data-state="works" autofocus""",
    "</textarea></td></table><h1>Connections</h1><a href=/sign-out>",
    "{{ 7 * 7 }}${HOME}%s%(name)s\\1",
    "a,b;c|d\\te",
    "-- DROP TABLE connections; 100%",
    "\u00e9\u4e2d\U0001f600",
)
# Names as tests like them, and what is beside them: other tests ask for a part of a name, or for its beginning.
NAMES = (
    *("pg", "t1", "a", "warehouse", "first", "sales", "c1", "db", "x"),
    *("prod", "one", "new", "test", "name", "name-0"),
)
AROUND = ("{}2", "{}-2", "my {}", "{} (old)", "{}_copy", "{}é", "{}\u00b2")
TYPES = (
    {"type": "postgresql", "host": "db.example.com", "username": "app", "password": "crowd-secret"},
    {"type": "mysql", "host": "127.0.0.1", "port": 3306, "username": "root"},
    {"type": "snowflake", "host": "acme-prod.snowflakecomputing.com", "username": "LOADER", "password": "crowd-secret"},
    {"type": "mariadb", "host": "127.0.0.1", "port": 1, "username": "sa"},
    {"type": "s3", "uri": "s3://raw/sales", "access_key": "crowd", "secret_key": "crowd-secret"},
    {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "<b>app</b>"},
)
TAGS = (["prod"], ["prod", "nightly"], ["<i>tag</i>", "pro"], [])
OWNERS = ("data team", "<u>owner</u>", "ada", None)
OUTCOMES = ("done", "failed", "not-allowed", "invalid-input", "not-found", "name-taken")
ACTIONS = (
    *("connection.create", "connection.update", "connection.test", "connection.use", "connection.delete"),
    *("datastore.create", "user.create", "token.create", "token.revoke", "grant.create", "operation.run", "sign-in"),
)
PEOPLE, TOKENS, PAST = 60, 70, 110
_DAY_S = 86_400


@contextlib.contextmanager
def crowded(home: Path, *options: str) -> Iterator[ControlPlane]:
    """Run a control plane of such a store, whose users have a password."""
    tokens = make_accounts(home, password=PASSWORD)
    crowd(home)
    with serving(home, *options, tokens=tokens) as found:
        yield found


def crowd(home: Path) -> None:
    """Fill a store that has one user of each role."""
    found = replace(settings.load({"QUALYTICS_CONFIG_HOME": str(home)}), policy=settings.ServerPolicy())
    with Context(found) as context:
        datastores = Datastores(context, Connections(context))
        connections = _connections(context)
        people = _people(context)
        for number, person in enumerate(people):
            Grants(context).create(person, connections[number]["id"], 1 + number if number % 2 else None)
        for number, document in enumerate(connections[:60]):
            if document["type"] == "postgresql":
                place = {"database": "sales", "schema": "public", "description": MARKUP[number % len(MARKUP)]}
                given = {"name": f"store of {document['name']}", "connection_id": document["id"], **place}
                datastores.create(given)
        for number in range(TOKENS):
            Tokens(context).create(f"{MARKUP[number % 2]} {number}", 1 + number, user=people[number % 7])
        with context.writing() as store:
            store.execute("UPDATE grants SET expires = ? WHERE id % 4 = 2", (later(-_DAY_S),))
            store.execute("UPDATE tokens SET revoked = ? WHERE id % 5 = 3 AND user_id > ?", (now(), len(ROLES)))
            for number, document in enumerate(connections):
                _past(store, number, document["id"])
            _audit(store, [document["name"] for document in connections])
            _operations(store, connections)


def _names() -> list[str]:
    near = [form.format(name) for name in NAMES for form in AROUND]
    return [*near, *(f"{text} {number}" for number in range(3) for text in MARKUP)]


def _connections(context: Context) -> list[dict]:
    made = []
    for number, name in enumerate(_names()):
        given = TYPES[number % len(TYPES)] | {"tags": TAGS[number % 4], "owner": OWNERS[number % 3]}
        made.append(Connections(context).create({"name": name, **given}))
    return made


def _people(context: Context) -> list[str]:
    names = [f"{role.lower()}{end}" for role in ROLES for end in ("2", " (left)", "\u00e9")]
    names += [f"{text} {number}" for number in range(8) for text in MARKUP][: PEOPLE - len(names)]
    for number, name in enumerate(names):
        kind = {"kind": "Service"} if number % 3 == 2 else {"email": f"{number}@example.com"}
        Users(context).create({"name": name, "role": ROLES[number % len(ROLES)], **kind})
    return names


def _past(store: Store, number: int, connection_id: int) -> None:
    """Give a connection tests that went well, that went ill, both, many of them, or none."""
    for test in range((0, 1, 2, 1, PAST)[number % 5] if number % 10 != 4 else 1):
        works = (number + test) % 3 == 0
        store.past_tests.add(
            [
                (
                    connection_id,
                    PastTest(
                        version=1,
                        at=later(-_DAY_S + test),
                        user_id=None,
                        user_name=MARKUP[test % len(MARKUP)],
                        connected=works,
                        stage=None if works else ("tcp", "login", "tls")[number % 3],
                        failure_class=None if works else ("refused", "auth", "tls")[number % 3],
                        code=None if works else "28P01",
                        duration_ms=12.5,
                        ms={"resolve": 0.5, "tcp": 1.0},
                        product_version=MARKUP[0],
                        driver_version="1",
                    ),
                )
            ]
        )


def _audit(store: Store, names: list[str]) -> None:
    """Write entries of every kind, of yesterday: what was refused within an hour is counted for those who ask now."""
    for number in range(240):
        action = ACTIONS[number % len(ACTIONS)]
        entry = Entry(
            created=later(-_DAY_S + number),
            actor_id=1 + number % 40,
            actor=(*map(str.lower, ROLES), *MARKUP)[number % (len(ROLES) + len(MARKUP))],
            token_id=None,
            address="192.0.2.7",
            request_id="r1",
            action=action,
            object_type=action.partition(".")[0],
            object_id=1 + number % 90,
            object_name=names[number % len(names)],
            outcome=OUTCOMES[number % len(OUTCOMES)] if number % 2 else "done",
            detail=_detail(action, MARKUP[number % len(MARKUP)]),
        )
        store.audit.insert(entry)


def _detail(action: str, text: str) -> dict[str, object]:
    if action.startswith(("token.", "grant.")):
        return {"user": text, "connection": text}
    return {"purpose": text} if action == "connection.use" else {"version": 1, "changed": ["host"]}


def _operations(store: Store, connections: list[dict]) -> None:
    """Keep a run over many connections that has ended, with what drivers said."""
    moment, many = later(-_DAY_S), connections[:60]
    row = {"type": "test", "datastore_id": 0, "result": "failure", "created": moment, "start_time": moment}
    row |= {"user_id": 1, "end_time": moment, "request": {"total": len(many)}}
    operation = store.operations.insert(row)
    for number, document in enumerate(many):
        result = {"id": document["id"], "name": document["name"], "type": document["type"], "connected": False}
        result |= {"stage": "login", "class": "auth", "message": MARKUP[number % len(MARKUP)], "hint": None}
        store.operations.add_result(operation, document["id"], json.dumps(result), connected=False)
