"""The page that explains a message."""

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("role", ["Member", "Admin"])
def test_a_message_is_explained_to_every_role(signed_in, role):
    page = signed_in("/explain", role, javascript=False)
    page.get_by_label("What another tool said").fill("ORA-01017: invalid username/password; <b>logon</b> denied")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("dl").first).to_contain_text("auth (ORA-01017)")
    assert page.locator("main b").count() == 0


def test_what_says_nothing_is_told_at_the_field_and_stays(signed_in):
    page = signed_in("/explain")
    page.get_by_label("What another tool said").fill("it does not work")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("#message-problem")).to_contain_text("does not tell the type of the connection")
    expect(page.get_by_label("What another tool said")).to_be_focused()
    assert page.get_by_label("What another tool said").input_value() == "it does not work"
