"""Digests against values that were published."""

from qualytics.digests import challenge_of, digest_of


def test_the_challenge_is_that_of_the_example_in_rfc_7636():
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_digest_is_sha_256_and_takes_whatever_was_sent():
    # FIPS 180-4, the example of "abc".
    assert digest_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of("\ud800") == digest_of("?")
