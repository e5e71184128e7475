"""Pieces taken from a guarded shelf: how many a change of weight is, a sweep of the shelf, and the pieces that nobody has paid for yet.

A ledger holds the pieces of one item in order of taking: {"t_s", "due_s", "price", "fixture", "lost"}. A put-back undoes the newest taking,
a sale the oldest, for a customer who puts back has just taken, and one who pays has walked on since. Times are seconds on one clock,
money is in minor units; all state is plain JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from storeloom.workers.optimise.weighed_slot import units

Ledger = list[dict[str, Any]]
Sweep = dict[str, Any]
EDGE_S = 1e-6


def pieces(change_g: float, unit_g: float | None, tolerance: float) -> int:
    """Pieces put back (above 0) or taken (below 0): a whole number of unit weights within `tolerance` of one, else one unknown piece."""
    whole = units(change_g, unit_g, tolerance) if unit_g else None
    return whole if whole is not None else (change_g > 0) - (change_g < 0)


def advance(sweep: Mapping[str, Any], t_s: float, count: int, value: int, window_s: float) -> Sweep:
    """A fixture's moves of the last `window_s` after one more: [s, pieces, value], takings above 0. A quiet window begins anew."""
    moves = list(sweep.get("moves", []))
    if moves and t_s - max(move[0] for move in moves) >= window_s - EDGE_S and sweep.get("told"):
        return {"moves": [[t_s, count, value]], "told": False}
    moves = [move for move in moves if t_s - move[0] <= window_s + EDGE_S]
    return {"moves": [*moves, [t_s, count, value]], "told": bool(sweep.get("told"))}


def net(sweep: Mapping[str, Any]) -> tuple[int, int]:
    """Pieces and value of the window, takings less put-backs."""
    return sum(move[1] for move in sweep["moves"]), sum(move[2] for move in sweep["moves"])


def take(ledger: Ledger, count: int, t_s: float, price: int, fixture: str, unpaid_s: float) -> None:
    ledger.extend({"t_s": t_s, "due_s": t_s + unpaid_s, "price": price, "fixture": fixture, "lost": False} for _ in range(count))
    ledger.sort(key=lambda entry: entry["t_s"])


def put_back(ledger: Ledger, count: int) -> Ledger:
    """Remove the newest pieces, those not yet held for lost first; what was removed."""
    return _removed(ledger, sorted(ledger, key=lambda entry: (entry["lost"], -entry["t_s"])), count)


def sold(ledger: Ledger, count: int) -> Ledger:
    """Remove the oldest pieces, those not yet held for lost first; what was removed."""
    return _removed(ledger, sorted(ledger, key=lambda entry: (entry["lost"], entry["t_s"])), count)


def overdue(ledger: Ledger, t_s: float, frozen: Collection[str]) -> Ledger:
    """Hold for lost what has been unpaid too long; those that are so only now. Fixtures whose sensor is away wait."""
    late = [entry for entry in ledger if not entry["lost"] and entry["fixture"] not in frozen and entry["due_s"] <= t_s + EDGE_S]
    for entry in late:
        entry["lost"] = True
    return late


def next_due(ledger: Ledger, frozen: Collection[str]) -> float | None:
    return min((entry["due_s"] for entry in ledger if not entry["lost"] and entry["fixture"] not in frozen), default=None)


def defer(ledger: Ledger, fixture: str, seconds: float) -> None:
    """The time in which a fixture's sensor was away does not count."""
    for entry in ledger:
        if entry["fixture"] == fixture and not entry["lost"]:
            entry["due_s"] += seconds


def _removed(ledger: Ledger, order: Ledger, count: int) -> Ledger:
    gone = order[:count]
    ledger[:] = [entry for entry in ledger if not any(entry is one for one in gone)]
    return gone
