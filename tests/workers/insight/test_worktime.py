"""Working time from punches, against hand-worked days."""

from datetime import UTC, date, datetime

import pytest

from storeloom.workers.insight.worktime import Pair, Shift, beyond_grace, is_rest_day, overtime_min, pair_punches, shift_of, worked_min


def at(clock: str, day: int = 2) -> datetime:
    return datetime(2026, 3, day, int(clock[:2]), int(clock[3:]), tzinfo=UTC)


BREAK = ((at("12:00"), at("13:00")),)
DAY = Shift("d", at("09:00"), at("18:00"), BREAK)


def test_catalogue_day() -> None:
    pairs = pair_punches([(at("19:20"), "out"), (at("09:07"), "in")])
    assert pairs == [Pair(at("09:07"), at("19:20"))]
    assert worked_min(pairs, BREAK) == 9 * 60 + 13
    assert overtime_min(553, 480, 15) == 60
    assert overtime_min(480, 480, 15) == overtime_min(300, 480, 15) == 0


def test_double_punches_are_one() -> None:
    punches = [(at("09:00"), "in"), (at("09:02"), "in"), (at("18:00"), "out"), (at("18:01"), "out")]
    assert pair_punches(punches) == [Pair(at("09:00"), at("18:00"))]


def test_missing_punches_stay_open() -> None:
    punches = [(at("09:00"), "in"), (at("09:03"), "in"), (at("18:00"), "out"), (at("20:00"), "out")]
    assert pair_punches(punches) == [Pair(at("09:00"), None), Pair(at("09:03"), at("18:00")), Pair(None, at("20:00"))]
    assert worked_min([Pair(at("09:00"), None)], BREAK) == 0


@pytest.mark.parametrize(
    ("pause", "worked"),
    [(("12:00", "12:30"), 480), (("12:00", "13:20"), 460)],
)
def test_longer_break_counts(pause: tuple[str, str], worked: float) -> None:
    punches = [(at("09:00"), "in"), (at(pause[0]), "break_start"), (at(pause[1]), "break_end"), (at("18:00"), "out")]
    assert worked_min(pair_punches(punches), BREAK) == worked


def test_gap_between_pairs_is_the_break() -> None:
    gone = [Pair(at("09:00"), at("12:10")), Pair(at("12:40"), at("18:00"))]
    assert worked_min(gone, BREAK) == 480
    assert worked_min([Pair(at("09:00"), at("12:00")), Pair(at("13:30"), at("18:00"))], BREAK) == 450


def test_break_after_leaving_is_not_deducted() -> None:
    assert worked_min([Pair(at("09:00"), at("11:30"))], BREAK) == 150


def test_unended_break_is_left_to_the_roster() -> None:
    pairs = pair_punches([(at("09:00"), "in"), (at("12:00"), "break_start"), (at("18:00"), "out")])
    assert worked_min(pairs, BREAK) == 480


def test_shift_by_overlap() -> None:
    late = Shift("n", at("18:00"), at("02:00", 3))
    assert shift_of(Pair(at("16:00"), at("21:00")), [DAY, late]) == late
    assert shift_of(Pair(at("16:00"), at("20:00")), [DAY, late]) == DAY
    assert shift_of(Pair(at("03:00", 3), at("04:00", 3)), [DAY, late]) is None
    assert shift_of(Pair(at("08:00"), at("08:30")), []) is None


def test_shift_of_open_pairs() -> None:
    early, late = Shift("e", at("06:00"), at("10:00")), Shift("l", at("14:00"), at("22:00"))
    assert shift_of(Pair(at("06:30"), None), [early, late]) == early
    assert shift_of(Pair(at("10:00"), None), [early, late]) == late
    assert shift_of(Pair(at("09:59", 1), None), [early, late]) is None
    assert shift_of(Pair(None, at("22:05")), [early, late]) == late


def test_grace() -> None:
    assert (beyond_grace(5, 5), beyond_grace(7, 5), beyond_grace(-3, 5)) == (0, 7, 0)


@pytest.mark.parametrize(
    ("rostered", "rest"),
    [
        ("", "67"),  # no roster: the calendar's weekend
        ("7", "67"),  # a Sunday shift alone is work on a day of rest
        ("12345", "67"),
        ("123456", "67"),  # a sixth day is work on a day of rest
        ("23456", "17"),  # Saturday for Monday
        ("34567", "12"),
        ("1234567", "67"),
        ("34", "12567"),
    ],
)
def test_days_of_rest_in_a_week(rostered: str, rest: str) -> None:
    week = {number: date(2026, 3, 1 + number) for number in range(1, 8)}
    days = {week[int(number)] for number in rostered}
    assert "".join(str(number) for number, day in week.items() if is_rest_day(day, days)) == rest
