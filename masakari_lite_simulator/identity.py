"""Keystone's users, projects and tokens in the simulated cloud."""

from __future__ import annotations

import collections
import random
import uuid

from masakari_lite_simulator import errors
from masakari_lite_simulator.models import ADMIN_ROLE, SYSTEM, Project, Token, User
from masakari_lite_simulator.options import SimulatorOptions

DOMAIN_NAME = "Default"

# name, password, project, roles
USERS = (
    ("masakari", "masakari", "service", (ADMIN_ROLE, "member", "reader")),
    ("admin", "admin", "admin", (ADMIN_ROLE, "member", "reader")),
    ("alice", "alice", "demo", ("member", "reader")),
    # an admin whose token is scoped to the project of alice's servers: Nova treats this user as their owner
    ("demo-admin", "demo-admin", "demo", (ADMIN_ROLE, "member", "reader")),
    ("bob", "bob", "service", ("member", "reader")),
)


def _stable_id(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.simulator.example.org").hex


class Identity:
    """Users, projects, application credentials and tokens."""

    def __init__(self, options: SimulatorOptions) -> None:
        self._options = options
        self._random = random.Random(f"tokens {options.seed}")
        names = dict.fromkeys(project for _user, _password, project, _roles in USERS)
        self.projects = {name: Project(_stable_id(f"project-{name}"), name) for name in names}
        self.users = {
            name: User(_stable_id(f"user-{name}"), name, password, self.projects[project], roles)
            for name, password, project, roles in USERS
        }
        self.credentials = {
            name: (_stable_id(f"credential-{name}"), f"{name}-secret", user)
            for name, user in self.users.items()
        }
        self._tokens: dict[str, Token] = {}
        self.issued: collections.Counter[str] = collections.Counter()

    def owner_of(self, project: str) -> User:
        """Return the user that owns a project's servers: its normal user, where it has one."""
        members = [user for user in self.users.values() if user.project.name == project]
        return next((user for user in members if ADMIN_ROLE not in user.roles), members[0])

    def user_by(self, key: str) -> User | None:
        """Return the user with that name or id."""
        return next((user for user in self.users.values() if key in (user.name, user.id)), None)

    @property
    def domain(self) -> dict[str, str]:
        """The domain that all users and projects are in."""
        return {"id": self._options.domain_id, "name": DOMAIN_NAME}

    def issue(self, user: User, project: Project, now: float, issued_at: float) -> Token:
        """Issue a token that is valid for token_lifetime seconds.

        :param now: the time of the cloud's clock
        :param issued_at: the time by Keystone's clock
        """
        if project not in (user.project, SYSTEM) or (project == SYSTEM and ADMIN_ROLE not in user.roles):
            raise errors.unauthorized()
        # as long as a Fernet token
        token_id = f"gAAAAA{self._random.getrandbits(1060):0265x}"[:183]
        lifetime = self._options.token_lifetime
        token = Token(token_id, user, project, now + lifetime, issued_at, issued_at + lifetime)
        self._tokens[token.id] = token
        self.issued[user.name] += 1
        return token

    def validate(self, token_id: str | None, now: float) -> Token:
        """Return the token with that id.

        :raises ApiError: 401 when it is missing, unknown, revoked or expired
        """
        token = self._tokens.get(token_id or "")
        if token is None:
            raise errors.unauthorized()
        if token.expires <= now:
            del self._tokens[token.id]
            raise errors.unauthorized()
        return token

    def revoke(self, token_id: str) -> None:
        """Revoke one token."""
        self._tokens.pop(token_id, None)

    def revoke_tokens(self, user: str | None = None) -> int:
        """Revoke that user's tokens, or all; return how many there were."""
        revoked = [key for key, token in self._tokens.items() if user in (None, token.user.name)]
        for key in revoked:
            del self._tokens[key]
        return len(revoked)
