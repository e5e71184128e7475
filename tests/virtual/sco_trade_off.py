"""Self-checkout loss guard: cases found and honest shoppers troubled, by its settings, against the virtual store's own account.

`python -m tests.virtual.sco_trade_off [--days 14] [--plot FILE.svg]` plays one lane's frames and scans through the guard once for each
setting and prints JSON. Prompted: the customer of a case was asked to check. Called: staff were called to the receipt of a case.
Prompted and called in vain: shares of the receipts with neither a case nor an honest slip.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.events import Fact
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.registry import Registry
from storeloom.core.virtual import VirtualStore, default_profile
from storeloom.core.virtual.solo import ROOMY, compose_solo
from storeloom.core.virtual.tables_place import LANE_CAMERA, LANE_TILL
from storeloom.core.virtual.trial import Trial

SOLUTION = "sco_loss_guard"
START = date(2026, 3, 2)
PROMPTING = ("missed_scan", "label_switch")  # each is worth a prompt by itself
SWEEPS: Mapping[str, Sequence[float]] = {
    "match_s": (1, 2, 4, 6, 9, 12),
    "switch_price_ratio": (1.2, 2, 3, 5, 10),
    "switch_score": (0.5, 0.65, 0.8, 0.9, 0.95),
    "help_at": (40, 60, 80, 100),
}


@dataclass(frozen=True)
class Point:
    """One setting's outcome; shares of the cases, and of the receipts with nothing amiss."""

    setting: str
    value: float
    cases: int
    receipts: int
    prompted: float
    called: float
    prompted_in_vain: float
    called_in_vain: float


class Lane:
    """The facts of the watched lane over some days, and what really happened there."""

    def __init__(self, days: int, *, seed: int = 1, scale: float = 1.0) -> None:
        self.profile = {**default_profile("supermarket"), "edge": ROOMY}
        store = VirtualStore(self.profile, seed=seed, scale=scale)
        wanted = ("camera.frame", "pos.scan", "kiosk.event")
        self.facts = [fact for fact in store.run(START, days, wanted) if _of_lane(fact)]
        self.tables = store.tables
        self.cases, self.slips = store.truth.lane_cases, store.truth.lane_slips
        hours = StoreHours(str(self.profile["zone"]), self.profile["hours"])
        self.begin, self.end = hours.midnight(START), hours.midnight(START + timedelta(days=days))
        self.receipts = {fact.data["receipt"] for fact in self.facts if fact.stream == "pos.scan"}

    def point(self, setting: str, value: float) -> Point:
        registry, document = Registry(), Document("sco", {}, {})
        composed = compose_solo(registry, SOLUTION, self.profile, {setting: value}, document, given=frozenset(schemas.streams()))
        result = Trial(composed.require(), registry, self.tables, self.begin).run(iter(self.facts), self.end)
        if result.failures:
            raise RuntimeError(result.failures[0].text())
        called = {e["subject"] for e in result.outputs if e.stream == "alert.raise" and e["state"] == "open"}
        prompted = {e.get("receipt") for e in result.outputs if e.stream == "vision.incident" and e["kind"] in PROMPTING}
        true = {case["receipt"] for case in (*self.cases, *self.slips)}
        honest = len(self.receipts - true)
        return Point(
            setting,
            value,
            len(self.cases),
            len(self.receipts),
            sum(case["receipt"] in prompted for case in self.cases) / len(self.cases),
            sum(case["receipt"] in called for case in self.cases) / len(self.cases),
            len(prompted - true) / honest,
            len(called - true) / honest,
        )


def _of_lane(fact: Fact) -> bool:
    kiosk = str(fact.data.get("kiosk")).removeprefix("kiosk-")
    return fact.data.get("camera") == LANE_CAMERA or LANE_TILL in (fact.data.get("till"), kiosk)


def draw(points: Sequence[Point], path: Path) -> None:
    """Cases against honest receipts, prompted and called; a line a setting, its values beside it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    pairs = (("prompted_in_vain", "prompted", "Customers prompted"), ("called_in_vain", "called", "Staff called"))
    for axes, (x, y, title) in zip(figure.subplots(1, 2), pairs, strict=True):
        for setting in dict.fromkeys(point.setting for point in points):
            rows: list[dict[str, Any]] = [asdict(point) for point in points if point.setting == setting]
            axes.plot([100 * row[x] for row in rows], [100 * row[y] for row in rows], "o-", label=setting, markersize=4, linewidth=1)
            for row in rows:
                axes.annotate(f"{row['value']:g}", (100 * row[x], 100 * row[y]), xytext=(4, 3), textcoords="offset points", fontsize=7)
        axes.set(title=title, xlabel="in vain, % of honest receipts", ylabel="% of cases")
        axes.legend(fontsize=8)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    lane = Lane(given.days)
    points = [lane.point(setting, value) for setting, values in SWEEPS.items() for value in values]
    print(json.dumps([asdict(point) for point in points], indent=2))
    if given.plot:
        draw(points, given.plot)


if __name__ == "__main__":
    main()
