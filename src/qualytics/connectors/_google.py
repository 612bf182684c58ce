"""A service account's key of Google: JSON of which only known keys with known addresses pass."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qualytics import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_NEEDED = ("client_email", "private_key", "private_key_id")
# What else stands in a key file that Google makes; none of it is used.
_UNUSED = ("project_id", "client_id", "auth_uri", "auth_provider_x509_cert_url", "client_x509_cert_url", "universe_domain")  # fmt: skip

# What is no secret in such a file.
PUBLIC = (
    *("type", "project_id", "client_email", "auth_uri", "token_uri", "universe_domain"),
    *("auth_provider_x509_cert_url", "client_x509_cert_url"),
)


def clean_service_account(text: str) -> str:
    """Return the key as JSON with nothing in it but what signs: a second address never passes.

    Raises:
        ValueError: it is not a service account's key, or holds what Google does not write; the
            message names keys, never values.

    """
    found = strict_json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("must be the JSON object of a service account's key file")  # noqa: TRY004 - one error for all
    if found.get("type") != "service_account":
        raise ValueError('must have "type": "service_account"; no other kind of credential is taken')
    if found.get("token_uri", TOKEN_URI) != TOKEN_URI:
        raise ValueError(f"must have the token_uri {TOKEN_URI} and no other")
    if found.get("universe_domain", "googleapis.com") != "googleapis.com":
        raise ValueError("must have the universe_domain googleapis.com and no other")
    if strange := sorted(found.keys() - {"type", "token_uri", *_NEEDED, *_UNUSED}):
        raise ValueError(f"holds {', '.join(strange)}, which no key file of Google has")
    if lacking := [key for key in _NEEDED if not isinstance(found.get(key), str) or not found[key]]:
        raise ValueError(f"has no {' and no '.join(lacking)}")
    kept = {key: found[key] for key in _NEEDED}
    return json.dumps({"type": "service_account", **kept, "token_uri": TOKEN_URI})


def key_problems(values: Mapping[str, Any], field: str, hint: str) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with a new key in a field; one that is stored already was checked then."""
    if text := values.get(field):
        try:
            clean_service_account(text)
        except ValueError as exc:
            yield field, str(exc), hint
