"""What a connection of each type is given to reach a port of this machine, whoever listens there."""

from __future__ import annotations

import base64
import functools
import json
from typing import TYPE_CHECKING, Any

from testbed import java

if TYPE_CHECKING:
    from collections.abc import Callable

LOCAL = "127.0.0.1"
# In place of a password; it is masked wherever it stands, so it is no word of a message.
WORD = "Tr1al-7"
WAREHOUSE = "/sql/1.0/warehouses/1234567890abcdef"


@functools.cache
def google_key(bits: int = 2_048) -> str:
    """Return the key file of a service account that nobody knows."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65_537, bits)
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()
    found = {"type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": pem}
    return json.dumps(found | {"client_email": "a@p.iam.gserviceaccount.com", "client_id": "1"})


def reaching(kind: str, port: int, scheme: str = "http") -> dict[str, Any]:
    """Return the fields of a connection of that type to 127.0.0.1 and the port."""
    url = f"{scheme}://{LOCAL}:{port}"
    if kind in _BY_URL:
        fields = _BY_URL[kind]()
        fields["parameters"] = {**fields.get("parameters", {}), "endpoint_url": url}
        return {"type": kind, **fields}
    if kind == "jdbc":
        login = {"username": "reader", "password": WORD, "parameters": java.driver("h2")}
        return {"type": kind, "uri": f"jdbc:h2:tcp://{LOCAL}:{port}/sales", **login}
    login = {"password": WORD} if kind == "databricks" else {"username": "reader", "password": WORD}
    fields = {"type": kind, "host": LOCAL, "port": port, **login}
    return fields | {"parameters": _NEEDED[kind]} if kind in _NEEDED else fields


_NEEDED = {
    "databricks": {"path": WAREHOUSE},
    "fabric": {"tenant_id": "contoso.onmicrosoft.com"},
    "oracle": {"service_name": "sales"},
}
_BY_URL: dict[str, Callable[[], dict[str, Any]]] = {
    "s3": lambda: {"uri": "s3://data", "access_key": "AKIA", "secret_key": WORD},
    "gcs": lambda: {"uri": "gs://data", "secret_key": google_key()},
    "abfs": lambda: {
        "uri": "abfss://data@account.dfs.core.windows.net",
        "access_key": "account",
        "secret_key": base64.b64encode(WORD.encode()).decode(),
    },
    "bigquery": dict,
    "athena": lambda: {
        "username": "AKIA",
        "password": WORD,
        "parameters": {"region": "us-east-1", "output": "s3://results/x/"},
    },
    "databricks_native": lambda: {"host": "dbc-1234.cloud.databricks.com", "password": WORD},
}
