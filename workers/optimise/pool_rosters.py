"""Rosters and staff needs of a pool's stores by store day, in a mapping of plain JSON: what lending takes its people and surplus from.

The mapping holds the shifts of a store's day at `roster:<date>:<store>` (None for one withdrawn), where a shift lies and its version at
`shift:<store>|<shift>`, and the need of a role by start of slot at `labour:<date>:<store>|<role>`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.optimise.lending import Loan, Need, Stint

Slot = tuple[datetime, datetime, float]
NEAR = tuple(timedelta(days=days) for days in (-2, -1, 0, 1, 2))  # rest, shifts over midnight and slots of a day reach so far


class PoolRosters:
    """The rosters kept in `state`; `day` gives the store day of an instant."""

    def __init__(self, day: Callable[[datetime], date], state: MutableMapping[str, Any]) -> None:
        self._day, self._state = day, state

    def require(self, store: str, role: str, start: datetime, end: datetime, heads: float) -> float:
        """Note a slot's need, in place of the one that began then; the heads of that, 0 where there was none."""
        slots = self._state.setdefault(f"labour:{self._day(start)}:{store}|{role}", {})
        before: float = slots.get(rfc3339(start), ("", 0))[1]
        slots[rfc3339(start)] = [rfc3339(end), heads]
        return before

    def fix(self, shift: str, version: int, stint: Stint, *, withdrawn: bool = False) -> list[Stint]:
        """Note a fixed shift; it as it was and as it is now where this changes it, nothing for a version older than the known one."""
        at, store = f"shift:{stint.store}|{shift}", stint.store
        known = self._state.get(at)
        if known and version < known[1]:
            return []
        old = self._shifts(known[0], store).pop(shift, None) if known else None
        day = self._day(stint.start).isoformat()
        row = None if withdrawn else [stint.staff, stint.role, rfc3339(stint.start), rfc3339(stint.end)]
        self._shifts(day, store)[shift] = row
        self._state[at] = [day, version]
        return [_stint(store, one) for one in (old, row) if one] if old != row else []

    def days(self, needs: Iterable[Need]) -> list[date]:
        """The days that matter to these needs."""
        return sorted({self._day(at + shift) for need in needs for at in (need.start, need.end) for shift in NEAR})

    def stints(self, days: Iterable[date]) -> list[Stint]:
        """The fixed shifts of all stores that begin on these days."""
        wanted = {day.isoformat() for day in days}
        rosters = [key.split(":", 2) for key in self._state if key.startswith("roster:")]
        return [
            _stint(store, row)
            for _, day, store in sorted(rosters)
            if day in wanted
            for row in self._state[f"roster:{day}:{store}"].values()
            if row
        ]

    def required(self, days: Sequence[date]) -> Callable[[str, str], list[Slot]]:
        """By store and role: the slots of need that begin on these days."""

        def slots(store: str, role: str) -> list[Slot]:
            known = [self._state.get(f"labour:{day}:{store}|{role}", {}) for day in days]
            return [(parse_time(start), parse_time(end), heads) for slot in known for start, (end, heads) in slot.items()]

        return slots

    def home_shift(self, loan: Loan) -> str | None:
        """The id of the lent person's own shift where the loan takes exactly all of it."""
        own = Stint(loan.staff, loan.lender, loan.need.role, loan.need.start, loan.need.end)
        shifts = self._state.get(f"roster:{self._day(own.start)}:{own.store}", {})
        return next((shift for shift, row in shifts.items() if row and _stint(own.store, row) == own), None)

    def forget(self, before: date) -> None:
        """Drop the days before this one."""
        oldest = before.isoformat()
        for key in [key for key in self._state if key.startswith(("labour:", "roster:")) and key.split(":", 2)[1] < oldest]:
            kind, _, store = key.split(":", 2)
            for shift in self._state[key] if kind == "roster" else ():
                self._state.pop(f"shift:{store}|{shift}", None)
            del self._state[key]

    def _shifts(self, day: str, store: str) -> dict[str, Any]:
        found: dict[str, Any] = self._state.setdefault(f"roster:{day}:{store}", {})
        return found


def _stint(store: str, row: Sequence[str]) -> Stint:
    staff, role, start, end = row
    return Stint(staff, store, role, parse_time(start), parse_time(end))
