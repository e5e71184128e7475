"""The reading of a running trial of shares in the words of `experiment.result`: percent and points, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storeloom.workers.insight import abtest

LEAST = 2
Outcome = Mapping[str, Any]
"""A unit's `arm` and whether it `bought` (1 or 0); `segments`: its segment in each scheme."""
NONE, ANY = "none", "any"


def counts(outcomes: Iterable[Outcome], arms: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Hits and units of each arm; outcomes of other arms are faults."""
    found = dict.fromkeys(arms, (0, 0))
    for one in outcomes:
        hits, units = found[one["arm"]]
        found[one["arm"]] = (hits + one["bought"], units + 1)
    return found


def any_arm(outcomes: Iterable[Outcome], control: str) -> dict[str, Any] | None:
    """`share_fields` of all arms but the control together, against the control."""
    pooled = counts(({**one, "arm": NONE if one["arm"] == control else ANY} for one in outcomes), (NONE, ANY))
    return share_fields(pooled, NONE, ANY)


def by_segment(outcomes: Sequence[Outcome], control: str) -> list[dict[str, Any]]:
    """scheme, segment, uplift, lo, hi (points) of any arm, segment by segment; those with too few units are left out."""
    parts: dict[tuple[str, str], list[Outcome]] = {}
    for one in outcomes:
        for key in one["segments"].items():
            parts.setdefault(key, []).append(one)
    told = {key: any_arm(part, control) for key, part in sorted(parts.items())}
    return [
        {"scheme": scheme, "segment": segment, "uplift": found["effect"], "lo": found["lo"], "hi": found["hi"]}
        for (scheme, segment), found in told.items()
        if found
    ]


def share_fields(counts: Mapping[str, tuple[int, int]], control: str, treated: str) -> dict[str, Any] | None:
    """arms (n and value in %), effect, lo, hi (points, 95 % by Newcombe), p (pooled z-test), decision and method.

    `counts`: hits and units of each arm. Kept or dropped once the interval leaves out 0, else extended; None below two units an arm.
    """
    (hits, units), (won, tried) = counts[control], counts[treated]
    if min(units, tried) < LEAST:
        return None
    effect = abtest.shares(hits, units, won, tried).effect
    decision = "extend" if effect.p_value >= 1 - effect.level else "keep" if effect.value > 0 else "drop"
    arms = [{"arm": arm, "n": counts[arm][1], "value": 100 * counts[arm][0] / counts[arm][1]} for arm in (control, treated)]
    points = {"effect": 100 * effect.value, "lo": 100 * effect.low, "hi": 100 * effect.high, "p": effect.p_value}
    return {"arms": arms, **points, "decision": decision, "method": "two-proportion z-test, Newcombe interval"}
