"""Rights on a control plane: below Admin nobody learns whether a secret is the stored one."""

import json

import pytest

from qualytics.service.config.verbs import Config
from qualytics.service.connections.verbs import Connections
from qualytics.service.datastores.verbs import Datastores

SECRET = "first-secret"
PG = {"name": "prod", "type": "postgresql", "host": "db.example.com", "username": "app", "password": SECRET}


@pytest.fixture
def as_role(shared):
    """Return a function that plans or applies connections as a user of a role."""
    users = {role: shared.make(role, role) for role in ("Admin", "Manager")}

    def call(role, verb, *connections):
        with shared.as_user(users[role]) as context:
            verbs = Connections(context)
            config = Config(context, verbs, Datastores(context, verbs))
            return getattr(config, verb)({"connections": [*connections]})

    call("Admin", "apply", PG)
    return call


def fields_of(plan):
    return [(field["name"], field["secret"]) for one in plan["changes"] for field in one["fields"]]


def test_a_manager_changes_tags_of_a_connection_with_a_secret_without_giving_it(as_role):
    for secret in ({}, {"password": None}):
        tagged = {**{name: PG[name] for name in PG if name != "password"}, **secret, "tags": [f"eu{len(secret)}"]}
        assert fields_of(as_role("Manager", "plan", tagged)) == [("tags", None)]
        assert as_role("Manager", "apply", tagged)["update"] == 1
    assert as_role("Admin", "plan", PG)["unchanged"] == 1  # the secret is still there, the same


@pytest.mark.parametrize("secret", [SECRET, "other-secret"])
def test_below_admin_a_secret_is_given_and_written_whatever_is_stored(as_role, secret):
    given = PG | {"password": secret}
    assert fields_of(as_role("Manager", "plan", given)) == [("password", "given")]
    compared = [] if secret == SECRET else [("password", "changed")]
    assert fields_of(as_role("Admin", "plan", given)) == compared
    assert fields_of(as_role("Manager", "apply", given)) == [("password", "given")]
    assert as_role("Admin", "plan", given)["unchanged"] == 1


def test_comparing_secrets_is_recorded_even_where_an_apply_changes_nothing(as_role, shared):
    as_role("Admin", "apply", PG)
    as_role("Manager", "apply", PG | {"tags": ["eu"]})
    details = [json.loads(entry[-1]) for entry in shared.audit() if entry[0] == "config.apply"]
    assert [detail["compared"] for detail in details] == [0, 1, 0]
