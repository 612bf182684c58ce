"""Trades a service account's key for a token, at Google's pinned address and nowhere else."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.google import TOKEN_URI, clean_service_account
from qualytics.connectors.shared.requests import pin

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

KEY_HINT = 'give the key file of a service account, as in --password "$(cat key.json)"'
_SCOPE = "https://www.googleapis.com/auth/bigquery"


def key_of(target: Target) -> dict[str, str]:
    """Return what of a service account's key the client gets, and the key's project; {} without a key."""
    if target.password is None:
        return {}
    try:
        text = target.password.reveal()
        clean = clean_service_account(text)
    except ValueError as exc:
        raise refuse("config", f"the password {exc}", KEY_HINT) from exc
    return {**json.loads(clean), "project_id": json.loads(text).get("project_id", "")}


def token_of(target: Target) -> str:
    """Return a token for BigQuery that the key's signature was good for; nothing is kept or renewed."""
    import requests
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    key: Any = Credentials
    try:
        credentials = key.from_service_account_info(key_of(target), scopes=[_SCOPE])
    except ValueError as exc:
        raise refuse("config", "the private_key in the password is not a PEM private key", KEY_HINT) from exc
    session = pin(requests.Session(), TOKEN_URI.removesuffix("/token"), roots=_all_roots(target))

    def ask(*positional: Any, **named: Any) -> Any:
        return request(*positional, **{**named, "timeout": target.timeout_s})

    request: Any = Request(session)
    with target.asking(TOKEN_URI.removeprefix("https://").removesuffix("/token"), "Google trades the key for a token"):
        credentials.refresh(ask)
    return str(credentials.token)


def _all_roots(target: Target) -> str | bool:
    """Return a file with the roots of the connection and the public ones: Google's own address needs these."""
    import certifi

    given = target.tls.ca_file if target.tls is not None else None
    if given is None:
        return True
    path = os.path.join(target.directory, "token-roots.pem")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as out:
        for source in (given, certifi.where()):
            with open(source, encoding="utf-8") as text:
                out.write(text.read() + "\n")
    return path
