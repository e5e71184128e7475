"""A self-checkout lane: goods that a camera saw go from tray to bag, paired one to one with what was scanned.

Times are seconds on one clock. What waits for its partner is a plain dict with its time under `t_s`; lists are in order of arrival.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal

Waiting = Mapping[str, Any]
Role = Literal["tray", "scan", "bag"]
ROLES: tuple[Role, ...] = ("tray", "scan", "bag")
EDGE_S = 1e-6


def partner(waiting: Sequence[Waiting], t_s: float, match_s: float, fits: Callable[[Waiting], bool]) -> int | None:
    """Which of those that wait belongs to something at `t_s`: the oldest within `match_s` that fits, else the oldest within it."""
    near = [number for number, one in enumerate(waiting) if abs(t_s - one["t_s"]) <= match_s + EDGE_S]
    near.sort(key=lambda number: waiting[number]["t_s"])
    return next((number for number in near if fits(waiting[number])), near[0] if near else None)


def holds(candidates: Sequence[Sequence[Any]], gtin: str | None, top_k: int) -> bool:
    """Whether a scanned item is among the first `top_k` of [[gtin, score], ...], best first."""
    return gtin is not None and gtin in [candidate[0] for candidate in candidates[:top_k]]


def is_switched(recognised: int, scanned: int, ratio: float) -> bool:
    """Whether the recognised item costs so much more than the scanned one (minor units, of the same unit) that its label was changed."""
    return scanned >= 0 and recognised >= scanned * Fraction(str(ratio)) and recognised > scanned


def moved(settled: Role | None, seen: Role | None) -> tuple[Role | None, Literal["transfer", "return"] | None]:
    """A track's next settled place, tray or bag, and the move that brought it there; on the way between them it stays as it was."""
    if seen not in ("tray", "bag"):
        return settled, None
    if settled == "tray" and seen == "bag":
        return seen, "transfer"
    return seen, "return" if settled == "bag" and seen == "tray" else None


def role_of(row: Mapping[str, Any]) -> Role | None:
    """What a row of the table `zones` is in its lane: the word among those of its name, else of its id."""
    for text in (row.get("name") or "", row["zone"]):
        words = "".join(c if c.isalnum() else " " for c in str(text).lower()).split()
        found = next((role for role in ROLES if role in words), None)
        if found is not None:
            return found
    return None
