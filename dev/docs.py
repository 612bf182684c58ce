"""Writes the generated documents: cli.md, connectors.md and errors.md; `--check` says which are stale."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qualytics import client, connectors
from qualytics.cli import root
from qualytics.errors import PROBLEM_CODES, all_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.connectors import Connector

DOCS = Path(__file__).parent.parent / "docs"
_NOTE = "<!-- Written by `make docs`; edit the source instead. -->\n"


def commands(command: click.Command, trail: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    """Yield every command below a group, with its words."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is None:
                raise RuntimeError(f"{name} has no command")
            yield from commands(child, [*trail, name])
    else:
        yield trail, command


def cli() -> str:
    lines = ["# Commands\n", _NOTE]
    lines.append(
        "Every command writes one document to stdout and everything else to stderr. "
        "`${NAME}` in an option is a reference ([references](references.md)); write it in single quotes.\n"
    )
    for trail, command in commands(root, ["qualytics"]):
        lines.append(f"## `{' '.join(trail)}`\n")
        lines.append(f"{(command.help or '').strip()}\n")
        lines.append("| option | value | default | what it is |\n|---|---|---|---|")
        for param in command.params:
            if isinstance(param, click.Option):
                names = ", ".join(f"`{name}`" for name in sorted(param.opts, key=len, reverse=True))
                default = "" if param.is_flag or not isinstance(param.default, str) else f"`{param.default}`"
                needed = " **Required.**" if param.required else ""
                lines.append(f"| {names} | {_value(param)} | {default} | {_cell(param.help or '')}{needed} |")
            else:
                lines.append(f"| `{(param.name or '').upper()}` | {_value(param)} | | the argument |")
        lines.append("")
    return "\n".join(lines)


def _value(param: click.Parameter) -> str:
    if isinstance(param, click.Option) and param.is_flag:
        return "flag"
    if isinstance(param.type, click.Choice):
        return _cell(" or ".join(f"`{choice}`" for choice in param.type.choices))
    return getattr(param, "metavar", None) or param.type.name


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def types() -> str:
    lines = ["# Connection types\n", _NOTE]
    lines.append("| type | aliases | kind | driver | install | verified against |\n|---|---|---|---|---|---|")
    for connector in connectors.all_connectors():
        install = f"`pip install 'qualytics[{connector.extra}]'`" if connector.extra else "part of Python"
        lines.append(
            f"| [{connector.type}](#{connector.type}) | {', '.join(connector.aliases)} | {connector.kind} "
            f"| {connector.distribution or connector.driver} | {install} | {connector.verified} |"
        )
    lines.append("")
    for connector in connectors.all_connectors():
        lines += _type(connector)
    return "\n".join(lines)


def _type(connector: Connector) -> Iterator[str]:
    document = client.type_document(connector.type)
    yield f"## {connector.type}\n"
    yield f"{connector.title}. Stages of a test: {' → '.join(f'`{stage}`' for stage in document['stages'])}.\n"
    yield f"```sh\n{document['example']}\n```\n"
    yield "| field | value | needed | secret | takes `${NAME}` |\n|---|---|---|---|---|"
    for field in document["fields"]:
        default = f" (default {connector.default_port})" if field["name"] == "port" and connector.default_port else ""
        marks = " | ".join("yes" if field[key] else "" for key in ("required", "secret", "takes_references"))
        yield f"| `{field['name']}`{default} | {field['type']} | {marks} |"
    if connector.params:
        yield "\n| parameter | value | default | what it is |\n|---|---|---|---|"
        for param in document["parameters"]:
            kind = " or ".join(f"`{choice}`" for choice in param["choices"] or ()) or param["type"]
            yield f"| `{param['name']}` | {kind} | {param['default'] or ''} | {_cell(param['help'])} |"
    needs = ", ".join(f"`{name}`" for name in connector.scope) or "nothing"
    also = ", ".join(f"`{name}`" for name in connector.scope_optional)
    yield f"\nA datastore needs {needs}{f' and may have {also}' if also else ''}.\n"


def errors() -> str:
    lines = ["# Errors\n", _NOTE]
    lines.append(
        "Every error is one `error:` line on stderr, and a `hint:` line where there is something to do. "
        "The code never changes; the exit code is what scripts should look at.\n"
    )
    lines.append("| code | exit | HTTP | when |\n|---|---|---|---|")
    lines += [
        f"| `{error.code}` | {error.exit_code} | {error.http_status} | {error.meaning} |" for error in all_errors()
    ]
    lines.append("\nAn interrupted command ends with exit code 130.\n")
    lines.append("## Codes of a bad value (`invalid-input`)\n")
    lines.append("| code | when |\n|---|---|")
    lines += [f"| `{code}` | {_cell(meaning)} |" for code, meaning in PROBLEM_CODES.items()]
    lines.append("\n## Classes of a failed test\n")
    lines.append("| class | worth a retry | usual cause | usual hint |\n|---|---|---|---|")
    texts = importlib.import_module("qualytics.probe.verdict").CLASSES
    for name, text in texts.items():
        retry = "yes" if text.retryable else "no"
        lines.append(f"| `{name}` | {retry} | {_words(text.cause)} | {_words(text.hint)} |")
    return "\n".join(lines) + "\n"


def _words(template: str) -> str:
    names = {"where": "HOST:PORT", "user": "USER", "timeout_s:g": "10", "type": "TYPE", "extra": "TYPE"}
    for name, word in names.items():
        template = template.replace(f"{{{name}}}", word)
    return _cell(template)


PAGES = {"cli.md": cli, "connectors.md": types, "errors.md": errors}


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for name, write in PAGES.items():
        text, path = write(), DOCS / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if not check:
                path.write_text(text)
    if check and stale:
        print(f"stale: {', '.join(stale)}; run make docs", file=sys.stderr)
    return bool(check and stale)


if __name__ == "__main__":
    sys.exit(main())
