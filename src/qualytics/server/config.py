"""What a control plane is told by its environment: one table, from which options and documents are made."""

from __future__ import annotations

import math
import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qualytics import settings
from qualytics.errors import UsageError
from qualytics.probe.egress import Policy
from qualytics.secret import Secret
from qualytics.service.accounts.oidc import DEFAULT_NAME, Provider
from qualytics.service.policy import known_types
from qualytics.settings import ServerPolicy
from qualytics.structs import Struct, field, replace
from qualytics.urls import split

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where the workers of one server leave their counts for each other; the library of metrics reads it when it
# is imported, so it must not be before the workers start.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no")
_PATH = re.compile(r"/|(/[A-Za-z0-9._~-]+)+")


class Setting(Struct, eq=True):
    """One setting: its variable is QUALYTICS_ and its name in capitals, its option the name with hyphens.

    `kind` is str, int, float, bool (true or false in the variable, a flag) or tuple (a comma list in the variable, an
    option that may be repeated).
    """

    name: str
    kind: type
    default: Any
    help: str
    minimum: float = 0

    @property
    def variable(self) -> str:
        """Return the name of the environment variable."""
        return f"QUALYTICS_{self.name.upper()}"


SETTINGS: tuple[Setting, ...] = (
    Setting("listen", str, settings.LISTEN, "address and port to listen on"),
    Setting("workers", int, 1, "processes that answer requests", 1),
    Setting("path", str, settings.API_PATH, "path of the API; pages stand one step above it"),
    Setting(
        "public_url", str, None, "address that users reach this control plane at, as https://connections.example.com"
    ),
    Setting("trusted_proxy", tuple, (), "address of a proxy whose X-Forwarded-For counts"),
    Setting("allow_target", tuple, (), "network, address or name that tests may reach though it is refused by default"),
    Setting("allow_type", tuple, (), "connection type that is off by default"),
    Setting("allow_file", tuple, (), "directory of database files, or a JDBC driver's jar, that connections may use"),
    Setting("allow_use", bool, default=False, help="give secrets, over TLS or loopback, to whom an Admin granted it"),
    Setting("no_web", bool, default=False, help="serve the API alone, without pages for browsers"),
    Setting("tests_at_once", int, 128, "tests that run at the same time, in each worker", 1),
    Setting("tests_waiting", int, 512, "tests that wait for their turn, in each worker", 0),
    Setting("test_wait_s", float, settings.TEST_WAIT_S, "seconds that a test waits for its turn", 1),
    Setting("requests_per_minute", int, 6_000, "requests of one user in a minute, in each worker", 1),
    Setting("refusals_per_minute", int, 600, "refused changes and tests of one user or address, in each worker", 1),
    Setting(
        "audit_days", int, 90, "days that the audit log keeps tests and refusals; changes stay until audit prune", 1
    ),
    Setting("body_bytes", int, 1_048_576, "largest body of a request", 1_024),
    Setting("set_bytes", int, 33_554_432, "largest body of a configuration or an import", 1_024),
    Setting("request_s", float, 30.0, "seconds that a body may take to arrive", 1),
    # Longer than the 60 s after which balancers close, and than the 10 s between questions of a client that polls:
    # whoever closes at the moment of a question loses it.
    Setting("idle_s", float, 75.0, "seconds that a connection may be silent, or take over its headers", 1),
)
# The provider that users may sign in with; in the environment alone, as one of them is a secret.
PROVIDER_SETTINGS: tuple[Setting, ...] = (
    Setting("oidc_issuer", str, None, "issuer of the OpenID provider, as https://login.example.com; needs public_url"),
    Setting("oidc_client_id", str, None, "client id that the provider knows this control plane by"),
    Setting("oidc_client_secret", str, None, "client secret; none for a public client"),
    Setting("oidc_name", str, DEFAULT_NAME, "what the page of the sign-in calls the provider"),
    Setting("oidc_default_role", str, None, "role of users who are new; without one, an Admin links users first"),
    Setting("oidc_by_email", str, "false", "true to know a user by the address that the provider has verified"),
)
# What roles may be assumed with by connections that have no keys; in the environment alone, as one is a secret.
AWS_SETTINGS: tuple[Setting, ...] = (
    Setting("base_access_key", str, None, "AWS access key id for IAM_ROLE connections that have no keys of their own"),
    Setting(
        "base_secret_key",
        str,
        None,
        "its secret key; only with an external_id, no endpoint_url, and no host but of AWS",
    ),
)


