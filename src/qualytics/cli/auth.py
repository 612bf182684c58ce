"""`qualytics auth`: sign in to a control plane, choose between several, and manage tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._call import current
from qualytics.cli._group import SuggestingGroup
from qualytics.cli._kinds import Seconds, Text, Whole
from qualytics.cli._notes import connect_noting_store
from qualytics.cli._questions import confirm_last_token
from qualytics.cli._values import collect
from qualytics.client.sign_in import login as signing_in
from qualytics.errors import UsageError
from qualytics.fields import Field
from qualytics.secret import Secret
from qualytics.settings import TOKEN_DAYS

if TYPE_CHECKING:
    from qualytics.errors import QualyticsError

_TOKEN = Field("token", str, "token", is_secret=True, takes_refs=True)


def _complete_contexts(_ctx: click.Context, _param: click.Parameter, _text: str) -> list[str]:
    return [str(context["name"]) for context in signing_in.contexts()]


@click.group(cls=SuggestingGroup)
@options.examples(
    "auth init --url https://connections.example.com --token '${QUALYTICS_API_TOKEN}'",
    "auth status",
    "auth use embedded",
)
def group() -> None:
    """Sign in to a control plane, and choose which one the commands work on."""


@group.group(cls=SuggestingGroup)
@options.examples(
    "auth token create --name nightly --expires-in-days 30",
    "auth token list",
)
def token() -> None:
    """Manage tokens: your own, and with the right those of others."""


_control_plane_options = options.all_of(
    options.option("--url", type=Text(), help="Control plane, as https://connections.example.com."),
    options.option("--context", type=Text(), metavar="NAME", help="Name to keep it under.  [default: the current]"),
    options.option("--ca-file", type=Text(), metavar="FILE", help="PEM file of a private certificate authority."),
    options.option(
        "--no-ssl-verify", is_flag=True, help="Accept any certificate; anybody on the network can then read the token."
    ),
    options.option("--insecure-http", is_flag=True, help="Allow plain http to another host."),
)


@group.command()
@options.examples(
    "auth login --url https://connections.example.com",
    "auth login --url https://connections.example.com --context prod --no-browser",
)
@_control_plane_options
@options.option("--no-browser", is_flag=True, help="Open no browser; the address to visit is on stderr.")
@options.option(
    "--timeout", "timeout_s", type=Seconds(), default=signing_in.BROWSER_S, help="Seconds to wait.  [default: 120]"
)
@options.common_options()
@click.pass_context
def login(ctx: click.Context, /, *, no_browser: bool, timeout_s: float, form: output.Format, **values: Any) -> None:
    """Sign in with a browser."""
    name, entry = _entry(values)
    bearer, token_id = signing_in.with_browser(entry, output.say, open_browser=not no_browser, timeout_s=timeout_s)
    _keep(ctx, name, entry, bearer, token_id, form)


@group.command()
@options.examples(
    "auth init --url https://connections.example.com --token '${QUALYTICS_API_TOKEN}'",
    "auth init --url https://connections.example.com --context prod --token-stdin < token.txt",
)
@_control_plane_options
@options.option("--token", "bearer", type=Text(), help="Token (supports ${ENV_VAR}); - asks for it.")
@options.option("--token-stdin", is_flag=True, help="Read the token from stdin.")
@options.common_options()
@click.pass_context
def init(ctx: click.Context, /, *, bearer: str | None, token_stdin: bool, form: output.Format, **values: Any) -> None:
    """Sign in with a token that you have; it is checked before it is kept."""
    name, entry = _entry(values)
    fields = collect(ctx, {"token": bearer, "token_stdin": token_stdin}, {"token": _TOKEN})
    if not fields:
        raise UsageError("--token is missing", "or pipe it into --token-stdin; --token - asks for it")
    _keep(ctx, name, entry, fields["token"], None, form)


@group.command()
@options.examples(
    "auth status",
)
@options.common_options()
@click.pass_context
def status(ctx: click.Context, /, *, form: output.Format) -> None:
    """Show what the commands work on, and as whom."""
    document, problem = signing_in.status()
    output.write_document(document, form)
    _warn()
    _fail(ctx, problem)


@group.command()
@options.examples(
    "auth logout",
    "auth logout --context default",
)
@options.option(
    "--context",
    type=Text(),
    metavar="NAME",
    help="Context to sign out of.  [default: the current]",
    shell_complete=_complete_contexts,
)
@options.common_options()
def logout(*, context: str | None, form: output.Format) -> None:
    """Forget the token, and revoke it if `auth login` has made it."""
    document, problem = signing_in.logout(context)
    output.write_document(document, form)
    if problem is not None:
        output.warn(f"the token is removed here, but not revoked: {output.escape(problem.message)}")


@group.command()
@options.examples(
    "auth use default",
    "auth use embedded",
)
@click.argument("name", type=Text(), shell_complete=_complete_contexts)
@options.common_options()
def use(*, name: str, form: output.Format) -> None:
    """Make a context the one that commands work on; `embedded` is the store of this machine."""
    output.write_document(signing_in.use(name), form)
    _warn_of_variables()


@group.command()
@options.examples(
    "auth contexts",
)
@options.common_options()
def contexts(*, form: output.Format) -> None:
    """List the contexts, that of the embedded store last."""
    output.write_list(signing_in.contexts(), form)


@token.command()
@options.examples(
    "auth token create --name nightly",
    "auth token create --name nightly --user robot --expires-in-days 30",
)
@options.option("--name", "-n", type=Text(), required=True, help="What the token is for.")
@options.option(
    "--expires-in-days", type=Whole(1), default=TOKEN_DAYS, show_default=True, help="Days until it expires."
)
@options.option("--user", type=Text(), help="User or service account whom it is for; you by default.")
@options.common_options()
def create(*, name: str, expires_in_days: int, user: str | None, form: output.Format) -> None:
    """Make a token and print it, once. It ends with the token that you are signed in with at the latest."""
    from datetime import UTC, datetime, timedelta

    with connect_noting_store() as client:
        document = client.tokens.create(name, expires_in_days, user)
    output.write_document(document, form)
    output.note(options.SHOWN_ONCE)
    if datetime.fromisoformat(document["expiration"]) < datetime.now(UTC) + timedelta(days=expires_in_days, minutes=-5):
        output.note("it expires with the token that made it")


@token.command("list")
@options.examples(
    "auth token list",
    "auth token list --user robot",
    "auth token list --everybody --limit 20",
)
@options.option("--user", type=Text(), help="User or service account whose tokens are wanted; yours by default.")
@options.option("--everybody", is_flag=True, help="Everybody's.")
@options.limit_option()
@options.common_options()
def list_(*, user: str | None, everybody: bool, limit: int | None, form: output.Format) -> None:
    """List tokens; none is shown itself."""
    if user is not None and everybody:
        raise UsageError("--user and --everybody exclude each other", "drop one of the two")
    with connect_noting_store() as client:
        output.write_list(client.tokens.list(user, everybody=everybody, limit=limit), form)


@token.command()
@options.examples(
    "auth token revoke nightly",
    "auth token revoke --id 3",
)
@options.record_options("Token", "revoke", part="tokens", listing="qualytics auth token list")
@options.yes_option("Do not ask, as a terminal would where it is your last token.")
@options.common_options()
def revoke(*, record: int | str, yes: bool, form: output.Format) -> None:
    """End a token at once, and those that it made for the same user; what an Admin ends stays ended.

    A name is that of a token of yours; another user's is named by its ID.
    """
    with connect_noting_store() as client:
        if client.store_name is None:  # on the store itself nobody is signed in
            confirm_last_token(record, client.tokens.list, yes=yes)
        output.write_document(client.tokens.revoke(record), form)


def _entry(values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return signing_in.entry(
        values["context"],
        values["url"],
        ca_file=values["ca_file"],
        ssl_verify=False if values["no_ssl_verify"] else None,
        insecure_http=values["insecure_http"] or None,
    )


def _keep(
    ctx: click.Context, name: str, entry: dict[str, Any], bearer: str, token_id: int | None, form: output.Format
) -> None:
    current(ctx).remember([Secret(bearer)])
    document = signing_in.keep(name, entry, bearer, token_id)
    output.write_document(document, form)
    _warn()
    _warn_of_variables()


def _warn() -> None:
    for warning in signing_in.warnings():
        output.warn(output.escape(warning))


def _warn_of_variables() -> None:
    if names := signing_in.shadowing():
        verbs = ("are", "win") if len(names) > 1 else ("is", "wins")
        output.warn(f"{' and '.join(names)} {verbs[0]} set, and {verbs[1]} over this")


def _fail(ctx: click.Context, problem: QualyticsError | None) -> None:
    if problem is not None:
        output.say_error(problem, current(ctx).mask)
        ctx.exit(problem.exit_code)
