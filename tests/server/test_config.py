"""Settings of a control plane: one that cannot work keeps the server from starting."""

from __future__ import annotations

import pytest

from qualytics.errors import UsageError
from qualytics.server.config import SETTINGS, load
from qualytics.settings import pages_url


@pytest.mark.parametrize("text", ["10.0.0.0/8", "proxy.example.com", "10.0.0.1;10.0.0.2"])
def test_a_proxy_that_would_never_match_keeps_the_server_from_starting(text):
    with pytest.raises(UsageError, match="QUALYTICS_TRUSTED_PROXY"):
        load({"QUALYTICS_TRUSTED_PROXY": text})
    assert load({"QUALYTICS_TRUSTED_PROXY": "0:0:0:0:0:0:0:1, ::ffff:10.0.0.2"}).trusted_proxy == ("::1", "10.0.0.2")


@pytest.mark.parametrize("text", ["db//x", "10.0.0.0/99", "db:99999", "127.1"])
def test_a_target_that_is_none_keeps_the_server_from_starting(text):
    with pytest.raises(UsageError, match="QUALYTICS_ALLOW_TARGET"):
        load({"QUALYTICS_ALLOW_TARGET": f"10.0.0.0/8,{text}"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("LISTEN", text) for text in ("127.0.0.1:99999", "127.0.0.1:0", "127.0.0.1", "x:y")),
        *(("PATH", text) for text in ("/a b", "/a{b:int}", "/a//b", "/a?b", "/%61")),
        *(("PUBLIC_URL", text) for text in ("nonsense", "ftp://x", "https://u:p@x", "https://x?a", "https://x:99999")),
        *(("PUBLIC_URL", f"https://x/{path}") for path in ("a b", "a;b", "a//b", "%61", '"')),
        *((name, text) for name in ("IDLE_S", "REQUEST_S", "TEST_WAIT_S") for text in ("nan", "inf", "-1", "x")),
        ("REQUESTS_PER_MINUTE", "0"),
    ],
)
def test_a_setting_that_cannot_work_keeps_the_server_from_starting(name, text):
    with pytest.raises(UsageError, match=f"QUALYTICS_{name}"):
        load({f"QUALYTICS_{name}": text})


def test_a_client_that_asks_every_ten_seconds_keeps_its_connection():
    """What closes a silent connection at the moment of the next question loses that question."""
    assert next(setting for setting in SETTINGS if setting.name == "idle_s").default > 60


@pytest.mark.parametrize(
    ("path", "public_url", "pages_path", "root"),
    [
        ("/api", "https://x.example", "", ""),
        ("/api", "https://x.example/a/b/", "", "/a/b"),
        ("/tools/api", "https://x.example/", "/tools", "/tools"),
        ("/tools/api", "https://x.example/a", "/tools", "/a/tools"),
    ],
)
def test_pages_stand_one_step_above_the_api_and_below_what_a_proxy_takes_away(path, public_url, pages_path, root):
    environ = {"QUALYTICS_PATH": path, "QUALYTICS_PUBLIC_URL": public_url}
    config = load(environ)
    assert (config.has_pages, config.pages_path, config.root) == (True, pages_path, root)
    assert pages_url(environ) == f"https://x.example{root}"
    assert [config.is_page(f"{pages_path}{tail}") for tail in ("/api", "/api/x", "/apis", "/")] == [False] * 2 + [
        True
    ] * 2
