"""What PyMySQL is told, and how far a password goes over a plain connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import refuse

if TYPE_CHECKING:
    from qualytics.connectors.contract import Refusal, Target

_CLEAR_HINT = "turn TLS on at the server, or set ssl_mode=disable to send it all the same"


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of pymysql.connect."""
    from pymysql.cursors import SSCursor

    found: dict[str, Any] = {
        "host": target.host,
        "port": target.port,
        "user": target.username,
        # As bytes: PyMySQL encodes a text as Latin-1.
        "password": target.password.reveal().encode() if target.password is not None else b"",
        "charset": "utf8mb4",
        "cursorclass": SSCursor,
        "autocommit": True,
        "local_infile": False,
        "program_name": target.parameters.get("program_name", "qualytics"),
        "connect_timeout": target.timeout_s,
        "read_timeout": target.timeout_s,
        "write_timeout": target.timeout_s,
    }
    tls = target.tls
    if tls is not None and tls.active:
        return found | {"ssl": tls.context}
    found["ssl_disabled"] = True
    if tls is not None and tls.mode == "auto":
        found["auth_plugin_map"] = {
            **dict.fromkeys(("mysql_clear_password", "dialog", "sha256_password", "mysql_old_password"), _NeedsTls),
            "caching_sha2_password": _FastSha2,
        }
    return found


def _needs_tls() -> Refusal:
    return refuse("tls", "the server asks for the password itself over a plain connection", _CLEAR_HINT)


class _NeedsTls:
    """In place of a plugin that gives the password away to whoever listens or answers."""

    def __init__(self, _connection: Any) -> None:
        """Take what PyMySQL gives."""

    def authenticate(self, _packet: Any) -> Any:
        """Refuse; nothing was sent yet."""
        raise _needs_tls()


class _FastSha2:
    """caching_sha2_password as far as only a hash is sent.

    Its other half sends the password under a key that the server names, and over a plain connection
    anybody may be the server. MySQL's own clients refuse that, too.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def authenticate(self, packet: Any) -> Any:
        """Answer a switch to this plugin, or hear how the server took the first answer."""
        connection = self._connection
        if packet.is_auth_switch_request():
            from pymysql._auth import scramble_caching_sha2

            connection.write_packet(scramble_caching_sha2(connection.password, packet.read_all().removesuffix(b"\0")))
            packet = connection._read_packet()  # noqa: SLF001 - the interface that PyMySQL gives to plugins
        if not packet.is_extra_auth_data():
            return packet
        if packet.get_all_data()[1:2] != b"\3":  # 3: the hash was enough
            raise _needs_tls()
        return connection._read_packet()  # noqa: SLF001
