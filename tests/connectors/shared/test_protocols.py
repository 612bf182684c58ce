"""Protocols by their first bytes: which are told, and which types a hint names."""

from __future__ import annotations

import pytest

from qualytics.connectors import all_connectors
from qualytics.connectors.shared.protocols import TLS, protocols, recognised, types_of
from tests.support import other_servers

BY_SERVER = {one.server: one for one in protocols()}


@pytest.mark.parametrize("server", other_servers.BANNERS)
def test_a_server_that_speaks_first_is_told_by_its_banner(server):
    assert recognised(other_servers.BANNERS[server]).server == server


@pytest.mark.parametrize("answer", [b"", b"\0", b"S", b"N", b"hello", bytes(1_024), b"\x15", b"HTTP", b"220"])
def test_what_may_be_anything_is_nothing(answer):
    assert recognised(answer) is None


def test_one_letter_is_an_answer_to_one_question_alone():
    postgresql = BY_SERVER["a PostgreSQL server"]
    assert recognised(b"S", postgresql) is postgresql
    assert recognised(b"N", postgresql) is postgresql
    assert recognised(b"S", BY_SERVER["an HTTP server"]) is None


@pytest.mark.parametrize("answer", [b"\x15\x03\x01\0\x02\x02\x46", b"\x16\x03\x03\0\x7a\x02"])
def test_an_alert_and_a_handshake_are_tls(answer):
    assert recognised(answer) is TLS


def test_a_hint_names_the_types_of_an_engine_and_first_the_one_that_is_called_after_it():
    assert types_of(BY_SERVER["a MySQL or MariaDB server"]) == ("mysql", "mariadb")
    assert types_of(BY_SERVER["a PostgreSQL server"]) == ("postgresql", "redshift", "timescale")
    assert types_of(BY_SERVER["an HTTP server"]) == types_of(BY_SERVER["an SSH server"]) == ()


def test_every_type_that_is_reached_over_a_network_says_what_it_speaks():
    silent = [one.type for one in all_connectors() if one.kind != "embedded" and not one.protocols]
    assert silent == ["jdbc"]  # whose URL decides


def test_no_two_protocols_have_a_name_in_common_and_a_question_holds_no_name_of_ours():
    assert len(BY_SERVER) == len(protocols())
    assert not [one.server for one in protocols() if b"qualytics" in one.question.lower()]
