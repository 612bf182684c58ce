"""Stores for benchmarks, filled through the product's own code: a dozen, a million, or with sealed secrets."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qualytics import connectors
from qualytics.secret import Secret
from qualytics.settings import Settings
from qualytics.store import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qualytics.connectors.contract import Connector

_CREATED = "2026-01-01T00:00:00.000Z"
_MANY = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
    INSERT INTO connections (version, name, name_key, type, host, port, username, created)
    SELECT 1, printf('Connection %07d', n), printf('connection %07d', n),
        json_extract(?, printf('$[%d]', n % ?)), printf('db%d.example.com', n), 5432, 'reader', ?
    FROM numbers
"""


def networked() -> list[Connector]:
    """Return the connectors that reach over the network and whose driver is installed."""
    found = connectors.all_connectors()
    return [connector for connector in found if connector.kind != "embedded" and connector.driver_version()]


def fill(home: Path, count: int, types: Sequence[str] = ()) -> None:
    """Make a store of that many connections, named `Connection 0000001` and on, without secrets, of types by turns."""
    types = types or [networked()[0].type]
    with open_store(Settings(home)) as store, store.writing():
        store.execute(_MANY, (count, json.dumps(list(types)), len(types), _CREATED))


def fill_sealed(home: Path, count: int) -> None:
    """Make a store of that many connections with a sealed password and some parameters each."""
    types = [connector.type for connector in networked()]
    with open_store(Settings(home)) as store, store.writing():
        for number in range(1, count + 1):
            store.connections.insert(
                f"Database {number}",
                f"database {number}",
                types[number % len(types)],
                {"host": f"db{number}.example.com", "username": "reader", "parameters": {"ssl_mode": "verify"}},
                {"password": Secret(f"correct horse {number}")},
                _CREATED,
            )


def cipher_floor_s(count: int) -> float:
    """Return how long the cipher alone takes to open, seal and open again that many secrets."""
    old, new, data = AESGCM(os.urandom(32)), AESGCM(os.urandom(32)), bytes(100)
    sealed = [(nonce, old.encrypt(nonce, b"correct horse", data)) for nonce in (os.urandom(12) for _ in range(count))]
    began = time.perf_counter()
    for nonce, text in sealed:
        fresh = os.urandom(12)
        new.decrypt(fresh, new.encrypt(fresh, old.decrypt(nonce, text, data), data), data)
    return time.perf_counter() - began
