"""The table of fields agrees with itself and with the keys of documents."""

from qualytics.fields import BY_NAME, CREATE, FIELDS, KEYS, SECRETS, TEST, UPDATE

# Keys of documents that no field gives.
MADE = {"id", "connection_type", "secrets_manager", "product_name", "product_version", "driver_name", "driver_version"}
MADE |= {"datastores", "created"}


def test_names_and_options_are_unique():
    options = [field.option for field in FIELDS] + [field.short for field in FIELDS if field.short]
    assert len(set(options)) == len(options)
    assert len(BY_NAME) == len(FIELDS)


def test_every_field_can_be_created_and_every_one_but_type_updated():
    assert all(CREATE in field.verbs for field in FIELDS)
    assert [field.name for field in FIELDS if UPDATE not in field.verbs] == ["type"]
    assert [field.name for field in FIELDS if TEST not in field.verbs] == ["name", "tags", "owner"]


def test_secret_fields_are_those_of_the_documents_and_take_references():
    assert SECRETS == ("password", "passphrase", "access_key", "secret_key")
    assert all(field.takes_refs for field in FIELDS if field.is_secret)
    assert {field.name for field in FIELDS if field.takes_refs and not field.is_secret} == {
        *("host", "username", "uri", "parameters")
    }


def test_every_key_of_a_document_is_a_field_or_made_by_us():
    for keys in KEYS.values():
        assert len(set(keys)) == len(keys)
        assert set(keys) - MADE <= BY_NAME.keys()


def test_the_keys_of_documents_stand_in_their_order():
    head = ["id", "name", "tags", "owner", "type", "connection_type"]
    tail = ["product_name", "product_version", "driver_name", "driver_version", "datastores", "created"]
    middle = {
        "jdbc": "host port uri username password passphrase parameters jdbc_fetch_size max_parallelization "
        "secrets_manager",
        "dfs": "uri access_key secret_key parameters max_parallelization secrets_manager",
        "native": "host catalog catalog_type username password parameters max_parallelization secrets_manager",
        "embedded": "uri parameters jdbc_fetch_size max_parallelization",
    }
    assert {kind: list(keys) for kind, keys in KEYS.items()} == {
        kind: [*head, *keys.split(), *tail] for kind, keys in middle.items()
    }
