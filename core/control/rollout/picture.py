"""A roll-out as it stands, what is known of its stores, and what is decided by that: plain values, no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from storeloom.core.control.rollout.strategy import Strategy

UNDER_WAY = frozenset({"offered", "updating", "watching"})
TOUCHED = UNDER_WAY | {"done", "failed"}


@dataclass(frozen=True, slots=True)
class StepNow:
    """A store's way. `changed` is when it came to be in this state."""

    store: str
    wave: int
    state: str = "waiting"
    before: str | None = None
    changed: datetime | None = None
    reason: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class WaveNow:
    """A wave. `verdict`: `settled` (when its stores were done), `looks` at the gates, what was `decided`."""

    number: int
    state: str = "waiting"
    opened: datetime | None = None
    verdict: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RolloutNow:
    """A roll-out as it stands."""

    id: str
    release: str
    state: str
    strategy: Strategy
    waves: tuple[WaveNow, ...]
    steps: Mapping[str, StepNow]

    @property
    def wave(self) -> WaveNow | None:
        """The wave that the roll-out is at; None when all have passed."""
        return next((one for one in self.waves if one.state != "passed"), None)

    def of(self, wave: int) -> list[StepNow]:
        """The steps of a wave."""
        return [step for step in self.steps.values() if step.wave == wave]


@dataclass(frozen=True, slots=True)
class StoreFact:
    """What is known of a store's agent. `told_number` is the desired state that it knew when it said `state` and `actual`."""

    seen: datetime | None
    desired: str | None
    desired_number: int
    told_number: int
    actual: str | None
    state: str
    reason: Any = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a look at one gate sees: the harm (a share of the figure, or failures per event; above zero is worse) and its standard error
    over stores; None where too few stores can be compared. `key` names the solution instance where a gate looks at several."""

    key: str
    harm: float | None
    se: float | None
    treated: int
    controls: int


@dataclass(frozen=True, slots=True)
class Look:
    """A look that is due: the `index`-th (from 1) at a wave, of `of`."""

    wave: int
    index: int
    of: int

    @property
    def fraction(self) -> float:
        return self.index / self.of


@dataclass(frozen=True)
class Facts:
    """What is known now. `awake_since` is when this server began to hear agents; `withdrawn`: the release must not run;
    `evidence` by gate, where a look was due."""

    stores: Mapping[str, StoreFact]
    awake_since: datetime
    withdrawn: bool = False
    evidence: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)


Kind = Literal["offer", "take_back"]


@dataclass
class Decisions:
    """What is to be done. `offer` and `take_back` name stores whose desired state changes, `steps` the new state of each step and why,
    `waves` the new state and verdict of each wave, `events` what happened."""

    offer: list[str] = field(default_factory=list)
    take_back: list[str] = field(default_factory=list)
    steps: dict[str, tuple[str, Mapping[str, Any] | None]] = field(default_factory=dict)
    waves: dict[int, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    state: str | None = None
    reason: Mapping[str, Any] | None = None
    open_steps: bool | None = None
    events: list[tuple[str, int | None, Mapping[str, Any]]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.offer or self.take_back or self.steps or self.waves or self.state or self.events)
