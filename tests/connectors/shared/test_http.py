"""What becomes part of a URL's path stays one part of it: no name leads a stored secret to another path of a host."""

from __future__ import annotations

import json

import pytest

from qualytics.connectors.contract import Refusal
from qualytics.connectors.shared.http import segment
from tests.support import faults_suite as suite
from tests.support.cloud import serving, trial

_STEPS = ["..", ".", "../../../evil", "a/../../../../evil", "..\\..\\evil", "a/b"]


@pytest.mark.parametrize("name", [*_STEPS, "...", ""])
def test_a_name_with_steps_is_refused(name):
    with pytest.raises(Refusal):
        segment(name)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("sales", "sales"),
        ("a?b#c", "a%3Fb%23c"),
        ("%2e%2e%2f", "%252e%252e%252f"),
        ("example.com:p-1", "example.com:p-1"),
    ],
)
def test_another_name_is_quoted(name, quoted):
    assert segment(name) == quoted


TYPES = {
    "databricks_native": (lambda name: {"host": "localhost", "catalog": name}, {}),
    "bigquery": (lambda _name: {}, {"database": "p"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", _STEPS[2:4])
@pytest.mark.parametrize("kind", TYPES)
def test_a_test_asks_for_no_path_that_a_name_leads_to(kind, name):
    asked = []

    def answer(_method, path, _headers, _body):
        asked.append(path)
        return 200, {}, json.dumps({"projects": []}).encode()

    values, scope = TYPES[kind]
    with serving(answer) as port:
        parameters = {"endpoint_url": f"http://127.0.0.1:{port}"}
        secret = "dapi" if kind == "databricks_native" else None
        report = trial(kind, {**values(name), "parameters": parameters}, secret, **scope, schema=name)
    assert suite.verdict(report) == ("database", "unknown_db"), report.failure
    assert asked
    assert not [path for path in asked if "evil" in path]
