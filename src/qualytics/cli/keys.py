"""`qualytics keys`: rotate the key that seals the secrets, or make one."""

from __future__ import annotations

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import SuggestingGroup
from qualytics.client import connect, new_key


@click.group(cls=SuggestingGroup)
@options.examples(
    "keys rotate",
    "store check",
)
def group() -> None:
    """Rotate the key that seals the secrets."""


@group.command()
@options.examples(
    "keys rotate",
)
@options.common_options()
def rotate(*, form: output.Format) -> None:
    """Seal every secret anew under a new key; the old key opens nothing any more."""
    with connect() as client:
        output.write_document(client.upkeep.rotate(), form)
    output.say("note: backups made before now still need the old key")


@group.command()
@options.examples(
    "keys generate",
)
@options.common_options(form=False)
def generate() -> None:
    """Print a new key for QUALYTICS_KEY or QUALYTICS_NEW_KEY; nothing is stored."""
    output.write_text(new_key() + "\n")