class Config(Struct):
    """Everything a worker needs to know; see SETTINGS for the meaning of each."""

    settings: settings.Settings
    listen: str
    workers: int
    path: str
    public_url: str | None
    trusted_proxy: tuple[str, ...]
    allow_use: bool
    no_web: bool
    tests_at_once: int
    tests_waiting: int
    test_wait_s: float
    requests_per_minute: int
    refusals_per_minute: int
    audit_days: int
    body_bytes: int
    set_bytes: int
    request_s: float
    idle_s: float
    environ: Mapping[str, str] = field(default_factory=dict)
    provider: Provider | None = None

    @property
    def has_pages(self) -> bool:
        """Say whether there are pages for browsers; where the API has every path, none is left for them."""
        return not self.no_web and self.path != "/"

    @property
    def pages_path(self) -> str:
        """Return the path that requests for pages begin with, empty for the root."""
        return settings.pages_path(self.path)

    def is_page(self, path: str) -> bool:
        """Say whether the path of a request is one of the pages, not of the API."""
        return self.has_pages and not f"{path}/".startswith(f"{self.path}/")

    @property
    def public_path(self) -> str:
        """Return the path that a proxy takes away before a request comes here, empty where there is none."""
        return split(self.public_url).path.rstrip("/") if self.public_url is not None else ""

    @property
    def root(self) -> str:
        """Return the path that addresses of pages begin with in a browser."""
        return self.public_path + self.pages_path

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port to listen on."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]") or "127.0.0.1", int(port)


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Return the configuration that the environment gives.

    Raises:
        UsageError: a value has the wrong form; the message names the variable.

    """
    env = {name: value for name, value in (environ if environ is not None else os.environ).items() if value}
    values = {setting.name: _read(setting, env.get(setting.variable)) for setting in SETTINGS}
    policy = ServerPolicy(
        targets=_targets(values.pop("allow_target")),
        types=known_types(values.pop("allow_type")),
        identity=_identity(env),
        files=tuple(Path(path).absolute() for path in values.pop("allow_file")),
    )
    values["trusted_proxy"] = _addresses(values["trusted_proxy"])
    values["path"] = "/" + values["path"].strip("/")
    if not _PATH.fullmatch(values["path"]):
        raise UsageError("QUALYTICS_PATH must be a path of letters, digits and ._~-", "as in /api")
    if values["public_url"] is not None and not _is_base(values["public_url"]):
        raise UsageError(
            "QUALYTICS_PUBLIC_URL must be a URL without query and fragment, its path of letters, digits and ._~-",
            "as in https://connections.example.com",
        )
    config = Config(settings=replace(settings.load(env), url=None, policy=policy), environ=env, **values)
    config = replace(config, provider=_provider(env, config.public_url))
    try:
        is_port = 0 < config.address[1] <= 65_535
    except ValueError:
        is_port = False
    if not is_port:
        raise UsageError("QUALYTICS_LISTEN must be an address and a port", "as in 127.0.0.1:8000")
    return config


def plain_address(text: str) -> str | None:
    """Return an address in its one spelling, without a port behind it; None for what is none."""
    match = re.fullmatch(r"\[([^\]]*)\](?::\d+)?|([\d.]+):\d+", text.strip())
    try:
        address = ip_address((match[1] or match[2]) if match else text.strip())
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _identity(env: Mapping[str, str]) -> tuple[Secret, Secret] | None:
    names = [setting.variable for setting in AWS_SETTINGS]
    parts = [Secret(env[name]) for name in names if name in env]
    if len(parts) == 1:
        raise UsageError(f"{' and '.join(names)} belong together", "set both, or none")
    return (parts[0], parts[1]) if parts else None


def _provider(env: Mapping[str, str], public_url: str | None) -> Provider | None:
    values = {setting.name: env.get(setting.variable) for setting in PROVIDER_SETTINGS}
    issuer, secret = values["oidc_issuer"], values["oidc_client_secret"]
    if issuer is None:
        return None
    if public_url is None:
        hint = "the provider sends browsers back there, as to https://connections.example.com"
        raise UsageError("QUALYTICS_OIDC_ISSUER needs QUALYTICS_PUBLIC_URL", hint)
    return Provider(
        issuer=issuer,
        client_id=values["oidc_client_id"] or "",
        client_secret=Secret(secret) if secret else None,
        name=values["oidc_name"] or DEFAULT_NAME,
        default_role=values["oidc_default_role"],
        by_email=(values["oidc_by_email"] or "").lower() in _TRUE,
    ).checked()


def _addresses(texts: tuple[str, ...]) -> tuple[str, ...]:
    addresses = [plain_address(text) for text in texts]
    if None in addresses:
        hint = "as in 10.0.0.2; networks and names are not taken"
        raise UsageError("QUALYTICS_TRUSTED_PROXY must hold addresses of proxies", hint)
    return tuple(filter(None, addresses))


def _is_base(url: str) -> bool:
    try:
        parts = split(url)
    except ValueError:
        return False
    has_path = not parts.path.strip("/") or _PATH.fullmatch(parts.path.rstrip("/")) is not None
    is_plain = has_path and not (parts.query or parts.fragment)
    return parts.scheme in {"https", "http"} and bool(parts.hostname) and is_plain


def _targets(texts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return Policy(texts).allowed
    except ValueError as exc:
        raise UsageError(f"QUALYTICS_ALLOW_TARGET {exc}", "as in 10.0.0.0/8, or db.example.com:5432") from None


def _flag(setting: Setting, text: str) -> bool:
    word = text.strip().lower()
    if word not in {*_TRUE, *_FALSE}:
        raise UsageError(f"{setting.variable} must be true or false", "leave it out for false")
    return word in _TRUE


def _read(setting: Setting, text: str | None) -> Any:
    if text is None:
        return setting.default
    if setting.kind is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if setting.kind is bool:
        return _flag(setting, text)
    try:
        value = setting.kind(text)
    except ValueError:
        value = None
    if value is None or (setting.kind is not str and not setting.minimum <= value < math.inf):
        raise UsageError(
            f"{setting.variable} must be a number of at least {setting.minimum:g}", f"the default is {setting.default}"
        )
    return value
