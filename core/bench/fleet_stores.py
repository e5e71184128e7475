"""Simulated stores: what an agent does by the protocol, without a store behind it, over a line that loses, doubles and reorders.

The control plane is the real one: its functions over its database, in one process. What a store does under a release is said by the
release's name: `good`, `fails` (it falls back at once), `mute` (the agent is not heard of again), `errs` (solutions fail), `sells-less`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import insert
from sqlmodel import Session

from storeloom.core.control.agents import desired, reports
from storeloom.core.control.models.agents import Agent
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.identity import Chain, Token
from storeloom.core.control.models.releases import Release, StoreRelease
from storeloom.core.trust.wire import Desired, Report, Reports, State

TRIES = 3


@dataclass
class Line:
    """What happens to messages: each is lost on its way, its answer is, it comes twice, or once more a while later, with a chance of
    `bad`."""

    rng: random.Random
    bad: float = 0.0
    held: list[Callable[[Session], Any]] = field(default_factory=list)

    def send(self, session: Session, call: Callable[[Session], Any]) -> Any:
        """The answer; None where it or the message was lost."""
        self.late(session)
        if self.rng.random() < self.bad:
            return None
        if self.rng.random() < self.bad:
            self.held.append(call)
        answer = call(session)
        if self.rng.random() < self.bad:
            answer = call(session)
        return None if self.rng.random() < self.bad else answer

    def tries(self, session: Session, call: Callable[[Session], Any]) -> Any:
        """Send until it is answered, at most three times, as an agent does within one poll."""
        for _ in range(TRIES):
            answer = self.send(session, call)
            if answer is not None:
                return answer
        return None

    def late(self, session: Session) -> None:
        """Let what was held back arrive, out of its order."""
        if self.held and self.rng.random() < 0.5:
            self.held.pop(self.rng.randrange(len(self.held)))(session)


@dataclass
class SimAgent:
    """One store's agent."""

    chain: str
    store: str
    known: int = -1
    running: str | None = None
    good: str | None = None
    wanted: str | None = None
    state: State = "enrolled"
    health_s: int = 0
    since: datetime | None = None
    seq: int = 0
    waiting: list[Report] = field(default_factory=list)
    handled: int = 0
    failures: int = 0
    muted: bool = False

    def poll(self, session: Session, line: Line, now: datetime) -> None:
        """Ask what to run, do it, tell it."""
        if self.muted:
            return
        told = line.tries(session, lambda over: self._ask(over, now))
        if isinstance(told, Desired) and told.number > self.known:
            self._take(told, now)
        self._go_on(now)
        if self.muted:
            return
        body = self.body()
        taken = line.tries(session, lambda over: reports.take(over, self.chain, self.store, body, now))
        if taken is not None:
            self.waiting = [one for one in self.waiting if one.seq > taken]

    def body(self) -> Reports:
        """What it says now."""
        return Reports(reports=self.waiting[:500], made=self.seq, running=self.running, state=self.state, desired_number=max(0, self.known))

    def told(self, now: datetime, kind: Literal["state", "health"], release: str | None, **data: Any) -> None:
        """Make a report."""
        self.seq += 1
        self.waiting.append(Report(seq=self.seq, at=now, kind=kind, release=release, data=data))

    def _ask(self, session: Session, now: datetime) -> Desired | int:
        number = desired.number(session, self.chain, self.store)
        found = desired.state(session, self.chain, self.store, now) if number != self.known else None
        return found if found is not None else number or 0

    def _take(self, told: Desired, now: datetime) -> None:
        self.known, self.wanted, self.health_s = told.number, told.release, told.health_s
        if told.release is None or told.release == self.running:
            return
        self.running, self.since = told.release, now
        if told.release.startswith("mute"):
            self.muted = True
        elif told.release.startswith("fails"):
            self.running = self.good
            self._now("refused", now, told.release)
        else:
            self._now("watching", now, told.release)

    def _go_on(self, now: datetime) -> None:
        if self.running is not None:
            self.handled += 200
            self.failures += 20 if self.running.startswith("errs") else 0
            self.told(
                now,
                "health",
                self.running,
                ok=True,
                solutions={"till": {"state": "level", "failures": self.failures, "handled": self.handled}},
            )
        if self.state == "watching" and self.since is not None and now - self.since >= timedelta(seconds=self.health_s):
            self.good = self.running
            self._now("good", now, self.running)

    def _now(self, state: State, now: datetime, release: str | None) -> None:
        self.state = state
        self.told(now, "state", release, state=state)


def make_chain(session: Session, chain: str, stores: Iterable[str], now: datetime, zone: str = "Asia/Shanghai") -> list[SimAgent]:
    """A chain with stores whose agents are enrolled, each with a token whose hash is made of its name."""
    names = list(stores)
    if session.get(Chain, chain) is None:
        session.add(Chain(id=chain, name=chain, created=now))
        session.flush()
    profile = {"document": "store/1", "format": "supermarket", "zone": zone, "hours": {"open": "08:00", "close": "22:00"}}
    rows: list[dict[str, Any]] = []
    for at, name in enumerate(names):
        place: dict[str, Any] = {"tags": [], "profile": {**profile, "store": name}, "ring": 0 if at % 100 == 0 else 1, "version": 1}
        rows.append({"chain": chain, "id": name, "name": name, "created": now, "changed": now, **place})
    connection = session.connection()
    connection.execute(insert(Store), rows)
    common = {"chain": chain, "public_key": b"\1" * 32, "enrolled": now, "seen": now, "desired_number": 0, "state": "enrolled"}
    zero = {"health_s": 900, "any_time": False, "reported_seq": 0, "told_seq": 0, "told_number": 0, "enrolment": 1, "version": ""}
    connection.execute(insert(Agent), [{**common, **zero, "store": name} for name in names])
    return [SimAgent(chain, name) for name in names]


def make_release(
    session: Session,
    chain: str,
    release: str,
    number: int,
    stores: Iterable[str],
    now: datetime,
    bundles: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """A release as it stands in the database: of these `bundles` and `packages` by store, else of such as say little."""
    session.add(
        Release(chain=chain, id=release, number=number, name=release, digest="0" * 64, sources={}, created=now, created_by="user:bench")
    )
    session.flush()
    rows = [
        {
            "chain": chain,
            "release": release,
            "store": store,
            "target": f"stores/{store}/{number}.json",
            "sha256": f"{number:064x}",
            "length": 4096,
            "packages": [],
            "bundle": {"design": f"d{number}", "store": store},
            **({} if bundles is None else bundles[store]),
        }
        for store in stores
    ]
    session.connection().execute(insert(StoreRelease), rows)


def make_tokens(session: Session, chain: str, stores: Iterable[str], digest: Callable[[str], str], now: datetime) -> None:
    """A token for each store's agent: `token-STORE`."""
    rows = [
        {
            "sha256": digest(f"token-{store}"),
            "id": f"t-{chain}-{store}",
            "chain": chain,
            "store": store,
            "name": "agent",
            "scopes": [],
            "created": now,
            "expires": now + timedelta(days=90),
        }
        for store in stores
    ]
    session.connection().execute(insert(Token), rows)
