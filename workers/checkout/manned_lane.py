"""A receipt at a manned lane: pieces that passed from the belt into the bag against pieces rung; and a cashier's receipts under test.

Both are plain JSON. A receipt begins with its first scan; what passed shortly before belongs to it. Times are seconds on one clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from storeloom.workers.insight import sprt

Receipt = dict[str, Any]
Cashier = dict[str, Any]
FIGURES = ("receipts", "marked", "passes", "scans")


def waiting(number: int = 0) -> Receipt:
    """A lane between two receipts, the next of them its `number`-th."""
    known = {"n": number, "receipt": None, "cashier": None, "started_s": None, "since_s": None, "lost": False, "camera": None}
    return known | {"seqs": [], "lines": {}, "passes": [], "returns": [], "deck": None, "alert": None}


def begin(lane: Receipt, receipt: str, t_s: float, lead_s: float, parked: Mapping[str, Any] | None) -> None:
    """The receipt's first scan at `t_s`; one that was parked goes on with what it had. What passed before `lead_s` is nobody's."""
    for moves in ("passes", "returns"):
        lane[moves] = [*(parked or {}).get(moves, ()), *(one for one in lane[moves] if t_s - one <= lead_s)]
    lane.update(receipt=receipt, since_s=t_s, started_s=t_s)
    if parked:
        lane.update({name: parked[name] for name in ("started_s", "cashier", "lost", "seqs", "lines", "deck", "alert")})


def ring(lane: Receipt, line: str, pieces: int, gtin: str | None, bulky: bool) -> None:
    """Enter a scanned line; one that is scanned again grows."""
    lane["lines"][line] = {"n": lane["lines"].get(line, {"n": 0})["n"] + pieces, "gtin": gtin, "bulky": bulky}


def void(lane: Receipt, line: str | None, gtin: str | None) -> None:
    """A voided line rings up nothing any more; where its number is not told, the last one of that item."""
    alike = [key for key, one in lane["lines"].items() if (key == line if line is not None else one["n"] and gtin and one["gtin"] == gtin)]
    if alike:
        lane["lines"][alike[-1]]["n"] = 0


def has_bulky(lane: Receipt) -> bool:
    return any(one["bulky"] and one["n"] for one in lane["lines"].values())


def counted(lane: Receipt) -> tuple[int, int] | None:
    """Pieces that passed, less those put back, and pieces rung; None of a receipt without goods."""
    scans = sum(one["n"] for one in lane["lines"].values())
    if not lane["passes"] and not scans:
        return None
    return max(0, len(lane["passes"]) - len(lane["returns"])), scans


def learned(bias: float, raw: int, weight: float) -> float:
    """A lane's camera error after one more receipt: an EWMA of raw differences of at most one piece."""
    return bias + weight * (raw - bias) if abs(raw) <= 1 else bias


def under_test(name: str, since_s: float) -> Cashier:
    """A cashier of whom nothing is known yet."""
    return {"name": name, "s": 0.0, "since_s": since_s, "n": 0, "marked": [], "day": dict.fromkeys(FIGURES, 0)}


def weigh(cashier: Cashier, seen: Mapping[str, Any], marked: bool, p_honest: float, p_suspect: float) -> None:
    """Enter a receipt (`passes`, `scans` and what names it) into a cashier's test and day."""
    cashier["s"] = sprt.step(cashier["s"], marked, p_honest, p_suspect)
    cashier["n"] += 1
    if marked:
        cashier["marked"].append(dict(seen))
    for figure, value in zip(FIGURES, (1, int(marked), seen["passes"], seen["scans"]), strict=True):
        cashier["day"][figure] += value


def decided(cashier: Cashier, alpha: float, beta: float) -> Literal["suspect", "honest"] | None:
    found = sprt.verdict(cashier["s"], alpha, beta)
    return None if found is None else "suspect" if found == "larger" else "honest"


def again(cashier: Cashier, since_s: float) -> None:
    """Begin the test anew; the day's figures go on."""
    cashier.update(s=0.0, since_s=since_s, n=0, marked=[])
