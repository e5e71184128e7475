"""How much more often than by chance categories are bought together, over a sliding window of weeks; counted receipt by receipt.

Lift is the share of receipts with both by what it would be were they independent (Brin, Motwani, Ullman and Tsur 1997, "Dynamic itemset
counting and implication rules for market basket data"). Categories are few, so counts are exact and leave the window week by week, where
`basket_rules` counts items within bounds and lets habits fade.

Counts live in any mutable mapping of JSON values, such as a solution's state: `receipts:WEEK` holds how many receipts were seen,
`pairs:WEEK:CATEGORY` `{"n": receipts with it, "margin": money, "with": {later category by name: receipts with both}}`. A receipt touches
its own categories only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

PAIRS, RECEIPTS = "pairs:", "receipts:"
Pair = tuple[str, str]


@dataclass
class Window:
    """Counts of a window: receipts, receipts by category and by pair (names in order), margin by category."""

    receipts: int = 0
    having: dict[str, int] = field(default_factory=dict)
    both: dict[Pair, int] = field(default_factory=dict)
    margin: dict[str, float] = field(default_factory=dict)

    def lift(self, pair: Pair) -> float:
        """0 for a pair never bought together."""
        one, other = sorted(pair)
        together = self.both.get((one, other), 0)
        return together * self.receipts / (self.having[one] * self.having[other]) if together else 0.0

    def affinity(self, min_support_pct: float) -> dict[Pair, float]:
        """Lift above 1 of each pair in at least so many of all receipts; pairs without any are left out."""
        least = min_support_pct / 100 * self.receipts - 1e-9
        return {pair: self.lift(pair) - 1 for pair, together in sorted(self.both.items()) if together >= least and self.lift(pair) > 1}


def count(counts: MutableMapping[str, Any], week: str, categories: Iterable[str]) -> None:
    """Count a receipt by the distinct categories on it."""
    distinct = sorted(set(categories))
    counts[RECEIPTS + week] = counts.get(RECEIPTS + week, 0) + 1
    for place, name in enumerate(distinct):
        seen = _seen(counts, week, name)
        seen["n"] += 1
        for later in distinct[place + 1 :]:
            seen["with"][later] = seen["with"].get(later, 0) + 1


def earn(counts: MutableMapping[str, Any], week: str, category: str, margin: float) -> None:
    """Add a line's margin, negative for goods that came back."""
    _seen(counts, week, category)["margin"] += margin


def read(counts: Mapping[str, Any], weeks: Iterable[str]) -> Window:
    """The counts of these weeks together."""
    wanted, found = set(weeks), Window()
    for key in counts:
        if key.startswith(RECEIPTS) and key.removeprefix(RECEIPTS) in wanted:
            found.receipts += counts[key]
        week, _, name = key.removeprefix(PAIRS).partition(":")
        if key.startswith(PAIRS) and week in wanted:
            seen = counts[key]
            found.having[name] = found.having.get(name, 0) + seen["n"]
            found.margin[name] = found.margin.get(name, 0) + seen["margin"]
            for other, together in seen["with"].items():
                found.both[name, other] = found.both.get((name, other), 0) + together
    return found


def forget(counts: MutableMapping[str, Any], first: str) -> None:
    """Drop the weeks before one."""
    for key in [key for key in counts if key.startswith((PAIRS, RECEIPTS)) and key.split(":")[1] < first]:
        del counts[key]


def _seen(counts: MutableMapping[str, Any], week: str, category: str) -> dict[str, Any]:
    found: dict[str, Any] = counts.setdefault(f"{PAIRS}{week}:{category}", {"n": 0, "margin": 0, "with": {}})
    return found
