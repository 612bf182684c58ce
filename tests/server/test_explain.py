"""POST /connections/explain: what a message means, to whoever is signed in."""

import pytest


def test_a_code_is_explained_as_the_command_does(member):
    answer = member("POST", "/connections/explain", {"type": "postgresql", "message": "28P01"})
    assert answer.status == 200
    assert list(answer.json) == ["class", "code", "retryable", "cause", "hint"]
    assert (answer.json["class"], answer.json["code"], answer.json["retryable"]) == ("auth", "28P01", False)


def test_the_type_may_be_left_out(member):
    assert member("POST", "/connections/explain", {"message": "SQLSTATE 3D000"}).json["class"] == "unknown_db"


@pytest.mark.parametrize(
    "body", [{}, {"message": 1}, {"message": ""}, {"message": "28P01", "type": 5}, {"message": "28P01", "type": "none"}]
)
def test_what_is_no_message_is_refused(member, body):
    assert member("POST", "/connections/explain", body).status == 422


def test_nobody_is_told_without_a_token(nobody):
    assert nobody("POST", "/connections/explain", {"message": "28P01"}).status == 401
