"""Time to fix in opening hours, who gets a task, and photos used again."""

from datetime import UTC, datetime

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.insight import rectification

HOURS = StoreHours("Asia/Shanghai", {"open": "09:00", "close": "21:00", "closed": ["2026-03-05"]})


def at(day, hour, minute=0):
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_time_to_fix_is_carried_over_to_the_next_opening():
    assert rectification.open_time_after(HOURS, at(2, 11, 30), 240) == at(3, 3, 30)
    assert rectification.open_time_after(HOURS, at(2, 3), 60) == at(2, 4)
    assert rectification.open_time_after(HOURS, at(2, 20), 30) == at(3, 1, 30)


def test_a_closed_day_is_left_out_and_a_whole_day_ends_at_closing():
    assert rectification.open_time_after(HOURS, at(4, 12), 120) == at(6, 2)
    assert rectification.open_time_after(HOURS, at(2, 1), 720) == at(2, 13)


def test_a_store_that_never_opens_takes_any_time():
    assert rectification.open_time_after(StoreHours("UTC", {}), at(2, 1), 60) == at(2, 2)


def test_the_least_loaded_is_chosen_and_of_equals_the_first():
    assert rectification.least_loaded(["c", "b", "a"], {"a": 2, "b": 1, "c": 1}) == "b"
    assert rectification.least_loaded([], {}) is None


def test_photos_are_told_apart_by_their_hashes_else_by_their_names():
    marks = rectification.marks_of(["p-00000000000000ff.jpg", "Plain.jpg"], {"phash": "FF00000000000000", "count": 3})
    assert marks == ["00000000000000ff", "plain.jpg", "ff00000000000000"]
    assert rectification.is_reused(["00000000000000ff"], ["000000000000000f", "plain.jpg"], 4)
    assert not rectification.is_reused(["00000000000000ff", "other.jpg"], ["000000000000000f", "plain.jpg"], 3)
    assert rectification.is_reused(["plain.jpg"], ["plain.jpg"], 0)
