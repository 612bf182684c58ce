"""The encoding of a session: the server makes UTF-8 of its texts where it can, else they come as the bytes they are."""

from __future__ import annotations

from typing import Any

from qualytics.connectors.shared.names import as_bytes, as_text

UTF8 = "UTF8"
RAW = "SQL_ASCII"
_TEXTS = ("text", "name", "varchar", "bpchar", '"char"', 0)  # 0: the server names no type


def prepare(handle: Any) -> None:
    """Set the encoding of a fresh session, and have its texts read and given as `_names` spells them."""
    from psycopg import Cursor, errors
    from psycopg.adapt import Dumper, Loader

    status = handle.pgconn.parameter_status
    # A server in SQL_ASCII does not know what its bytes mean; it would refuse the rest of a row for one name.
    wanted = RAW if RAW.encode() in {status(b"server_encoding"), status(b"client_encoding")} else UTF8
    if status(b"client_encoding") != wanted.encode():
        speak(handle, wanted)

    class Names(Loader):
        def load(self, data: Any) -> str:
            return as_text(bytes(data))

    class Given(Dumper):
        def dump(self, obj: str) -> bytes:
            return as_bytes(obj)

    class Reading(Cursor[Any]):
        def execute(self, *query: Any, **options: Any) -> Any:
            try:
                return super().execute(*query, **options)
            except (errors.CharacterNotInRepertoire, errors.UntranslatableCharacter):
                if status(b"client_encoding") == RAW.encode():
                    raise
                speak(handle, RAW)
                return super().execute(*query, **options)

    for name in _TEXTS:
        handle.adapters.register_loader(name, Names)
    handle.adapters.register_dumper(str, Given)
    handle.cursor_factory = Reading


def speak(handle: Any, encoding: str) -> None:
    """Change the encoding of a session."""
    handle.pgconn.nonblocking = 0
    handle.pgconn.exec_(f"set client_encoding to '{encoding}'".encode())
    handle.pgconn.nonblocking = 1
