"""Types of documents: each has the keys of the table that the program itself works by."""

from typing import get_args, get_type_hints

import pytest

from qualytics import types
from qualytics.client.http import replies
from qualytics.connectors.reading import INVALID_TEXT, SPECIAL, Query
from qualytics.fields import BY_NAME, DATASTORE_KEYS, DETECTED, FIELDS, KEYS, SECRETS, TAG_CHANGES, UPDATE
from qualytics.probe.protocol import Encrypted
from qualytics.probe.verdicts.failure_classes import CLASSES
from qualytics.service.accounts import users
from qualytics.service.config import datastores as config_datastores
from qualytics.service.config import verbs as config_verbs
from qualytics.service.datastores import fields as datastore_fields
from qualytics.service.rights import ROLES
from tests.support.typed import faults

_NULLABLE = {str: str | None, int: int | None, dict: dict | None}


def keys_of(document):
    return {*get_type_hints(document)}


def test_a_connection_has_the_keys_of_its_kind_and_those_of_every_kind_must_be_there():
    kinds = [set(keys) for keys in KEYS.values()]
    assert keys_of(types.Connection) == set.union(*kinds)
    assert types.Connection.__required_keys__ == set.intersection(*kinds)
    assert get_args(types.ConnectionKind) == tuple(KEYS)


def test_fields_and_changes_of_a_connection_are_those_of_the_table():
    assert keys_of(types.ConnectionFields) == {field.name for field in FIELDS}
    assert types.ConnectionFields.__required_keys__ == {"type"}
    assert keys_of(types.ConnectionChanges) == {
        *(field.name for field in FIELDS if UPDATE in field.verbs),
        *TAG_CHANGES,
    }
    assert types.ConnectionChanges.__required_keys__ == set()


@pytest.mark.parametrize("document", [types.Connection, types.ConnectionFields])
def test_a_field_has_the_type_of_the_table(document):
    values = {str: "x", int: 1, list: ["x"], dict: {"a": 1}}
    hints = get_type_hints(document)
    for name, field in BY_NAME.items():
        assert faults(values[field.type], hints[name]) == [], name
        assert faults(({},), hints[name]) != [], name
    for name in (*SECRETS, *DETECTED):
        assert faults(None, hints.get(name, str | None)) == [], name


def test_a_datastore_has_the_keys_of_the_table_and_takes_its_fields_and_settings():
    assert types.Datastore.__required_keys__ == set(DATASTORE_KEYS)
    takes = {*datastore_fields._FIELDS, *datastore_fields.SETTINGS}
    assert keys_of(types.DatastoreChanges) == takes
    assert keys_of(types.DatastoreFields) == takes | {"connection"}
    assert types.DatastoreFields.__required_keys__ == {"name"}
    hints = get_type_hints(types.DatastoreChanges)
    for name, setting in datastore_fields.SETTINGS.items():
        sample = setting.words[0] if setting.words else {int: 1, str: "x", bool: True}[setting.type]
        assert faults(sample, hints[name]) == [], name
        assert faults([], hints[name]) != [], name


def test_a_resource_takes_what_creates_and_changes_a_record():
    named = {"id", "previous_name"}
    assert keys_of(types.ConnectionResource) == {field.name for field in FIELDS} | named
    assert types.ConnectionResource.__required_keys__ == {"name", "type"}
    names = {"connection_name", "enrich_datastore_name"}
    assert keys_of(types.DatastoreResource) == keys_of(types.DatastoreChanges) | named | names
    assert types.DatastoreResource.__required_keys__ == {"name"}
    assert keys_of(types.Config) == {*config_verbs.SORTS, "prune"}


def test_a_datastore_of_a_configuration_has_every_setting():
    settings = datastore_fields.SETTINGS.keys() - {"enrichment_datastore_id"}
    assert types.ConfigDatastore.__optional_keys__ == settings
    assert types.ConfigDatastore.__required_keys__ == {*DATASTORE_KEYS, config_datastores.ENRICHMENT}


def test_a_report_has_the_keys_that_clients_know_and_the_classes_of_failures():
    assert types.TestReport.__required_keys__ == set(replies._REPORT_KEYS)
    assert set(get_args(types.FailureClass)) == CLASSES.keys()
    assert types.Tls.__required_keys__ == set(Encrypted._fields)


def test_a_user_has_the_keys_and_takes_the_fields_of_the_table():
    assert types.User.__required_keys__ == types.CurrentUser.__required_keys__ == set(users._KEYS)
    assert keys_of(types.UserFields) == set(users.FIELDS)
    assert keys_of(types.UserChanges) == set(users.FIELDS) - {"kind"}
    assert get_args(types.Role) == ROLES
    assert get_args(types.UserKind) == users.KINDS


def test_the_check_of_documents_finds_what_is_wrong():
    stage = {"name": "tcp", "ok": True, "ms": 1}
    assert faults(stage, types.Stage) == []
    assert faults({**stage, "ok": 1}, types.Stage) == ["document.ok: 1 is not <class 'bool'>"]
    assert faults({**stage, "ms": True}, types.Stage) == ["document.ms: True is not <class 'float'>"]
    assert faults({**stage, "age": 1}, types.Stage) == ["document: age is no key of Stage"]
    assert faults({"name": "tcp", "ok": True}, types.Stage) == ["document: ms is missing"]
    assert faults([stage, 1], list[types.Stage]) == ["document: 1 is no object"]


def test_a_read_takes_the_fields_of_a_query_and_a_limit_of_time():
    assert keys_of(types.ReadOptions) == {*Query.__annotations__, "limit_s"}
    assert types.ReadOptions.__required_keys__ == set()
    hints = get_type_hints(types.ReadOptions)
    assert get_args(hints["special"]) == SPECIAL
    assert get_args(hints["invalid_text"]) == INVALID_TEXT
