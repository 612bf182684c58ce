"""`qualytics completion`: the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from qualytics.cli import _output as output
from qualytics.errors import UsageError


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(*, shell: str) -> None:
    """Print the completion script of a shell, as in: source <(qualytics completion bash)."""
    from qualytics.cli import root

    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"there is no completion for {shell}")
    output.write_text(found(root, {}, "qualytics", "_QUALYTICS_COMPLETE").source())
