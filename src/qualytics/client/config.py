"""Which control plane the commands work on: variables first, then config.yaml, with its contexts."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Any

from qualytics.errors import UsageError
from qualytics.secret import Secret
from qualytics.settings import has_home
from qualytics.structs import Struct, replace
from qualytics.urls import split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from qualytics.transport.endpoint import Endpoint

MAX_TIMEOUT_S = 3_600
# The context that means the store of this machine.
EMBEDDED = "embedded"
DEFAULT = "default"
_NAMELESS = "unnamed"
_API = "api"
_MAX_FILE = 1 << 20
# What one control plane has in the file: at the top for the current one, and by name under `contexts`.
_FORMS = dict.fromkeys(("url", "token", "ca_file"), str) | {
    **dict.fromkeys(("ssl_verify", "insecure_http"), bool),
    **dict.fromkeys(("timeout", "token_id"), int),
}
KEYS = tuple(_FORMS)
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_IPV6 = r"[0-9a-f:.]{2,45}(%[\w.-]{1,32})?"


class ControlPlane(Struct):
    """A control plane as it is configured: where it is and the token for it.

    `url` has neither the path of the API nor a slash at its end; `prefix` is the path of the API;
    `source` says where it is configured.
    """

    url: str
    endpoint: Endpoint
    prefix: str
    token: Secret | None = None
    context: str | None = None
    source: str = ""

    @property
    def api_url(self) -> str:
        """Return where the API is."""
        return f"{self.endpoint.url}{self.prefix}"


def find(home: Path, environ: Mapping[str, str] | None = None) -> ControlPlane | None:
    """Return the control plane that is configured; None stands for the embedded store.

    Raises:
        UsageError: a variable or the file is wrong.

    """
    env = os.environ if environ is None else environ
    if pair := variables(env):
        return make(
            dict(zip(("url", "token"), pair, strict=True)), "QUALYTICS_URL and QUALYTICS_TOKEN", env, names=_VARIABLES
        )
    wanted = env.get("QUALYTICS_CONTEXT")
    if not wanted and not has_home(home):  # so that what needs no store can go on
        return None
    if wanted == EMBEDDED:
        return None
    document, source = read(home), str(home / "config.yaml")
    if wanted:
        return make(entry_of(document, wanted), source, env, context=wanted)
    return None if document.get("url") is None else make(document, source, env, context=current_of(document))


def default_format(home: Path, names: Sequence[str]) -> str | None:
    """Return the format of documents that a variable, else the file, sets; None when neither does.

    Raises:
        UsageError: what is set is none of the names.

    """
    value: Any = os.environ.get("QUALYTICS_FORMAT")
    source = "QUALYTICS_FORMAT"
    if not value:
        value, source = _format_in(home / "config.yaml") if has_home(home) else None, f"format in {home}/config.yaml"
    if value is None or value in names:
        return None if value is None else str(value)
    from qualytics.text import alternatives, nearest

    near = nearest(str(value), names)
    hint = f"did you mean {near}?" if near else f"set it to {names[0]}, or drop it"
    raise UsageError(f"{source} must be {alternatives(names)}", hint)


def _format_in(path: Path) -> Any:
    try:
        raw = _raw(path)
        # Most files have none, and parsing YAML takes longer than the rest of this.
        return None if raw is None or b"format" not in raw else _parsed(path, raw).get("format")
    except UsageError:
        return None  # what is wrong with the file is told by what needs it; `doctor` must still run


def is_configured(home: Path) -> bool:
    """Say whether anything configures a control plane, right or wrong."""
    names = {"QUALYTICS_URL", "QUALYTICS_TOKEN", "QUALYTICS_CONTEXT"}
    return bool(names & os.environ.keys()) or (has_home(home) and os.path.lexists(home / "config.yaml"))


def variables(env: Mapping[str, str]) -> tuple[str, str] | None:
    """Return URL and token that variables give, None when they give neither.

    Raises:
        UsageError: one of the two is missing.

    """
    url, token = env.get("QUALYTICS_URL"), env.get("QUALYTICS_TOKEN")
    if url and token:
        return url, token
    if url or token:
        there, missing = ("URL", "TOKEN") if url else ("TOKEN", "URL")
        hint = f"set QUALYTICS_{missing} as well, or unset QUALYTICS_{there}: qualytics auth login keeps both in a file"
        raise UsageError(f"QUALYTICS_{there} is set, and QUALYTICS_{missing} is not", hint)
    return None


def make(
    entry: Mapping[str, Any],
    source: str,
    env: Mapping[str, str],
    *,
    context: str | None = None,
    names: Mapping[str, str] | None = None,
) -> ControlPlane:
    """Return the control plane that an entry describes, with the variables that say how to speak to it."""
    names = names or {key: f"{key} in {source}" for key in KEYS}
    for key, form in _FORMS.items():
        value = entry.get(key)
        if value is not None and (not isinstance(value, form) or (form is int and isinstance(value, bool))):
            wanted = {str: "a text", bool: "true or false", int: "a whole number"}[form]
            raise UsageError(f"{names[key]} must be {wanted}", "qualytics auth login writes it anew")
    url, endpoint, path = parse_url(entry["url"], names["url"])
    token = entry.get("token")
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError(f"{names['token']} is not a token: it holds a space or a character that no token has", _PASTED)
    prefix = env.get("QUALYTICS_API_PATH", _API).strip("/")
    timeout = entry.get("timeout")
    if timeout is not None and not 0 < timeout <= MAX_TIMEOUT_S:
        raise UsageError(f"{names['timeout']} must be 1 to {MAX_TIMEOUT_S:,}", "it is in seconds")
    endpoint = replace(
        endpoint,
        ssl_verify=_flag(env, "QUALYTICS_SSL_VERIFY", entry.get("ssl_verify"), default=True),
        ca_file=env.get("QUALYTICS_CA_FILE") or entry.get("ca_file"),
        timeout_s=float(_seconds(env, endpoint.timeout_s) or timeout or endpoint.timeout_s),
    )
    may_be_http = _flag(env, "QUALYTICS_INSECURE_HTTP", entry.get("insecure_http"), default=False)
    if endpoint.scheme == "http" and not endpoint.is_loopback and not may_be_http:
        raise UsageError(
            f"{names['url']} is plain http to another host: anybody on the network could read the token",
            "use https://, or, on a network that you trust, QUALYTICS_INSECURE_HTTP=1 or auth init --insecure-http",
        )
    return ControlPlane(
        url=url,
        endpoint=endpoint,
        prefix=f"{path}/{prefix}" if prefix else path,
        token=Secret(token) if token else None,
        context=context,
        source=source,
    )


def parse_url(text: str, name: str) -> tuple[str, Endpoint, str]:
    """Return URL, server and path of a control plane; without a scheme it is https.

    Raises:
        UsageError: it is none; `name` is what the message calls it.

    """
    from qualytics.transport.endpoint import PORTS, Endpoint

    whole = text.strip()
    whole = whole if "://" in whole else f"https://{whole}"
    hint = "as in https://connections.example.com"
    if "@" in whole:
        raise UsageError(f"{name} holds a user or a password", f"leave them out, {hint}; the token says who you are")
    try:
        parts = split(whole)
        port = parts.port
        host = parts.hostname or ""
    except (ValueError, UnicodeError):
        raise UsageError(f"{name} is not a URL", hint) from None
    if not host.isascii():
        from qualytics.text import ascii_host

        host = ascii_host(host) or ""
    if (
        parts.scheme not in {"https", "http"}
        or not _is_host(host)
        or any(char <= " " or char == "\x7f" for char in whole)
    ):
        raise UsageError(f"{name} is not the URL of a control plane", hint)
    if parts.query or parts.fragment:
        raise UsageError(f"{name} holds a query or a fragment", hint)
    path = parts.path.rstrip("/")
    path = (path[: -len(_API) - 1] if path.endswith(f"/{_API}") else path).rstrip("/")
    if not path.isascii():
        raise UsageError(f"{name} holds a path that is not ASCII", hint)
    endpoint = Endpoint(parts.scheme, host, port or PORTS[parts.scheme])
    return f"{endpoint.url}{path}", endpoint, path


def _is_host(host: str) -> bool:
    if ":" in host:
        return re.fullmatch(_IPV6, host) is not None
    return len(host) <= 253 and all(re.fullmatch(_LABEL, label) for label in host.removesuffix(".").split("."))


def read(home: Path) -> dict[str, Any]:
    """Return what config.yaml holds; nothing when there is none.

    Raises:
        UsageError: it cannot be read, or is none.

    """
    path = home / "config.yaml"
    raw = _raw(path)
    return {} if raw is None else _parsed(path, raw)


def entry_of(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the entry of a context.

    Raises:
        UsageError: there is none of that name.

    """
    contexts = contexts_of(document)
    if name not in contexts:
        raise _no_context(name, contexts)
    return contexts[name]


