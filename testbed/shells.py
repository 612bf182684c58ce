"""Shells beside bash, for completion."""

from __future__ import annotations

from testbed.installing import install_debian
from testbed.needs import program


def shells() -> dict[str, str]:
    """Return the paths of bash, zsh and fish, installed where they are missing."""
    install_debian("zsh", "fish")
    return {name: program(name) or name for name in ("bash", "zsh", "fish")}
