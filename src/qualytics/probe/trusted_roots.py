"""The root certificates that this machine trusts: where they are, and all of them in one file."""

from __future__ import annotations

import functools
import os
import re
import ssl

from qualytics.connectors.contract import Refusal, Verdict

_HASHED = re.compile(r"[0-9a-f]{8}\.\d{1,4}")
_MAX_ROOTS_BYTES = 1 << 20
# Where distributions keep their roots when OpenSSL's own default has none (a driver's wheel brings its OpenSSL).
_ROOTS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


# The files that `gathered_roots` has made, with what they were made of.
_made: dict[str, tuple[object, ...]] = {}


def gather_roots(directory: str) -> None:
    """Have all drivers find one file of what SSL_CERT_FILE and SSL_CERT_DIR name: most take no folder.

    Raises:
        Refusal: as `gathered_roots`.

    """
    if (path := gathered_roots(directory)) is not None:
        os.environ["SSL_CERT_FILE"] = path
        del os.environ["SSL_CERT_DIR"]


def gathered_roots(directory: str) -> str | None:
    """Make one file in `directory` of what SSL_CERT_FILE and SSL_CERT_DIR name; None where no folder is named.

    Raises:
        Refusal: a folder cannot be read, or holds no certificates under the names that OpenSSL looks for; or there is
            no room in `directory`.

    """
    if not (folders := os.environ.get("SSL_CERT_DIR")):
        return None
    paths = [os.environ["SSL_CERT_FILE"]] if os.environ.get("SSL_CERT_FILE") else []
    try:
        hashed = [path for folder in folders.split(os.pathsep) if folder for path in hashed_roots(folder)]
        if not hashed:
            hint = f"run: openssl rehash {folders}"
            raise Refusal(Verdict("config", f"SSL_CERT_DIR, {folders}, holds no certificates under hashed names", hint))
        files = tuple((path, *_state(path)) for path in paths + hashed)
        roots = _content(files)
    except OSError as exc:
        cause = f"SSL_CERT_DIR or SSL_CERT_FILE cannot be read: {exc.filename}: {exc.strerror}"
        raise Refusal(Verdict("config", cause, "check both variables, and who may read what they name")) from exc
    gathered = os.path.join(directory, "system-roots.pem")
    try:
        with open(os.open(gathered, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(roots)
    except OSError as exc:
        cause = f"the certificates of SSL_CERT_DIR could not be gathered in {directory}: {exc.strerror}"
        raise Refusal(Verdict("internal", cause, "free some space there, or set TMPDIR")) from exc
    _made[gathered] = files
    return gathered


def version_of(path: str) -> tuple[object, ...]:
    """Return what is another value once a file of roots holds others; of a gathered one, wherever that is.

    Raises:
        OSError: there is no such file.

    """
    return _made.get(path) or (path, *_state(path))


def _state(path: str) -> tuple[int, ...]:
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@functools.lru_cache(maxsize=1)
def _content(files: tuple[tuple[object, ...], ...]) -> bytes:
    # A process that tests are forked of has read them: hundreds of files for each test else.
    return b"".join(_read(str(path)) for path, *_ in files)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(_MAX_ROOTS_BYTES) + b"\n"


def hashed_roots(folder: str) -> list[str]:
    """Return the files of a folder that OpenSSL finds there: those that `openssl rehash` named."""
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if _HASHED.fullmatch(name)]


def system_roots() -> str | None:
    """Return the file of the roots that this machine trusts, None when there is none."""
    paths = ssl.get_default_verify_paths()
    candidates = (os.environ.get("SSL_CERT_FILE"), paths.cafile, paths.openssl_cafile, *_ROOTS)
    return next((path for path in candidates if path and os.path.exists(path)), None)
