"""Where a selling vehicle stops: how many people a stop has at an hour of the week, and which stop promises the most buyers.

Counts of a cell are drawn towards the stop's mean by a weight of some visits, the empirical-Bayes estimate of a mean (Efron and Morris,
JASA 70, 1975). A share of the stops is chosen at random to keep learning (epsilon-greedy: Sutton and Barto, Reinforcement Learning, 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

HUNDRED_M = 100.0
DRAWN_OF = 10_000


class Stop(NamedTuple):
    """A stop's heat now, the share of its contacts who buy, and the metres to it."""

    name: str
    heat: float
    rate: float
    metres: float


def hour_of_week(local: datetime) -> int:
    """0 for Monday's first hour, 167 for Sunday's last."""
    return 24 * local.weekday() + local.hour


def heat(total: float, visits: int, mean: float, shrink_n: float) -> float:
    """People to expect in a cell of so many visits that counted `total` people, at a stop with this mean."""
    weight = visits + shrink_n
    return (total + shrink_n * mean) / weight if weight else mean


def value(stop: Stop, travel_cost: float) -> float:
    """Buyers to expect, less those given up for the way."""
    return stop.heat * stop.rate - travel_cost * stop.metres / HUNDRED_M


def best(stops: Sequence[Stop], travel_cost: float) -> str | None:
    """The stop of the greatest value; of equals the nearest, then the first."""
    if not stops:
        return None
    return max(stops, key=lambda stop: (round(value(stop, travel_cost), 9), -stop.metres)).name


def rates(sold: Mapping[str, int], contacts: Mapping[str, int]) -> dict[str, float]:
    """The share of contacts who bought at each stop; where a stop has none yet, the share of all, and 1 until anything was sold."""
    everyone, all_sold = sum(contacts.values()), sum(sold.values())
    overall = all_sold / everyone if everyone and all_sold else 1.0
    return {stop: sold.get(stop, 0) / seen if seen and all_sold else overall for stop, seen in contacts.items()}
