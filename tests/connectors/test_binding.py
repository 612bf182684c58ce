"""Each field and parameter of each type binds the stored secret, or says why not; read from the tables alone."""

from __future__ import annotations

import itertools
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from qualytics import connectors
from qualytics.connectors.contract import Param
from qualytics.fields import BY_NAME, FIELDS
from qualytics.service import policy as rules
from qualytics.service.validate import accepted
from qualytics.settings import ServerPolicy
from qualytics.structs import replace
from testbed.control_plane import MANY, serving
from tests.support.every_parameter import base_of, bases, companions, is_valid, merged, two_values

NEEDED = (409, "secret-needed-for-new-target")
ALL = [pytest.param(connector, id=connector.type) for connector in connectors.all_connectors()]
WITH_SECRETS = [one for one in ALL if any(BY_NAME[name].is_secret for name in one.values[0].fields)]
WITHOUT = [one for one in ALL if one not in WITH_SECRETS]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a directory whose files a control plane may read."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory, files):
    """Return a control plane on which every type is allowed."""
    loose = [word for one in ALL if one.values[0].pinned is None for word in ("--allow-type", one.values[0].type)]
    home = tmp_path_factory.mktemp("plane") / "home"
    with serving(home, *MANY, "--allow-file", str(files), *loose) as found:
        yield found


@pytest.fixture
def listener():
    with socket.create_server(("0.0.0.0", 0)) as found:
        found.settimeout(0)
        yield found


def changes(connector, entry, base, values):
    """Return `{kind: (connection, change)}` for what is set, changed and unset, as far as the type allows it."""
    found = {}
    is_param = isinstance(entry, Param)
    for before in bases(connector, base, entry, values[0]):
        if not is_valid(before, ServerPolicy()):
            continue
        held = (before["parameters"] if is_param else before).get(entry.name)
        for value in values if entry.name == "name" else (*values, None):  # a name cannot be unset
            kind = "unset" if value is None else "set" if held is None else "changed"
            left_out = implied(connector, entry, before)
            is_same = value == held or (
                None in (value, held) and str(value if held is None else held).lower() == left_out
            )
            if is_same or kind in found:
                continue
            sets, drops = companions(connector, value), companions(connector, held)
            fields, inside = (dict.fromkeys(gone) | come for come, gone in zip(sets, drops, strict=True))
            alone, together = {entry.name: value}, {entry.name: value, **inside}
            for change in ({"parameters": alone}, {**fields, "parameters": together}) if is_param else (alone,):
                if is_valid(merged(before, change), ServerPolicy()):
                    found.setdefault(kind, (before, change))
        if len(found) == 3:
            break
    return found


def implied(connector, entry, before):
    """Return what an entry stands for where it is left out, in lower case."""
    if not isinstance(entry, Param):
        return str(connector.default_port if entry.name == "port" else None)
    inside = {name: value for name, value in before.get("parameters", {}).items() if name != entry.name}
    found = rules.bound(connector, {**before, "parameters": inside}).get(f"parameters.{entry.name}", entry.default)
    return str(found).lower()


def entries(connector):
    secrets = [name for name in connector.fields if BY_NAME[name].is_secret]
    alone = secrets if len(secrets) == 1 else []  # with it nothing stored stays
    fields = [BY_NAME[name] for name in accepted(connector) if name not in {"parameters", *alone}]
    return [*fields, *(param for param in connector.params if not param.is_path)]  # a control plane takes no path


def leaves_a_secret(connector, before, change):
    return any(BY_NAME[name].is_secret and name in before and name not in change for name in connector.fields)


def stored(admin, before):
    answer = admin("POST", "/connections", {**before, "name": f"binding-{next(_numbers)}"})
    assert answer.status == 200, answer
    return answer.json


def answers(caller, found, change):
    """Yield what each verb that changes a connection, or uses its secret, says."""
    address = f"/connections/{found['id']}"
    yield caller("PATCH", f"{address}?dry_run=true", change)
    yield caller("PATCH", f"{address}?test=true", change)
    yield caller("POST", f"{address}/test", change)
    yield caller("PUT", address, {"name": found["name"], "type": found["type"], **change})
    yield caller("PATCH", address, change)


