"""Every command of the program, with the words that run it."""

import click

from qualytics.cli import root


def commands(command=root, words=()):
    """Yield the words and the command of each; groups are not among them."""
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*words, name))
    else:
        yield words, command
