"""Pages: what is put in is escaped, files are named by their content, templates and scripts stay small and plain."""

import re
from importlib import resources

import jinja2
import pytest
from markupsafe import Markup

from qualytics import connectors
from qualytics.server import web
from qualytics.server.web import render
from qualytics.server.web.render import hint

TEMPLATES = sorted((resources.files(web) / "templates").iterdir(), key=str)
STATIC = {path.name: path.read_text() for path in (resources.files(web) / "static").iterdir()}


def test_scripts_and_styles_stay_small():
    lines = {
        end: sum(text.count("\n") for name, text in STATIC.items() if name.endswith(end)) for end in (".js", ".css")
    }
    assert 0 < lines[".js"] <= 400
    assert 0 < lines[".css"] <= 500


def test_no_script_writes_markup_or_runs_text():
    words = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function")
    assert not [(name, word) for name, text in STATIC.items() for word in words if word in text]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_names_no_type_has_no_script_of_its_own_and_trusts_no_text(template):
    text = template.read_text()
    named = {connector.type for connector in connectors.all_connectors()}
    assert not named & set(re.findall(r"[a-z0-9_]+", text))
    assert not re.search(r"<style|<script(?![^>]* src=)|\son[a-z]+=|\sstyle=|\|\s*safe\b|autoescape", text)


def test_what_is_put_in_is_escaped_and_what_is_missing_is_a_fault():
    template = render.environment().from_string("{{ text }}")
    assert template.render(text="<b>\"'&") == "&lt;b&gt;&#34;&#39;&amp;"
    assert template.render(text=Markup("<b>")) == "<b>"
    with pytest.raises(jinja2.UndefinedError):
        template.render()


def test_the_address_of_a_file_changes_with_its_content():
    assert re.fullmatch(r"/static/[0-9a-f]{16}/app\.css", render.address_of("app.css"))
    assert render.address_of("app.css") != render.address_of("live-test.js")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("check --username and --password", "check username and password"),
        ("give --database, or ssl_mode in --parameters", "give database, or ssl_mode in parameters"),
        ("--jdbc-fetch-size takes 1 to 9", "jdbc fetch size takes 1 to 9"),
        ("run: qualytics auth login --url URL", "run: qualytics auth login --url URL"),
        ("a --- b", "a --- b"),
    ],
)
def test_a_hint_names_fields_where_commands_have_options(said, shown):
    assert hint(said) == shown
