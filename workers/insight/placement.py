"""Whom a joint campaign of retailer and brand should reach, in which cells, and by which of several treatments: chosen while it learns.

Seeds are association rules over members (see `basket_rules`). Treatments are drawn by Thompson sampling of a Bernoulli bandit (Thompson
1933; Chapelle and Li, "An Empirical Evaluation of Thompson Sampling", 2011) from Beta(1 + buyers, 1 + sent - buyers).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from storeloom.workers.insight.basket_rules import BasketRule, rule
from storeloom.workers.insight.beta_rate import Counts, Prior

TARGET, ANY = "target", "any"
DAYPARTS = ((11, "morning"), (14, "noon"), (17, "afternoon"), (24, "evening"))
BANDS = ("low", "middle", "high")
EVEN = Prior(1, 1)


def daypart(local: datetime) -> str:
    """The part of the day of a time on the store's wall."""
    return next(name for until, name in DAYPARTS if local.hour < until)


def seeds(bought: Mapping[str, Collection[str]], targets: Collection[str], min_lift: float, min_support: float) -> list[BasketRule]:
    """Products whose buyers take a target more often than others, strongest first; `bought` is each member's items, support a share."""
    with_target = {member for member, items in bought.items() if any(item in targets for item in items)}
    buyers = Counter(item for items in bought.values() for item in items if item not in targets)
    both = Counter(item for member in with_target for item in bought[member] if item not in targets)
    rules = [rule(item, TARGET, n, buyers[item], len(with_target), len(bought)) for item, n in both.items()]
    held = [one for one in rules if one.lift >= min_lift and one.support >= min_support]
    return sorted(held, key=lambda one: (-one.lift, one.item))


def crowd(bought: Mapping[str, Collection[str]], targets: Collection[str], rules: Iterable[BasketRule]) -> dict[str, str]:
    """Members who bought a seed and no target, each with the strongest seed of those bought."""
    ranked = [one.item for one in rules]
    found = {}
    for member, items in bought.items():
        if not any(item in targets for item in items):
            seed = next((item for item in ranked if item in items), None)
            if seed is not None:
                found[member] = seed
    return found


def price_bands(tickets: Mapping[str, float]) -> dict[str, str]:
    """Thirds of members by what they spend at a time; equal ones are in the same third."""
    ranked = sorted(tickets.values())
    return {member: BANDS[min(2, 3 * ranked.index(ticket) // len(ranked))] for member, ticket in tickets.items()}


def cells(members: Mapping[str, tuple[str, ...]], least: int) -> dict[str, str]:
    """Each member's cell by its traits. Cells that are too small are joined by leaving out the last trait, again and again."""
    settled: dict[str, str] = {}
    traits = dict(members)
    for depth in range(len(next(iter(traits.values()), ())), 0, -1):
        sizes = Counter(traits.values())
        for member, own in list(traits.items()):
            if sizes[own] >= least:
                settled[member] = "|".join(own)
                del traits[member]
            else:
                traits[member] = own[: depth - 1]
    return settled | dict.fromkeys(traits, ANY)


def choose(results: Mapping[str, Mapping[str, Any]], *seed: object) -> str:
    """The treatment whose drawn response is highest; the same seed and results give the same one. `results`: `sent` and `buyers`."""
    chance = random.Random("|".join(map(str, seed)))
    drawn = {name: chance.betavariate(1 + one["buyers"], 1 + one["sent"] - one["buyers"]) for name, one in results.items()}
    return max(drawn, key=lambda name: drawn[name])


def best(results: Mapping[str, Mapping[str, Any]], level: float = 0.9) -> tuple[str, float, float, float]:
    """The treatment with the highest mean response, the mean and its credible interval."""
    told = {name: Counts(one["buyers"], one["sent"] - one["buyers"]) for name, one in results.items()}
    name = max(told, key=lambda one: EVEN.mean(told[one]))
    return name, EVEN.mean(told[name]), *EVEN.interval(told[name], level)


def incremental(totals: Mapping[str, Any]) -> float | None:
    """Buyers that the reach brought: sent x (share of buyers among those sent - among those held out); None without either."""
    if not (totals["sent"] and totals["held"]):
        return None
    return float(totals["sent"] * (totals["sent_buyers"] / totals["sent"] - totals["held_buyers"] / totals["held"]))


def growth(after: float, before: float) -> float | None:
    """Change in percent; None where there was nothing before."""
    return 100 * (after - before) / before if before > 0 else None
