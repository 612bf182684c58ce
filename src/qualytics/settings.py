"""Settings: environment over default, in one frozen object; paths, and every time limit of the product."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn, cast

from qualytics.errors import UsageError
from qualytics.secret import Secret
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TEST_TIMEOUT_S = 10.0
TEST_TIMEOUT_MAX_S = 300.0
# Tests at once of a run over many connections: by default, and at most.
PARALLEL, MAX_PARALLEL = 32, 128
# On a control plane: how often the process of such a run says that it is there, and how long it is believed to be.
RUN_BEAT_S, RUN_LOST_S = 5.0, 20.0
# So often its process may be gone without a word; then it is the run that ends processes, and no other takes it up.
RUN_MAX_CRASHES = 3
# On a control plane: how long a test waits for its turn, and a client beyond that for the way there and back.
TEST_WAIT_S = 60.0
TEST_WAY_S = 5.0
# A writer waits this long for others before it says "busy".
STORE_BUSY_S = 30.0
# So long a database server of the store may take to answer a connection, and a pool to have one.
STORE_CONNECT_S = 5.0
# So long one statement on a database server may run; more means that something is wrong.
STORE_STATEMENT_S = 60.0
# How long after the last word of a finished test its process may take to close the connection.
TEST_CLOSE_S = 0.5
# How long the session of a read that is ended early may take to have the server end its statement.
CANCEL_S = 5.0
# RFC 8305 section 5: the pause before the next address of a host is dialled as well.
DIAL_STAGGER_S = 0.25

# Where a control plane listens by default.
LISTEN = "127.0.0.1:8000"
API_PATH = "/api"
# Records of a page of the API: by default, and at most; and how long a text in a query may be.
PAGE_SIZE, MAX_PAGE_SIZE = 50, 100
MAX_QUERY_TEXT = 1_000
# How many days a token is valid: by default, and at most.
TOKEN_DAYS, MAX_TOKEN_DAYS = 90, 365
# What a session of a read may hold: by default, also where many share the memory of a machine, and at least by the
# variable.
READ_MEMORY_BYTES, READ_SHARE_BYTES, MIN_READ_MEMORY_MIB = 2 << 30, 256 << 20, 64
# The longest that a grant with an end lasts.
MAX_GRANT_DAYS = 3_650

# In every reply a control plane says by this header how much of the API it has beyond what other servers have: 1 is
# PATCH, dry runs, tests before changes, If-Match, and filters by whole name and by connection; 2 is names in place of
# ids.
API_LEVEL_HEADER = "api-level"
API_LEVEL = 2
# What stands in a path in place of an id where the query names the record.
BY_NAME = "by-name"

# Of a number in a variable.
_DIGITS = 10
_HOME_HINT = "set QUALYTICS_CONFIG_HOME to a directory of your own"


def pages_url(environ: Mapping[str, str]) -> str:
    """Return where browsers reach the pages of a control plane that has such an environment, without a slash behind."""
    listen = environ.get("QUALYTICS_LISTEN") or LISTEN
    base = (environ.get("QUALYTICS_PUBLIC_URL") or f"http://{listen}").rstrip("/")
    return base + pages_path(environ.get("QUALYTICS_PATH") or API_PATH)


def pages_path(api_path: str) -> str:
    """Return the path under which the pages stand beside an API: one step above it, empty for the root."""
    return f"/{api_path.strip('/')}".rpartition("/")[0]


class ServerPolicy(Struct):
    """What a control plane allows beyond its defaults; a store of one user has no such limits.

    `targets` are names, addresses and networks that tests may reach though they are this machine's or
    link-local; `types` are connection types that are off because nothing holds their driver to the address
    that was checked; `files` are directories of database files, and drivers' jars; `identity` is an id and a
    secret that roles may be assumed with by connections that have neither.
    """

    targets: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    identity: tuple[Secret, Secret] | None = None


class Settings(Struct):
    """What the environment decides.

    `home` is the config directory; `key` (QUALYTICS_KEY) wins over `key_file` (QUALYTICS_KEY_FILE),
    which wins over the key beside the store. `store_url` (QUALYTICS_STORE, `postgresql://…`) is set where the
    store is on a database server; its password may stand apart, in `store_password` or a file. `busy_s` is
    how long others are waited for. `plane` is set where a control plane serves many users.
    """

    home: Path
    key: Secret | None = None
    new_key: Secret | None = None
    key_file: Path | None = None
    url: str | None = None
    busy_s: float = STORE_BUSY_S
    policy: ServerPolicy | None = None
    store_url: Secret | None = None
    store_password: Secret | None = None
    store_password_file: Path | None = None

    @property
    def store_path(self) -> Path:
        """Return the path of the embedded store."""
        return self.home / "store.db"

    @property
    def lock_path(self) -> Path:
        """Return the path of the lock that guards creation, rotation and restore."""
        return self.home / "store.lock"

    @property
    def key_path(self) -> Path:
        """Return the path of the key file, where no key comes from the environment itself."""
        return self.key_file or self.home / "key"


class _Nowhere:
    """Stands where the config directory would: what needs none goes on, and whoever uses it is told what is wrong."""

    def __init__(self, message: str) -> None:
        self._message = message

    def __getattr__(self, _name: str) -> NoReturn:
        raise self.error()

    def __truediv__(self, _name: str) -> NoReturn:
        raise self.error()

    def __fspath__(self) -> NoReturn:
        raise self.error()

    def error(self) -> UsageError:
        return UsageError(f"there is no place for the store: {self._message}", _HOME_HINT)


def has_home(home: Path) -> bool:
    """Say whether there is a config directory, or a place to make it; if not, using it raises a UsageError."""
    return not isinstance(home, _Nowhere)


def _home(config_home: str | None, home: str | None) -> Path:
    """Return the config directory, by QUALYTICS_CONFIG_HOME and HOME; see `has_home`."""
    from pathlib import Path

    try:
        if config_home:
            return Path(config_home).absolute()
        if home is None:
            import pwd

            home = pwd.getpwuid(os.getuid()).pw_dir
    except OSError:
        return _nowhere("QUALYTICS_CONFIG_HOME is relative, and the working directory is gone")
    except KeyError:
        return _nowhere(f"HOME is not set, and user {os.getuid()} has no home directory")
    reason = None
    if not os.path.isabs(home):
        reason = "HOME is not an absolute path"
    elif not os.path.normpath(home).strip("/"):
        reason = "the home directory is /, where files of many users would be mixed"
    elif not os.path.isdir(home):
        reason = f"the home directory {home} does not exist"
    return _nowhere(reason) if reason else Path(home) / ".qualytics"


def _nowhere(message: str) -> Path:
    return cast("Path", _Nowhere(message))


def read_memory_bytes() -> int | None:
    """Return what a session of a read may hold by QUALYTICS_READ_MEMORY_MIB; None where that is not set.

    Raises:
        UsageError: it is no number, or too small for any read.

    """
    text = os.environ.get("QUALYTICS_READ_MEMORY_MIB")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < _DIGITS and int(text) >= MIN_READ_MEMORY_MIB):
        message = f"QUALYTICS_READ_MEMORY_MIB must be a whole number of MiB, at least {MIN_READ_MEMORY_MIB}"
        raise UsageError(message, "as in QUALYTICS_READ_MEMORY_MIB=4096")
    return int(text) << 20


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this process; empty variables count as unset."""
    from pathlib import Path  # here, as a test's child needs the time limits alone

    env = {name: value for name, value in (environ if environ is not None else os.environ).items() if value}
    store, password, password_file = (env.get(f"QUALYTICS_STORE{name}") for name in ("", "_PASSWORD", "_PASSWORD_FILE"))
    key, new_key, key_file = (env.get(f"QUALYTICS_{name}") for name in ("KEY", "NEW_KEY", "KEY_FILE"))
    return Settings(
        home=_home(env.get("QUALYTICS_CONFIG_HOME"), env.get("HOME")),
        key=Secret(key) if key else None,
        new_key=Secret(new_key) if new_key else None,
        key_file=Path(key_file).absolute() if key_file else None,
        url=env.get("QUALYTICS_URL"),
        store_url=Secret(store) if store else None,
        store_password=Secret(password) if password else None,
        store_password_file=Path(password_file).absolute() if password_file else None,
    )
