"""`qualytics users` and `qualytics service-accounts`: who may use a control plane, and as what."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import SuggestingGroup
from qualytics.cli._kinds import OneOf, Text, Whole
from qualytics.cli._notes import connect_noting_store
from qualytics.cli._values import collect
from qualytics.digests import link_key_of
from qualytics.errors import UsageError
from qualytics.settings import MAX_TOKEN_DAYS, TOKEN_DAYS, pages_url

if TYPE_CHECKING:
    from collections.abc import Callable

_USER, _SERVICE = "user", "service"
_ROLES = ("admin", "manager", "member")
_CREATE_EXAMPLES = {
    _USER: (
        "users create --name grace --role manager --password-stdin < password.txt",
        "users create --name linus --issuer https://login.example.com --subject 00u1a2b3c --email linus@example.com",
    ),
    _SERVICE: (
        "service-accounts create --name nightly",
        "service-accounts create --name nightly --role manager --token --expires-in-days 30",
    ),
}
_UNSET = {"email": ("email",), "password": ("password",), "subject": ("issuer", "subject")}


class _Role(OneOf):
    """A role, in upper or lower case."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the role as it is stored."""
        return super().convert(str(value).lower(), param, ctx).capitalize()


@click.group(cls=SuggestingGroup)
@options.examples("users create --name grace --role manager --password-stdin < password.txt", "users list")
def users() -> None:
    """Manage the users of a control plane. Only an Admin may."""


@click.group("service-accounts", cls=SuggestingGroup)
@options.examples("service-accounts create --name nightly --token", "service-accounts list")
def service_accounts() -> None:
    """Manage the service accounts of a control plane: they have tokens and never sign in. Only an Admin may."""


def _role_option(**more: Any) -> Callable[..., Any]:
    return options.option("--role", type=_Role(_ROLES), metavar="TEXT", help="Admin, Manager or Member.", **more)


_login_options = options.all_of(
    options.option("--password", type=Text(), metavar="TEXT", help="Password (supports ${ENV_VAR}); - asks for it."),
    options.option("--password-stdin", is_flag=True, help="Read the password from stdin."),
    options.option("--issuer", type=Text(), help="Issuer of the provider that the user signs in with."),
    options.option("--subject", type=Text(), help="Who the user is to that provider: the claim sub."),
)
_email = options.option("--email", type=Text(), help="Email address.")


def _add_commands(group: click.Group, kind: str, helps: dict[str, str], login_options: Callable[..., Any]) -> None:
    listing = f"qualytics {group.name} list"
    noun = "user" if kind == _USER else "service account"
    known = "ada" if kind == _USER else "robot"
    which = options.record_options(f"{noun[0].upper()}{noun[1:]}", part="users", listing=listing)
    unsettable = tuple(_UNSET) if kind == _USER else ("email",)

    @group.command(help=helps["create"])
    @options.examples(*_CREATE_EXAMPLES[kind])
    @options.option("--name", "-n", type=Text(), required=True, help="Name; upper and lower case are alike.")
    @_role_option(default="member", show_default=True)
    @_email
    @login_options
    @options.option("--token", "with_token", is_flag=True, help="Make a token as well, and show it once.")
    @options.option("--expires-in-days", type=Whole(1), help=f"Days until the token expires.  [default: {TOKEN_DAYS}]")
    @options.common_options()
    @click.pass_context
    def create(ctx: click.Context, /, *, form: output.Format, **values: Any) -> None:
        _create(ctx, kind, form, values)

    @group.command(help=helps["update"])
    @options.examples(f"{group.name} update {known} --role manager", f"{group.name} update {known} --unset email")
    @which
    @options.option("--new-name", type=Text(), help="New name.")
    @_role_option()
    @_email
    @login_options
    @options.option("--unset", multiple=True, type=OneOf(unsettable), metavar="FIELD", help="Unset a field.")
    @options.common_options()
    @click.pass_context
    def update(ctx: click.Context, /, *, record: int | str, form: output.Format, **values: Any) -> None:
        _update(ctx, record, form, values)

    @group.command("list", help=f"List {noun}s.")
    @options.examples(f"{group.name} list", f"{group.name} list --name {known} --format json")
    @options.name_option("Filter by name: a part of it.")
    @options.limit_option()
    @options.common_options()
    def list_(*, name: str | None, limit: int | None, form: output.Format) -> None:
        with connect_noting_store() as client:
            output.write_list(client.users.list(kind, name, limit), form)

    @group.command(help=f"Show a {noun}, by --id or --name.")
    @options.examples(f"{group.name} get {known}")
    @which
    @options.common_options()
    def get(*, record: int | str, form: output.Format) -> None:
        with connect_noting_store() as client:
            output.write_document(client.users.get(record), form)

    @group.command(help=f"Delete a {noun}, by --id or --name, and every token of that {noun}.")
    @options.examples(f"{group.name} delete {known}")
    @which
    @options.common_options()
    def delete(*, record: int | str, form: output.Format) -> None:
        with connect_noting_store() as client:
            output.write_document(client.users.delete(record), form)


def _create(ctx: click.Context, kind: str, form: output.Format, values: dict[str, Any]) -> None:
    with_token, days = values.pop("with_token"), values.pop("expires_in_days")
    if days is not None and not with_token:
        raise UsageError("--expires-in-days is for --token", "add --token, or leave out --expires-in-days")
    if days is not None and days > MAX_TOKEN_DAYS:  # before the user is made
        raise UsageError(f"--expires-in-days must be 1 to {MAX_TOKEN_DAYS}", f"leave it out for {TOKEN_DAYS}")
    fields = {"kind": kind} | _fields(ctx, values)
    with connect_noting_store() as client:
        document = client.users.create(fields)
        link_key = link_key_of(document["bearer_token"]) if "bearer_token" in document else None
        if with_token and "bearer_token" not in document:
            how = {} if days is None else {"expires_in_days": days}
            made = client.tokens.create("first token", user=document["name"], **how)
            document["bearer_token"] = made["bearer_token"]
    output.write_document(document, form)
    if "bearer_token" in document:
        output.note(options.SHOWN_ONCE)
    if link_key is not None:
        output.note(
            f"to sign in with a browser, once and within a day: {pages_url(os.environ)}/sign-in/link?key={link_key}"
        )


def _update(ctx: click.Context, record: int | str, form: output.Format, values: dict[str, Any]) -> None:
    unset = [field for word in values.pop("unset") for field in _UNSET[word]]
    fields = _fields(ctx, {**values, "name": values.pop("new_name")})
    if both := [field for field in unset if field in fields]:
        raise UsageError(f"{both[0]} is both given and unset", "drop one of the two")
    with connect_noting_store() as client:
        output.write_document(client.users.update(record, fields | dict.fromkeys(unset)), form)


def _fields(ctx: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    secret = {name: values.pop(name, None) for name in ("password", "password_stdin")}
    fields = {name: value for name, value in values.items() if value is not None and name != "new_name"}
    return fields | collect(ctx, secret)


_add_commands(
    users,
    _USER,
    {
        "create": "Create a user. On the server's own host, the first Admin, whose token is shown once.",
        "update": "Change a user. What is not given stays; a role counts at once, and a new password ends the user's "
        "tokens.",
    },
    _login_options,
)
_add_commands(
    service_accounts,
    _SERVICE,
    {
        "create": "Create a service account.",
        "update": "Change a service account. What is not given stays; a role counts at once.",
    },
    options.all_of(),
)
