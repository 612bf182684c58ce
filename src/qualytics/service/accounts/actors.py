"""Who asks, as the store says it now: the name and role of a user whose token is still good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.errors import NotSignedIn
from qualytics.service.clock import now
from qualytics.structs import replace

if TYPE_CHECKING:
    from qualytics.service.rights import Actor
    from qualytics.store.base import Store
    from qualytics.store.tables.accounts import SignedIn

HINT = "qualytics auth login gets a new one"


def current_actor(store: Store, actor: Actor) -> Actor:
    """Return an actor with the name and role of now.

    Raises:
        NotSignedIn: the token is not good any more, or the user is gone.

    """
    accounts = store.accounts
    if actor.token_id is not None:
        found = require_good(accounts.signed_in("id", actor.token_id))
        return replace(actor, name=found.user_name, role=found.role)
    user = accounts.user(actor.user_id or 0)
    if user is None:
        raise NotSignedIn("the user no longer exists", HINT)
    return replace(actor, name=user.name, role=user.role)


def require_good(found: SignedIn | None) -> SignedIn:
    """Raise NotSignedIn unless a token is stored, not revoked and not expired."""
    if found is None:
        raise NotSignedIn("the token no longer exists: it or its user was deleted", HINT)
    if found.revoked is not None:
        raise NotSignedIn("the token was revoked", HINT)
    if found.expires <= now():
        raise NotSignedIn("the token has expired", HINT)
    return found
