"""The contract of a connector: data about a connection type, and the few functions that need its driver."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from typing import TYPE_CHECKING, Any

from qualytics.errors import DriverMissing
from qualytics.installed import version_of
from qualytics.structs import Struct, field
from qualytics.text import ends

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterator, Mapping

    from qualytics.connectors.foreign import Foreign
    from qualytics.model import Item
    from qualytics.secret import Secret

CLASSES = (
    *("auth", "permission", "dns", "refused", "network", "timeout", "tls", "unknown_db", "quota", "config"),
    *("blocked", "driver_missing", "transient", "internal", "unknown"),
)


class Param(Struct):
    """One type-specific parameter: `type` is its JSON type; `max_length` counts characters.

    `is_path` marks a file of the user's own machine, `names_files` a list of files that a driver reads, `is_pem` a PEM text. `shared_default` is the default on a
    control plane, where that is another. `harmless` and `same` are as those of a `Field`: a parameter binds the
    stored secret unless its author says here why it does not.
    """

    name: str
    type: type
    help: str
    choices: tuple[str, ...] = ()
    default: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 255
    is_path: bool = False
    names_files: bool = False
    is_pem: bool = False
    shared_default: str | None = None
    harmless: str = ""
    same: Callable[[Any], Any] = lambda value: value


class Chars(Struct):
    """What a value may be that becomes part of a string with a grammar; `words` say it after "may have"."""

    pattern: str
    words: str

    def fit(self, value: str) -> bool:
        """Say whether the whole value is within what is allowed."""
        return re.fullmatch(self.pattern, value, re.DOTALL) is not None


class Verdict(Struct):
    """What a connector makes of an exception; None leaves a part to the common default.

    `stage` overrides the stage in which the exception surfaced (a driver that logs in and selects a
    database in one call), `cause` and `hint` the texts of the class. `authenticated` says that the server had
    taken user and password before it said so. `code` is the driver's or server's own code of the error.
    """

    failure_class: str
    cause: str | None = None
    hint: str | None = None
    stage: str | None = None
    authenticated: bool = False
    code: str | None = None


class Refusal(Exception):
    """Raised by a connector or a stage that already knows the verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.cause or verdict.failure_class)
        self.verdict = verdict


class OtherProtocol(Refusal):
    """Raised when a server's first bytes are not what was to be; `answer` is how they begin."""

    def __init__(self, expected: str, answer: bytes) -> None:
        cause = f"the server speaks another protocol, not {expected}"
        super().__init__(Verdict("config", cause, "check host and port"))
        self.answer = answer


def refuse(failure_class: str, cause: str | None, hint: str | None = None, *, stage: str | None = None) -> Refusal:
    """Return the exception of a connector that knows the verdict itself."""
    return Refusal(Verdict(failure_class, cause, hint, stage))


def by_text(text: str, table: tuple[tuple[str, Verdict], ...]) -> Verdict | None:
    """Return the verdict of the first pattern (a regular expression, case ignored) found in a message.

    Of a long message its ends are read.
    """
    lower = ends(text).lower()
    return next((verdict for pattern, verdict in table if _ignoring_case(pattern).search(lower)), None)


@functools.cache  # `re` itself keeps fewer patterns than there are
def _ignoring_case(pattern: str) -> re.Pattern[str]:
    # For texts in lower case: several times as fast as IGNORECASE, which looks at each place in turn.
    return re.compile(re.sub(r"\\.|[A-Z]", lambda part: part[0] if part[0][0] == "\\" else part[0].lower(), pattern))


class Tls(Struct, frozen=False):
    """How this connection is encrypted.

    `mode` is one of auto, verify, require, disable; `context` is a ready client context, `ca_file`
    the trusted roots as a file for drivers that want a path; `active` says, after the server was
    asked, whether TLS is used; None means nobody asked yet.
    """

    mode: str = "disable"
    context: ssl.SSLContext | None = None
    ca_file: str | None = None
    active: bool | None = None

    @property
    def verified(self) -> bool:
        """Say whether the server's certificate is checked."""
        return self.mode in {"auto", "verify"}


