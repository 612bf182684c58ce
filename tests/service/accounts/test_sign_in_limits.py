"""Limits of sign-ins: what counts together."""

from __future__ import annotations

from qualytics.service.accounts import sign_in_limits


def test_one_customers_addresses_count_as_one():
    def counted(address):
        return [what for what, _ in sign_in_limits.of(address, "ada")]

    assert counted("2001:db8:1:2::1") == counted("2001:db8:1:2:ffff::9")
    assert counted("2001:db8:1:2::1")[:2] != counted("2001:db8:1:3::1")[:2]
    assert counted("192.0.2.1")[:2] != counted("192.0.2.2")[:2]
