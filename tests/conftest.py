"""Fixtures of every test: a fresh home, a runner of commands, certificates, real servers and faulty ones."""

from __future__ import annotations

import functools
import gc
import io
import itertools
import json
import os
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import trustme
import yaml

from qualytics.cli import main
from qualytics.probe.trusted_roots import system_roots
from qualytics.secret import Secret
from qualytics.structs import replace
from testbed import cache, fakesnow, servers
from tests.support import axe, children, lanes

if TYPE_CHECKING:
    from qualytics.settings import Settings

# A folder in memory, and what servers and stores of a whole run need at most.
MEMORY = "/dev/shm"
MEMORY_BYTES = 2 << 30
NUMBERS = itertools.count(1)
SERVER_FIXTURES = {
    *("postgres_server", "mariadb_server", "fakesnow_server"),
    *("plain_postgres", "plain_mariadb", "expired_postgres", "expired_mariadb", "translated_postgres", "raw_postgres"),
}
# Each use starts Python anew, which a whole suite of fast tests cannot pay.
SLOW_FIXTURES = {"shell"}
# Nearly all tests of it ask a real process, some for long.
SLOW_FOLDER = Path(__file__).with_name("server")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs so; what the tests start must be open to Ctrl-C all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# A second look asks a server over a dozen connections at once. Where only five may wait to be accepted, the driver's
# own is dropped, and dialled again after 1, 3 and 7 seconds: a refusal then comes too late.
socketserver.TCPServer.request_queue_size = 128


def _has_memory() -> bool:
    try:
        status = os.statvfs(MEMORY)
    except OSError:
        return False
    may_run = not status.f_flag & os.ST_NOEXEC  # tests write programs, too
    return may_run and os.access(MEMORY, os.W_OK) and status.f_bavail * status.f_frsize >= MEMORY_BYTES


if "TMPDIR" not in os.environ and _has_memory():
    # Every new store and server waits for the disk many times; nothing that a test writes has to outlive it.
    os.environ["TMPDIR"] = tempfile.tempdir = MEMORY


# Where variables name the roots that this machine trusts anyway, each test of a connection gathers and parses them
# anew, and Java makes a store of them: most of the work of such a test. Who tests the variables sets them.
_named = {name: os.environ.pop(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ}
if os.path.realpath(_named.get("SSL_CERT_FILE", "")) != os.path.realpath(system_roots() or ""):
    os.environ.update(_named)


# Servers read what tests write as another user, and tests tell modes that they have not set.
os.umask(0o022)


def _leave_home() -> str:
    """Give the tests a home of their own: what one of them writes there is not found by the next run of the suite."""
    os.environ.setdefault("XDG_CACHE_HOME", str(cache.cache().parent))  # what the servers are made from stays
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "ADBC_PROFILE_PATH"):
        os.environ.pop(name, None)
    os.environ["HOME"] = tempfile.mkdtemp(prefix="qualytics-test-home-")
    os.chmod(os.environ["HOME"], 0o755)  # servers run as another user
    return os.environ["HOME"]


HOME = _leave_home()


# Modules that take ten seconds or more of a processor, the longest first, by how their names begin.
LONGEST = (
    *("test_jdbc", "test_openapi", "test_every_page", "test_connection_forms", "test_concurrency", "test_running"),
    *("test_demo", "test_hive", "test_crash", "test_help", "test_account_pages", "test_estate_pages"),
    *("test_tls_defects", "test_stages", "test_snowflake", "test_databricks", "test_compat", "test_zygotes"),
    *("test_ended_rights", "test_rights", "test_binding", "test_explain", "test_athena", "test_meter", "test_engine"),
    *("test_discovery", "test_bigquery", "test_races", "test_replicas", "test_masks", "test_object_store"),
    *("test_contract", "test_runtime", "test_sign_in", "test_canary", "test_runs", "test_faults", "test_listening"),
    *("test_doctor", "test_foreign", "test_sdk_page", "test_call", "test_bodies", "test_tokens_lines"),
    *("test_second_host", "test_copying", "test_passwords", "test_connection_pages", "test_datastore_pages"),
    *("test_page", "test_session", "test_prefix"),
)
# As `tools.fast` says it.
FAST = "not servers and not slow"
# Two thirds of a fast run were further cases of the same tests.
FAST_CASES = 3
# Bytes beyond so many are no part of the name of a test.
_NAMED_BYTES = 60
_NEVER_FAST = re.compile(r"^pytestmark = .*pytest\.mark\.(servers|slow)\b", re.MULTILINE)