class Endpoint(Struct):
    """Where an HTTPS type is reached; `https` is false for plain http, which only loopback may be."""

    host: str
    port: int
    https: bool = True


class Target(Struct, frozen=False):
    """All that `open` may use, ready to be handed to a driver as keyword arguments.

    `name` is the host as it is looked up, `host` the same without the dot at its end that no certificate has; `address` is the IP address that was dialled, `sock` the open connection to it where the driver takes one. `login_databases` are databases to log in to where none was named. `protocols` are the connector's, or those that its own settings leave. `timeout_s` is what is left of the deadline. `uri` is also the path of an embedded type's file. `on_second_host` is called with the second host that a login speaks to, and what for.
    `again` logs in once more. `cancel` is set by a session of a read before it sends a statement: another thread calls it to have the server end that, and does so again where it returns False, as the server does not know the statement yet.
    """

    type: str
    parameters: dict[str, Any]
    timeout_s: float
    directory: str
    host: str = ""
    name: str = ""
    port: int = 0
    username: str | None = None
    password: Secret | None = None
    passphrase: Secret | None = None
    uri: str = ""
    access_key: Secret | None = None
    secret_key: Secret | None = None
    catalog: str | None = None
    database: str | None = None
    schema: str | None = None
    root_path: str | None = None
    login_databases: tuple[str, ...] = ()
    protocols: tuple[Protocol, ...] = ()
    fetch_size: int = 1_000
    max_parallelization: int | None = None
    address: str = ""
    sock: socket.socket | None = None
    tls: Tls = field(default_factory=Tls)
    on_second_host: Callable[[str | None], None] | None = None
    again: Callable[[], Any] | None = None
    cancel: Callable[[], object] | None = None

    @property
    def dialled(self) -> str:
        """Return the address that was dialled, the host where none is known."""
        return self.address or self.host

    @property
    def password_text(self) -> str:
        """Return the password, empty where none is set."""
        return self.password.reveal() if self.password is not None else ""

    def ask(self, second: str | None) -> None:
        """Say which second host is asked from now on, as `second_host` words it; None is the connection's own."""
        if self.on_second_host is not None:
            self.on_second_host(second)

    @contextlib.contextmanager
    def asking(self, host: str, purpose: str) -> Iterator[None]:
        """Ask a second host in the block: what fails in there fails at that host."""
        self.ask(second_host(host, purpose))
        yield
        self.ask(None)


def second_host(host: str, purpose: str) -> str:
    """Return how messages call a second host of a login: it and what it is for, as a clause."""
    return f"{host}, where {purpose}"


class Protocol(Struct):
    """What clients and servers say to each other, and how to find out that a server speaks it.

    `server` is what messages call one that does, with its article. `begins` is a pattern of the first bytes that only
    such a server sends, by itself or as an answer; `question` makes one that waits to be spoken to say so, without any
    secret, and `replies` are whole answers that mean it after this question alone. `type` is the connection type that
    a hint names first, None where the protocol tells no engine. `within_tls`: it may all be spoken inside of TLS.
    """

    server: str
    begins: bytes
    question: bytes = b""
    replies: tuple[bytes, ...] = ()
    type: str | None = None
    within_tls: bool = False


class Server(Struct):
    """What the server says of itself; `warnings` are what a passed check must still tell.

    `driver_name` and `driver_version` are of a driver inside the driver, which knows them only when it runs.
    """

    product_name: str | None
    product_version: str | None
    warnings: tuple[str, ...] = ()
    driver_name: str | None = None
    driver_version: str | None = None


