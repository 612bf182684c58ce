"""A browser as far as a sign-in needs one: it keeps cookies, follows links and redirects, and fills in forms."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import ssl
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

REDIRECT = "http://127.0.0.1:9/callback"
STATE = "state-of-the-command-line-0123456789abcdefg"

VERIFIER = "verifier-" + "0123456789abcdef" * 3
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ANY_CERTIFICATE = ssl.create_default_context()
ANY_CERTIFICATE.check_hostname, ANY_CERTIFICATE.verify_mode = False, ssl.CERT_NONE
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


class _Parser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms, self.links, self.tags = [], [], []

    @property
    def in_the_page(self):
        """Return what a page must leave to files of its own: scripts, styles and handlers that stand in it.

        What others typed may look like one in the text of a page; only the page's own tags count.
        """
        return [
            (tag, known)
            for tag, known in self.tags
            if tag == "style"
            or (tag == "script" and not known.get("src"))
            or any(name == "style" or name.startswith("on") for name in known)
        ]

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.tags.append((tag, known))
        if tag == "form":
            self.forms.append((known.get("action", ""), {}))
        elif tag == "input" and self.forms and known.get("name"):
            self.forms[-1][1][known["name"]] = known.get("value", "")
        elif tag == "a":
            self.links.append(known.get("href", ""))


@dataclass
class Page:
    """What came back from an address."""

    url: str
    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def parsed(self):
        found = _Parser()
        found.feed(self.text)
        return found

    @property
    def form(self):
        """Return action and fields of the first form."""
        action, fields = self.parsed.forms[0]
        return urljoin(self.url, action), dict(fields)

    @property
    def answer(self):
        """Return what the redirect to the command line carries."""
        location = self.header("location") or ""
        assert location.startswith(REDIRECT), (self.status, location, self.text)
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query, strict_parsing=True).items()}


@dataclass
class Browser:
    """One browser; `cookies` by host and port; `proxies` says which server stands behind a public address."""

    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    proxies: dict[str, str] = field(default_factory=dict)

    def open(self, url, form=None, **headers):
        """Send one request and return the page; nothing is followed. A form comes from a page of the same place."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        parts = parts._replace(netloc=self.proxies.get(parts.netloc, parts.netloc))
        jar = self.cookies.setdefault(parts.netloc, {})
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
        body = None
        if form is not None:
            body = form if isinstance(form, bytes) else urlencode(form).encode()
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = (
            http.client.HTTPSConnection(parts.hostname, parts.port, timeout=60, context=ANY_CERTIFICATE)
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        )
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request("GET" if form is None else "POST", target, body, sent)
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        for value in reply.headers.get_all("set-cookie") or []:
            name, _, rest = value.partition("=")
            jar[name] = rest.partition(";")[0]
        return Page(url, reply.status, reply.getheaders(), text)

    def follow(self, page):
        """Follow redirects until a page, or until the command line's own address."""
        while page.status in {302, 303} and not page.header("location").startswith(REDIRECT):
            page = self.open(urljoin(page.url, page.header("location")))
        return page

    def begin(self, plane, url=None, **changes):
        """Open the page that a command line sends a browser to; `url` is where it reaches the control plane."""
        query = {"redirect_uri": REDIRECT, "state": STATE, "hostname": "laptop"} | changes
        pairs = {name: value for name, value in query.items() if value is not None}
        return self.open(f"{url or plane.url}/api/cli/authorize?{urlencode(pairs, safe=':/')}")

    def sign_in(self, page, name, password, **changes):
        """Fill in the form of a page and send it."""
        action, fields = page.form
        return self.open(action, fields | {"name": name, "password": password} | changes)


def redirect_of(text):
    """Return the address in the policy of a page that its form may lead to."""
    found = re.search(r"form-action ([^;]*)", text)
    return found[1] if found else ""


def play_browser(address, name, password):
    """Be a browser of a library: open the page, fill in the form, and go wherever the control plane says."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    with browser.open(address, timeout=60) as page:
        form = page.read().decode()
        login = re.search(r'name="login" value="([^"]+)"', form)
        action = re.search(r'<form[^>]* action="([^"]*)"', form)
        target = urljoin(page.url, action[1] if action else page.url)
    sent = urlencode({"login": login[1], "name": name, "password": password}).encode()
    request = urllib.request.Request(target, sent, {"Origin": target.partition("/api/")[0]})
    with browser.open(request, timeout=60) as page:
        return page.status