def pytest_ignore_collect(collection_path, config):
    # What a module imports takes longer than many fast tests; one that has none is not even imported.
    if config.option.markexpr != FAST:
        return None
    if collection_path.suffix == ".py" and collection_path.name.startswith("test_"):
        return collection_path not in _fast_modules(os.environ.get("FAST_HALF")) or None
    return collection_path == SLOW_FOLDER or None


@functools.cache
def _fast_modules(half):
    """Return the modules with fast tests, or one of two halves of them that are about as large."""
    texts = {path: path.read_text() for path in Path(__file__).parent.rglob("test_*.py")}
    fast = [path for path in texts if SLOW_FOLDER not in path.parents and not _NEVER_FAST.search(texts[path])]
    sizes, halves = [0, 0], ([], [])
    for path in sorted(fast, key=lambda path: (-len(texts[path]), path)):
        lighter = sizes.index(min(sizes))
        sizes[lighter] += len(texts[path])
        halves[lighter].append(path)
    return frozenset(fast if half is None else halves[int(half)])


def pytest_configure(config):
    # Little of what tests make is garbage in a circle; looking for it as often as usual takes a tenth of a fast run.
    gc.set_threshold(50_000, 20, 20)
    # Without a deadline: how long an example takes says more of the machine than of the code. Each run draws others.
    hypothesis.settings.register_profile("whole", deadline=None, max_examples=50)
    hypothesis.settings.register_profile("fast", deadline=None, max_examples=10)
    hypothesis.settings.load_profile("fast" if config.option.markexpr == FAST else "whole")


def _by_length(item):
    name = item.path.name
    return next((place for place, start in enumerate(LONGEST) if name.startswith(start)), len(LONGEST))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    # At the end all workers are to have work; the order is random but for that.
    items.sort(key=_by_length)
    for item in items:
        if SERVER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)
        if SLOW_FOLDER in item.path.parents or SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_generate_tests(metafunc):
    # Made here, not left out of the items that are there: those took a fifth of the collection.
    yield
    if metafunc.config.option.markexpr == FAST and metafunc._calls:
        metafunc._calls = _few_cases(metafunc.definition, metafunc._calls)


def _few_cases(definition, cases):
    """Return some of the cases of a test, the first one and others spread evenly; the whole suite runs all."""
    if _is_not_fast(definition.iter_markers()):
        return cases[:1]
    fast = [case for case in cases if not _is_not_fast(case.marks)]
    chosen = dict.fromkeys(len(fast) * number // FAST_CASES for number in range(FAST_CASES)) if fast else ()
    return [fast[number] for number in chosen] or cases[:1]


def _is_not_fast(marks):
    return any(mark.name in {"servers", "slow"} for mark in marks)


def pytest_make_parametrize_id(val, argname):
    # A name is there to be read; workers compare theirs, too, which bytes that hold a time or a seed would tell apart.
    return argname if isinstance(val, bytes) and len(val) > _NAMED_BYTES else None


def pytest_xdist_make_scheduler(config, log):
    return lanes.Lanes(config, log)


def pytest_collection_finish():
    # Thousands of tests are no garbage; looking through them at every collection took an eighth of a fast run.
    gc.freeze()


def pytest_unconfigure():
    gc.unfreeze()  # libraries in C++ look at the end whether all of theirs was freed


def pytest_fixture_setup(fixturedef, request):
    # A fixture that is asked for by its name in the middle of a test shows in no list of names.
    item = request._pyfuncitem
    marks = {mark.name for mark in item.iter_markers()}
    if fixturedef.argname in SERVER_FIXTURES and not marks & {"servers", "slow"}:
        pytest.fail(f"{item.nodeid} starts a server: mark it with pytest.mark.servers", pytrace=False)


def pytest_sessionfinish():
    children.close()
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_terminal_summary(terminalreporter):
    """Show what the published client printed, as the control plane promises it, and which pages axe has seen."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    noted = [(report, *entry) for report in reports for entry in getattr(report, "user_properties", ())]
    for report, name, text in noted:
        if name == "transcript":
            terminalreporter.section(report.nodeid)
            terminalreporter.write_line(text)
    if seen := sorted(text for _, name, text in noted if name == axe.REPORT):
        terminalreporter.section("barriers in pages")
        terminalreporter.write_line("\n".join(seen))


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return yaml.load(self.out, Loader=yaml.CSafeLoader)

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a config directory that does not exist yet; no variable of the developer's leaks in."""
    for name in [name for name in os.environ if name.startswith("QUALYTICS_")]:
        monkeypatch.delenv(name)
    place = tmp_path / "home" / ".qualytics"
    monkeypatch.setenv("QUALYTICS_CONFIG_HOME", str(place))
    return place


@contextmanager
def _streams(stdin: bytes):
    before = sys.stdin, sys.stdout, sys.stderr
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    sys.stdin, sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"), out, err
    try:
        yield out, err
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


@pytest.fixture
def run(home, monkeypatch):
    """Return a function that runs one command in this process: `run("connections", "list", env={…}, stdin=b"")`."""

    def call(*args: str, env: dict[str, str] | None = None, stdin: bytes = b"") -> Result:
        with monkeypatch.context() as patch, _streams(stdin) as (out, err):
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = main([str(arg) for arg in args])
            out.flush()
            err.flush()
            return Result(code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode())

    return call


@pytest.fixture
def shell(home):
    """Return a function that runs one command in a process of its own, as a user would."""

    def call(*args: str, env: dict[str, str] | None = None, stdin: bytes = b"", **options: Any) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "qualytics", *(str(arg) for arg in args)],
            input=stdin,
            capture_output=True,
            env={**os.environ, **(env or {})},
            timeout=60,
            check=False,
            **options,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def root_file(authority, tmp_path_factory):
    """Return the root certificate of the test servers as a file."""
    path = tmp_path_factory.mktemp("ca") / "root.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def certificate(authority):
    """Return chain and key of a server called localhost, 127.0.0.1 or ::1."""
    issued = authority.issue_cert("localhost", "127.0.0.1", "::1")
    return issued.cert_chain_pems, issued.private_key_pem


