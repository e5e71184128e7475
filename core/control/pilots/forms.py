"""The parts of a pilot project as they are written."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Text = Annotated[str, Field(max_length=4000)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]


class Part(BaseModel):
    """A part: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Metric(Part):
    """A figure that stores report: of which solution, by which name."""

    solution: str = Field(min_length=1, max_length=200)
    name: str = Field(min_length=1, max_length=200)


class Plan(Part):
    """What is to be tried and why: the trouble, the goal, which solutions, by which figure it is judged, what may explain it."""

    problem: Text
    goal: Text = ""
    owner: str = Field("", max_length=200)
    solutions: list[str] = Field(min_length=1, max_length=50)
    metric: Metric
    drivers: list[Metric] = Field(default_factory=list, max_length=12)


class Estimate(Part):
    """What it may bring and cost, before it is tried. `effect` is the change of the figure a store and day, with its `low` and `high`;
    `earned`: money (minor units) that one unit of it brings; `one_off` and `running` (a month): cost of a store in minor units; `hours` of
    work saved in a store and month at `wage` (minor units an hour); `months`: the horizon; `stores`: how many it would go to."""

    effect: Number
    low: Number
    high: Number
    earned: float = Field(1.0, ge=0, le=1e9)
    one_off: int = Field(0, ge=0, le=10**12)
    running: int = Field(0, ge=0, le=10**12)
    hours: float = Field(0.0, ge=0, le=1e6)
    wage: int = Field(0, ge=0, le=10**9)
    months: int = Field(24, ge=1, le=240)
    stores: int = Field(1, ge=1, le=10**6)

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if not self.low <= self.effect <= self.high:
            raise ValueError("low <= effect <= high is wanted")
        return self


class Choice(Part):
    """Where and when: the pilot stores, the stores that they are held against, the first day and the last."""

    stores: list[Id] = Field(min_length=1, max_length=500)
    comparables: list[Id] = Field(min_length=1, max_length=1000)
    begins: date
    ends: date

    @model_validator(mode="after")
    def sound(self) -> Self:
        if self.ends <= self.begins:
            raise ValueError("a pilot ends after the day on which it begins")
        both = sorted(set(self.stores) & set(self.comparables))
        if both:
            raise ValueError(f"no store is its own comparable: {', '.join(both)}")
        return self


class Decision(Part):
    """What follows: to all stores, to none, or once more; and why."""

    kind: Literal["roll_out", "stop", "next_round"]
    reason: Text = Field(min_length=1)
