"""The pages of a sign-in: plain HTML without scripts, everything that is put in escaped."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qualytics.service.accounts.sign_in import Step


def login(step: Step, provider: str | None, problem: str | None = None) -> str:
    """Return the page that asks for name and password, or leads to the provider of that name."""
    other = ""
    if provider is not None:
        other = _part("provider.html").substitute(key=html.escape(step.key), provider=html.escape(provider))
    content = _part("login.html").substitute(
        problem=_problem(problem) if problem else "",
        hostname=html.escape(step.hostname or "a machine without a name"),
        key=html.escape(step.key),
        provider=other,
        cancel=html.escape(step.cancel_url),
    )
    return _framed("Sign in to qualytics", content)


def leading(provider: str, url: str) -> str:
    """Return the page that leads to the provider at once, and has a link there for a browser that does not go."""
    title, href = f"Sign in with {provider}", html.escape(url)
    link = f'<p><a class="button" rel="nofollow" href="{href}">Go on</a></p>'
    return _framed(title, link, f'<meta http-equiv="refresh" content="0; url={href}">\n')


def message(title: str, text: str, hint: str | None = None) -> str:
    """Return a page that says how a sign-in ended."""
    more = f"<p>{html.escape(hint[:1].upper() + hint[1:])}.</p>" if hint else ""
    return _framed(title, _problem(text) + more)


def policy(target: str = "") -> str:
    """Return what a browser lets a page do; a redirect that follows its form may lead to `target`."""
    parts = (
        "default-src 'none'",
        f"style-src 'sha256-{_style_hash()}'",
        f"form-action 'self' {target}".rstrip(),
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return "; ".join(parts)


def _problem(text: str) -> str:
    return f'<p class="error" role="alert">{html.escape(text[:1].upper() + text[1:])}.</p>'


def _framed(title: str, content: str, head: str = "") -> str:
    return _part("frame.html").substitute(title=html.escape(title), head=head, style=_style(), content=content)


@functools.cache
def _part(name: str) -> Template:
    return Template((resources.files(__name__) / name).read_text(encoding="utf-8"))


@functools.cache
def _style() -> str:
    return (resources.files(__name__) / "style.css").read_text(encoding="utf-8")


@functools.cache
def _style_hash() -> str:
    return base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
