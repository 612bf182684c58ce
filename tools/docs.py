"""Writes the generated documents: commands, types, errors, rights and the API; `--check` says which are stale."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qualytics import client, connectors
from qualytics.cli import root
from qualytics.cli._help import examples, folded
from qualytics.cli._records import RecordArgument
from qualytics.errors import PROBLEM_CODES, all_errors
from qualytics.fields import FIELDS
from tools import man

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.connectors.contract import Connector

DOCS = Path(__file__).parent.parent / "docs"
VERIFIED = Path(__file__).parent / "verified.json"
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
        lines.append(f"{inspect.cleandoc(command.help or '')}\n")
        lines.append("```sh\n" + "\n".join(row for line in examples(command) for row in folded(line, 100)) + "\n```\n")
        lines.append("| option | value | default | what it is |\n|---|---|---|---|")
        for param in command.params:
            if isinstance(param, click.Option):
                names = ", ".join(f"`{name}`" for name in sorted(param.opts, key=len, reverse=True))
                default = "" if param.is_flag or not isinstance(param.default, str) else f"`{param.default}`"
                needed = " **Required.**" if param.required else ""
                lines.append(f"| {names} | {_value(param)} | {default} | {_cell(param.help or '')}{needed} |")
            else:
                text = param.what if isinstance(param, RecordArgument) else "the argument"
                lines.append(f"| `{_cell(param.human_readable_name)}` | {_cell(_value(param))} | | {text} |")
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


# What each way of pinning means for a reader (the field `pinned` of a connector).
_PINNED = {
    "socket": "The driver gets the very socket that was dialled, and opens none of its own.",
    "address": "The driver is given the address that was resolved and checked, in place of the name.",
    "resolver": "The process of the test answers the driver's look-ups with the address that was resolved and checked.",
    "proxy": "The driver goes through a proxy of the test, which dials that one address alone.",
    None: "Nothing holds the driver to the address that was resolved and checked: it resolves the name anew by itself.",
}
_FILE = "It opens a file of this machine and dials nothing."
_NEVER = "login and discovery: never run"


def verdict(connector: Connector) -> str:
    """Return one of real, sibling, emulator and driver only."""
    words = connector.verified.removeprefix("the ")
    return next(name for name in ("real", "sibling", "emulator", "driver only") if words.startswith(name))


def types() -> str:
    lines = ["# Connection types\n", _NOTE]
    lines.append(
        "Each type was verified against the real server or engine (real), another product of the same protocol "
        "(sibling), a program that imitates the service (emulator), or nothing but its own driver (driver only).\n"
    )
    lines.append(
        "| type | aliases | kind | driver | install | verdict | verified against |\n|---|---|---|---|---|---|---|"
    )
    for connector in connectors.all_connectors():
        install = f"`pip install 'qualytics[{connector.extra}]'`" if connector.extra else "part of Python"
        lines.append(
            f"| [{connector.type}](#{connector.type}) | {', '.join(connector.aliases)} | {connector.kind} "
            f"| {connector.distribution or connector.driver} | {install} "
            f"| {verdict(connector)} | {connector.verified.partition(': ')[2] or connector.verified} |"
        )
    lines += ["", *_binding(), ""]
    found = json.loads(VERIFIED.read_text())
    for connector in connectors.all_connectors():
        lines += _type(connector, found)
    return "\n".join(lines)


def _binding() -> Iterator[str]:
    yield "## What binds a stored secret\n"
    yield (
        "On a control plane nobody below Admin changes, or overrides in a test, what binds the stored secret and keeps "
        "the secret: it needs the secret again (409, exit 5). Each parameter below says whether it binds; fields do, "
        "but for these:\n"
    )
    yield "| field | why it need not |\n|---|---|"
    for field in FIELDS:
        if field.harmless:
            yield f"| `{field.name}` | {_cell(field.harmless)} |"
    yield (
        "\nThe database, schema and path of a datastore bind nothing: the login goes to the same address, as the same "
        "account. A connection without a stored secret may be changed by whoever may change connections."
    )


def _binds(harmless: str | None) -> str:
    return f"no: {_cell(harmless)}" if harmless else "yes"


def _type(connector: Connector, found: dict[str, Any]) -> Iterator[str]:
    document = client.type_document(connector.type)
    yield f"## {connector.type}\n"
    yield f"{connector.title}. Stages of a test: {' → '.join(f'`{stage}`' for stage in document['stages'])}.\n"
    yield f"```sh\n{document['example']}\n```\n"
    yield "| field | value | needed | secret | takes `${NAME}` |\n|---|---|---|---|---|"
    for field in document["fields"]:
        default = f" (default {connector.default_port})" if field["name"] == "port" and connector.default_port else ""
        marks = " | ".join("yes" if field[key] else "" for key in ("required", "secret", "takes_references"))
        yield f"| `{field['name']}`{default} | {field['type']} | {marks} |"
    shared = {
        param.name: f"{param.shared_default} on a control plane" for param in connector.params if param.shared_default
    }
    if connector.params:
        yield "\n| parameter | value | default | what it is | binds the secret |\n|---|---|---|---|---|"
        for param in document["parameters"]:
            kind = " or ".join(f"`{choice}`" for choice in param["choices"] or ()) or param["type"]
            default = " or ".join(filter(None, (param["default"], shared.get(param["name"]))))
            yield f"| `{param['name']}` | {kind} | {default} | {_cell(param['help'])} | {_binds(param['harmless'])} |"
    needs = ", ".join(f"`{name}`" for name in connector.scope) or "nothing"
    also = ", ".join(f"`{name}`" for name in connector.scope_optional)
    yield f"\nA datastore needs {needs}{f' and may have {also}' if also else ''}.\n"
    yield from _trust(connector)
    yield from _verified(connector, found)


def _trust(connector: Connector) -> Iterator[str]:
    yield "| authentication | what it takes |\n|---|---|"
    for number, (name, takes) in enumerate(connector.authentication):
        yield f"| `{name}`{'' if number else ' (default)'} | {_cell(takes)} |"
    yield "\nLeast privileges for a test and discovery:\n"
    for line in connector.privileges:
        yield f"- {line}"
    is_file = connector.kind == "embedded"
    yield f"\nAddress: {_FILE if is_file else _PINNED[connector.pinned]}\n"


def _verified(connector: Connector, found: dict[str, Any]) -> Iterator[str]:
    yield f"Verified against: {connector.verified}.\n"
    python = f"Python {found['python']}"
    if entry := found["driver_only"].get(connector.type):
        driver = f"{entry['driver']} {entry['driver_version']}"
        yield f"{_NEVER}. The faults, of which a {entry['met']} port is one, ran with {driver} and {python}.\n"
        return
    entry = found["counterparts"][connector.type]
    yield "| counterpart | version | what it said of itself | TLS | the test ended |\n|---|---|---|---|---|"
    for run in entry["runs"]:
        product = " ".join(filter(None, (run["product_name"], run["product_version"]))) or "nothing"
        version = run["version"] or run["product_version"]
        yield f"| {run['counterpart']} | {version} | {product} | {run['tls'] or 'none'} | {run['ended']} |"
    drivers = {f"{run['driver_name']} {run['driver_version']}" for run in entry["runs"] if run["driver_name"]}
    own = f"{entry['driver']} {entry['driver_version']}"
    yield f"\nThat run had {', '.join(sorted({own} | drivers))} and {python}.\n"


def errors() -> str:
    lines = ["# Errors\n", _NOTE]
    lines.append(
        "Every error is one `error:` line on stderr, and a `hint:` line where there is something to do. "
        "The code never changes; the exit code is what scripts should look at.\n"
    )
    lines.append("| code | exit | HTTP | when |\n|---|---|---|---|")
    lines += [
        f"| `{error.code}` | {error.exit_code} | {error.http_status} | {error.meaning()} |" for error in all_errors()
    ]
    lines.append("\nAn interrupted command ends with exit code 130.\n")
    lines.append("## Codes of a bad value (`invalid-input`)\n")
    lines.append("| code | when |\n|---|---|")
    lines += [f"| `{code}` | {_cell(meaning)} |" for code, meaning in PROBLEM_CODES.items()]
    lines.append("\n## Classes of a failed test\n")
    lines.append("| class | worth a retry | usual cause | usual hint |\n|---|---|---|---|")
    texts = importlib.import_module("qualytics.probe.verdicts.failure_classes").CLASSES
    for name, text in texts.items():
        retry = "yes" if text.retryable else "no"
        lines.append(f"| `{name}` | {retry} | {_words(text.cause)} | {_words(text.hint)} |")
    return "\n".join(lines) + "\n"


def plane_settings() -> str:
    """Return the table of what a control plane is told; it stands inside a page that is written by hand."""
    from qualytics.server.config import AWS_SETTINGS, PROVIDER_SETTINGS, SETTINGS

    lines = ["| variable | option of `serve` | default | what it decides |", "|---|---|---|---|"]
    for setting in (*SETTINGS, *PROVIDER_SETTINGS, *AWS_SETTINGS):
        option = f"`--{setting.name.replace('_', '-')}`" if setting in SETTINGS else ""
        default = "" if setting.default in {None, ()} else f"`{setting.default}`"
        many = "; a comma list" if setting.kind is tuple else ""
        lines.append(f"| `{setting.variable}` | {option} | {default} | {_cell(setting.help)}{many} |")
    return "\n".join(lines) + "\n"


def with_parts(name: str) -> str:
    """Return a page that is written by hand with its generated parts anew."""
    text = (DOCS / name).read_text()
    for part, write in PARTS[name].items():
        begin, end = f"<!-- {part}: written by `make docs` -->\n", f"<!-- {part}: end -->\n"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}{write()}{end}{after}"
    return text


PARTS = {"settings.md": {"control plane": plane_settings}}


def _words(template: str) -> str:
    names = {
        "where": "HOST:PORT",
        "timeout_s:g": "10",
        "type": "TYPE",
        "extra": "TYPE",
        "owned": "database",
        "login": "user USER or the password",
        "admitted": "user USER was let in",
        "host_field": "--host",
        "credentials": "--username and --password",
    }
    for name, word in names.items():
        template = template.replace(f"{{{name}}}", word)
    return _cell(template)


def _api() -> dict[str, Any]:
    app, openapi = (importlib.import_module(f"qualytics.server.{name}") for name in ("app", "openapi"))
    found: dict[str, Any] = openapi.document("/api", [*app.ROUTES, *app.meta.ROUTES])
    return found


def api() -> str:
    return json.dumps(_api() | {"info": _api()["info"] | {"version": ""}}, indent=1) + "\n"


def rights() -> str:
    module = importlib.import_module("qualytics.service.rights")
    known = [right for right in vars(module).values() if isinstance(right, module.Right)]
    roles = list(reversed(module.ROLES))
    head = f"| {' | '.join(roles)} |"
    line = f"|{'---|' * len(roles)}"
    lines = ["# Who may do what\n", _NOTE]
    lines.append(
        "On a control plane everybody who signs in has one role. On a store of one's own everything is allowed. "
        "Whoever lacks a right is told which (403, exit 4), and the audit log keeps refused changes and tests.\n"
    )
    lines.append(f"## Rights\n\n| a caller may {head}\n|---{line}")
    lines += [f"| {right.words} | {_marks(right.roles, roles)} |" for right in known]
    lines.append(
        "\nBelow Admin, a stored secret stays with what it was given for: a change or a test that names another host, "
        "account, path, TLS setting or anything else that [binds the secret](connectors.md#what-binds-a-stored-secret) "
        "needs the secret again (409, `secret-needed-for-new-target`).\n"
    )
    lines.append("Tokens of others are not found (404) by anybody but an Admin.\n")
    lines.append(f"## Routes\n\n| route | right | no token {head}\n|---|---|---{line}")
    by_words = {right.words: right for right in known}
    for path, methods in _api()["paths"].items():
        for method, operation in methods.items():
            words = operation.get("x-right")
            who = by_words[words].roles if words else module.ROLES
            row = (f"`{method.upper()} {path}`", words or "", "" if words else "yes", _marks(who, roles))
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def _marks(having: Any, roles: list[str]) -> str:
    return " | ".join("yes" if role in having else "" for role in roles)


PAGES = {
    "cli.md": cli,
    "connectors.md": types,
    "errors.md": errors,
    "rights.md": rights,
    "openapi.json": api,
    **man.pages(),
}


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    texts = {name: write() for name, write in PAGES.items()} | {name: with_parts(name) for name in PARTS}
    for name, text in texts.items():
        path = DOCS / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
    for path in (DOCS / "man").glob("*.1"):  # of commands that are gone
        if f"man/{path.name}" not in texts:
            stale.append(f"man/{path.name}")
            if not check:
                path.unlink()
    if check and stale:
        print(f"stale: {', '.join(stale)}; run make docs", file=sys.stderr)
    return bool(check and stale)


if __name__ == "__main__":
    sys.exit(main())
