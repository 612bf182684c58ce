"""Who is reached through a proxy."""

import pytest

from qualytics.transport.connect import proxy_of
from qualytics.transport.endpoint import PORTS, Endpoint


@pytest.mark.parametrize(
    ("url", "environment", "port"),
    [
        ("https://plane.example.com", {"HTTPS_PROXY": "http://127.0.0.1:3128"}, 3128),
        ("https://plane.example.com", {"https_proxy": "127.0.0.1"}, 80),
        ("https://plane.example.com", {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "example.com"}, None),
        ("https://plane.example.com", {"HTTPS_PROXY": "http://127.0.0.1:1", "no_proxy": "*"}, None),
        ("https://plane.example.com", {"HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}, None),
        ("https://localhost", {"HTTPS_PROXY": "http://127.0.0.1:1"}, None),
        ("http://localhost", {"HTTPS_PROXY": "http://127.0.0.1:1"}, None),
    ],
)
def test_a_proxy_is_used_for_tls_to_other_hosts_alone(monkeypatch, url, environment, port):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    scheme, _, host = url.partition("://")
    proxy = proxy_of(Endpoint(scheme, host, PORTS[scheme]))
    assert (proxy and proxy.port) == port
