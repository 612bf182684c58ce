"""`qualytics completion`: the completion script of a shell."""

from __future__ import annotations

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import Command
from qualytics.cli._kinds import OneOf

# bash writes candidates into the line as they are (`_lines.quoted`); zsh and fish quote them themselves.
_BASH = r"""_qualytics_completion() {
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(
        export COMP_LINE COMP_POINT COMP_WORDBREAKS _QUALYTICS_COMPLETE=bash_complete
        command qualytics 2>/dev/null </dev/null
    )
}
complete -F _qualytics_completion qualytics
"""
_ZSH = r"""#compdef qualytics
_qualytics_completion() {
    local -a answered values shown
    local -x _QUALYTICS_COMPLETE=zsh_complete
    local value text
    answered=("${(@0)$(command qualytics "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    for value text in "${(@)answered[1,-2]}"; do
        values+=("$value")
        shown+=("$text")
    done
    (( $#values )) && compadd -l -d shown -- "${(@)values}"
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _qualytics_completion "$@"
else
    compdef _qualytics_completion qualytics
fi
"""
_FISH = r"""function _qualytics_completion
    set -lx _QUALYTICS_COMPLETE fish_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    command qualytics $words[2..-1] "$current" 2>/dev/null </dev/null | string split0
end
complete --no-files --command qualytics --arguments '(_qualytics_completion)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


@click.command(cls=Command)
@options.examples(
    "completion bash > ~/.qualytics-completion.bash",
)
@click.argument("shell", type=OneOf(tuple(_SCRIPTS)))
def command(*, shell: str) -> None:
    """Print the completion script of a shell, as in: source <(qualytics completion bash)."""
    output.write_text(_SCRIPTS[shell])
