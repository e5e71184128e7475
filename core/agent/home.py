"""An agent's own folder: who it is, its key, what it trusts, its releases and which of them the store starts with.

| in the folder | what it is |
|---|---|
| `agent.json` | control plane, chain, store, token (mode 600) |
| `key` | the agent's X25519 key, to which the store's secrets are sealed (mode 600) |
| `root.json` | the root of trust that was pinned when it was enrolled |
| `agent.db` | the journal: what is under way, and the reports that are to go up |
| `tuf/` | the newest trusted metadata of the chain's repository |
| `releases/NUMBER-HASH/` | a release: `bundle.json`, `wheels/`, `site-packages/`, `release.json` |
| `current` | a link to the release that the store starts with |
| `lock` | held by the agent that works here |
| `store/` | the store's data folder, unless another was given |
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from storeloom.core.kernel.errors import AgentFault, Finding
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.core.trust import durable, seal

PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an agent is to its control plane. `token` is good from `issued` to `expires`, `ca` a file of authorities (else the system's)."""

    server: str
    chain: str
    store: str
    token: str
    issued: datetime
    expires: datetime
    data: str
    enrolled: datetime
    ca: str = ""

    def __repr__(self) -> str:
        return f"Identity({self.server}, {self.chain}/{self.store})"


class Home:
    """The paths of an agent's folder, and what is written into it: each file for its owner alone, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.identity_file = folder / "agent.json"
        self.key_file = folder / "key"
        self.root_file = folder / "root.json"
        self.journal = folder / "agent.db"
        self.tuf = folder / "tuf"
        self.releases = folder / "releases"
        self.current = folder / "current"

    def identity(self) -> Identity:
        """Who the agent is; AgentFault where it has not been enrolled."""
        try:
            facts = json.loads(self.identity_file.read_bytes())
            times = {name: parse_time(facts[name]) for name in ("issued", "expires", "enrolled")}
            return Identity(**{**facts, **times})
        except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
            raise AgentFault(Finding("SL-AGT-01", {"folder": str(self.folder)})) from error

    def keep_identity(self, identity: Identity) -> None:
        """Store who the agent is, with its token."""
        facts = {**asdict(identity), **{name: rfc3339(getattr(identity, name)) for name in ("issued", "expires", "enrolled")}}
        durable.write(self.identity_file, json.dumps(facts).encode(), mode=PRIVATE)

    def key(self) -> bytes:
        """The agent's private key (32 bytes), made at the first call."""
        if not self.key_file.is_file():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            durable.write(self.key_file, seal.to_text(seal.new_key()).encode(), mode=PRIVATE)
        return seal.from_text(self.key_file.read_text(encoding="ascii"))

    def public_key(self) -> str:
        """The public half, base64."""
        return seal.to_text(seal.public_key(self.key()))
