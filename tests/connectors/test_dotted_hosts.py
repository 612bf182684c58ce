"""The dot at the end of a host is for its look-up alone: no certificate and no server name has it."""

from __future__ import annotations

import pytest

from tests.connectors.test_tls_defects import TDS, TYPES
from tests.support import namespaces


@pytest.fixture(scope="module")
def in_namespace():
    return namespaces.run("tests.connectors.dotted_in_namespace")


@pytest.mark.slow
@pytest.mark.parametrize("type_", sorted(set(TYPES) - TDS - {"bigquery"}))
def test_a_host_that_ends_in_a_dot_matches_its_certificate(in_namespace, type_):
    found = in_namespace[type_]
    assert found["stages"]["resolve"], found
    assert found["stages"].get("tls") or found["class"] != "tls", found
    # Some servers are asked beforehand whether they speak TLS at all, without a name.
    assert set(found["asked"]) - {None} == {"db.example"}, found
