"""What a host may be, of any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualytics.service import hosts

GOOD_HOSTS = [
    *("db", "db.example.com", "db.example.com.", "DB-1.example.com", "a_b.example", "127.0.0.1", "::1"),
    *("2001:db8::1", "xy12345.eu-central-1.snowflakecomputing.com", "b\u00fccher.example", "x" * 63, "1.2", "0"),
]


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_a_name_or_an_address_is_a_host(host):
    assert hosts.clean(host) == ("xn--bcher-kva.example" if "b\u00fc" in host else host, None)


@given(st.text())
def test_a_host_is_judged_whatever_it_is_and_never_repeated(text):
    host, found = hosts.clean(text)
    if found is None:
        assert host.isascii()
        assert not set(host) & set(" /\\@,;[]%\n\0")
    elif len(text) > 12:
        assert text not in "".join(found)