class Connector(Struct, kw_only=True):
    """One connection type.

    Data: `kind` (jdbc, dfs, native, embedded) decides the keys of its documents; `fields` are the
    fields it takes beside name, parameters and the tuning fields; `required` those it cannot do
    without; both are by default those of a server that asks for user and password; `scope` the datastore fields it needs and `scope_optional` those it also takes;
    `session_params` are parameters that `select` checks, as a role;
    `grammar` holds, by the name of a field, a parameter or a part of a datastore's place, what it may be where a driver
    writes it into a string with a grammar: a header, a URL, a descriptor, a line of a file;
    `identity` is what `username` is: user, client id or access key id; `proof` what logs in where no user name is given;
    `username_optional`: some way of logging in goes without a user name, and `requires` knows which;
    `driver` is an import name, `distribution` that of its package where it is another one.

    Functions, all run in the child process of a test, or where a session is handed over: `open(target)` connects, logs in and returns a handle; `select(handle, target)` checks the database, schema or role that were given;
    `check(handle, target)` runs the cheapest true query; `close(handle)` ends it; `classify(exc)` turns a
    driver's exception into a Verdict or None; `lift_limits(handle, target)` takes away what the login alone was held to, as its time limit: what is read through the handle from then on takes its time; `hand_over(handle)` gives a session the defaults of PEP 249, for whoever asked for it. `tls` says who encrypts: "none", "direct" (the stage
    itself, from the first byte), "preamble" (the stage, after `greet`), "driver" (the driver on
    the dialled socket, after `greet`), or "own" (the driver on a connection of its own that nobody
    else sees: `open` may look at the dialled socket first and sets `target.tls.active` to False when
    it went without TLS; the stage is inferred from the verdict). `greet(sock)` asks the server
    whether it offers TLS.
    `explain(text)` judges words of this engine that another tool wrote; it is needed only where `classify`
    asks for more of an exception than its text; `signature` is a pattern of codes that no other engine has.
    `needs_java` says that the driver runs on Java, which must be installed as well.
    `protocols` are those that a server of this type may speak, its own first; none where that is not known.
    `verified` says what the tests ran it against: the real server, a sibling, an emulator, or the driver alone.
    `authentication` lists each way to log in as (name, what it takes); the first is the default one.
    `foreign` is what other tools call the type and its fields; `privileges` are the least rights that test and discovery need on the server, one sentence or statement each.
    `pinned` says how the driver is kept to the address that was resolved and checked: "socket" (it gets the
    dialled socket), "address" (it is given the address itself), "resolver" (its look-ups run in Python, where the
    child answers them), "proxy" (it goes through a proxy of ours), or None: nothing holds it.
    `forks` says that a process which has imported the driver may be forked; false where the driver brings threads
    or a runtime that a fork breaks (a JVM, Go, tokio), which the connector's line names.
    `reads` names the module of `connectors/reads` that reads its tables, None where nothing does, and `reads_with` packages that it needs beside pyarrow; `snapshots`: which sessions of a read can see one state: "shared" several, "session" one alone, "none" where each statement sees its own.
    `clean_uri(uri)` returns the uri as it is stored, or raises ValueError with what is wrong.
    `endpoint(values)` says where a type without a host of its own is reached, from its stored values.
    `requires(values, secrets_set)` yields (field, message, hint) for what an authentication mode lacks.
    `public_members` are members of a JSON secret that are none, and that a server's words may show.
    `implied(values)` returns what is left out stands for, as far as `values`, with their defaults, tell it.
    `default_credentials(values)` names the fields of identity and secret that a control plane's own credentials may
    fill, none where these values do not allow it.
    Discovery, after login: `catalogs(handle, target)`, `schemas(handle, target)` in target.database, `tables(handle,
    target, prefix)` in target.database and target.schema; object stores list what is under target.root_path.
    """

    type: str
    title: str
    example: str
    driver: str
    open: Callable[[Target], Any]
    check: Callable[[Any, Target], Server]
    kind: str = "jdbc"
    close: Callable[[Any], None] = lambda handle: handle.close()
    select: Callable[[Any, Target], None] | None = None
    classify: Callable[[BaseException], Verdict | None] = lambda _exc: None
    lift_limits: Callable[[Any, Target], None] = lambda _handle, _target: None
    hand_over: Callable[[Any], None] = lambda _handle: None
    explain: Callable[[str], Verdict | None] | None = None
    signature: str = ""
    greet: Callable[[socket.socket], bool] | None = None
    clean_uri: Callable[[str], str] | None = None
    endpoint: Callable[[Mapping[str, Any]], Endpoint] | None = None
    requires: Callable[[Mapping[str, Any], frozenset[str]], Iterator[tuple[str, str, str]]] | None = None
    implied: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _values: {}
    default_credentials: Callable[[Mapping[str, Any]], tuple[str, ...]] | None = None
    catalogs: Callable[[Any, Target], Iterator[Item]] | None = None
    schemas: Callable[[Any, Target], Iterator[Item]] | None = None
    tables: Callable[[Any, Target, str], Iterator[Item]] | None = None
    tls: str = "none"
    aliases: tuple[str, ...] = ()
    default_port: int | None = None
    distribution: str | None = None
    fields: tuple[str, ...] = ("host", "port", "username", "password")
    required: tuple[str, ...] = ("host",)
    identity: str = "user"
    proof: str = "the password"
    username_optional: bool = False
    params: tuple[Param, ...] = ()
    grammar: Mapping[str, Chars] = field(default_factory=dict)
    session_params: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    scope_optional: tuple[str, ...] = ()
    needs_java: bool = False
    protocols: tuple[Protocol, ...] = ()
    verified: str = "nothing yet"
    authentication: tuple[tuple[str, str], ...] = ()
    privileges: tuple[str, ...] = ()
    public_members: tuple[str, ...] = ()
    pinned: str | None = None
    foreign: Foreign | None = None
    forks: bool = True
    reads: str | None = None
    reads_with: tuple[str, ...] = ()
    snapshots: str = "shared"

    @property
    def extra(self) -> str | None:
        """Return the extra of this package that installs the driver, None where that is part of Python."""
        return None if self.driver in sys.stdlib_module_names else self.type

    @property
    def stages(self) -> tuple[str, ...]:
        """Return the stages of a test, in order."""
        if self.kind == "embedded":
            return ("open", "query")
        last = ("list",) if self.kind == "dfs" else ("database", "query")
        return ("resolve", "tcp", "tls", "login", *last)

    def driver_version(self) -> str | None:
        """Return the version of the installed driver, None when it is not installed."""
        if not _is_installed(self.driver):
            return None
        if self.extra is None:
            return sys.version.split()[0]
        return version_of(self.distribution or self.driver)

    def require_driver(self) -> None:
        """Raise DriverMissing when the driver cannot be imported; nothing is imported."""
        if not _is_installed(self.driver):
            hint = f"pip install 'qualytics[{self.extra}]'"
            raise DriverMissing(f"the driver for {self.type} is not installed", hint)


