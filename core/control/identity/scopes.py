"""Roles and the scopes that each holds. A token may narrow its role's scopes, never widen them.

The agent of a store reads what it is to run and reports; it holds no scope that reaches beyond its own store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SCOPES = (
    "catalogue:read",
    "stores:read",
    "stores:write",
    "designs:read",
    "designs:write",
    "secrets:write",
    "releases:read",
    "releases:write",
    "rollouts:read",
    "rollouts:run",
    "pilots:read",
    "pilots:write",
    "packages:read",
    "packages:write",
    "trust:read",
    "files:read",
    "files:write",
    "reports:read",
    "alerts:write",
    "retention:write",
    "audit:read",
    "users:manage",
    "own:tokens",
    "agent:self",
)
_READS = frozenset(scope for scope in SCOPES if scope.endswith(":read") and scope != "audit:read") | {"own:tokens"}
ROLE_SCOPES = {
    "admin": frozenset(SCOPES) - {"agent:self"},
    "integrator": _READS | {"stores:write", "designs:write", "secrets:write", "releases:write", "files:write", "pilots:write"},
    "operator": _READS | {"stores:write", "rollouts:run", "secrets:write", "audit:read", "files:write", "alerts:write", "pilots:write"},
    "viewer": _READS,
    "vendor": frozenset({"catalogue:read", "packages:read", "packages:write", "trust:read", "own:tokens"}),
    "agent": frozenset({"agent:self", "trust:read"}),
}
ROLES = tuple(ROLE_SCOPES)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `store` is set for an agent, `vendor` for a vendor's people, `user` for people; `token` is the id of what they showed."""

    chain: str
    role: str
    scopes: frozenset[str]
    token: str
    user: str | None = None
    store: str | None = None
    vendor: str | None = None

    @property
    def actor(self) -> str:
        """The principal as the audit log names it."""
        return f"user:{self.user}" if self.user else f"agent:{self.store}"


def narrowed(role: str, scopes: Iterable[str]) -> frozenset[str]:
    """The scopes of a token: those of its role that it names; all of them where it names none."""
    wanted = frozenset(scopes)
    return ROLE_SCOPES[role] & wanted if wanted else ROLE_SCOPES[role]
