"""What a roster pays: wages of a day, overtime of a week. Money in minor units, pay per hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from storeloom.workers.optimise.roster_problem import WEEK_DAYS, Duty, Shift
from storeloom.workers.optimise.roster_rules import HOLIDAY_EXTRA, OVERTIME_EXTRA, REST_DAY_EXTRA


def wages(duties: Iterable[Duty], pay: Mapping[str, int]) -> float:
    """Wages without overtime; work on a public holiday threefold."""
    return sum(pay.get(duty.person, 0) * duty.shift.paid_min / 60 * (1 + (HOLIDAY_EXTRA if duty.shift.holiday else 0)) for duty in duties)


def week_overtime(duties: Iterable[Duty], pay: Mapping[str, int], max_week_min: int) -> tuple[int, float]:
    """Of one calendar week's duties: overtime in minutes, and what it and seventh days (rest days) add to the wages."""
    own: dict[str, list[Shift]] = defaultdict(list)
    for duty in duties:
        own[duty.person].append(duty.shift)
    over = {person: max(0, sum(shift.paid_min for shift in shifts) - max_week_min) for person, shifts in own.items()}
    extra = sum(pay.get(person, 0) * minutes / 60 * OVERTIME_EXTRA for person, minutes in over.items())
    for person, shifts in own.items():
        if len({shift.day for shift in shifts}) == WEEK_DAYS:
            extra += pay.get(person, 0) * max(shifts, key=lambda shift: shift.day).paid_min / 60 * REST_DAY_EXTRA
    return sum(over.values()), extra
