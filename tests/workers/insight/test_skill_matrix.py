from datetime import UTC, date, datetime

import pytest

from storeloom.workers.insight import skill_matrix as matrix

DAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("issued", "months", "out"),
    [("2025-03-10", 12, "2026-03-10"), ("2025-08-31", 6, "2026-02-28"), ("2024-02-29", 12, "2025-02-28"), ("2025-12-31", 1, "2026-01-31")],
)
def test_months_are_clipped_to_their_end(issued, months, out):
    assert matrix.runs_out(date.fromisoformat(issued), months) == date.fromisoformat(out)


@pytest.mark.parametrize(("days", "level"), [(0, 3), (179, 3), (180, 2), (400, 1), (2000, 0), (-5, 3)])
def test_an_unused_skill_fades(days, level):
    assert matrix.level_on(3, date.fromordinal(DAY.toordinal() - days), DAY, 180) == level


def test_bands_of_a_shift():
    def at(hour, day=2):
        return datetime(2026, 3, day, hour, tzinfo=UTC)

    assert matrix.bands(at(8), at(14)) == [(DAY, "morning"), (DAY, "afternoon")]
    assert matrix.bands(at(17), at(22)) == [(DAY, "evening")]
    assert matrix.bands(at(22), at(6, 3)) == [(DAY, "evening"), (date(2026, 3, 3), "morning")]


def test_depth_counts_everybody_at_work():
    shifts = [("zhao", "forklift", DAY, "evening"), ("li", "cashier", DAY, "evening"), ("wu", "cashier", DAY, "morning")]
    found = matrix.depths(shifts, lambda role: [role] if role == "forklift" else [], lambda staff, skill, day: staff == "zhao")
    assert found == [matrix.Gap("forklift", DAY, "evening", 1, ("li",))]


COURSES = [
    {"course": "f1", "skill": "f", "level": 1, "minutes": 480},
    {"course": "f2", "skill": "f", "level": 2, "minutes": 360},
    {"course": "f3", "skill": "f", "level": 3, "minutes": 60},
]


def test_hours_still_missing():
    assert matrix.missing_hours(COURSES, "f", 1) == (6, ["f2"])
    assert matrix.missing_hours(COURSES, "f", 0) == (14, ["f1", "f2"])
    assert matrix.missing_hours(COURSES[:1], "f", 0) is None


def test_the_cheapest_training():
    gap = matrix.Gap("f", DAY, "evening", 1, ("li", "wang"))
    assert matrix.proposals([gap], lambda s, k: {"li": 6, "wang": 14}[s], lambda staff: 1) == {("li", "f"): (1, 6)}
    assert list(matrix.proposals([gap], lambda s, k: 6, {"li": 9, "wang": 8}.__getitem__)) == [("wang", "f")]
    assert list(matrix.proposals([gap], lambda s, k: 6, lambda staff: 1)) == [("li", "f")]
    assert matrix.proposals([gap], lambda s, k: None, lambda staff: 1) == {}
