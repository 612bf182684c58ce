"""Pages as responses: templates, the headers of a page, and the files beside it under a name that changes with them."""

from __future__ import annotations

import functools
import hashlib
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
from litestar import Response, get
from litestar.exceptions import HTTPException

from qualytics.server.parameters import AnyRequest
from qualytics.server.runtime import runtime_of
from qualytics.server.web import markup

if TYPE_CHECKING:
    from collections.abc import Mapping

Page = Response[bytes]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# A form that is sent without a referrer would not say where it comes from (Fetch, "Origin header").
_HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin", "Cache-Control": "no-store"}
_KINDS = {"css": "text/css", "js": "text/javascript"}
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")


def page(request: AnyRequest, template: str, values: Mapping[str, Any], status: int = 200) -> Page:
    """Return a page; `values` are those of its template, beside its address and what all addresses begin with."""
    text = environment(root_of(request)).get_template(template).render(path=path_of(request), **values)
    return Response(text.encode(), status_code=status, media_type="text/html", headers=_HEADERS)


def root_of(request: AnyRequest) -> str:
    """Return what the addresses of all pages begin with in a browser."""
    return runtime_of(request).config.root


def path_of(request: AnyRequest) -> str:
    """Return the path of the page that was asked for, without what all begin with."""
    return str(request.url.path).removeprefix(runtime_of(request).config.pages_path) or "/"


def redirect(request: AnyRequest, address: str, **more: Any) -> Page:
    """Lead the browser to another page, which it asks for anew."""
    headers = {"Location": root_of(request) + address, **_HEADERS}
    return Response(b"", status_code=303, media_type="text/plain", headers=headers, **more)


@functools.cache
def environment(root: str = "") -> jinja2.Environment:
    """Return what renders templates: everything that is put in is escaped, and a name that nobody gave is a fault.

    `root` is what the addresses of all pages begin with.
    """
    found = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__ or "", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,  # or each page would look whether one of its files has changed
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(root=root, static=address_of)
    found.filters.update(hint=hint, state=markup.state, time=markup.time)
    return found


@functools.cache
def _files() -> dict[str, tuple[str, bytes]]:
    folder = resources.files(__package__ or "") / "static"
    return {one.name: (hashlib.sha256(one.read_bytes()).hexdigest()[:16], one.read_bytes()) for one in folder.iterdir()}


def address_of(name: str) -> str:
    """Return the address of a file beside the pages, which another content has not."""
    return f"/static/{_files()[name][0]}/{name}"


@get("/static/{digest:str}/{name:str}", sync_to_thread=True)
def static_file(digest: str, name: str) -> Page:
    """Return a file beside the pages; a browser may keep it for ever."""
    found = _files().get(name)
    if found is None or found[0] != digest:
        raise HTTPException(status_code=404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Content-Security-Policy": POLICY}
    return Response(found[1], media_type=_KINDS[name.rpartition(".")[2]], headers=headers)


def hint(text: str) -> str:
    """Return a hint in the words of a page, which has fields where commands have options; whole commands stay."""
    if "qualytics " in text:
        return text
    return _OPTION.sub(lambda match: match[1].replace("-", " "), text)
