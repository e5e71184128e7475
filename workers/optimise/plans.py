"""What a plan answers with: how good it is and how that is known, which rules bind, and what to relax where no plan is possible."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from storeloom.core.kernel.errors import Finding

Status = Literal["optimal", "feasible", "infeasible"]
SEED = 68
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Note:
    """A rule in words: `rule` names it for programs (`window:S3`, `fleet:van`), `by` is how far it must give way where that is known."""

    rule: str
    en: str
    zh: str
    by: float | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """How good a plan is. `bound`: what no plan can better, as proved. `binding`: the rules that hold the plan back. `relax`: where no plan
    exists, the least set of rules to relax that was found. `proved`: an infeasible problem was proved to be so; False where the search only
    found no plan. `seconds` is no part of equality: equal problems give equal plans."""

    status: Status
    objective: float | None
    bound: float | None
    seconds: float = field(compare=False, default=0.0)
    binding: tuple[Note, ...] = ()
    relax: tuple[Note, ...] = ()
    proved: bool = True

    @property
    def gap(self) -> float | None:
        """Distance from the bound as a share of the objective; None where either is unknown."""
        if self.objective is None or self.bound is None:
            return None
        return abs(self.objective - self.bound) / max(abs(self.objective), abs(self.bound), TINY)


class PlanFault(ValueError):
    """A problem that cannot be planned as it is written; `findings` holds all that is wrong, in zh and en."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(f"{one.text()} {one.fix()}" for one in self.findings))


@dataclass
class Checks:
    """Collects all faults of a problem; `done` raises them together."""

    found: list[Finding] = field(default_factory=list)

    def some(self, what_en: str, what_zh: str, items: Sequence[object]) -> None:
        if not items:
            self.found.append(Finding("SL-PLN-01", {"what": {"en": what_en, "zh": what_zh}}))

    def unique(self, what_en: str, what_zh: str, names: Iterable[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if name in seen:
                self.found.append(Finding("SL-PLN-02", {"what": {"en": what_en, "zh": what_zh}, "name": name}))
            seen.add(name)

    def within(self, what: tuple[str, str], name: str, key: str, got: float, low: float = 0, high: float = math.inf) -> None:
        """A finite number from `low` to `high`."""
        if isinstance(got, (int, float)) and math.isfinite(got) and low <= got <= high:
            return
        if math.isinf(high):
            allowed = {"en": f"{low:g} or more", "zh": f"不小于 {low:g}"}
        else:
            allowed = {"en": f"{low:g} to {high:g}", "zh": f"{low:g} 至 {high:g}"}
        self.wrong(what, name, key, got, allowed["en"], allowed["zh"])

    def wrong(self, what: tuple[str, str], name: str, key: str, got: object, en: str, zh: str) -> None:
        args = {"what": {"en": what[0], "zh": what[1]}, "name": name, "key": key, "got": got, "allowed": {"en": en, "zh": zh}}
        self.found.append(Finding("SL-PLN-03", args))

    def known(self, what: tuple[str, str], name: str, key: str, got: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        if got not in choices:
            args = {"what": {"en": what[0], "zh": what[1]}, "name": name, "key": key, "got": got, "known": ", ".join(choices) or "-"}
            self.found.append(Finding("SL-PLN-04", args))

    def done(self) -> None:
        if self.found:
            raise PlanFault(self.found)


def clock(seconds: float) -> str:
    """Seconds of the day as a clock shows them, the seconds where they are not 0."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}" + (f":{rest:02d}" if rest else "")
