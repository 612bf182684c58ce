"""Which user somebody is whom a provider has named: by their link, by a verified address, or a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics import text
from qualytics.errors import NotSignedIn
from qualytics.service import validate
from qualytics.service.clock import now
from qualytics.service.context import Action
from qualytics.service.similar_names import similar_user
from qualytics.store.tables.accounts import User

if TYPE_CHECKING:
    from qualytics.service.accounts.oidc import Identity, Provider
    from qualytics.service.context import Context
    from qualytics.store.tables.accounts import Accounts

_MAX_TRIES = 100


def user_of(context: Context, identity: Identity, provider: Provider) -> User:
    """Return the user that an identity is, linked or made where the provider's settings say so.

    Raises:
        NotSignedIn: no user here is that, and none may be made.

    """
    accounts = context.store.accounts
    if (linked := accounts.user_of(identity.issuer, identity.subject)) is not None:
        return linked
    if (user := _by_email(accounts, identity, provider)) is not None:
        accounts.update_user(user.id, {"issuer": identity.issuer, "subject": identity.subject})
        Action(context, "user.update", user.id).record(user.id, user.name, changed=["issuer", "subject"])
        return accounts.user(user.id) or user
    if provider.default_role is None:
        who = f"subject {identity.subject!r} of {identity.issuer}"
        message = f"{provider.name} knows you, but no user here is linked to {who}"
        raise NotSignedIn(message, "ask an Admin to link your user to it")
    name = _free_name(accounts, identity)
    user = User(
        name=name,
        name_key=validate.fold(name),
        kind="user",
        role=provider.default_role,
        email=identity.email.casefold() if identity.email and identity.is_email_verified else None,
        password_hash=None,
        issuer=identity.issuer,
        subject=identity.subject,
        created=now(),
    )
    user_id = accounts.insert_user(user)
    Action(context, "user.create").record(user_id, name, changed=["issuer", "name", "role", "subject"])
    return accounts.user(user_id) or user


def _by_email(accounts: Accounts, identity: Identity, provider: Provider) -> User | None:
    if not (provider.by_email and identity.email and identity.is_email_verified):
        return None
    users = accounts.users_with_email(identity.email.casefold())
    # An address that two users share tells nothing, and a user who is linked already is another.
    return users[0] if len(users) == 1 and users[0].kind == "user" and users[0].issuer is None else None


def _free_name(accounts: Accounts, identity: Identity) -> str:
    base = text.visible(identity.name or "")[:200] or text.visible(identity.subject)[:200] or "user"
    for number in range(1, _MAX_TRIES):
        name = base if number == 1 else f"{base}-{number}"
        if accounts.user_named(validate.fold(name)) is None and similar_user(accounts, name) is None:
            return name
    raise NotSignedIn(f"too many users are named {base!r}", "ask an Admin to make a user for you")