# Databases that demand or refuse TLS stand before the rule that takes both.
HBA = """
hostssl   tls_only   all 127.0.0.0/8 scram-sha-256
hostnossl tls_only   all 127.0.0.0/8 reject
hostnossl plain_only all 127.0.0.0/8 scram-sha-256
hostssl   plain_only all 127.0.0.0/8 reject
hostnossl cleartext  all 127.0.0.0/8 password
"""


@pytest.fixture(scope="session")
def postgres_server(certificate):
    """Run a real PostgreSQL with TLS; `tls_only` and `plain_only` are databases with a rule of their own."""
    with servers.postgres(certificate, HBA) as server:
        with servers.postgres_admin(server) as admin:
            for database in ("tls_only", "plain_only", "cleartext", "sales"):
                admin.execute(f"create database {database}")
        yield server


@pytest.fixture
def on_postgres(home, postgres_server, monkeypatch):
    """Return a function that gives settings a store on PostgreSQL, in a schema of its own; commands use it, too."""

    def move(settings: Settings) -> Settings:
        schema = f"store_{os.getpid()}_{next(NUMBERS)}"
        with closing(servers.postgres_admin(postgres_server)) as admin:
            admin.execute(f"CREATE SCHEMA {schema}")
        url = (
            f"postgresql://{postgres_server.user}:{postgres_server.password}@127.0.0.1:{postgres_server.port}"
            f"/postgres?options=-csearch_path%3D{schema}"
        )
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        monkeypatch.setenv("QUALYTICS_STORE", url)
        monkeypatch.setenv("QUALYTICS_KEY_FILE", str(home / "key"))
        return replace(settings, store_url=Secret(url), key_file=home / "key")

    return move


@pytest.fixture(scope="session")
def mariadb_server(certificate):
    """Run a real MariaDB with TLS."""
    with servers.mariadb(certificate) as server:
        with servers.mariadb_admin(server) as admin:
            admin.cursor().execute("create database sales")
        yield server


@pytest.fixture(scope="session")
def fakesnow_server(certificate):
    """Run the emulator of Snowflake; it takes any user and password."""
    with fakesnow.fakesnow(certificate) as server:
        fakesnow.run_sql(server, "create database SALES", "create schema SALES.RAW", 'create database "Mixed"')
        fakesnow.run_sql(server, 'create schema "Mixed"."low case"')
        yield server
