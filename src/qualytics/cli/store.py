"""`qualytics store`: check, back up, restore and copy the store."""

from __future__ import annotations

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import SuggestingGroup
from qualytics.cli._kinds import Text
from qualytics.client import connect


@click.group(cls=SuggestingGroup)
@options.examples(
    "store check",
    "store backup store.backup",
)
def group() -> None:
    """Check, back up, restore and copy the store."""


@group.command()
@options.examples(
    "store check",
)
@options.common_options()
@click.pass_context
def check(ctx: click.Context, /, *, form: output.Format) -> None:
    """Read the whole store and open every secret; exit 1 when something is wrong."""
    with connect() as client:
        report = client.upkeep.check()
    output.write_document(report, form)
    output.flush()  # on a terminal the document comes first
    for problem in report["problems"]:
        output.say(f"error: {output.escape(problem)}")
    ctx.exit(0 if report["ok"] else 1)


@group.command()
@options.examples(
    "store backup store.backup",
)
@click.argument("file", type=Text())
@options.common_options()
def backup(*, file: str, form: output.Format) -> None:
    """Copy the store, while it is in use, into one new file; the key is not in it."""
    from pathlib import Path

    with connect() as client:
        report = client.upkeep.backup(Path(file).absolute())
    output.write_document(report, form)
    output.note(
        "the key is not in the backup; without it the secrets cannot be opened, so keep both, in different places"
    )


@group.command()
@options.examples(
    "store restore store.backup",
)
@click.argument("file", type=Text())
@options.option(
    "--keep-tokens", is_flag=True, help="Let the tokens in the backup be valid, including those revoked since."
)
@options.common_options()
def restore(*, file: str, keep_tokens: bool, form: output.Format) -> None:
    """Replace the store by a backup; the key that sealed it must be there. Its tokens are ended."""
    from pathlib import Path

    with connect() as client:
        report = client.upkeep.restore(Path(file).absolute(), keep_tokens=keep_tokens)
    output.write_document(report, form)
    if keep_tokens:
        output.note("tokens that were valid when the backup was made are valid again, including those revoked since")
    elif count := report["tokens_ended"]:
        tokens = f"{count:,} tokens" if count > 1 else "1 token"
        output.note(f"{tokens} and all sign-ins were ended: some may have been revoked after the backup")
        output.note("qualytics auth token create --user NAME makes a new one here")


@group.command()
@options.examples(
    "store copy --to ./copy --new-key-file ./copy.key",
    "store copy --to postgresql://app@db.example.com/qualytics --new-key-file ./copy.key",
)
@options.option(
    "--to", "target", type=Text(), required=True, metavar="URL", help="An empty database, or a new directory."
)
@options.option("--new-key-file", type=Text(), metavar="FILE", help="The key of the copy; made there if it is not.")
@options.common_options()
def copy(*, target: str, new_key_file: str | None, form: output.Format) -> None:
    """Copy the whole store into an empty one, every secret sealed anew; nothing counts until all is verified.

    URL is postgresql://USER@HOST:PORT/DATABASE, with the password in QUALYTICS_STORE_PASSWORD, or a directory.
    """
    from pathlib import Path

    with connect() as client:
        report = client.upkeep.copy(target, Path(new_key_file).absolute() if new_key_file else None)
    output.write_document(report, form)
    output.note(f"only the key in {output.escape(report['key'])} opens the copy")
