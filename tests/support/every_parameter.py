"""Connections of each type that hold each of its fields and parameters, in every mode that a type has."""

from __future__ import annotations

from qualytics.connectors.contract import Param
from qualytics.errors import InvalidInput
from qualytics.fields import BY_NAME, FIELDS
from qualytics.service.connections.drafts import draft
from testbed.reach import WORD, reaching

# Two values for what has a form of its own; other texts may be anything.
VALUES = {
    "host": ("127.0.0.1", "127.0.0.2"),
    "role_arn": ("arn:aws:iam::123456789012:role/one", "arn:aws:iam::123456789012:role/two"),
    "external_id": ("customer-1", "customer-2"),
    "region": ("eu-west-1", "us-east-2"),
    "output": ("s3://results/one/", "s3://results/two/"),
    "driver_class": ("org.example.One", "org.example.Two"),
    "path": ("/sql/1.0/warehouses/1", "/sql/1.0/warehouses/2"),
    "tenant_id": ("one.example.com", "two.example.com"),
}
# What some choices need beside them, where the type has it.
COMPANIONS = {
    "IAM_ROLE": {"role_arn": VALUES["role_arn"][0], "region": "eu-west-1", "cluster_identifier": "sales"},
    "SERVICE_PRINCIPAL": {"tenant_id": "contoso.onmicrosoft.com"},
    "OAUTH_M2M": {"username": "client-id"},
}


def base_of(connector, port, files):
    """Return a connection that reaches a port of this machine."""
    if connector.kind == "embedded":
        return {"type": connector.type, "uri": str(files / "sales.db")}
    found = reaching(connector.type, port)
    if "jars" in found.get("parameters", {}):
        found["parameters"]["jars"] = [str(files / "one.jar")]
    return found


def two_values(entry, base, port, files, root):  # noqa: PLR0911 - one line a form
    """Return two values that a field or parameter may have."""
    if entry.name in VALUES:
        return VALUES[entry.name]
    if entry.name == "name":
        return f"{base['type']}-one", f"{base['type']}-two"
    if entry.name == "uri":
        return base["uri"], f"{base['uri']}/other"
    if entry.name == "endpoint_url":
        return f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}/other"
    if entry.type is list:
        return [str(files / "one.jar")], [str(files / "two.jar")]
    if getattr(entry, "is_pem", False):
        return root, root + root
    if entry.type is bool:
        return True, False
    if entry.type is int:
        return port - 1, (port if entry.name == "port" else 7)
    return getattr(entry, "choices", ())[:2] or ("one", "two")


def merged(base, change):
    """Return what a change makes of a connection."""
    parameters = {**base.get("parameters", {}), **change.get("parameters", {})}
    whole = {**base, **change, "parameters": {name: value for name, value in parameters.items() if value is not None}}
    return {name: value for name, value in whole.items() if value not in (None, {})}


def is_valid(given, policy=None):
    """Say whether the rules let a connection pass, here or on a control plane."""
    try:
        draft(given, policy)
    except InvalidInput:
        return False
    return True


def companions(connector, choice):
    """Return what a choice needs beside it: fields, and parameters."""
    more = COMPANIONS.get(str(choice), {})
    inside = {param.name for param in connector.params} & more.keys()
    return {name: more[name] for name in more.keys() & set(connector.fields)}, {name: more[name] for name in inside}


def bases(connector, base, entry, value):
    """Yield connections that may hold an entry, or do: in every mode, and without what stands in its way."""
    modes = [{}] + [{param.name: choice} for param in connector.params for choice in param.choices]
    others = {name: WORD for name in connector.fields if BY_NAME[name].is_secret and name not in base}
    for mode in modes:
        more_fields, more = companions(connector, next(iter(mode.values()), None))
        for extra in ({}, {entry.name: value}):
            inside = {**base.get("parameters", {}), **more, **mode, **(extra if isinstance(entry, Param) else {})}
            outside = {**base, **more_fields, **(others if entry in FIELDS and entry.is_secret else {})}
            outside |= extra if entry in FIELDS else {}
            for dropped in (None, *inside):
                yield outside | {"parameters": {key: val for key, val in inside.items() if key != dropped}}
