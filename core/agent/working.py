"""An agent at work: put together from its folder, the store first, then the line; until it is told to stop."""

from __future__ import annotations

import logging
import random
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from storeloom.core.agent.agent import Agent, Parts, Times, recovered
from storeloom.core.agent.faults import NoRoom
from storeloom.core.agent.fetching import Repository
from storeloom.core.agent.home import Home, Identity
from storeloom.core.agent.journal import Journal
from storeloom.core.agent.line import Line, Pace
from storeloom.core.agent.releases import Releases
from storeloom.core.agent.store import OUTPUT, LocalStore, Store
from storeloom.core.agent.talking import Spans, talk
from storeloom.core.agent.watching import Limits
from storeloom.core.kernel.errors import AgentFault, Finding, LogFault, PresenceFault
from storeloom.core.runtime.presence import hold

LOG = logging.getLogger(__name__)
AGAIN_S = 10.0
Kind = Callable[..., Journal]


def claim(home: Home) -> int:
    """Only one agent works in a folder: the descriptor that holds the claim. AgentFault where another holds it."""
    try:
        return hold(home.folder)
    except PresenceFault as fault:
        args = {"folder": str(home.folder), "pid": fault.findings[0].args["pid"]}
        raise AgentFault(Finding("SL-AGT-18", args)) from fault


def open_journal(home: Home, releases: Releases, kind: Kind = Journal) -> Journal:
    """The journal; one that is damaged is set aside, and the agent goes on with the release that is linked."""
    try:
        return kind(home.journal, otherwise=lambda: recovered(releases))
    except NoRoom:
        raise
    except LogFault as fault:
        if any(finding.code == "SL-LOG-08" for finding in fault.findings):  # another process holds it
            raise
        LOG.warning("%s", Finding("SL-AGT-23", {"file": str(home.journal)}).text())
        number = 1 + sum(1 for _ in home.folder.glob(f"{home.journal.name}.damaged-*"))
        for tail in ("-wal", "-shm", ""):
            part = home.journal.with_name(home.journal.name + tail)
            if part.exists():
                part.rename(home.journal.with_name(f"{home.journal.name}.damaged-{number}{tail}"))
        return kind(home.journal, otherwise=lambda: recovered(releases))


def opened(
    home: Home, identity: Identity, releases: Releases, store: Store, kind: Kind = Journal, pause: Callable[[float], None] = time.sleep
) -> Journal:
    """The journal, as soon as its disk has room for it; until then the release that is linked is kept running, for it needs none."""
    while True:
        try:
            kept = open_journal(home, releases, kind)
            kept.enrolled(identity.enrolled)
            return kept
        except NoRoom as fault:
            LOG.warning("%s", fault)
        if store.holder() is None and releases.known() is not None:
            why = store.start(lambda: False)
            if why is not None:
                LOG.warning("the store did not start: %s", why)
        pause(AGAIN_S)


def make_agent(
    home: Home,
    *,
    listen: str = "127.0.0.1:0",
    times: Times | None = None,
    limits: Limits | None = None,
    span_s: float = 60.0,
    env: Mapping[str, str] | None = None,
    journal: Kind = Journal,
) -> tuple[Agent, Line]:
    """The agent of a folder and its line, nothing begun yet. AgentFault where it is not enrolled."""
    identity = home.identity()
    line = Line(identity.server, identity.token, identity.ca)
    releases = Releases(home)
    draw = random.Random()
    store = LocalStore(home.current, Path(identity.data), home.folder / OUTPUT, listen=listen, env=env)
    kept = opened(home, identity, releases, store, journal)
    parts = Parts(
        home,
        identity,
        kept,
        releases,
        Repository(home, identity.server, lambda: line.token, ca=identity.ca),
        store,
        Pace(draw, span_s),
        times=times or Times(),
        limits=limits or Limits(),
    )
    return Agent(parts), line


def work(agent: Agent, line: Line, spans: Spans | None = None, span_s: float = 60.0) -> None:
    """Until SIGTERM or Ctrl-C: the store is left running."""

    def stop(_number: int, _frame: object) -> None:
        agent.stopping.set()
        agent.wake.set()

    before = {which: signal.signal(which, stop) for which in (signal.SIGTERM, signal.SIGINT)}
    draw = random.Random()
    try:
        talk(agent, line, (Pace(draw, span_s), Pace(draw, span_s)), spans or Spans())
        agent.run()
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def told(home: Home) -> dict[str, object]:
    """What `agent status` shows: who it is, where it stands, what waits to go up."""
    identity = home.identity()
    journal = Journal(home.journal)
    try:
        standing, waiting = journal.standing, len(journal.waiting(1_000_000))
    finally:
        journal.close()
    linked = Releases(home).linked()
    return {
        "server": identity.server,
        "chain": identity.chain,
        "store": identity.store,
        "data": identity.data,
        "state": standing.state,
        "reason": standing.reason,
        "wanted": None if standing.wanted is None else standing.wanted.release,
        "number": standing.number,
        "running": None if standing.running is None else standing.running.release,
        "current": None if linked is None else linked.name,
        "good": [one.release for one in standing.goods],
        "watched_s": round(standing.watched_s),
        "reports_waiting": waiting,
        "token_expires": identity.expires.isoformat(),
    }
