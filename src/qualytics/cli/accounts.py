"""`qualytics users` and `qualytics service-accounts`: who may use a control plane, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._call import current
from qualytics.cli._group import SuggestingGroup
from qualytics.cli._kinds import OneOf, Text, Whole
from qualytics.cli._values import choose, collect
from qualytics.client import connect
from qualytics.errors import UsageError
from qualytics.secret import Secret
from qualytics.settings import MAX_TOKEN_DAYS, TOKEN_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable

_USER, _SERVICE = "user", "service"
_ROLES = ("admin", "manager", "member")
_UNSET = {"email": ("email",), "password": ("password",), "subject": ("issuer", "subject")}
_LISTING = {_USER: "qualytics users list", _SERVICE: "qualytics service-accounts list"}
_ONCE = "note: the token is shown this once; keep it where no one else reads it"


class _Role(OneOf):
    """A role, in upper or lower case."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the role as it is stored."""
        return super().convert(str(value).lower(), param, ctx).capitalize()


@click.group(cls=SuggestingGroup)
def users() -> None:
    """Manage the users of a control plane. Only an Admin may."""


@click.group("service-accounts", cls=SuggestingGroup)
def service_accounts() -> None:
    """Manage the service accounts of a control plane: they have tokens and never sign in. Only an Admin may."""


def _role_option(**more: Any) -> Callable[..., Any]:
    return click.option("--role", type=_Role(_ROLES), metavar="TEXT", help="Admin, Manager or Member.", **more)


def _person_options(command: Callable[..., Any]) -> Callable[..., Any]:
    added = (
        click.option("--password", type=Text(), metavar="TEXT", help="Password (supports ${ENV_VAR}); - asks for it."),
        click.option("--password-stdin", is_flag=True, help="Read the password from stdin."),
        click.option("--issuer", type=Text(), help="Issuer of the provider that the user signs in with."),
        click.option("--subject", type=Text(), help="Who the user is to that provider: the claim sub."),
    )
    for option in reversed(added):
        command = option(command)
    return command


_email = click.option("--email", type=Text(), help="Email address.")
_name = click.option("--name", "-n", type=Text(), required=True, help="Name; upper and lower case are alike.")
_new_name = click.option("--new-name", type=Text(), help="New name.")
_id = options.id_option("ID.")
_found = options.name_option("Name.")
_token = click.option("--token", "with_token", is_flag=True, help="Make a token as well, and show it once.")
_days = click.option("--expires-in-days", type=Whole(1), help=f"Days until the token expires.  [default: {TOKEN_DAYS}]")
_part = options.name_option("Filter by name: a part of it.")
_limit = click.option("--limit", type=Whole(1), help="Show at most so many; all by default.")


@users.command("create")
@_name
@_role_option(default="member", show_default=True)
@_email
@_person_options
@_token
@_days
@options.common_options()
@click.pass_context
def create_user(ctx: click.Context, /, *, form: str, **given: Any) -> None:
    """Create a user. On the server's own host, the first Admin, whose token is shown once."""
    _create(ctx, _USER, form, given)


@service_accounts.command("create")
@_name
@_role_option(default="member", show_default=True)
@_email
@_token
@_days
@options.common_options()
@click.pass_context
def create_account(ctx: click.Context, /, *, form: str, **given: Any) -> None:
    """Create a service account."""
    _create(ctx, _SERVICE, form, given)


@users.command("update")
@_id
@_found
@_new_name
@_role_option()
@_email
@_person_options
@click.option("--unset", multiple=True, type=OneOf(tuple(_UNSET)), metavar="FIELD", help="Unset a field.")
@options.common_options()
@click.pass_context
def update_user(ctx: click.Context, /, *, form: str, **given: Any) -> None:
    """Change a user. What is not given stays; a role counts at once, and a new password ends the user's tokens."""
    _update(ctx, _USER, form, given)


@service_accounts.command("update")
@_id
@_found
@_new_name
@_role_option()
@_email
@click.option("--unset", multiple=True, type=OneOf(("email",)), metavar="FIELD", help="Unset a field.")
@options.common_options()
@click.pass_context
def update_account(ctx: click.Context, /, *, form: str, **given: Any) -> None:
    """Change a service account. What is not given stays; a role counts at once."""
    _update(ctx, _SERVICE, form, given)


def _create(ctx: click.Context, kind: str, form: str, given: dict[str, Any]) -> None:
    with_token, days = given.pop("with_token"), given.pop("expires_in_days")
    if days is not None and not with_token:
        raise UsageError("--expires-in-days is for --token", "add --token, or leave out --expires-in-days")
    if days is not None and days > MAX_TOKEN_DAYS:  # before the user is made
        raise UsageError(f"--expires-in-days must be 1 to {MAX_TOKEN_DAYS}", f"leave it out for {TOKEN_DAYS}")
    fields = {"kind": kind} | _fields(ctx, given)
    with connect() as client:
        document = client.users.create(fields)
        if with_token and "bearer_token" not in document:
            how = {} if days is None else {"expires_in_days": days}
            made = client.tokens.create("first token", user=document["name"], **how)
            document["bearer_token"] = made["bearer_token"]
    output.write_document(document, form)
    if "bearer_token" in document:
        current(ctx).remember([Secret(document["bearer_token"])])
        output.say(_ONCE)


def _update(ctx: click.Context, kind: str, form: str, given: dict[str, Any]) -> None:
    record_id, name = given.pop("record_id"), given.pop("name")
    unset = [field for word in given.pop("unset") for field in _UNSET[word]]
    fields = _fields(ctx, {**given, "name": given.pop("new_name")})
    if both := [field for field in unset if field in fields]:
        raise UsageError(f"{both[0]} is both given and unset", "drop one of the two")
    with connect() as client:
        found = choose(record_id, name, client.users.find, _LISTING[kind])
        output.write_document(client.users.update(found, fields | dict.fromkeys(unset)), form)


def _fields(ctx: click.Context, given: dict[str, Any]) -> dict[str, Any]:
    secret = {name: given.pop(name, None) for name in ("password", "password_stdin")}
    fields = {name: value for name, value in given.items() if value is not None and name != "new_name"}
    return fields | collect(ctx, secret)


def _add_reading(group: click.Group, kind: str, noun: str) -> None:
    @group.command("list", help=f"List {noun}s.")
    @_part
    @_limit
    @options.common_options()
    def list_(*, name: str | None, limit: int | None, form: str) -> None:
        with connect() as client:
            output.write_list(client.users.list(kind, name, limit), form)

    @group.command(help=f"Show a {noun}, by --id or --name.")
    @_id
    @_found
    @options.common_options()
    def get(*, record_id: int | None, name: str | None, form: str) -> None:
        with connect() as client:
            output.write_document(client.users.get(choose(record_id, name, client.users.find, _LISTING[kind])), form)

    @group.command(help=f"Delete a {noun}, by --id or --name, and every token of that {noun}.")
    @_id
    @_found
    @options.common_options()
    def delete(*, record_id: int | None, name: str | None, form: str) -> None:
        with connect() as client:
            found = choose(record_id, name, client.users.find, _LISTING[kind])
            output.write_document(client.users.delete(found), form)


_add_reading(users, _USER, "user")
_add_reading(service_accounts, _SERVICE, "service account")
