"""Users and tokens of a control plane, on its own host: the owner of the store acts, and the audit log says so."""

from __future__ import annotations

from qualytics.service.people import Users
from qualytics.service.tokens import Tokens


class LocalUsers(Users):
    """Users of the control plane that serves this store; see the service for each verb."""


class LocalTokens(Tokens):
    """Tokens of those users; see the service for each verb."""
