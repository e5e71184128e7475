"""Weeks end with their last open day and are named by their Monday."""

from datetime import date

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.weeks import ends_week, monday, window

OPEN = {"open": "08:00", "close": "22:00"}


@pytest.mark.parametrize(
    ("spec", "day", "ends"),
    [
        (OPEN, "2026-03-01", True),
        (OPEN, "2026-02-28", False),
        (OPEN | {"sun": False}, "2026-02-28", True),
        (OPEN | {"sun": False}, "2026-02-27", False),
        (OPEN | {"dates": {"2026-02-27": False, "2026-02-28": False, "2026-03-01": False}}, "2026-02-26", True),
    ],
)
def test_the_last_open_day_ends_the_week(spec, day, ends):
    assert ends_week(StoreHours("Asia/Shanghai", spec), date.fromisoformat(day)) is ends


def test_weeks_are_named_by_their_monday():
    assert [monday(date(2026, 3, day)) for day in (1, 2, 8)] == ["2026-02-23", "2026-03-02", "2026-03-02"]
    assert window(date(2026, 3, 1), 3) == ["2026-02-09", "2026-02-16", "2026-02-23"]
