"""Installs what Microsoft's ODBC driver, which mssql-python brings, needs of the system."""

from __future__ import annotations

import ctypes

from dev.servers import install_debian

_LIBRARIES = {"libltdl.so.7": "libltdl7", "libgssapi_krb5.so.2": "libgssapi-krb5-2"}


def programs() -> None:
    """Install the libraries that are missing."""
    if missing := [package for library, package in _LIBRARIES.items() if not _loads(library)]:
        install_debian(*missing)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
