"""How stores run under each release: looks at their health, and failures per handled event of each solution instance.

An agent tells counters as they stand since the store's process began; what is counted here is their rise, and the whole where one fell
(the process began anew).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from storeloom.core.control.models.agents import Agent, AgentReport, ReleaseHealth
from storeloom.core.control.models.fleet import Device
from storeloom.core.control.models.releases import StoreRelease

LARGEST = 10**15
INSTANCES, DEVICES = 500, 2000


def look(session: Session, agent: Agent, report: AgentReport, now: datetime) -> None:
    """Count one look. What is malformed in it, or of a release that the store was never given, is left out."""
    _devices(session, agent, report, now)
    if report.release is None or session.get(StoreRelease, (agent.chain, report.release, agent.store)) is None:
        return
    row = session.get(ReleaseHealth, (agent.chain, agent.store, report.release))
    if row is None:
        row = ReleaseHealth(chain=agent.chain, store=agent.store, release=report.release, begins=now, last=now, solutions={})
    last = (agent.reported or {}).get("counters", {})
    rises, last = rise(last, report.data.get("solutions"))
    row.looks, row.bad, row.last = row.looks + 1, row.bad + (report.data.get("ok") is not True), now
    row.solutions = dict(row.solutions) | {name: _sum(row.solutions.get(name, (0, 0)), more) for name, more in rises.items()}
    agent.reported = dict(agent.reported or {}) | {"counters": last}
    session.add(row)


def rise(last: Mapping[str, Sequence[int]], told: Any) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """By how much [failures, handled] of each instance rose since the last look, and how the counters stand now."""
    rises: dict[str, list[int]] = {}
    stand: dict[str, list[int]] = {}
    for name, one in list(told.items())[:INSTANCES] if isinstance(told, Mapping) else ():
        now = [_count(one.get(key)) for key in ("failures", "handled")] if isinstance(one, Mapping) else [None]
        counts = [count for count in now if count is not None]
        if len(counts) != 2:
            continue
        before = last.get(name, (0, 0))
        anew = any(count < was for count, was in zip(counts, before, strict=True))
        rises[name] = counts if anew else _sum(counts, [-was for was in before])
        stand[name] = counts
    return rises, stand


def _sum(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [a + b for a, b in zip(one, other, strict=True)]


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST else None


def _devices(session: Session, agent: Agent, report: AgentReport, now: datetime) -> None:
    """What each device last said of itself."""
    told = report.data.get("devices")
    for name, one in list(told.items())[:DEVICES] if isinstance(told, Mapping) else ():
        if not isinstance(one, Mapping) or not isinstance(one.get("state"), str):
            continue
        name = str(name)[:200]
        row = session.get(Device, (agent.chain, agent.store, name))
        state, text = one["state"][:50], str(one.get("text") or "")[:500]
        if row is None:
            key = {"chain": agent.chain, "store": agent.store, "id": name, "kind": str(one.get("kind", ""))[:100]}
            row = Device(**key, state=state, since=now, reported=now, text=text, figures={})
        if row.state != state:
            row.since = now
        row.state, row.text, row.reported = state, text, now
        session.add(row)
