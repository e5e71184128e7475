"""What the calls of the control plane stand on: database, clock, catalogue, folders, the repository of signed targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine

from storeloom.core.control.agents.presence import Presence
from storeloom.core.control.agents.waits import Waits
from storeloom.core.control.design.catalogues import Catalogues
from storeloom.core.control.design.releaser import Releaser
from storeloom.core.control.identity.passwords import Passwords
from storeloom.core.control.lease import Lease
from storeloom.core.control.trust.repository import Repository
from storeloom.core.kernel.registry import Registry


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass
class Services:
    """One control plane. `folder` holds what is no row: files by hash, wheels, the repositories' metadata and keys. `threads` are those of
    the server's process. `studio_key` is what a studio shows that asks for somebody (see `api/standing_in.py`); empty: none is believed."""

    engine: Engine
    folder: Path
    now: Callable[[], datetime] = utc_now
    threads: int = 16
    passwords: Passwords = field(default_factory=Passwords)
    studio_key: str = ""
    _trust: dict[str, Repository] = field(default_factory=dict)

    @cached_property
    def awake_since(self) -> datetime:
        """When this server began to hear agents."""
        return self.now()

    @cached_property
    def presence(self) -> Presence:
        """When each agent was last heard of, until it is written."""
        return Presence()

    @cached_property
    def waits(self) -> Waits:
        """The agents that wait for news here: at most half of the server's threads are theirs."""
        return Waits(self.engine, self.threads // 2)

    def trust(self, chain: str) -> Repository:
        """A chain's repository of signed targets; it may not be founded yet."""
        found = self._trust.get(chain)
        if found is None:
            found = self._trust.setdefault(chain, Repository(self.folder / "trust" / chain, chain, self.now))
        return found

    def root(self, chain: str) -> bytes:
        """The root of trust that an agent of a chain pins when it enrols: the newest."""
        return self.trust(chain).root_bytes()

    @cached_property
    def lease(self) -> Lease:
        """By what the servers that share the folder know that this one lives."""
        return Lease(self.folder / "servers")

    @cached_property
    def releaser(self) -> Releaser:
        """Makes the releases that were asked for."""
        return Releaser(self, self.trust)

    @cached_property
    def registry(self) -> Registry:
        """The plugins that are installed beside this server."""
        return Registry()

    @cached_property
    def catalogues(self) -> Catalogues:
        """The plugins that each chain composes with: those that are installed, and those that its vendors published."""
        return Catalogues(self.folder, lambda: self.registry, self.trust)
