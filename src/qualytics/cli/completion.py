"""`qualytics completion`: the completion script of a shell."""

from __future__ import annotations

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import Command
from qualytics.cli._kinds import OneOf


@click.command(cls=Command)
@options.examples(
    "completion bash > ~/.qualytics-completion.bash",
)
@click.argument("shell", type=OneOf(("bash", "zsh", "fish")))
def command(*, shell: str) -> None:
    """Print the completion script of a shell, as in: source <(qualytics completion bash)."""
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    from qualytics.cli import root

    complete = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    output.write_text(complete(root, {}, "qualytics", "_QUALYTICS_COMPLETE").source())