def _is_installed(driver: str) -> bool:
    import importlib.util

    try:
        return importlib.util.find_spec(driver) is not None
    except ModuleNotFoundError:  # the package around it is missing, too
        return False


# Where a password would go out in clear text.
CLEAR_TEXT_HINT = "turn TLS on at the server, or set ssl_mode=disable to send it all the same"
SSL_MODES = ("auto", "verify", "require", "disable")
SSL_MODE, SHARED_SSL_MODE = "auto", "verify"  # without a mode: on a store of one's own, and on a control plane


def ssl_mode(parameters: Mapping[str, Any], default: str) -> tuple[str, bool]:
    """Return the mode that holds for a connection with these parameters, and whether that is the default."""
    # Some types know `ssl`, true or false, beside the parameter that all share.
    by_ssl = None if "ssl" not in parameters else "verify" if parameters["ssl"] else "disable"
    mode = parameters.get("ssl_mode") or by_ssl
    return mode or default, mode is None


def tls_params(modes: tuple[str, ...] = SSL_MODES) -> tuple[Param, ...]:
    """Return the parameters that every type with TLS shares; `modes` are those its driver can do."""
    return (
        Param(
            "ssl_mode",
            str,
            "auto: verified TLS if the server offers it, else plain; verify: verified TLS or nothing; "
            "require: encrypted but unverified; disable: plain",
            choices=modes,
            default=SSL_MODE,
            shared_default=SHARED_SSL_MODE,
        ),
        Param("ssl_root_cert", str, "trusted root certificates as PEM text", max_length=65_536, is_pem=True),
        Param("ssl_root_cert_file", str, "trusted root certificates as a PEM file", is_path=True, max_length=4_096),
    )
