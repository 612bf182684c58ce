"""What a person types into the form of a type: its own example, as the command line takes it."""

from __future__ import annotations

import json
import shlex

from qualytics.server.web import forms
from tests.support.object_stores import GOOGLE_KEY


def example_of(connector):
    """Return the fields of a type's example, with a value in place of each reference."""
    words = shlex.split(connector.example)
    options = dict(zip(words[::2], words[1::2], strict=True))
    values = {name.removeprefix("--").replace("-", "_"): value for name, value in options.items()}
    given = {name: _filled(name, value) for name, value in values.items() if name != "parameters"}
    return given | {"parameters": json.loads(values.get("parameters", "{}"))}


def _filled(name, value):
    if name in {"password", "secret_key"} and "JSON" in value:
        return json.dumps(GOOGLE_KEY)
    if name == "port":
        return int(value)
    return value.replace("${", "").replace("}", "").replace("_", "-").lower() if "${" in value else value


def typed(connector, values):
    """Return values as the texts of a form."""
    secrets = {name: value for name, value in values.items() if name in forms.secrets_of(connector)}
    return forms.of_document(connector, values) | secrets
