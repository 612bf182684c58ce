"""Errors: what every one of them holds, and that it stays whole on its way to another process."""

import copy
import pickle

import pytest

from qualytics import errors
from qualytics.errors import Problem, all_errors

REPORT = {"connected": False, "stage": "login", "class": "auth"}
PROBLEMS = [Problem("port", "port must be 1 to 65,535"), Problem("host", "host is missing", "give it with --host")]
# What those are made of that hold more than a message and a hint.
ARGUMENTS = {
    errors.InvalidInput: (PROBLEMS,),
    errors.ConnectionInUse: ("used", "delete those first", [{"id": 1, "name": "d"}]),
    errors.TestFailed: ("the test failed", "look", REPORT),
    errors.TooMany: ("too many", "wait", 7.5),
}


def made(error):
    return error(*ARGUMENTS.get(error, ("what failed", "what to do")))


def content(error):
    state = vars(error) | {"problems": [vars(problem) for problem in error.problems]}
    return type(error), error.args, str(error), error.code, error.report, state


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
@pytest.mark.parametrize("carry", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_is_the_same_in_another_process_and_as_a_copy(error, carry):
    assert content(carry(made(error))) == content(made(error))


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
def test_every_error_has_code_hint_problems_and_report(error):
    found = made(error)
    assert (found.code, bool(found.hint)) == (error.code, True)
    assert list(found.problems) == (PROBLEMS if error is errors.InvalidInput else [])
    assert found.report == (REPORT if error is errors.TestFailed else None)


def test_the_hint_of_invalid_input_is_the_first_that_a_problem_has():
    assert errors.InvalidInput(PROBLEMS).hint == "give it with --host"
    assert errors.InvalidInput(PROBLEMS[:1]).hint is None
