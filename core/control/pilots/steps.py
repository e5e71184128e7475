"""The six steps of a pilot project: what each needs, and what may still be changed at it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.models.pilots import STEPS, Pilot
from storeloom.core.control.pilots.forms import Decision
from storeloom.core.kernel.errors import Finding

WHAT = {
    "estimate": {"en": "an estimate of value and cost", "zh": "价值与成本测算"},
    "choice": {"en": "pilot stores, comparable stores and days", "zh": "试点门店、对照门店与起止日期"},
    "evaluation": {"en": "an evaluation", "zh": "评估结果"},
}
NEEDS = {"estimated": "estimate", "reviewed": "choice", "running": "choice", "evaluated": "evaluation"}
OPEN_UNTIL = {"plan": "running", "estimate": "running", "choice": "running"}
"""The step from which on a part stands fast: what a pilot is judged by is not changed while it runs."""


def require_open(pilot: Pilot, part: str) -> None:
    """ApiFault (409) where a part may no longer be changed."""
    closed = OPEN_UNTIL[part]
    if STEPS.index(pilot.step) >= STEPS.index(closed):
        raise ApiFault(409, Finding("SL-PIL-01", {"part": part, "step": pilot.step}, f"body.{part}"))


def advance(pilot: Pilot, to: str, today: date) -> None:
    """Take a pilot to the next step. ApiFault (409) where that is not the next one, or what it needs is missing; all of it at once."""
    at = STEPS.index(pilot.step)
    allowed = STEPS[at + 1] if at + 1 < len(STEPS) - 1 else None  # the last step is `decide`
    findings = []
    if to != allowed:
        findings.append(Finding("SL-PIL-02", {"to": to, "step": pilot.step, "allowed": allowed or "decision"}, "body.to"))
    need = NEEDS.get(to)
    if need is not None and getattr(pilot, need) is None:
        findings.append(Finding("SL-PIL-03", {"to": to, "what": WHAT[need]}, f"body.{need}"))
    if to == "running" and pilot.choice is not None and date.fromisoformat(pilot.choice["begins"]) > today:
        findings.append(Finding("SL-PIL-04", {"begins": pilot.choice["begins"]}, "body.to"))
    if findings:
        raise ApiFault(409, findings)
    pilot.step = to


def decide(pilot: Pilot, decision: Decision, now: datetime, actor: str) -> None:
    """Close a round: the pilot is over, or goes back to be reviewed for the next one, with this round kept. ApiFault (409) before there is
    an evaluation."""
    if pilot.step != "evaluated":
        raise ApiFault(409, Finding("SL-PIL-02", {"to": "decided", "step": pilot.step, "allowed": _next(pilot.step)}, "body"))
    said: dict[str, Any] = {**decision.model_dump(), "at": now.isoformat(), "by": actor}
    if decision.kind != "next_round":
        pilot.step, pilot.decision = "decided", said
        return
    done = {"round": pilot.round, "choice": pilot.choice, "evaluation": pilot.evaluation, "decision": said}
    pilot.rounds = [*pilot.rounds, done]
    pilot.step, pilot.round, pilot.choice, pilot.evaluation = "estimated", pilot.round + 1, None, None


def _next(step: str) -> str:
    at = STEPS.index(step)
    return STEPS[min(at + 1, len(STEPS) - 1)]
