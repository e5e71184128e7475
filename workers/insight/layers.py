"""Layers of members by recency, frequency and monetary value, each ranked into quintiles over all who bought (Hughes, Strategic Database
Marketing, 1994): every fifth of the list has one score, ties broken by the member's id, so that layers keep their sizes however many tie.

`rfm` scores by mid-ranks, which treats equals alike and needs a few dozen members; this is the rule for small lists and fixed budgets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Literal, NamedTuple

Layer = Literal["core", "new", "growing", "at_risk", "lost"]
LAYERS: tuple[Layer, ...] = ("core", "new", "growing", "at_risk", "lost")


class Scores(NamedTuple):
    """1 worst to 5 best."""

    r: int
    f: int
    m: int

    @property
    def layer(self) -> Layer:
        if self.r >= 4 and self.f >= 4:
            return "core"
        if self.r >= 4 and self.f <= 2:
            return "new"
        if self.r <= 2:
            return "at_risk" if self.f >= 3 else "lost"
        return "growing"


def quintiles(values: Mapping[str, float]) -> dict[str, int]:
    """5 for the largest fifth of the values, 1 for the smallest; of equal ones the smaller name comes first."""
    order = sorted(values, key=lambda name: (-values[name], name))
    return {name: 5 - 5 * place // len(order) for place, name in enumerate(order)}


def scores(purchases: Mapping[str, Iterable[tuple[date, int]]], today: date, days: int) -> dict[str, Scores]:
    """Scores of members who bought within the last `days`, of their receipts (day, net amount): last day, how many, their sum."""
    first = today - timedelta(days=days)
    recent = {member: [one for one in bought if one[0] >= first] for member, bought in purchases.items()}
    recent = {member: bought for member, bought in recent.items() if bought}
    r = quintiles({member: max(day for day, _ in bought).toordinal() for member, bought in recent.items()})
    f = quintiles({member: len(bought) for member, bought in recent.items()})
    m = quintiles({member: sum(amount for _, amount in bought) for member, bought in recent.items()})
    return {member: Scores(r[member], f[member], m[member]) for member in sorted(recent)}
