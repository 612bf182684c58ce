"""An address is never repeated where it may hold credentials, whoever reads it and however it is malformed."""
# ruff: noqa: E501 - a kind of address stands in one line

from __future__ import annotations

import pytest

from qualytics import connectors, urls
from qualytics.client.config import parse_url
from qualytics.errors import InvalidInput, QualyticsError, UsageError
from qualytics.probe.egress import Policy
from qualytics.server import config
from qualytics.service.accounts.oidc import Provider
from qualytics.service.connections.drafts import draft
from qualytics.settings import load
from qualytics.store.postgres.opening import Address
from qualytics.transport.connect import Proxy

SECRET = "hunter2pw"  # pragma: allowlist secret
# Userinfo as it is pasted: whole, with characters that end a host early, and with some that no URL may hold.
PASTED = [
    f"app:{SECRET}@db.example.com",
    f"app:{SECRET}/x@db.example.com",
    f"app:x/{SECRET}@db.example.com",
    f"{SECRET}/x@db.example.com",
    f"app:{SECRET}?x@db.example.com",
    f"app:x?{SECRET}@db.example.com",
    f"app:{SECRET}#x@db.example.com",
    f"app:x#{SECRET}@db.example.com",
    f"app:{SECRET}@x@db.example.com",
    f"app:[{SECRET}@db.example.com",
    f"app:{SECRET}\u2100@db.example.com",
    f"app:{SECRET}\\@db.example.com",
    f"app:{SECRET}:8080@db.example.com",
    f"{SECRET}@db.example.com:port",
]
# Where no sign tells that it is a password, but another part is malformed.
MALFORMED = [f"db.example.com:{SECRET}", f"[{SECRET}]", f"[{SECRET}", f"{SECRET}\u2100.example.com"]
WITH_ENDPOINT = [
    pytest.param(connector, id=connector.type)
    for connector in connectors.all_connectors()
    if any(param.name == "endpoint_url" for param in connector.params)
]


def words(error):
    """Return all that an error says."""
    return f"{error} {getattr(error, 'hint', '')} {[vars_of(problem) for problem in getattr(error, 'problems', ())]}"


def vars_of(problem):
    return problem.message, problem.hint, problem.loc


def refusal(kind, action, *given):
    with pytest.raises(kind) as caught:
        action(*given)
    assert SECRET not in words(caught.value)
    assert SECRET not in str(caught.value.__cause__)
    return words(caught.value)


@pytest.mark.parametrize("place", [*PASTED, *MALFORMED])
def test_a_url_is_refused_in_words_that_do_not_repeat_it(place):
    refusal(ValueError, urls.split, f"https://{place}/path")


@pytest.mark.parametrize("connector", WITH_ENDPOINT)
def test_no_type_repeats_an_endpoint(connector):
    for place in (*PASTED, *MALFORMED):
        given = {"type": connector.type, "parameters": {"endpoint_url": f"https://{place}"}}
        given |= dict.fromkeys(connector.required, "x")
        if "role_arn" in {param.name for param in connector.params}:
            given["parameters"] |= {"authentication_type": "IAM_ROLE", "role_arn": "arn:aws:iam::123456789012:role/r"}
        refusal(InvalidInput, draft, given)


@pytest.mark.parametrize("place", [*PASTED, *MALFORMED])
def test_the_address_of_a_control_plane_is_not_repeated(place):
    refusal(UsageError, parse_url, f"https://{place}", "QUALYTICS_URL")


@pytest.mark.parametrize("place", [*PASTED[1:8], PASTED[9]])
def test_a_proxy_whose_password_ends_the_host_early_is_not_repeated(place):
    refusal(UsageError, Proxy, f"http://{place}:3128", "HTTPS_PROXY")


def test_a_proxy_may_have_a_login():
    assert Proxy(f"http://app:{SECRET}%2F@proxy.example.com:3128", "HTTPS_PROXY").login == f"app:{SECRET}/"


@pytest.mark.parametrize("place", [*PASTED, *MALFORMED])
def test_an_issuer_is_not_repeated(place):
    refusal(UsageError, Provider(f"https://{place}", "client", None, "https://c.example.com").checked)


@pytest.mark.parametrize("place", PASTED)
@pytest.mark.parametrize("name", ["QUALYTICS_PUBLIC_URL", "QUALYTICS_ALLOW_TARGET", "QUALYTICS_TRUSTED_PROXY"])
def test_a_setting_of_a_control_plane_is_not_repeated(name, place):
    refusal(UsageError, config.load, {name: f"https://{place}"})


@pytest.mark.parametrize("place", [*PASTED, *MALFORMED])
def test_a_target_is_not_repeated(place):
    refusal(ValueError, Policy, (f"https://{place}",))


@pytest.mark.parametrize("place", [place for place in PASTED if not place.endswith(":port")])
def test_the_place_of_a_store_never_holds_its_password(place):
    settings = load({"QUALYTICS_STORE": f"postgresql://{place}/store"})
    try:
        shown = Address(settings).place
    except UsageError as exc:
        shown = words(exc)
    assert SECRET not in shown


@pytest.mark.parametrize(
    "uri",
    [
        *(f"jdbc:postgresql://{place}/x" for place in PASTED),
        *(f"jdbc:postgresql://h/x?{tail}" for tail in (f"password={SECRET}", f"user=a&{SECRET}", SECRET, f"ssl={SECRET}!")),
        *(f"jdbc:sqlserver://h;{tail}" for tail in (f"password={SECRET}", f"encrypt=true;{SECRET}", f"password=x;{SECRET}=1")),
        *(f"jdbc:oracle:thin:app/{SECRET}{tail}" for tail in ("@//h:1521/x", "@h:1521:x")),
    ],
)  # fmt: skip
def test_a_jdbc_url_is_not_repeated(uri):
    parameters = {"driver_class": "org.h2.Driver", "jars": ["/x.jar"]}
    refusal(InvalidInput, draft, {"type": "jdbc", "uri": uri, "parameters": parameters})


@pytest.mark.parametrize(
    ("kind", "uri"),
    [
        *(("s3", f"s3://{place}/path") for place in (f"key:{SECRET}@bucket", f"key:{SECRET}/x@bucket", f"{SECRET}@bucket")),
        *(("gcs", f"gs://{place}") for place in (f"bucket?key={SECRET}", f"{SECRET}@bucket")),
        *(("abfs", f"abfss://c@account.dfs.core.windows.net/{tail}") for tail in (f"?sig={SECRET}", f"x?sv=1&sig={SECRET}")),
        *((kind, uri) for kind in ("sqlite", "duckdb") for uri in (f"md:x?motherduck_token={SECRET}", f"file:x?key={SECRET}")),
    ],
)  # fmt: skip
def test_a_uri_is_not_repeated(kind, uri):
    keys = {"access_key": "key", "secret_key": "x"}
    given = {name: value for name, value in keys.items() if name in connectors.get(kind).fields}
    refusal(InvalidInput, draft, {"type": kind, "uri": uri, **given})


@pytest.mark.parametrize("place", PASTED)
def test_a_host_is_not_repeated(place):
    for host in (place, f"postgresql://{place}/x"):
        refusal(QualyticsError, draft, {"type": "postgresql", "host": host, "username": "app"})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.255.254", "::1"])
def test_hosts_that_are_this_machine(host):
    assert urls.is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "localhost.example.com", "127.0.0.1.example.com", "128.0.0.1", "127.0.0", "0.0.0.0", "::", "::2", "::1%lo"],
)
def test_hosts_that_are_not(host):
    assert not urls.is_loopback(host)
