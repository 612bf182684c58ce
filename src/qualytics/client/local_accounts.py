"""Users and tokens of a control plane, on its own host: the owner of the store acts, and the audit log says so."""

from __future__ import annotations

from qualytics.service.accounts.tokens import Tokens
from qualytics.service.accounts.users import Users


class LocalUsers(Users):
    """Users of the control plane that serves this store; see the service for each verb."""


class LocalTokens(Tokens):
    """Tokens of those users; see the service for each verb."""
