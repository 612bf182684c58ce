"""Shells beside bash, for completion, and tmux, for what terminals show."""

from __future__ import annotations

from testbed.installing import install_debian
from testbed.needs import program


def shells() -> dict[str, str]:
    """Return the paths of bash, zsh and fish, installed where they are missing."""
    install_debian("zsh", "fish")
    return {name: program(name) or name for name in ("bash", "zsh", "fish")}


def tmux() -> str:
    """Return the path of tmux, installed where it is missing."""
    install_debian("tmux")
    return program("tmux") or "tmux"
