"""Versions of installed packages, without `importlib.metadata`: that parses mail, and takes a quarter of a start."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType

_METADATA = "importlib.metadata"
# How the folder ends that an installer keeps beside a package; before that stand its name and version.
_END = ".dist-info"


def version_of(distribution: str) -> str:
    """Return the version of an installed package.

    Raises:
        PackageNotFoundError: it is not installed.

    """
    wanted = _normalised(distribution)
    for place in sys.path:
        try:
            names = os.listdir(place)
        except OSError:
            continue
        for name in names:
            package, _, version = name.removesuffix(_END).partition("-")
            if name.endswith(_END) and version and _normalised(package) == wanted:
                return version
    found: str = _whole().version(distribution)
    return found


def answer_drivers() -> None:
    """Have drivers that ask for versions as they are imported get them from here; who asks for more gets the whole."""
    if _METADATA not in sys.modules:
        _put(_Versions(_METADATA))


class _Versions(ModuleType):
    """Stands in for `importlib.metadata` until more is asked of it than a version."""

    version = staticmethod(version_of)

    def __getattr__(self, name: str) -> object:
        if name == "__path__":  # asked for with each name that is imported from a module
            raise AttributeError(name)
        return getattr(_whole(), name)


def _whole() -> ModuleType:
    if isinstance(sys.modules.get(_METADATA), _Versions):
        del sys.modules[_METADATA]
    return importlib.import_module(_METADATA)


def _put(module: ModuleType) -> None:
    sys.modules[_METADATA] = module
    setattr(importlib, _METADATA.rpartition(".")[2], module)


def _normalised(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
