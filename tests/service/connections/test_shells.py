"""Clients that engines bring: what stands among their arguments, which every user of the machine can read."""

import re

import pytest

from qualytics import connectors
from qualytics.errors import Conflict
from qualytics.fields import SECRETS
from qualytics.service.connections import shells

SHELLS = [
    (connector, shell)
    for connector in connectors.all_connectors()
    if connector.foreign is not None
    for shell in connector.foreign.shells
]


@pytest.mark.parametrize(("connector", "shell"), SHELLS, ids=lambda one: getattr(one, "type", None) or one.program)
def test_arguments_name_what_the_type_has_and_no_secret(connector, shell):
    templates = (*shell.words, *(word for words in shell.tls.values() for word in words))
    known = {*connector.fields, *(param.name for param in connector.params), "database", "schema", "system_roots"}
    named = {name for template in templates for name in re.findall(r"\{(\w+)\}", template)}
    assert named <= known - set(SECRETS)
    assert set(shell.files.values()) <= known
    modes = next((param.choices for param in connector.params if param.name == "ssl_mode"), ())
    assert set(shell.tls) <= set(modes)


def test_a_type_without_a_client_is_refused():
    with pytest.raises(Conflict, match="no client of oracle is known"):
        shells.programs("oracle")