def contexts_of(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the contexts of a document by name; what stands at the top without a name is `default`."""
    found: dict[str, dict[str, Any]] = {
        str(name): entry for name, entry in (document.get("contexts") or {}).items() if isinstance(entry, dict)
    }
    top = {key: document[key] for key in KEYS if document.get(key) is not None}
    if top.get("url") is not None:
        found[current_of(document) or DEFAULT] = top
    return found


def current_of(document: Mapping[str, Any]) -> str | None:
    """Return the name of the context that commands use; None stands for the embedded store."""
    if document.get("url") is None:
        return None
    kept = document.get("contexts") or {}

    def is_of(name: Any) -> bool:
        return isinstance(kept.get(name), dict) and kept[name].get("url") == document["url"]

    # Another program may have written another control plane at the top since.
    if is_of(document.get("current")):
        return str(document["current"])
    return DEFAULT if DEFAULT not in kept or is_of(DEFAULT) else _NAMELESS


def put(document: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with a context added or replaced, and in use."""
    return switch(dict(document), contexts_of(document) | {name: {**entry}}, name)


def switch(document: Mapping[str, Any], contexts: Mapping[str, Mapping[str, Any]], name: str | None) -> dict[str, Any]:
    """Return the document with these contexts, and that of the name in use; keys of others stay."""
    rest = {key: value for key, value in document.items() if key not in {*KEYS, "contexts", "current"}}
    top = {} if name is None else {key: contexts[name][key] for key in KEYS if contexts[name].get(key) is not None}
    return {**top, **rest, "contexts": {key: {**entry} for key, entry in contexts.items()}, "current": name or EMBEDDED}


def write(home: Path, document: Mapping[str, Any]) -> Path:
    """Write config.yaml whole or not at all, for the user alone; return its path.

    Raises:
        StoreError: it cannot be written.

    """
    import yaml

    from qualytics.store import files

    files.make_private_directory(home)
    path = home / "config.yaml"
    text = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True)
    files.write_private(path, text.encode())
    return path


