"""Who asks, and what each role may do: the one table of rights."""

from __future__ import annotations

from qualytics.errors import NotAllowed
from qualytics.structs import Struct

ADMIN, MANAGER, MEMBER = "Admin", "Manager", "Member"
ROLES = (ADMIN, MANAGER, MEMBER)

_EVERYBODY = frozenset(ROLES)
_CHANGERS = frozenset({ADMIN, MANAGER})
_ADMINS = frozenset({ADMIN})


class Right(Struct, eq=True):
    """One right: what it lets a caller do, in words that follow "may", and the roles that have it."""

    words: str
    roles: frozenset[str]


READ = Right("see connections and datastores", _EVERYBODY)
WRITE = Right("change connections and datastores", _CHANGERS)
TEST = Right("test connections and look into their servers", _CHANGERS)
OWN_TOKENS = Right("manage tokens of their own", _EVERYBODY)
ALL_TOKENS = Right("manage the tokens of others", _ADMINS)
USE = Right("use connections that they were granted", _EVERYBODY)
OWN_GRANTS = Right("see the grants that they have", _EVERYBODY)
ALL_GRANTS = Right("see the grants of others", _ADMINS)
GRANT = Right("grant the use of connections", _ADMINS)
SEE_USERS = Right("see users", _ADMINS)
USERS = Right("manage users and service accounts", _ADMINS)
AUDIT = Right("read the audit log", _ADMINS)
PRUNE = Right("prune the audit log", _ADMINS)
KEYS = Right("rotate the key", _ADMINS)
ALL = (
    *(READ, OWN_TOKENS, USE, OWN_GRANTS, WRITE, TEST),
    *(ALL_TOKENS, GRANT, ALL_GRANTS, SEE_USERS, USERS, AUDIT, PRUNE, KEYS),
)


class Actor(Struct, eq=True):
    """Who asks: a user of a control plane, or the owner of a store of their own.

    `user_id` is None for the owner and for the program itself; `address` and `request_id` say where the
    request came from, `token_id` what it was signed in with.
    """

    name: str
    role: str = ADMIN
    user_id: int | None = None
    token_id: int | None = None
    address: str | None = None
    request_id: str | None = None

    @property
    def is_admin(self) -> bool:
        """Say whether the actor has every right."""
        return self.role == ADMIN

    def require(self, right: Right) -> None:
        """Raise NotAllowed, naming the right and who has it, unless the actor has it."""
        if self.role not in right.roles:
            having = [role for role in reversed(ROLES) if role in right.roles]
            who = f"the role{'s' * (len(having) > 1)} {' and '.join(having)} may"
            raise NotAllowed(
                f"{self.name!r} has the role {self.role}, which may not {right.words}; {who}",
                "ask an Admin for the role, or for somebody who has it",
            )


OWNER = Actor("owner")
