"""The network policy: what is refused by default, how it cannot be talked around, and what the settings open."""

from __future__ import annotations

import socket

import pytest

from qualytics import probe
from qualytics.connectors import get
from qualytics.probe.egress import Blocked, Policy, is_name
from qualytics.probe.verdicts.exceptions import judge
from tests.support import faults, namespaces
from tests.support.trial import outcome

REFUSED = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.170.2", "100.100.100.200"),
    *("168.63.129.16", "192.0.0.192", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254", "100::1", "5f00::1"),
    *("::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0:127.0.0.1", "::127.0.0.1", "::7f00:1"),
    *("64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::7f00:1"),
    *("2002:7f00:1::1", "2002:a9fe:a9fe::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::5efe:127.0.0.1"),
    "2001:db8::200:5efe:169.254.169.254",
]
OPEN = [
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "8.8.8.8", "192.0.2.1"),
    *("fd12:3456::1", "2001:db8::1", "2606:4700::1111", "::ffff:10.0.0.1", "64:ff9b::8.8.8.8", "2002:808:808::1"),
]


@pytest.mark.parametrize("address", REFUSED)
def test_what_no_database_has_as_its_address_is_refused(address):
    assert not Policy().allows(address, 5432)


@pytest.mark.parametrize("address", OPEN)
def test_public_and_private_addresses_are_allowed(address):
    assert Policy().allows(address, 5432)


@pytest.mark.parametrize(
    ("entry", "address", "port", "name", "expected"),
    [
        ("127.0.0.0/8", "127.0.0.1", 1, "", True),
        ("127.0.0.0/8", "::ffff:127.0.0.1", 1, "", True),
        ("127.0.0.0/8", "64:ff9b::127.9.9.9", 1, "", True),
        ("127.0.0.0/8", "::1", 1, "", False),
        ("127.0.0.0/8", "169.254.169.254", 1, "", False),
        ("127.0.0.1", "127.0.0.1", 1, "", True),
        ("127.0.0.1", "127.0.0.2", 1, "", False),
        ("127.0.0.1:5432", "127.0.0.1", 5432, "", True),
        ("127.0.0.1:5432", "127.0.0.1", 5433, "", False),
        ("127.0.0.0/8:5432", "127.4.4.4", 5432, "", True),
        ("[::1]:5432", "::1", 5432, "", True),
        ("[::1]:5432", "::1", 5433, "", False),
        ("::1", "::1", 5432, "", True),
        ("[::1]", "::1", 5432, "", True),
        ("Localhost", "127.0.0.1", 1, "localhost", True),
        ("localhost", "127.0.0.1", 1, "LOCALHOST.", True),
        ("localhost", "127.0.0.1", 1, "other", False),
        ("localhost", "127.0.0.1", 1, "", False),
        ("localhost:5432", "::1", 5432, "localhost", True),
        ("localhost:5432", "::1", 5433, "localhost", False),
        (
            "2002:7f00:1::/48",
            "2002:7f00:1::1",
            1,
            "",
            False,
        ),  # the gateway's way leads to 127.0.0.1, which it names not
    ],
)
def test_an_entry_of_the_settings_opens_what_it_names_and_no_more(entry, address, port, name, expected):
    assert Policy((entry,)).allows(address, port, name) is expected


@pytest.mark.parametrize(
    "entry",
    ["", ":5432", "127.1", "1.2.3.4/33", "a b", "a,b", "/var/run", "@x", "db:0", "db:65536", "[::1", "::g", "a/8"],
)
def test_an_entry_that_names_nothing_is_an_error(entry):
    with pytest.raises(ValueError, match="is not a network, an address or a host name"):
        Policy((entry,))


def found(*addresses, port=5432):
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


@pytest.mark.parametrize("addresses", [("10.0.0.1", "127.0.0.1"), ("127.0.0.1", "10.0.0.1"), ("10.0.0.1", "::1")])
def test_one_refused_address_condemns_the_whole_name(addresses):
    Policy().check("db", found("10.0.0.1", "10.0.0.2"))
    with pytest.raises(Blocked):
        Policy().check("db", found(*addresses))


def test_the_products_own_store_is_refused_unless_an_entry_names_its_port():
    own = (("10.0.0.5", 5432),)
    assert not Policy((), own).allows("10.0.0.5", 5432)
    assert not Policy((), own).allows("::ffff:10.0.0.5", 5432)
    assert Policy((), own).allows("10.0.0.5", 5433)
    assert Policy((), own).allows("10.0.0.6", 5432)
    for entry in ("10.0.0.0/8", "10.0.0.5", "db"):
        assert not Policy((entry,), own).allows("10.0.0.5", 5432, "db")
    for entry in ("10.0.0.5:5432", "10.0.0.0/8:5432", "db:5432"):
        assert Policy((entry,), own).allows("10.0.0.5", 5432, "db")


