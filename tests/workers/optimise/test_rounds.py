"""Times of day as a store writes them."""

from datetime import UTC, date, datetime

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.rounds import following, of_day

HOURS = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00", "closed": ["2026-03-03"]})
TEXTS = ["15:00", "open-90", "close+30m", "11:00"]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_rounds_of_a_day_in_order() -> None:
    assert of_day(HOURS, TEXTS, date(2026, 3, 2)) == [at(1, 22, 30), at(2, 3), at(2, 7), at(2, 14, 30)]
    assert of_day(HOURS, TEXTS, date(2026, 3, 3)) == []
    with pytest.raises(ValueError):
        of_day(HOURS, ["noon"], date(2026, 3, 2))


def test_the_next_round_lies_strictly_after() -> None:
    assert following(HOURS, TEXTS, at(2, 3)) == at(2, 7)
    assert following(HOURS, TEXTS, at(2, 14, 30)) == at(3, 22, 30)
    assert following(HOURS, [], at(2, 3)) is None


def test_the_evening_before_comes_before_the_night_after() -> None:
    texts = ["open-540", "close+180"]
    assert following(HOURS, texts, at(4, 12)) == at(4, 15)
    assert following(HOURS, texts, at(4, 15)) == at(4, 17)
