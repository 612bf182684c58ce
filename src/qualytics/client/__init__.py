"""Clients: the one way for commands and programs to reach connections, wherever they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from qualytics.client.http.client import HttpClient
    from qualytics.client.local import LocalClient
    from qualytics.secret import Secret

    Client: TypeAlias = LocalClient | HttpClient

__all__ = ["connect", "examine", "explain", "parse_types", "place", "type_document", "type_names"]


def connect() -> Client:
    """Return a client of the control plane that is configured, or of the embedded store where none is.

    Close it, or use it in a `with` statement.

    Raises:
        UsageError: the variables or config.yaml are wrong.

    """
    from qualytics.client import config
    from qualytics.settings import load

    settings = load()
    control_plane = config.find(settings.home)
    if control_plane is not None:
        from qualytics.client.http.client import HttpClient

        return HttpClient(control_plane)
    from qualytics.client.local import LocalClient

    return LocalClient(settings)


def type_names() -> tuple[str, ...]:
    """Return the names of all connection types."""
    from qualytics import connectors

    return connectors.type_names()


def parse_types(text: str) -> tuple[str, ...]:
    """Return the types of a comma list; see `connectors.parse_types`."""
    from qualytics import connectors

    return connectors.parse_types(text)


def type_document(name: str | None = None) -> Any:
    """Return the document of one type, or a short one of every type; needs no store."""
    from qualytics.service.connections import types

    return types.document(name)


def explain(name: str, text: str) -> dict[str, Any]:
    """Return what an error message of a type's server or driver means; see `explaining.explain`."""
    from qualytics.service.connections import explain as explaining

    return explaining.explain(name, text)


def examine(*, do_import: bool = False) -> dict[str, Any]:
    """Return what the doctor finds on this machine, and on the way to the control plane that is configured."""
    from qualytics.client import config
    from qualytics.service import doctor
    from qualytics.settings import load

    settings = load()
    found = doctor.examine(settings, do_import=do_import)
    if config.is_configured(settings.home):
        from qualytics.client import checks

        found["checks"] += checks.examine(settings.home)
    return found


def place() -> tuple[str, list[Secret]]:
    """Return what the commands work on, in one line for the log of a call, and what that log must not show."""
    from qualytics.client import config
    from qualytics.errors import QualyticsError
    from qualytics.settings import load

    settings = load()
    try:
        found = config.find(settings.home)
        if found is not None:
            return f"control plane {found.url}, from {found.source}", [found.token] if found.token else []
        key = "QUALYTICS_KEY" if settings.key else str(settings.key_path)
        there = "is there" if settings.store_path.exists() else "is not made yet"
    except QualyticsError as exc:
        return exc.message, []
    return f"store {settings.store_path} ({there}), key from {key}", []