def test_the_own_store_is_known_by_its_name_and_by_every_address_of_this_machine():
    for own in ("localhost", "127.0.0.1"):
        policy = Policy(("127.0.0.0/8",), ((own, 5432),))
        assert not policy.allows("127.0.0.1", 5432)
        assert not policy.allows("127.0.0.53", 5432)
        assert policy.allows("127.0.0.1", 5433)


@pytest.mark.parametrize(
    "host", ["/var/run/postgresql", "@abstract", "", "a b", "a,b", "a/b", "a@b", "a\0b", "a\nb", "[::1]"]
)
def test_what_is_no_host_name_is_none(host):
    assert not is_name(host)


@pytest.mark.parametrize("host", ["db", "db.example.com.", "a_b-c", "bücher.example", "::1", "fe80::1%eth0", "0x7f.1"])
def test_names_and_addresses_are_names(host):
    assert is_name(host)


def test_a_refusal_is_class_blocked_also_within_a_drivers_own_error():
    wrapped = RuntimeError("could not connect")
    wrapped.__cause__ = Blocked()
    assert isinstance(wrapped.__cause__, OSError)  # as drivers expect
    assert judge(get("postgresql"), wrapped).failure_class == "blocked"


def attempt(host, port, policy):
    values = {"host": host, "port": port, "username": "ann", "parameters": {}}
    return probe.run(probe.Plan("postgresql", values, {}, 20.0, policy=policy))


@pytest.mark.slow
def test_open_and_closed_refused_targets_look_the_same():
    reports = []
    with faults.silent() as living, faults.closed() as dead:
        reports = [attempt("127.0.0.1", port, Policy()) for port in (living, dead)]
    assert [outcome(report) for report in reports] == [("resolve", "blocked")] * 2
    one, other = (
        (vars(r.failure), r.address, r.local_address, r.warnings, [s.name for s in r.stages]) for r in reports
    )
    assert one == other
    assert one[1] is None
    assert one[0]["detail"] is None
    assert "127.0.0.1" not in one[0]["message"]


@pytest.mark.slow
def test_the_own_store_is_refused_in_the_child_also_by_its_name():
    with faults.closed() as port:
        policy = Policy(("127.0.0.0/8", "::1"), (("localhost", port),))
        assert outcome(attempt("127.0.0.1", port, policy)) == ("resolve", "blocked")


@pytest.mark.slow
@pytest.mark.parametrize("host", ["/var/run/postgresql", "@abstract", "127.0.0.1,10.0.0.1"])
def test_a_host_that_is_no_name_is_refused(host):
    assert outcome(attempt(host, 5432, Policy())) == ("resolve", "blocked")


@pytest.mark.slow
@pytest.mark.parametrize("entry", ["127.0.0.0/8", "localhost"])
def test_a_target_that_the_settings_allow_is_dialled(entry):
    with faults.closed() as port:
        assert outcome(attempt("localhost", port, Policy((entry, "::1")))) == ("tcp", "refused")


@pytest.fixture(scope="module")
def in_namespace():
    """Run the trials of `egress_in_namespace`; the network of these can send nothing anywhere."""
    return namespaces.run("tests.probe.egress_in_namespace")


@pytest.mark.slow
def test_no_spelling_of_a_refused_address_is_dialled(in_namespace):
    spellings = in_namespace["spellings"]
    assert len(spellings) >= 14
    assert {host: found for host, found in spellings.items() if found != ["resolve", "blocked"]} == {}
    assert in_namespace["reached"] == []


@pytest.mark.slow
def test_the_same_spellings_reach_their_target_where_the_policy_allows_it(in_namespace):
    # Else the refusals above would prove nothing.
    assert set(in_namespace["allowed"].values()) == {"127.0.0.1", "169.254.169.254", "::1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "type_", ["postgresql", "mysql", "trino", "presto", "databricks", "hive", "redshift", "snowflake", "oracle"]
)
@pytest.mark.parametrize("policed", ["policy", "embedded"])
def test_a_name_that_leads_elsewhere_at_the_second_look_is_not_followed(in_namespace, type_, policed):
    trial = in_namespace["rebound"][policed][type_]
    # Once by the stages, and again by each driver that does not take their socket.
    assert trial["good"] >= (1 if type_ == "mysql" else 2), trial
    assert trial["evil"] == 0, trial


@pytest.mark.slow
def test_the_name_server_of_these_trials_does_lead_elsewhere(in_namespace):
    assert in_namespace["answers"] == ["10.9.9.1", "127.0.0.1", "127.0.0.1"]


@pytest.mark.slow
def test_another_host_that_a_driver_looks_up_is_checked_as_well(in_namespace):
    assert in_namespace["second_host"] == {
        "looked up": ["open", "blocked"],
        "connected": ["open", "blocked"],
        "swallowed": ["open", "blocked"],
        "unix": ["open", "blocked"],
        "datagram": ["open", "blocked"],
        "allowed": ["open", "unknown"],
        "embedded": ["open", "unknown"],
    }
