"""Writes `docs/images/`: pages of a control plane as a browser shows them, with connections to a real PostgreSQL."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed import browser, servers
from testbed.control_plane import PASSWORD, serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from testbed.control_plane import Api

IMAGES = Path(__file__).parent.parent / "docs" / "images"
_SIZE = {"width": 1040, "height": 640}
_PAGE_MS = 30_000
# What each picture shows: its name, and the page.
PAGES = {"connections": "/connections", "connection": "/connections/2", "health": "/health"}


def fill(admin: Api, server: servers.Server) -> None:
    """Store connections that work, fail in several ways, were changed or never tested."""
    reached = {"type": "postgresql", "host": "127.0.0.1", "port": server.port, "username": server.user}
    reached |= {"password": server.password, "parameters": {"ssl_mode": "disable"}}
    connections: list[tuple[dict[str, Any], int]] = [
        ({"name": "warehouse", "owner": "data-platform", "tags": ["prod", "eu"]}, 5),
        ({"name": "billing", "owner": "finance", "tags": ["prod"]}, 30),
        ({"name": "billing replica", "owner": "finance", "tags": ["prod"], "port": 1}, 2),
        ({"name": "staging", "owner": "data-platform", "tags": ["test"]}, 1),
        ({"name": "events", "type": "mysql", "owner": "web", "tags": ["prod"]}, 0),
    ]
    for fields, tests in connections:
        found = _sent(admin, "POST", "/connections", reached | fields)
        for _ in range(tests):
            _sent(admin, "POST", f"/connections/{found['id']}/test", {})
    _sent(admin, "PATCH", "/connections/2", {"password": "one that has expired"})
    for _ in range(3):
        _sent(admin, "POST", "/connections/2/test", {})
    _sent(admin, "PATCH", "/connections/4", {"username": "another"})
    place = {"database": "shop", "schema": "public"}
    for name in ("invoices", "payments"):
        _sent(admin, "POST", "/datastores", {"name": name, "connection_id": 2, **place})


def _sent(admin: Api, method: str, path: str, body: dict[str, Any]) -> Any:
    answer = admin(method, path, body)
    if answer.status not in {200, 201}:
        raise RuntimeError(f"{method} {path} was answered with {answer.status}: {answer.body!r}")
    return answer.json


def take(folder: Path) -> list[Path]:
    """Take the pictures into a folder; return them."""
    folder.mkdir(exist_ok=True)
    taken = []
    with (
        tempfile.TemporaryDirectory() as home,
        servers.postgres() as server,
        serving(Path(home) / "home", password=PASSWORD) as plane,
        browser.chromium() as chromium,
    ):
        fill(plane.api(), server)
        page = chromium.new_page(viewport=_SIZE)
        page.set_default_timeout(_PAGE_MS)
        browser.sign_in(page, plane.url, "admin", PASSWORD)
        for name, path in PAGES.items():
            page.goto(f"{plane.url}{path}")
            taken.append(_picture(page, folder / f"{name}.png"))
        page.goto(f"{plane.url}/connections/2/edit")
        page.get_by_role("button", name="Test", exact=True).click()
        page.locator('[data-stage][data-state="failed"]').wait_for()
        page.locator("[data-live-test]").scroll_into_view_if_needed()
        taken.append(_picture(page, folder / "test.png"))
    return taken


def _picture(page: Page, path: Path) -> Path:
    page.screenshot(path=path)
    return path


if __name__ == "__main__":
    for picture in take(IMAGES):
        print(f"{picture.name}: {picture.stat().st_size / 1_000:.0f} kB")
