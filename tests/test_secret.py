"""Secrets print as ***, references resolve in one pass,"""

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualytics.errors import InvalidInput
from qualytics.secret import References, Secret

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="*"), min_size=4, max_size=60)


def test_a_secret_never_shows_by_accident():
    secret = Secret("hunter22")
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r:>20}", f"{[secret]}", f"{secret:x}"]
    assert all("hunter22" not in text for text in shown)
    assert secret == Secret("hunter22")
    assert secret != Secret("hunter23")
    assert secret != "hunter22"
    assert secret.reveal() == "hunter22"
    for action in (pickle.dumps, copy.copy, copy.deepcopy, hash, vars, json.dumps):
        with pytest.raises(TypeError):
            action(secret)


PASSED = [
    ("", ""),
    ("plain", "plain"),
    ("${A}", "alpha"),
    ("x${A}y${B}z", "xalphaybetaz"),
    ("${A}${A}", "alphaalpha"),
    ("${_9}", "under"),
    ("${LOOP}", "${LOOP}"),
    ("${TWICE}", "${A} and $A"),
    ("$A", "$A"),
    ("$$A", "$$A"),
    ("$$", "$$"),
    ("$", "$"),
    ("$(A)", "$(A)"),
    ("$ {A}", "$ {A}"),
    ("{A}", "{A}"),
    ("~", "~"),
    ("~/x", "~/x"),
    ("%A%", "%A%"),
    ("`id`", "`id`"),
    ("$${A}", "${A}"),
    ("$${", "${"),
    ("$$${A}", "$${A}"),
    ("$${A}${A}", "${A}alpha"),
    ("a}b{", "a}b{"),
    ("é${A}\n", "éalpha\n"),
]
VARIABLES = {"A": "alpha", "B": "beta", "_9": "under", "LOOP": "${LOOP}", "TWICE": "${A} and $A", "EMPTY": ""}


@pytest.mark.parametrize(("text", "value"), PASSED)
def test_a_reference_is_resolved_once_and_all_else_stays_as_typed(text, value):
    references = References(VARIABLES)
    nested = {"a": [text, {"b": text}], "n": 1, "t": True, "z": None}
    assert references.resolve("--host", text) == value
    assert references.resolve("--parameters", nested) == {"a": [value, {"b": value}], "n": 1, "t": True, "z": None}
    references.finish()


MALFORMED = [
    "${}",
    "${A",
    "${",
    "${A-B}",
    "${A:-x}",
    "${A B}",
    "${ A}",
    "${1A}",
    "${${A}}",
    "${A.b}",
    "${\u00c4}",
    "${A\n}",
]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_reference_is_an_error_that_does_not_repeat_it(text):
    references = References({})
    references.resolve("--password", f"geheim{text}")
    with pytest.raises(InvalidInput) as caught:
        references.finish()
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("malformed-reference", "--password: holds a malformed reference")
    assert "$${" in problem.hint


MEANT = [
    # The text, whether the variable is set, and what is told of it.
    ("${ DB_PASS }", False, "DB_PASS, with spaces around its name"),
    ("${DB_PASS\t}", False, "DB_PASS, with spaces around its name"),
    ("${ db_pass}", True, "db_pass, with spaces around its name"),
    ("${DB_PASS", False, "DB_PASS, without its closing brace"),
    ("${DB_PASS hunter2", False, "DB_PASS, without its closing brace"),
    ("${DB-PASS}", False, "DB_PASS, with more than its name"),
    ("${DB.PASS}@x", False, "DB_PASS, with more than its name"),
    ("${DB_PASS:-hunter2}", False, "DB_PASS, with more than its name"),
    ("${env:DB_PASS}", True, "DB_PASS, with more than its name"),
    ("${{ secrets.DB_PASS }}", True, "DB_PASS, with more than its name"),
    ("geheim${ DB_PASS }", True, "DB_PASS, with spaces around its name"),
]


@pytest.mark.parametrize(("text", "is_set", "told"), MEANT)
def test_a_malformed_reference_names_the_variable_that_was_meant(text, is_set, told):
    name = told.partition(",")[0]
    references = References({name: "x"} if is_set else {})
    references.resolve("--password", text)
    with pytest.raises(InvalidInput) as caught:
        references.finish()
    (problem,) = caught.value.problems
    assert problem.message == f"--password: holds a malformed reference to {told}"
    assert problem.hint.startswith(f"write ${{{name}}}")
    assert ("without spaces" in problem.hint) is ("spaces" in told)


@pytest.mark.parametrize(
    "text", ["${hunter2-s3cret}", "${hunter2", "geheim${HUNTER2", "${DB-S3cret-2x}", "${Hunter Two}"]
)
def test_of_what_may_be_a_password_a_malformed_reference_tells_nothing(text):
    references = References({})
    references.resolve("--password", text)
    with pytest.raises(InvalidInput) as caught:
        references.finish()
    assert caught.value.problems[0].message == "--password: holds a malformed reference"


def test_all_unset_and_empty_references_are_told_at_once():
    references = References(VARIABLES)
    references.resolve("--host", "${NO1}.${EMPTY}.${NO1}")
    references.resolve("--parameters", {"x": ["${NO2}"]})
    references.resolve("--password", "${EMPTY}", may_be_empty=True)
    with pytest.raises(InvalidInput) as caught:
        references.finish()
    assert [(problem.code, problem.message) for problem in caught.value.problems] == [
        ("unset-reference", "--host: ${NO1} is not set"),
        ("empty-reference", "--host: ${EMPTY} is empty"),
        ("unset-reference", "--parameters: ${NO2} is not set"),
    ]


@given(st.text(), st.text(min_size=1))
def test_what_a_variable_holds_is_never_looked_at_again(before, value):
    references = References({"V": value})
    text = before.replace("$", "") + "${V}"
    assert references.resolve("--host", text) == before.replace("$", "") + value
    references.finish()
