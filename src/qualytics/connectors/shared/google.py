"""A service account's key of Google: JSON of which only known members with known addresses pass."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qualytics import strict_json
from qualytics.connectors.contract import refuse
from qualytics.connectors.foreign import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Where Google trades keys for tokens now, and where older key files say so; the first is asked, whatever a file says.
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_TOKEN_URIS = frozenset(
    {
        TOKEN_URI,
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v3/token",
        "https://www.googleapis.com/oauth2/v4/token",
    }
)
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
    members = strict_json.loads(text.lstrip("\ufeff"))
    if not isinstance(members, dict):
        raise ValueError("must be the JSON object of a service account's key file")  # noqa: TRY004 - one error for all
    if members.get("type") != "service_account":
        raise ValueError('must have "type": "service_account"; no other kind of credential is taken')
    if members.get("token_uri", TOKEN_URI) not in _TOKEN_URIS:
        raise ValueError(f"must have Google's token_uri, which is {TOKEN_URI}, and no other")
    if members.get("universe_domain", "googleapis.com") != "googleapis.com":
        raise ValueError("must have the universe_domain googleapis.com and no other")
    if unknown := sorted(members.keys() - {"type", "token_uri", *_NEEDED, *_UNUSED}):
        raise ValueError(f"holds {', '.join(unknown)}, which no key file of Google has")
    if missing := [key for key in _NEEDED if not isinstance(members.get(key), str) or not members[key]]:
        raise ValueError(f"has no {' and no '.join(missing)}")
    needed = {key: members[key] for key in _NEEDED} | {"private_key": _checked_pem(members["private_key"])}
    return json.dumps({"type": "service_account", **needed, "token_uri": TOKEN_URI})


def _checked_pem(text: str) -> str:
    # What a driver says of a key that it cannot read may show its bytes, so it gets none.
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from qualytics.connectors.shared import pem

    try:
        key = pem.private_key(text)
    except TypeError:
        raise ValueError("has a private_key that is encrypted; Google's key files hold an RSA key in clear") from None
    except ValueError as exc:
        raise ValueError(f"has a private_key that {exc}") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("has a private_key of another kind; Google's service accounts sign with an RSA key")  # noqa: TRY004 - one error for all
    return pem.mended(text, "PRIVATE KEY")


def key_problems(values: Mapping[str, Any], field: str) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with a new key in a field; one that is stored already was checked then."""
    if text := values.get(field):
        try:
            clean_service_account(text)
        except ValueError as exc:
            yield field, str(exc), key_hint(field)


def checked_key(text: str, field: str) -> str:
    """Return what `clean_service_account` does of a field, whose Refusal says what is wrong with it."""
    try:
        return clean_service_account(text)
    except ValueError as exc:
        raise refuse("config", f"the {field.replace('_', ' ')} {exc}", key_hint(field)) from exc


def key_hint(field: str) -> str:
    """Return the hint where a field lacks such a key."""
    return f'give the key file of a service account, as in --{field.replace("_", "-")} "$(cat key.json)"'


# How other tools call the key of a service account, and a file with it.
KEY_TEXTS = ("keyfile_dict", "keyfile_json", "service_account_json", "key_body", "gc_key_body", "credentials_info")
KEY_FILES = ("keyfile", "key_path", "key_file", "gc_key_file", "credentials_path", "oauthpvtkeypath", "keyfilepath")


# Google Cloud documentation, "Application Default Credentials" and gcloud's properties.
def environment(secret: str, **more: str) -> Environment:
    """Return the variables of a type whose key of a service account is a `secret`, with `more` of its own."""
    return Environment(
        texts={"GOOGLE_CLOUD_PROJECT": "{database}", "CLOUDSDK_CORE_PROJECT": "{database}", **more},
        files=dict.fromkeys(("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"), secret),
        cleared=("CLOUDSDK_AUTH_*", "GOOGLE_OAUTH_ACCESS_TOKEN"),
    )
