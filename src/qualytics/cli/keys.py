"""`qualytics keys`: rotate the key that seals the secrets, forget old ones, or make one."""

from __future__ import annotations

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import SuggestingGroup
from qualytics.cli._questions import require_yes
from qualytics.client import connect, new_key


@click.group(cls=SuggestingGroup)
@options.examples(
    "keys rotate",
    "keys forget --dry-run",
    "store check",
)
def group() -> None:
    """Rotate the key that seals the secrets, and forget old ones."""


@group.command()
@options.examples("keys rotate", "keys rotate --forget")
@options.option(
    "--forget", is_flag=True, help="Keep no old key, as of one that leaked; older backups are lost with them."
)
@options.common_options()
def rotate(*, forget: bool, form: output.Format) -> None:
    """Seal every secret anew under a new key; the old key is kept beside it for backups made before."""
    with connect() as client:
        report = client.upkeep.rotate(forget=forget)
    output.write_document(report, form)
    if kept := report["old_key_file"]:
        output.note(
            f"the old key is kept in {output.escape(kept)}, for backups made before now; keys forget removes it"
        )
    else:
        output.note("backups made before now still need the old key, which is not kept here")


@group.command()
@options.examples(
    "keys forget --dry-run",
    "keys forget --yes",
)
@options.option("--dry-run", is_flag=True, help="Show which keys would be forgotten; remove nothing.")
@options.yes_option()
@options.common_options()
def forget(*, dry_run: bool, yes: bool, form: output.Format) -> None:
    """Remove the old keys that rotations have kept; backups made before can then no longer be opened."""
    with connect() as client:
        report = client.upkeep.forget_keys(dry_run=True)
        if not dry_run:
            if count := len(report["old_keys"]):
                keys = "the old key" if count == 1 else f"{count} old keys"
                require_yes(f"Remove {keys}? Backups made before can then no longer be opened.", yes=yes)
            report = client.upkeep.forget_keys()
    output.write_document(report, form)


@group.command()
@options.examples(
    "keys generate",
)
@options.common_options(form=False)
def generate() -> None:
    """Print a new key for QUALYTICS_KEY or QUALYTICS_NEW_KEY; nothing is stored."""
    output.write_text(new_key() + "\n")
