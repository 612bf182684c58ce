"""Markup of rows: all that is put in is escaped, and a moment is told by its age."""

from datetime import UTC, datetime

import pytest

from qualytics.server.web import markup

EVIL, TOLD = "<b>\"'&", "&lt;b&gt;&quot;&#x27;&amp;"


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-01-02T00:00:00.000Z", "just now"),
        ("2026-01-02T00:00:05.000Z", "just now"),  # a clock that is ahead
        ("2026-01-01T23:58:30.000Z", "1 min ago"),
        ("2026-01-01T21:30:00.000Z", "2 h ago"),
        ("2025-12-30T00:00:00.000Z", "3 d ago"),
    ],
)
def test_a_moment_is_told_by_its_age(moment, words):
    assert markup.ago(moment, datetime(2026, 1, 2, tzinfo=UTC)) == words


def test_all_that_stands_in_a_row_is_escaped():
    one = {"id": 7, "name": EVIL, "type": "mysql", "owner": EVIL, "tags": [EVIL, "b"]}
    state = {"state": "fails", "since": EVIL, "at": None, "class": EVIL, "stage": EVIL}
    with pytest.raises(ValueError, match="isoformat"):  # moments are ours, and still no markup
        markup.state(state)
    state["since"] = "2026-01-02T00:00:00.000Z"
    (row,) = markup.connection_rows("/base", [one], {7: state}).splitlines()
    assert row.count(TOLD) == 5
    assert EVIL not in row
    assert '<a href="/base/connections/7">' in row


def test_a_row_names_a_few_tags_and_counts_the_others():
    one = {"id": 7, "name": "n", "type": "mysql", "owner": None, "tags": [f"tag-{number:02}" for number in range(20)]}
    row = markup.connection_rows("", [one], {})
    assert ">tag-00, tag-01, " in row
    assert "tag-11 and 8 more</td>" in row
    assert "tag-12" not in row


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, '"never">never tested</span>'),
        ({"state": "unknown", "since": None}, '"unknown">unknown · changed since its test</span>'),
        (
            {"state": "fails", "since": None, "class": "dns", "stage": "resolve"},
            '"fails">fails · dns at resolve</span>',
        ),
    ],
)
def test_a_state_is_told_in_words(state, words):
    assert markup.state(state) == f'<span class="state" data-state={words}'
