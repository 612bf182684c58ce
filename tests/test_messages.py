"""The messages that measure `connections explain`: enough of them, well labelled, and the unseen half kept unseen."""

import ast
import json
from collections import Counter
from pathlib import Path

import pytest

import qualytics
from bench import explain
from qualytics import connectors
from qualytics.probe.verdicts.failure_classes import CLASSES
from tools import messages
from tools.messages import Message, half_of, normalised

SRC = Path(qualytics.__file__).parent
LEAST_OF_A_HALF, LEAST_OF_A_TYPE = 400, 15
# A shorter one, as a code alone, cannot be told from a rule.
LEAST_WORDS = 4


@pytest.fixture(scope="module")
def halves():
    return {half: messages.read(half) for half in messages.HALVES}


@pytest.fixture(scope="module")
def everything(halves):
    return [message for half in halves.values() for message in half]


def test_each_message_is_in_the_half_that_its_words_choose(halves):
    assert [message for half, kept in halves.items() for message in kept if half_of(message.message) != half] == []


def test_there_are_enough_of_each_half_and_of_each_type(halves, everything):
    assert min(map(len, halves.values())) >= LEAST_OF_A_HALF
    of_type = Counter(message.type for message in everything)
    assert {name for name in connectors.type_names() if of_type[name] < LEAST_OF_A_TYPE} == set()


def test_each_message_is_labelled_with_what_exists(everything):
    assert {message.failure_class for message in everything} <= CLASSES.keys()
    assert {message.type for message in everything} <= {None, *connectors.type_names()}
    assert all(
        message.message.strip() and message.source and message.retryable in {True, False} for message in everything
    )


def test_no_message_is_there_twice(everything):
    counts = Counter(normalised(message.message) for message in everything)
    assert [text for text, count in counts.items() if count > 1] == []


@pytest.mark.slow  # every source file is read
def test_no_unseen_message_stands_in_a_table(halves):
    """Patterns are compared without their escapes, too. How many there are is shown, and not which: see the README."""
    literals = "\n".join(
        _plain(node.value)
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    texts = [_plain(message.message) for message in halves["measure"]]
    long = [text for text in texts if len(text.split()) >= LEAST_WORDS]
    assert sum(text in literals for text in long) == 0


def _plain(text):
    return normalised(text.replace("\\", ""))


def test_an_unseen_message_in_a_table_would_be_noticed():
    text = _plain("FATAL:  database system (of sales) is down")
    assert text in _plain(r"FATAL: +database|FATAL: database system \(of sales\) is down")


def test_a_message_is_added_once_to_the_half_of_its_words(tmp_path):
    for half in messages.HALVES:
        messages.write(half, [], tmp_path)
    new = [Message("mysql", f"ERROR {n}: of {n} kinds", "config", retryable=False, source="test") for n in range(9)]
    again = Message("mysql", "error 1:  OF 1 kinds", "config", retryable=False, source="test")
    assert [messages.add([*new, again], tmp_path) for _ in range(2)] == [9, 0]
    kept = {half: messages.read(half, tmp_path) for half in messages.HALVES}
    assert all(kept.values())
    assert all(half_of(message.message) == half for half in kept for message in kept[half])
    assert sorted(map(str, new)) == sorted(str(message) for half in kept.values() for message in half)
    assert list(json.loads(new[0].line())) == ["type", "message", "class", "retryable", "source"]


def test_a_message_that_is_not_understood_without_a_type_is_a_miss():
    message = Message(None, "something else went wrong", "auth", retryable=False, source="test")
    assert not explain.class_is_right(message, None)
    assert not explain.retry_is_right(message, None)


def test_a_message_of_a_type_is_scored_by_its_class_and_by_the_advice_to_retry():
    refused = 'psql: error: connection to server at "db", port 5432 failed: Connection refused'
    right = Message("postgresql", refused, "refused", retryable=True, source="psql")
    wrong = Message("postgresql", refused, "auth", retryable=False, source="psql")
    assert [explain.class_is_right(message, "postgresql") for message in (right, wrong)] == [True, False]
    assert [explain.retry_is_right(message, "postgresql") for message in (right, wrong)] == [True, False]
    assert explain.share([True, True, False, False]) == 50


@pytest.mark.slow
def test_the_score_is_reached_and_names_each_type_and_no_message(halves, everything):
    figures = list(explain.explained(None))
    assert [figure.limit for figure in figures[:2]] == [explain.CLASS_GOAL, explain.RETRY_GOAL]
    # Shares alone: a message that is shown here would be seen.
    assert figures[0].measured >= explain.CLASS_GOAL
    assert figures[1].measured >= explain.RETRY_GOAL
    assert {figure.what.split(", ")[2].split(":")[0] for figure in figures[4:]} == {
        message.type or "any type" for message in halves["measure"]
    }
    assert not [message for message in everything if any(message.message in str(figure) for figure in figures)]
