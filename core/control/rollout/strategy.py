"""How a release goes over the stores: waves in order, what each is held against, how much may be under way at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

OnFailure = Literal["pause", "roll_back_wave", "roll_back"]


class Form(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WaveSpec(Form):
    """Which stores a wave takes of those that no wave before it took: all that match every one of `rings`, `regions`, `tags` (any of them)
    and `stores` that is given; of all that match `percent`, those that earlier waves took counted in, so 1, 10, 100 rise."""

    name: str = Field(min_length=1, max_length=100)
    percent: float | None = Field(None, gt=0, le=100)
    rings: list[int] | None = Field(None, min_length=1, max_length=10)
    regions: list[str] | None = Field(None, min_length=1, max_length=500)
    tags: list[str] | None = Field(None, min_length=1, max_length=50)
    stores: list[str] | None = Field(None, min_length=1, max_length=20_000)
    soak_s: int | None = Field(None, ge=0, le=30 * 86400)
    hold: bool = False
    """Wait for a person's word before the next wave."""

    @model_validator(mode="after")
    def _says_something(self) -> WaveSpec:
        if all(one is None for one in (self.percent, self.rings, self.regions, self.tags, self.stores)):
            raise ValueError("a wave names percent, rings, regions, tags or stores")
        return self


class AgentGate(Form):
    """A sequential probability ratio test on the stores' own verdicts: a share of failed updates of `accept` is let pass, one of `reject`
    is found; a good release is stopped wrongly with a chance of at most `alpha`, whenever it is looked at."""

    accept: float = Field(0.02, gt=0, lt=0.5)
    reject: float = Field(0.20, gt=0, lt=1)
    alpha: float = Field(0.05, gt=0, lt=0.5)

    @model_validator(mode="after")
    def _apart(self) -> AgentGate:
        if self.reject <= self.accept:
            raise ValueError("`reject` must be above `accept`")
        return self


class ErrorGate(Form):
    """Failures per handled event of each solution, every store held against its own past: found when the rise is above chance, over all
    looks of the roll-out, and at least `least`."""

    least: float = Field(0.001, gt=0, lt=1)
    alpha: float = Field(0.01, gt=0, lt=0.5)


class FigureGate(Form):
    """A figure of a solution: the updated stores' change against their own past, over that of the stores not yet updated.

    `worse` is the direction that harms. With `margin` (a share of the figure) the wave passes only once a harm that large is ruled out.
    """

    solution: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=100)
    worse: Literal["lower", "higher"] = "lower"
    alpha: float = Field(0.05, gt=0, lt=0.5)
    margin: float | None = Field(None, gt=0, lt=1)
    history_d: int = Field(14, ge=7, le=60)
    least_stores: int = Field(3, ge=2, le=1000)


def _off(value: Any) -> Any:
    """`false` for a gate is none: what TOML, which has no null, can say."""
    return None if value is False else value


class Strategy(Form):
    """A roll-out's whole way. What no wave takes is left out. Times are seconds."""

    waves: list[WaveSpec] = Field(min_length=1, max_length=50)
    health_s: int = Field(900, ge=0, le=86400)
    """How long each store's agent watches the new release before it calls it good."""
    soak_s: int = Field(1800, ge=0, le=30 * 86400)
    """How long a wave is watched once its stores are done, before the next may open."""
    looks: int = Field(4, ge=1, le=20)
    """How often within that time the figures are looked at."""
    patience_s: int = Field(86400, ge=0, le=30 * 86400)
    """How long after that to wait for figures that have not come, before the roll-out pauses."""
    any_time: bool = False
    """Heed no store's window."""
    parallel_downloads: int = Field(200, ge=1, le=100_000)
    parallel_updates: int = Field(500, ge=1, le=100_000)
    quiet_s: int = Field(1800, ge=60, le=7 * 86400)
    """An agent that was not heard of for so long is away."""
    least_heard: float = Field(0.8, gt=0, le=1)
    """The share of a wave's stores that must have proved the release for the wave to pass."""
    agents: Annotated[AgentGate | None, BeforeValidator(_off, json_schema_input_type=AgentGate | Literal[False] | None)] = AgentGate()
    """`false` switches this gate off, and the next one; figures have none unless they are named."""
    errors: Annotated[ErrorGate | None, BeforeValidator(_off, json_schema_input_type=ErrorGate | Literal[False] | None)] = ErrorGate()
    figures: list[FigureGate] = Field(default_factory=list, max_length=20)
    on_failure: OnFailure = "roll_back"

    @model_validator(mode="after")
    def _rises(self) -> Strategy:
        percents = [wave.percent for wave in self.waves if wave.percent is not None and not _narrowed(wave)]
        if any(later <= earlier for earlier, later in pairwise(percents)):
            raise ValueError("`percent` counts over the whole roll-out and must rise from wave to wave")
        return self


def careful(**more: object) -> Strategy:
    """The way that suits most: a thousandth, a hundredth, a tenth, half, all."""
    steps = ((0.1, "canary"), (1.0, "first hundredth"), (10.0, "tenth"), (50.0, "half"), (100.0, "all"))
    return Strategy.model_validate({"waves": [{"name": name, "percent": percent} for percent, name in steps], **more})


def rings(**more: object) -> Strategy:
    """Canary stores (ring 0), a hundredth, ring 1, all."""
    waves = (
        {"name": "canary", "rings": [0], "percent": 0.5},
        {"name": "first hundredth", "percent": 1.0},
        {"name": "canary ring", "rings": [0]},
        {"name": "region ring", "rings": [1]},
        {"name": "all", "percent": 100.0},
    )
    return Strategy.model_validate({"waves": list(waves), **more})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A store that could be taken."""

    store: str
    region: str | None = None
    ring: int = 1
    tags: tuple[str, ...] = ()


def assign(strategy: Strategy, candidates: Sequence[Candidate], seed: str) -> dict[str, int]:
    """The wave (from 0) of each store that some wave takes. Which stores a percentage takes is drawn by `seed`, the same each time; of a
    percentage at least one store is taken while there is one."""
    order = sorted(candidates, key=lambda one: hashlib.sha256(f"{seed}/{one.store}".encode()).digest())
    taken: dict[str, int] = {}
    for number, wave in enumerate(strategy.waves):
        free = [one for one in order if one.store not in taken and _matches(wave, one)]
        most = len(free)
        if wave.percent is not None:
            scope = sum(_matches(wave, one) for one in order) if _narrowed(wave) else len(order)
            had = sum(one.store in taken and _matches(wave, one) for one in order) if _narrowed(wave) else len(taken)
            most = max(1, int(scope * wave.percent / 100 + 1e-9)) - had
        taken.update({one.store: number for one in free[: max(0, most)]})
    return taken


def _narrowed(wave: WaveSpec) -> bool:
    return any(one is not None for one in (wave.rings, wave.regions, wave.tags, wave.stores))


def _matches(wave: WaveSpec, one: Candidate) -> bool:
    return (
        (wave.rings is None or one.ring in wave.rings)
        and (wave.regions is None or one.region in wave.regions)
        and (wave.tags is None or bool(set(wave.tags) & set(one.tags)))
        and (wave.stores is None or one.store in wave.stores)
    )


def unknown_stores(strategy: Strategy, known: Iterable[str]) -> list[str]:
    """Stores that waves name and that there are not, in order."""
    named = {store for wave in strategy.waves for store in wave.stores or ()}
    return sorted(named - set(known))
