"""Operations whose process is gone, as a control plane takes them up."""

import pytest

from qualytics.service.accounts.users import Users
from qualytics.service.clock import later
from qualytics.service.connections.run_operations import RunOperations, take_up
from qualytics.service.context import Context
from qualytics.service.rights import Actor
from qualytics.settings import RUN_MAX_CRASHES, ServerPolicy, Settings

LONG_AGO = "2020-01-01T00:00:00.000000Z"
IN_AN_HOUR = later(3_600.0)


@pytest.fixture
def context(home):
    with Context(Settings(home=home, policy=ServerPolicy())) as found:
        yield found


def lost_operation(context, name, seen=None):
    user = Users(context).create({"name": name, "role": "Manager"})
    with Context(context.settings, actor=Actor(name, "Manager", user["id"])) as own:
        operation = RunOperations(own).start({"type": "test"}, 8)["id"]
    with context.system_writing() as store:
        store.operations.note(operation, seen)
    return operation, user["id"]


def crash(context, operation):
    with context.system_writing() as store:
        store.operations.note(operation, LONG_AGO)


def result_of(context, operation):
    document = RunOperations(context).get(operation)
    return document["result"], document["message"]


def test_one_process_alone_takes_a_lost_operation_up(context):
    operation, user = lost_operation(context, "mia")
    with Context(context.settings) as other:
        assert [(one, actor.user_id, actor.role) for one, actor in take_up(other)] == [(operation, user, "Manager")]
        assert take_up(context) == []


def test_a_user_who_is_gone_ends_it(context):
    operation, user = lost_operation(context, "mia")
    Users(context).delete(user)
    assert take_up(context) == []
    assert result_of(context, operation) == ("failure", "the user who began it no longer exists")


@pytest.mark.parametrize("seen", [None, LONG_AGO])
def test_what_is_cancelled_while_its_process_is_gone_ends_at_once(context, seen):
    operation, _ = lost_operation(context, "mia", seen)
    assert result_of(context, operation)[0] == "interrupted"
    assert RunOperations(context).cancel(operation)["result"] == "cancelled"
    assert result_of(context, operation) == ("cancelled", "it was cancelled")
    assert take_up(context) == []


def test_what_was_cancelled_before_its_process_was_gone_ends_with_the_next_that_looks(context):
    operation, _ = lost_operation(context, "mia", IN_AN_HOUR)
    assert RunOperations(context).cancel(operation)["result"] == "running"  # its process is asked to end it
    crash(context, operation)
    assert result_of(context, operation)[0] == "interrupted"
    assert take_up(context) == []
    assert result_of(context, operation) == ("cancelled", "it was cancelled")


def test_what_was_cancelled_goes_on_when_it_is_resumed_before_it_has_ended(context):
    operation, _ = lost_operation(context, "mia", IN_AN_HOUR)
    RunOperations(context).cancel(operation)
    document, has_begun = RunOperations(context).resume(operation)
    assert (document["result"], has_begun) == ("running", False)  # by the process that has it
    with context.system_writing() as store:
        assert store.operations.get(operation)["is_cancelled"] == 0


def test_what_has_ended_is_neither_cancelled_nor_run_again(context):
    operation, _ = lost_operation(context, "mia")
    RunOperations(context).run(operation, lambda: context, lambda: None)
    assert result_of(context, operation) == ("success", None)
    assert RunOperations(context).cancel(operation)["result"] == "success"
    document, has_begun = RunOperations(context).resume(operation)
    assert (document["result"], has_begun) == ("success", False)


def test_a_run_that_ends_its_process_again_and_again_ends_by_itself_and_may_be_resumed(context):
    operation, _ = lost_operation(context, "mia")
    for _ in range(RUN_MAX_CRASHES):
        assert [one for one, _ in take_up(context)] == [operation]
        crash(context, operation)
    assert take_up(context) == []
    assert result_of(context, operation) == ("failure", "the process that ran it ended unexpectedly 3 times")
    document, has_begun = RunOperations(context).resume(operation)
    assert (document["result"], document["message"], has_begun) == ("running", None, True)
    crash(context, operation)
    assert [one for one, _ in take_up(context)] == [operation]  # and the count begins anew


def test_whoever_follows_a_run_does_not_have_it_end_processes_for_ever(context):
    operation, _ = lost_operation(context, "mia", LONG_AGO)
    for has_begun in (*(True,) * (RUN_MAX_CRASHES - 1), False):
        assert RunOperations(context).resume(operation)[1] is has_begun
        if has_begun:
            crash(context, operation)
    assert result_of(context, operation) == ("failure", "the process that ran it ended unexpectedly 3 times")


def test_a_process_that_leaves_in_order_is_no_crash(context):
    operation, _ = lost_operation(context, "mia")
    for _ in range(RUN_MAX_CRASHES + 1):
        assert [one for one, _ in take_up(context)] == [operation]
        with context.system_writing() as store:
            store.operations.note(operation, None)
