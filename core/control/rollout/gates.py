"""The gates of a wave, as statistical tests that may be looked at again and again.

The stores' own verdicts: a sequential probability ratio test (Wald, Annals of Mathematical Statistics 16, 1945), which by Ville's
inequality holds at whatever time it is read. Stores that were offered the release and have not failed count as well, so that failures,
which come sooner than successes, do not look like more than they are: the ratio so far is never above the one that the same stores end
with.

Errors and figures: group-sequential, alpha spent over the looks (`workers.insight.sequential`), and shared evenly among the waves of the
roll-out, the figures and the solution instances (Bonferroni), so that a release that harms nothing is stopped with a chance of at most
`alpha` a gate over its whole way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from storeloom.core.control.rollout.picture import Evidence, Look
from storeloom.core.control.rollout.strategy import AgentGate, FigureGate, Strategy
from storeloom.workers.insight import sequential

ERRORS, FIGURES = "errors", "figures"
Outcome = Literal["fail", "pass", "open", "unheard", "undecided"]
STRICTER: dict[Outcome, int] = {"fail": 4, "unheard": 3, "undecided": 2, "open": 1, "pass": 0}


def figure_key(gate: FigureGate) -> str:
    """What a figure's gate is called in verdicts."""
    return f"{gate.solution}/{gate.name}"


def agent_ratio(gate: AgentGate, offered: int, failed: int) -> float:
    """The log of how much likelier the failures are under `reject` than under `accept`."""
    bad, good = math.log(gate.reject / gate.accept), math.log((1 - gate.reject) / (1 - gate.accept))
    return failed * bad + (offered - failed) * good


def agents_fail(gate: AgentGate, waves: int, offered: int, failed: int) -> bool:
    """Whether so many failures among the stores of a wave that were offered the release are no chance."""
    return failed > 0 and agent_ratio(gate, offered, failed) >= math.log(waves / gate.alpha)


def judge(
    strategy: Strategy, look: Look, evidence: Mapping[str, tuple[Evidence, ...]], before: Sequence[Mapping[str, Any]], *, last_wave: bool
) -> tuple[Outcome, dict[str, Any]]:
    """What a look at errors and figures says, with what it saw; `before` are the looks so far. `open`: look again.

    A gate without evidence at the last look is `unheard`; in the last wave, where no store is left to compare with, it is let pass: there
    is no wave left to protect.
    """
    fractions = [one["fraction"] for one in before] + [look.fraction]
    saw: dict[str, Any] = {"fraction": look.fraction, "gates": {}}
    outcomes: list[Outcome] = []
    if strategy.errors is not None:
        gate = strategy.errors
        found = evidence.get(ERRORS, ())
        alpha = gate.alpha / len(strategy.waves) / max(1, len(found))
        for one in found:
            outcome, told = _read(one, fractions, alpha, None, gate.least)
            if outcome == "fail" or told.get("z", 0.0) > 0:
                saw["gates"][f"{ERRORS}/{one.key}"] = told | {"outcome": outcome}
            outcomes.append(outcome)
        if not found:
            outcomes.append("unheard")
            saw["gates"][ERRORS] = {"seen": "nothing"}
    for figure in strategy.figures:
        alpha = figure.alpha / len(strategy.waves) / len(strategy.figures)
        seen = evidence.get(figure_key(figure), ())
        outcome, told = _read(seen[0], fractions, alpha, figure.margin, 0.0) if seen else ("unheard", {"seen": "nothing"})
        if outcome == "unheard" and last_wave and seen and seen[0].controls < figure.least_stores <= seen[0].treated:
            outcome = "pass"
        saw["gates"][figure_key(figure)] = told | {"outcome": outcome}
        outcomes.append(outcome)
    worst: Outcome = max(outcomes, key=STRICTER.__getitem__) if outcomes else "pass"
    if worst != "fail" and look.index < look.of:
        worst = "open"
    return worst, saw


def failing(saw: Mapping[str, Any]) -> str:
    """Which kind of gate found harm in what a look saw: errors, where it was among them."""
    found = [name for name, one in saw["gates"].items() if one.get("outcome") == "fail"]
    return ERRORS if any(name.startswith(f"{ERRORS}/") for name in found) else FIGURES


def _read(one: Evidence, fractions: Sequence[float], alpha: float, margin: float | None, least: float) -> tuple[Outcome, dict[str, Any]]:
    told: dict[str, Any] = {"treated": one.treated, "controls": one.controls}
    if one.harm is None or one.se is None or one.se <= 0:
        return "unheard", told
    seen = sequential.look(fractions, one.harm, one.se, min(0.49, 2 * alpha))  # two-sided bounds, of which the harmful side alone is used
    told |= {"harm": round(one.harm, 6), "z": round(seen.z, 3), "bound": round(seen.bound, 3)}
    told |= {"low": round(seen.low, 6), "high": round(seen.high, 6)}
    if seen.z >= seen.bound and one.harm >= least:
        return "fail", told
    if margin is not None and seen.high >= margin:
        return "undecided", told
    return "pass", told
