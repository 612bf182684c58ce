"""Chromium as Debian packages it, driven by Playwright, and axe-core, which looks for barriers in a page."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
from typing import TYPE_CHECKING

from testbed.installing import Missing, install_debian, npm_package
from testbed.needs import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

_SNAP = (
    "missing: Chromium as a package; Ubuntu has it as a snap only, which may not look into the folder of a test's "
    "profile. Install a Chromium that is no snap, as the program `chromium`"
)


@functools.cache
def chromium_program() -> str:
    """Return the program, installed where it is missing.

    Raises:
        Missing: it cannot be installed from here, or is a snap.

    """
    found = program("chromium")
    if (found or "").startswith("/snap/") or (found is None and _is_ubuntu()):
        raise Missing(_SNAP)
    install_debian("chromium")
    return program("chromium") or "chromium"


def _is_ubuntu() -> bool:
    try:
        return platform.freedesktop_os_release()["ID"] == "ubuntu"
    except OSError:  # a system without such a file, as macOS
        return False


@functools.cache
def axe_script() -> Path:
    """Return the script that looks for barriers."""
    return npm_package("axe-core", "axe.min.js")


def sign_in(page: Page, url: str, name: str, password: str) -> None:
    """Sign in to the pages of a control plane with a password, and wait for the list of connections."""
    page.goto(f"{url}/sign-in")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/connections")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser without a window; each test takes a context of its own in it."""
    from playwright.sync_api import sync_playwright

    path = chromium_program()
    with sync_playwright() as playwright:
        # Its sandbox refuses root, as whom containers run; anybody else keeps it.
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
        try:
            yield browser
        finally:
            browser.close()
