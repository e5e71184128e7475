"""A roll-out in memory: the pure controller, and stores that do what their release makes them do. Time is counted in minutes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from storeloom.core.control.rollout import controller, gates
from storeloom.core.control.rollout.picture import Evidence, Facts, RolloutNow, StepNow, StoreFact, WaveNow
from storeloom.core.control.rollout.strategy import Candidate, Strategy, assign

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
NEW, OLD = "new", "old"


@dataclass
class Simulated:
    """Stores under a roll-out. `fails(store)`: the store falls back; `mutes(store)`: it is not heard of once it has the release; `away`:
    not there; `harm`: what a look at the errors sees, in standard errors."""

    strategy: Strategy
    stores: int
    fails: Any = lambda store: False
    mutes: Any = lambda store: False
    away: set[str] = field(default_factory=set)
    harm: float | None = 0.0
    now: datetime = T0
    rollout: RolloutNow = None
    facts: dict[str, StoreFact] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    events: list[tuple[str, int | None, Any]] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    most_under_way: int = 0
    withdrawn: bool = False
    reason: Any = None

    def __post_init__(self):
        names = [f"s-{at:05}" for at in range(self.stores)]
        waves = assign(self.strategy, [Candidate(name, ring=0 if at % 100 == 0 else 1) for at, name in enumerate(names)], "r")
        steps = {name: StepNow(name, wave, before=OLD) for name, wave in waves.items()}
        stand = tuple(WaveNow(at) for at in range(len(self.strategy.waves)))
        self.rollout = RolloutNow("r", NEW, "running", self.strategy, stand, steps)
        self.facts = {name: StoreFact(self.now - timedelta(days=20), OLD, 1, 1, OLD, "good") for name in names}

    def run(self, minutes: float, every: float = 1.0):
        """Let time go on."""
        end = self.now + timedelta(minutes=minutes)
        while self.now < end:
            self.step()
            self.now += timedelta(minutes=every)
        return self

    def step(self):
        for name, fact in self.facts.items():
            if name not in self.away:
                self.facts[name] = self._live(name, fact)
        evidence = {}
        look = controller.due(self.rollout, self.now)
        if look is not None and self.harm is not None:
            evidence[gates.ERRORS] = (Evidence("till", 0.01 * self.harm, 0.01, 10, 10),)
        known = Facts(self.facts, T0 - timedelta(days=1), self.withdrawn, evidence)
        self.apply(controller.advance(self.rollout, known, self.now))

    def apply(self, made):
        self.events += made.events
        self.reached |= set(made.offer)
        for release, names in ((NEW, made.offer), (OLD, made.take_back)):
            for name in names:
                fact = self.facts[name]
                self.facts[name] = replace(fact, desired=release, desired_number=fact.desired_number + 1)
        steps = dict(self.rollout.steps)
        for name, (state, reason) in made.steps.items():
            steps[name] = replace(steps[name], state=state, reason=reason, changed=self.now)
        waves = list(self.rollout.waves)
        for number, (state, verdict) in made.waves.items():
            waves[number] = replace(waves[number], state=state, verdict=verdict, opened=waves[number].opened or self.now)
        self.rollout = replace(self.rollout, steps=steps, waves=tuple(waves), state=made.state or self.rollout.state)
        self.reason = made.reason or self.reason
        self.most_under_way = max(self.most_under_way, sum(one.state in ("offered", "updating", "watching") for one in steps.values()))

    def _live(self, name, fact):
        """A store's poll: it takes up what it is to run, and proves it in ten minutes."""
        if fact.desired == NEW and self.mutes(name) and fact.told_number == fact.desired_number:
            return fact
        if fact.told_number != fact.desired_number:
            self.since[name] = self.now
            if fact.desired == NEW and self.fails(name):
                return replace(fact, seen=self.now, told_number=fact.desired_number, state="refused", reason={"en": "no"})
            return replace(fact, seen=self.now, told_number=fact.desired_number, actual=fact.desired, state="watching")
        proven = fact.state == "watching" and self.now - self.since[name] >= timedelta(minutes=10)
        return replace(fact, seen=self.now, state="good" if proven else fact.state)

    def counts(self):
        found: dict[str, int] = {}
        for step in self.rollout.steps.values():
            found[step.state] = found.get(step.state, 0) + 1
        return found

    def kinds(self):
        return [kind for kind, _, _ in self.events]