def _raw(path: Path) -> bytes | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as exc:
        if os.path.islink(path):
            raise UsageError(f"{path} is a symbolic link", "put the file itself there") from exc
        raise UsageError(
            f"{path}: {(exc.strerror or '').lower()}", "check who owns it and its mode, or set QUALYTICS_CONFIG_HOME"
        ) from exc
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise UsageError(f"{path} is not a file", _ANEW)
        if found.st_uid != os.geteuid():
            raise UsageError(f"{path} belongs to another user", "set QUALYTICS_CONFIG_HOME to a directory of your own")
        if found.st_mode & 0o077:
            os.fchmod(handle, 0o600)  # it holds a token
        with open(handle, "rb", closefd=False) as file:
            raw = file.read(_MAX_FILE + 1)
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {(exc.strerror or '').lower()}", _ANEW) from exc
    finally:
        os.close(handle)
    if len(raw) > _MAX_FILE:
        raise UsageError(f"{path} is larger than 1 MiB", _ANEW)
    return raw


def _parsed(path: Path, raw: bytes) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""  # never the text: it may be the token
        raise UsageError(f"{path} is not YAML{where}", _ANEW) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(f"{path} is not a mapping of names to values", _ANEW)
    if not isinstance(document.get("contexts") or {}, dict):
        raise UsageError(f"contexts in {path} is not a mapping of names to values", _ANEW)
    return document


def _flag(env: Mapping[str, str], name: str, stored: bool | None, *, default: bool) -> bool:
    text = env.get(name, "").strip().lower()
    if not text:
        return default if stored is None else stored
    if text not in {*_TRUE, *_FALSE}:
        raise UsageError(f"{name} must be true or false", f"one of {', '.join((*_TRUE, *_FALSE))}")
    return text in _TRUE


def _seconds(env: Mapping[str, str], default: float) -> float | None:
    text = env.get("QUALYTICS_TIMEOUT", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) <= MAX_TIMEOUT_S):
        raise UsageError(f"QUALYTICS_TIMEOUT must be 1 to {MAX_TIMEOUT_S:,}", f"in seconds; {default:g} by default")
    return float(text)


def _no_context(name: str, contexts: Mapping[str, Any]) -> UsageError:
    known = ", ".join((*contexts, EMBEDDED))
    return UsageError(f"there is no context {name!r}", f"there are {known}; qualytics auth login --context adds one")


_ANEW = "move it away, and qualytics auth login writes it anew"
_PASTED = "it may have been cut or wrapped when it was copied"
_VARIABLES = {
    "url": "QUALYTICS_URL",
    "token": "QUALYTICS_TOKEN",
    **{key: key for key in KEYS if key not in {"url", "token"}},
}
