"""Operations whose process is gone, as a control plane takes them up."""

import pytest

from qualytics.service.accounts.users import Users
from qualytics.service.connections.run_operations import RunOperations, take_up
from qualytics.service.context import Context
from qualytics.service.rights import Actor
from qualytics.settings import ServerPolicy, Settings


@pytest.fixture
def context(home):
    with Context(Settings(home=home, policy=ServerPolicy())) as found:
        yield found


def lost_operation(context, name):
    user = Users(context).create({"name": name, "role": "Manager"})
    with Context(context.settings, actor=Actor(name, "Manager", user["id"])) as own:
        operation = RunOperations(own).start({"type": "test"}, 8)["id"]
    with context.system_writing() as store:
        store.operations.note(operation, None)  # its process has left
    return operation, user["id"]


def test_one_process_alone_takes_a_lost_operation_up(context):
    operation, user = lost_operation(context, "mia")
    with Context(context.settings) as other:
        assert [(one, actor.user_id, actor.role) for one, actor in take_up(other)] == [(operation, user, "Manager")]
        assert take_up(context) == []


def test_a_user_who_is_gone_ends_it(context):
    operation, user = lost_operation(context, "mia")
    Users(context).delete(user)
    assert take_up(context) == []
    document = RunOperations(context).get(operation)
    assert (document["result"], document["message"]) == ("failure", "the user who began it no longer exists")


def test_what_was_cancelled_is_not_taken_up(context):
    operation, _ = lost_operation(context, "mia")
    RunOperations(context).cancel(operation)
    assert take_up(context) == []
