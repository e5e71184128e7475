"""What an agent and its control plane say to each other, in threads of their own: what is wanted, what happened, how the store does.

None of them keeps another waiting, and none can stop the store: a line that is cut for weeks costs nothing but the news.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from storeloom.core import __version__
from storeloom.core.agent.agent import Agent
from storeloom.core.agent.enrolling import renew
from storeloom.core.agent.faults import Turned
from storeloom.core.agent.line import TIMEOUT_S, Line, Pace
from storeloom.core.agent.store import Look
from storeloom.core.kernel.errors import AgentFault, StoreloomError
from storeloom.core.trust.machine import this_machine
from storeloom.core.trust.wire import Desired, Machine, Reports, Taken

LOG = logging.getLogger(__name__)
NOT_MODIFIED, TOO_LARGE, UNFIT = 304, 413, 422
DEVICE_WORDS = 200
LACKING = 3


@dataclass(frozen=True, slots=True)
class Spans:
    """Seconds: how long the control plane may wait with an answer, between two looks at the store's health, two tellings of its figures,
    and how long after nothing new was learned."""

    wait_s: int = 60
    health_s: float = 60.0
    figures_s: float = 300.0
    least_s: float = 1.0
    report_s: float = 1.0


class Poller:
    """Asks what is wanted, again and again; the control plane answers when there is something new, or after `wait_s`."""

    def __init__(self, agent: Agent, line: Line, pace: Pace, spans: Spans) -> None:
        self._agent, self._line, self._pace, self._spans = agent, line, pace, spans
        self._known: int | None = None
        self.asked = 0

    def once(self) -> float:
        """Ask once; after how many seconds to ask again."""
        known = self._agent.standing.number if self._known is None else self._known
        headers = {} if known == 0 or self._agent.look_again.is_set() else {"If-None-Match": f'"{known}"'}
        path, limit = f"/agent/desired?wait={self._spans.wait_s}", self._spans.wait_s + TIMEOUT_S
        self.asked += 1
        try:
            answer = self._line.ask("GET", path, headers=headers, timeout_s=limit)
            desired = None if answer.status == NOT_MODIFIED else answer.read(Desired, self._line.url)
        except AgentFault as fault:
            LOG.info("%s", fault)
            return self._pace.failed()
        self._agent.look_again.clear()
        if desired is None:
            self._pace.went()
            return _retry_after(answer.headers, self._spans.least_s)
        if desired.number < known:  # a late answer, or a control plane that was restored from a copy
            return self._pace.failed()
        self._pace.went()
        self._known = desired.number
        self._agent.offer(desired)
        return self._spans.least_s

    def run(self) -> None:
        """Until the agent stops."""
        while not self._agent.stopping.wait(self.once()):
            continue


class Reporter:
    """Sends reports in order until they are taken, and renews the agent's token in time."""

    def __init__(self, agent: Agent, line: Line, pace: Pace, spans: Spans) -> None:
        self._agent, self._line, self._pace, self._spans = agent, line, pace, spans
        self._most = 200
        self._lacking = 0
        self._machine: Machine | None = this_machine()  # until it was told once
        self.sent = 0

    def once(self) -> float:
        """Send what waits; after how many seconds to look again."""
        journal = self._agent.journal
        try:
            if not journal.joined:
                journal.join(self._send([]).seq)
            batch = journal.batch(self._most)
            if batch:
                taken = self._send(batch)
                journal.taken(min(taken.seq, batch[-1].seq))
                self._most = 200
                self._lacking = self._lacking + 1 if taken.seq < batch[0].seq - 1 else 0
                if self._lacking >= LACKING:  # it was restored from a copy, and waits for what nobody has any more
                    journal.join(taken.seq)
            self._renew()
        except Turned as fault:
            LOG.warning("%s", fault)
            if fault.status in (TOO_LARGE, UNFIT):
                self._most = max(1, self._most // 2)
            return self._pace.failed()
        except (StoreloomError, OSError) as error:
            LOG.info("%s", error)
            return self._pace.failed()
        self._pace.went()
        return 0.0 if len(batch) == self._most else self._spans.report_s

    def _send(self, batch: list[Any]) -> Taken:
        standing, journal = self._agent.standing, self._agent.journal
        running = standing.running.release if standing.running is not None else None
        body = Reports(
            reports=batch,
            made=journal.made,
            running=running,
            state=standing.state,
            desired_number=standing.number,
            version=__version__,
            machine=self._machine,
        )
        self.sent += 1
        taken = self._line.ask("POST", "/agent/reports", body).read(Taken, self._line.url)
        self._machine = None
        if taken.now.tzinfo is not None:
            self._agent.skew = taken.now - self._agent.parts.now()
        return taken

    def _renew(self) -> None:
        """A new token once two thirds of the old one's time are over."""
        parts = self._agent.parts
        identity, now = parts.identity, parts.now() + self._agent.skew
        third = max((identity.expires - identity.issued) / 3, timedelta(0))
        if now < identity.expires - third:
            return
        renewed = renew(parts.home, self._line, identity, now)
        self._line.token = renewed.token
        self._agent.renewed(renewed)

    def run(self) -> None:
        """Until the agent stops."""
        while not self._agent.stopping.wait(self.once()):
            continue


class Gatherer:
    """Looks at the running store and reports how it does; figures when they are others than the last ones told."""

    def __init__(self, agent: Agent, spans: Spans) -> None:
        self._agent, self._spans = agent, spans
        self._told: dict[tuple[str, str, str], tuple[float, float]] = {}
        self._figures_at = -math.inf

    def once(self) -> float:
        """Look once."""
        agent = self._agent
        if agent.standing.running is None:
            return self._spans.health_s
        look = agent.parts.store.look()
        try:
            agent.journal.report(agent.now(), "health", health_of(look))
            clock = agent.parts.clock()
            if look is not None and clock - self._figures_at >= self._spans.figures_s:
                self._figures(look)
                self._figures_at = clock
        except (StoreloomError, OSError) as error:  # a full disk: what could not be noted is looked at again
            LOG.warning("%s", error)
        return self._spans.health_s

    def _figures(self, look: Look) -> None:
        rows = []
        for one in look.status.figures:
            key, value = (one.instance, one.name, one.begins), (one.value, one.weight)
            if self._told.get(key) != value:
                whose = {"instance": one.instance, "solution": one.solution, "name": one.name, "unit": one.unit}
                rows.append({**whose, "span": "day", "begins": one.begins, "value": one.value, "weight": one.weight, "how": one.how})
        if rows:
            self._agent.journal.report(self._agent.now(), "figures", {"figures": rows})
        self._told = {(one.instance, one.name, one.begins): (one.value, one.weight) for one in look.status.figures}

    def run(self) -> None:
        """Until the agent stops."""
        while not self._agent.stopping.wait(self.once()):
            continue


def health_of(look: Look | None) -> dict[str, Any]:
    """A look at a store as it is reported; one that does not answer is not well."""
    if look is None:
        return {"ok": False, "solutions": {}, "devices": {}}
    status = look.status
    solutions = {one.name: {"state": one.health, "failures": one.failures, "handled": one.handled} for one in status.instances}
    devices = {one.device: {"kind": one.kind, "state": one.state, "text": one.reason[:DEVICE_WORDS]} for one in status.devices}
    return {"ok": look.ok, "solutions": solutions, "devices": devices, "restarts": status.restarts}


def _retry_after(headers: Mapping[str, str], least_s: float) -> float:
    """When the control plane asks to be left alone for a while."""
    text = headers.get("retry-after", "")
    return max(least_s, min(float(text), 600.0)) if text.isdigit() else least_s


def talk(agent: Agent, line: Line, paces: tuple[Pace, Pace], spans: Spans) -> list[threading.Thread]:
    """Begin to talk: the threads, which end soon after the agent's `stopping` is set."""
    talkers = (Poller(agent, line, paces[0], spans), Reporter(agent, line, paces[1], spans), Gatherer(agent, spans))
    threads = [threading.Thread(target=one.run, name=type(one).__name__, daemon=True) for one in talkers]
    for thread in threads:
        thread.start()
    return threads