@pytest.mark.slow
@pytest.mark.parametrize("connector", WITH_SECRETS)
def test_what_binds_asks_for_the_secret_and_what_is_harmless_does_not(
    connector, control_plane, listener, files, authority
):
    admin, manager = control_plane.api("Admin"), control_plane.api("Manager")
    port = listener.getsockname()[1]
    base = base_of(connector, port, files)
    for entry in entries(connector):
        values = two_values(entry, base, port, files, authority.cert_pem.bytes().decode())
        found = changes(connector, entry, base, values)
        if not found:  # it cannot change beside a secret, or there is nothing to choose
            assert len(getattr(entry, "choices", ())), f"{entry.name}: no value of it is known here"
            others = {"parameters": {entry.name: entry.choices[-1]}}
            assert not is_valid(merged(base, others), ServerPolicy()) or len(entry.choices) == 1, entry.name
        for kind, (before, change) in found.items():
            if not leaves_a_secret(connector, before, change):
                continue
            document = stored(admin, before)
            if entry.harmless:
                kept = manager("PATCH", f"/connections/{document['id']}", change)
                assert kept.status == 200, (entry.name, kind, kept)
                continue
            for answer in answers(manager, document, change):
                if entry in FIELDS and entry.is_secret and change[entry.name] is None and answer.status == 200:
                    continue  # PUT takes a null for nothing, and so keeps the secret
                assert (answer.status, answer.json["code"]) == NEEDED, (entry.name, kind, answer)
            assert admin("PATCH", f"/connections/{document['id']}?dry_run=true", change).status == 200
    with pytest.raises(BlockingIOError):
        listener.accept()
    # The same listener hears of a test that is allowed.
    listener.settimeout(60)
    with ThreadPoolExecutor(1) as threads:
        told = threads.submit(manager, "POST", f"/connections/{stored(admin, base)['id']}/test?timeout_s=300")
        listener.accept()[0].close()
        listener.close()
        assert told.result().status == 200


@pytest.mark.slow
@pytest.mark.parametrize("connector", WITHOUT)
def test_a_connection_without_a_secret_may_be_changed(connector, control_plane, files):
    base = base_of(connector, 0, files)
    for entry in entries(connector):
        for before, change in changes(connector, entry, base, two_values(entry, base, 2, files, "")).values():
            found = stored(control_plane.api("Admin"), before)
            assert control_plane.api("Manager")("PATCH", f"/connections/{found['id']}", change).status == 200, change


@pytest.mark.slow
@pytest.mark.parametrize("connector", WITH_SECRETS)
def test_a_default_that_is_spelled_out_changes_nothing(connector, control_plane, files):
    base = base_of(connector, 1, files)
    admin, manager = control_plane.api("Admin"), control_plane.api("Manager")
    defaults = {param.name: param.shared_default or param.default for param in connector.params}
    types = {param.name: param.type for param in connector.params}
    spelled = [
        {"parameters": {name: default == "true" if types[name] is bool else default}}
        for name, default in defaults.items()
        if default is not None and name not in base.get("parameters", {})
    ]
    if "port" in connector.fields and connector.endpoint is None:
        base, spelled = {**base, "port": None}, [*spelled, {"port": connector.default_port}]
    base = {name: value for name, value in base.items() if value is not None}
    found = stored(admin, base)
    for change in filter(lambda change: is_valid(merged(base, change), ServerPolicy()), spelled):
        for path in ("?dry_run=true", ""):
            answer = manager("PATCH", f"/connections/{found['id']}{path}", change)
            assert answer.status == 200, (change, answer)


@pytest.mark.parametrize("connector", ALL)
def test_a_parameter_that_nobody_marked_binds(connector):
    named = replace(connector, params=(*connector.params, Param("new", str, "something new")))
    before = {"parameters": {"new": "one"}}
    assert rules.bound(named, before)["parameters.new"] == "one"
    assert rules.bound(named, {})["parameters.new"] is None


@pytest.mark.parametrize("connector", ALL)
def test_each_reason_is_a_sentence(connector):
    for entry in (*connector.params, *FIELDS):
        reason = entry.harmless
        assert not reason or re.fullmatch(r"[a-z][^.]*[^.;:, ]", reason), (entry.name, reason)
        assert not reason or len(reason.split()) >= 5, (entry.name, reason)
