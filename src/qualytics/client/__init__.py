"""Clients: how commands and programs reach connections, wherever they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qualytics.client.config import ControlPlane
    from qualytics.client.http.client import HttpClient
    from qualytics.client.http.runs import HttpRun
    from qualytics.client.local import LocalClient
    from qualytics.model import CommandEnvironment, Scope, ShellCommand, UsedConnection
    from qualytics.secret import Secret
    from qualytics.service.connections.runs import Run as LocalRun
    from qualytics.settings import Settings
    from qualytics.types import Verdict

    Client: TypeAlias = LocalClient | HttpClient
    Run: TypeAlias = LocalRun | HttpRun

__all__ = [
    "backend",
    "connect",
    "default_format",
    "environment",
    "examine",
    "explain",
    "known_names",
    "known_type",
    "new_key",
    "of",
    "parse_classes",
    "parse_types",
    "preview",
    "preview_datastore",
    "purpose_of",
    "shell_command",
    "shell_programs",
    "ssl_mode",
    "type_document",
    "type_names",
]


def connect() -> Client:
    """Return a client of the control plane that is configured, or of the embedded store where none is.

    Close it, or use it in a `with` statement.

    Raises:
        UsageError: the variables or config.yaml are wrong.

    """
    from qualytics.client import config
    from qualytics.settings import load

    settings = load()
    return of(settings, config.find(settings.home))


def of(settings: Settings, control_plane: ControlPlane | None) -> Client:
    """Return a client of a control plane, without one of the store of the settings."""
    if control_plane is not None:
        from qualytics.client.http.client import HttpClient

        return HttpClient(control_plane)
    from qualytics.client.local import LocalClient

    return LocalClient(settings)


def known_names(part: str) -> list[str]:
    """Return the names of connections, datastores or users, for completion and hints; see `client.names`."""
    from qualytics.client import names

    return names.known(part)


def known_type(record: int | str) -> str | None:
    """Return the type of a stored connection for completion, None where it cannot be had; see `client.names`."""
    from qualytics.client import names

    return names.known_type(record)


def default_format(names: Sequence[str]) -> str | None:
    """Return the format that QUALYTICS_FORMAT, else `format` in config.yaml, sets for documents; None when neither.

    Raises:
        UsageError: what is set there is none of the names.

    """
    from qualytics.client import config
    from qualytics.settings import load

    return config.default_format(load().home, names)


def type_names() -> tuple[str, ...]:
    """Return the names of all connection types."""
    from qualytics import connectors

    return connectors.type_names()


def parse_types(text: str) -> tuple[str, ...]:
    """Return the types of a comma list; see `connectors.parse_types`."""
    from qualytics import connectors

    return connectors.parse_types(text)


def parse_classes(text: str) -> tuple[str, ...]:
    """Return the classes of failed tests that a comma list names.

    Raises:
        UsageError: there is no such class.

    """
    from qualytics.connectors.contract import CLASSES
    from qualytics.errors import UsageError
    from qualytics.text import nearest

    names = tuple(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))
    for name in names:
        if name not in CLASSES:
            near = nearest(name, CLASSES)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(CLASSES)}"
            raise UsageError(f"there is no class {name!r} of failed tests", hint)
    if not names:
        raise UsageError("--fail-on names no class", f"there are {', '.join(CLASSES)}")
    return names


def type_document(name: str | None = None) -> Any:
    """Return the document of one type, or a short one of every type; needs no store."""
    from qualytics.service.connections import types

    return types.document(name)


def ssl_mode(connection: Mapping[str, Any], default: str | None) -> str | None:
    """Return the `ssl_mode` in effect as people read it, `auto (default here)`; None for a type that has none.

    `connection` is a document, or fields with a type; `default` is the client's `default_ssl_mode`, None if unknown.
    """
    from qualytics import connectors
    from qualytics.connectors import contract

    if not any(param.name == "ssl_mode" for param in connectors.get(str(connection.get("type"))).params):
        return None
    mode, is_default = contract.ssl_mode(connection.get("parameters") or {}, default or "")
    return f"{mode} (default here)" if mode and is_default else mode or None


def preview(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the masked payload that a create would send; nothing is stored or contacted.

    Raises:
        InvalidInput: a value breaks a rule.

    """
    from qualytics.service.connections import drafts

    return drafts.preview(fields)


def preview_datastore(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the masked payload that a create of a datastore would send; nothing is stored or contacted.

    Raises:
        InvalidInput: a value breaks a rule.

    """
    from qualytics.service.datastores import fields as rules

    return rules.preview(fields)


def explain(name: str | None, text: str) -> Verdict:
    """Return what an error message, or a code, means; asks no server. See `service.connections.explain`."""
    from qualytics.service.connections import explain as explaining

    return explaining.explain(name, text)


def environment(used: UsedConnection, scope: Scope) -> CommandEnvironment:
    """Return the variables with which the tools of a connection's type reach it; see `service.connections.uses`."""
    from qualytics.service.connections import uses

    return uses.environment(used, scope)


def purpose_of(words: str) -> str:
    """Return the purpose of a use in words that may hold anything, as the name of a command does."""
    from qualytics.service.connections import uses

    return uses.purpose_of(words)


def shell_programs(connector_type: str) -> Sequence[str]:
    """Return the names of the clients that engines of a type bring; see `service.connections.shells`."""
    from qualytics.service.connections import shells

    return shells.programs(connector_type)


def shell_command(used: UsedConnection, scope: Scope, program: str) -> ShellCommand:
    """Return how one of those is started for a used connection; see `service.connections.shells`."""
    from qualytics.service.connections import shells

    return shells.command(used, scope, program)


def new_key() -> str:
    """Return a new key for a store, as text; nothing is stored."""
    from qualytics.store.sealing.cipher import Key

    return Key.generate().text()


def examine(*, do_import: bool = False) -> dict[str, Any]:
    """Return what the doctor finds on this machine, and on the way to the control plane that is configured."""
    from qualytics.client import config
    from qualytics.service import doctor
    from qualytics.settings import load

    settings = load()
    report = doctor.examine(settings, do_import=do_import)
    if config.is_configured(settings.home):
        from qualytics.client import checks

        report["checks"] += checks.examine(settings.home)
    return report


def backend() -> tuple[str, list[Secret]]:
    """Return what the commands work on, in one line for the log of a call, and what that log must not show."""
    from qualytics.client import config
    from qualytics.errors import QualyticsError
    from qualytics.settings import load

    settings = load()
    try:
        plane = config.find(settings.home)
        if plane is not None:
            return f"control plane {plane.url}, from {plane.source}", [plane.token] if plane.token else []
        key = "QUALYTICS_KEY" if settings.key else str(settings.key_path)
        state = "is there" if settings.store_path.exists() else "is not made yet"
    except QualyticsError as exc:
        return exc.message, []
    return f"store {settings.store_path} ({state}), key from {key}", []
