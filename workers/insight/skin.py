"""What repeated skin measurements say: the median of captures, the percentile among peers, and which scores are a concern.

Scores go from 0 to 100, higher is better. Peers are a normal distribution of each score in an age band; a percentile is the share of peers
with a lower score. Everything here is a figure of health: it must be kept only with separate consent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from statistics import NormalDist, median
from typing import Any, NamedTuple

SCORES = ("moisture", "oil", "pores", "spots", "wrinkles", "redness")
WITHOUT_PEERS, REPEATS, TIMES_KEPT = 2, 2, 10
OPEN_END = re.compile(r"(?P<low>\d+)\s*(?:\+|岁以上|以上)|(?:>=|≥)\s*(?P<from>\d+)")
OPEN_START = re.compile(r"(?:<|-|under\s*)\s*(?P<below>\d+)|(?P<till>\d+)\s*(?:岁以下|以下)")
SPAN = re.compile(r"(?P<low>\d+)\s*(?:-|–|~|to|至)\s*(?P<high>\d+)")
DECADE = re.compile(r"(?P<low>\d+)s")


class Step(NamedTuple):
    """What comes after a capture: `measure` (taken, of) once more, `repeat` all (score, range, limit, repeat), or `report`
    (scores, steady)."""

    screen: str
    params: dict[str, Any]


def scores_of(values: Mapping[str, Any]) -> dict[str, float]:
    """The known scores of a capture that are numbers from 0 to 100."""
    return {name: values[name] for name in SCORES if _is_score(values.get(name))}


def widest(captures: Sequence[Mapping[str, float]]) -> tuple[str | None, float]:
    """The score that the captures differ most in, and its range; (None, 0) without scores."""
    ranges = {name: max(got) - min(got) for name, got in _by_score(captures).items()}
    name = max(ranges, key=lambda one: ranges[one], default=None)
    return name, ranges[name] if name else 0


def enter(test: dict[str, Any], capture: Mapping[str, float], at: str, *, of: int, max_range: float) -> Step | None:
    """Enter a capture of a time into a test (`captures`, `times`, `repeats`; changed in place); None for a time that was entered before.

    Captures that differ by more than `max_range` points in any score are taken anew, at most `REPEATS` times.
    """
    if at in test["times"]:
        return None
    test["times"] = [*test["times"], at][-TIMES_KEPT:]
    captures = [*test["captures"], capture]
    if len(captures) < of:
        test["captures"] = captures
        return Step("measure", {"taken": len(captures), "of": of})
    test["captures"] = []
    name, spread = widest(captures)
    if spread > max_range and test["repeats"] < REPEATS:
        test["repeats"] += 1
        return Step("repeat", {"score": name, "range": spread, "limit": max_range, "repeat": test["repeats"]})
    test["repeats"] = 0
    return Step("report", {"scores": medians(captures), "steady": spread <= max_range})


def medians(captures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each score that was captured at all."""
    return {name: median(got) for name, got in _by_score(captures).items()}


def changes(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """By how many points each score measured both times went up."""
    return {name: got - before[name] for name, got in now.items() if name in before}


def percentile(score: float, mean: float, deviation: float) -> float:
    """Percent of peers with a lower score, 100 the best."""
    return 100 * NormalDist(mean, deviation).cdf(score)


def among_peers(
    scores: Mapping[str, float], age: str | float | None, norms: Mapping[str, Mapping[str, Any]]
) -> tuple[str | None, dict[str, float]]:
    """The guest's age band and the percentile of each score that has a norm there (`mean`, `deviation`); no percentile without a band."""
    band = band_of(age, norms)
    known = norms[band] if band is not None else {}
    return band, {name: percentile(got, known[name].mean, known[name].deviation) for name, got in scores.items() if name in known}


def band_of(age: str | float | None, bands: Collection[str]) -> str | None:
    """The age band for an age in years or a band's own name; the only band where no age is known; None where none is right.

    Bands are written `25-34`, `60+`, `<18` or `30s`, both ends included except after `<`.
    """
    if age is None:
        return next(iter(bands)) if len(bands) == 1 else None
    name = str(age).strip()
    if name in bands:
        return name
    years = float(name) if re.fullmatch(r"\d+(\.\d+)?", name) else None
    return None if years is None else next((band for band in bands if _holds(band, math.floor(years))), None)


def concerns(scores: Mapping[str, float], percentiles: Mapping[str, float], below: float) -> dict[str, float]:
    """Weight, 0 to 1, of each score that is a concern, the heaviest first.

    Among peers, a percentile under `below` weighs by how far under it lies. Without peers the two lowest scores weigh 1.
    """
    if percentiles:
        weights = {name: (below - percent) / below for name, percent in percentiles.items() if percent < below}
        return dict(sorted(weights.items(), key=lambda one: -one[1]))
    return dict.fromkeys(sorted(scores, key=lambda name: scores[name])[:WITHOUT_PEERS], 1.0)


def report(
    result: Mapping[str, Any], weights: Mapping[str, float], band: str | None, peers: Mapping[str, float], budget: int
) -> dict[str, Any]:
    """A test's `result` (scores, steady, change) in figures for the guest; percentiles and change only where there are any."""
    concerns = {name: round(weight, 2) for name, weight in weights.items()}
    found = {"scores": result["scores"], "concerns": concerns, "steady": result["steady"], "budget": budget}
    found |= {"percentiles": {name: round(got, 1) for name, got in peers.items()}, "band": band} if peers else {}
    return found | ({"change": result["change"]} if result["change"] else {})


def strength(product: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """What a product does for these concerns: its points for each times the concern's weight."""
    return sum(weight * product.get(name, 0) for name, weight in weights.items())


def _is_score(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 100


def _by_score(captures: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    found = {name: [capture[name] for capture in captures if name in capture] for name in SCORES}
    return {name: got for name, got in found.items() if got}


def _holds(band: str, years: int) -> bool:
    text = band.strip().lower()
    if found := SPAN.fullmatch(text.removesuffix("岁")):
        return int(found["low"]) <= years <= int(found["high"])
    if found := DECADE.fullmatch(text):
        return int(found["low"]) <= years <= int(found["low"]) + 9
    if found := OPEN_END.fullmatch(text):
        return years >= int(found["low"] or found["from"])
    if found := OPEN_START.fullmatch(text):
        return years < int(found["below"] or found["till"])
    return False
