"""A member's purchase days as a small JSON record, kept receipt by receipt: what models of repeat purchase need, and little more.

Days that can still change, or that a model is judged by, stand one by one with their receipts; older ones are settled into counts and
sums, so that a record does not grow with the member's history. Settle only days that are old enough: a receipt of a settled day that comes
still later counts as a day of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

Record = dict[str, Any]
"""`first` settled day with its `amount`, `x` later settled days with their `sum`, the `last` of them; `days`: {day: {receipt: amount}}."""


class History(NamedTuple):
    """Repeat purchase days `x`, first and last day of purchase, the day it is told for, mean amount of the repeat days (None: none)."""

    x: int
    first: date
    last: date
    at: date
    mean: float | None


def new() -> Record:
    return {"first": None, "amount": 0, "x": 0, "sum": 0, "last": None, "days": {}}


def add(record: Record, day: date, receipt: str, amount: int) -> bool:
    """Enter a receipt; False where it is known already (a repeat)."""
    receipts = record["days"].setdefault(day.isoformat(), {})
    if receipt in receipts:
        return False
    receipts[receipt] = amount
    return True


def void(record: Record, receipt: str) -> None:
    """Take out a receipt of a day that is not settled."""
    for receipts in record["days"].values():
        receipts.pop(receipt, None)


def give_back(record: Record, original: str, receipt: str, amount: int) -> None:
    """Take `amount` (above nought) off the day of the original receipt; a day that comes to nothing is no purchase."""
    for receipts in record["days"].values():
        if original in receipts:
            receipts[receipt] = -amount
            return


def bought(record: Record, begin: date, end: date) -> tuple[int, int]:
    """Purchase days and their amount in [begin, end), of days that are not settled."""
    amounts = [amount for day, amount in _purchases(record) if begin.isoformat() <= day < end.isoformat()]
    return len(amounts), sum(amounts)


def settle(record: Record, before: date) -> None:
    """Fold the days before a day into counts and sums."""
    for day, amount in _purchases(record):
        if day < before.isoformat():
            _count(record, day, amount)
    record["days"] = {day: receipts for day, receipts in record["days"].items() if day >= before.isoformat() and receipts}


def history(record: Record, at: date) -> History | None:
    """What was known on the morning of a day; None before the first purchase. The day must not lie before settled ones."""
    known = {name: record[name] for name in ("first", "amount", "x", "sum", "last")}
    for day, amount in _purchases(record):
        if day < at.isoformat():
            _count(known, day, amount)
    if known["first"] is None:
        return None
    first = date.fromisoformat(known["first"])
    last = date.fromisoformat(known["last"]) if known["last"] else first
    return History(known["x"], first, last, at, known["sum"] / known["x"] if known["x"] else None)


def _purchases(record: Record) -> list[tuple[str, int]]:
    days: Mapping[str, Mapping[str, int]] = record["days"]
    totals = ((day, sum(receipts.values())) for day, receipts in sorted(days.items()))
    return [(day, amount) for day, amount in totals if amount > 0]


def _count(known: Record, day: str, amount: int) -> None:
    """Count a purchase day; one before the first takes its place."""
    if known["first"] is None:
        known["first"], known["amount"] = day, amount
        return
    if day < known["first"]:
        day, known["first"] = known["first"], day
        amount, known["amount"] = known["amount"], amount
    known["x"] += 1
    known["sum"] += amount
    known["last"] = max(known["last"] or day, day)
