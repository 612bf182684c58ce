"""JSON Schemas of files: every key of every document is in them, with a type that its value has."""

import pytest

from qualytics import connectors
from qualytics.exchange import schemas
from qualytics.fields import KEYS, READ_ONLY
from qualytics.service.datastores.fields import SETTINGS


@pytest.mark.parametrize("name", connectors.type_names())
def test_a_schema_has_every_key_of_a_file_and_every_parameter_of_its_type(name):
    connector = connectors.get(name)
    schema = schemas.of_type(name)
    keys = {key for key in KEYS[connector.kind] if key not in READ_ONLY}
    keys -= set() if "uri" in connector.fields else {"uri"}
    assert keys <= schema["properties"].keys()
    assert set(schema["properties"]["parameters"]["properties"]) == {param.name for param in connector.params}
    assert connector.type in schema["properties"]["type"]["enum"]
    assert schema["required"] == ["name", "type"]


def test_the_schema_of_a_datastore_has_every_setting_but_the_id_of_another():
    properties = schemas.of_datastore()["properties"]
    assert SETTINGS.keys() - properties.keys() == {"enrichment_datastore_id"}
