"""Hours of counters: silences found, hours filled."""

from datetime import UTC, datetime, timedelta

from storeloom.workers.insight.counters import hours, is_spoilt, silences, total, usual

OPENS, CLOSES = datetime(2026, 3, 2, 9, 30, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, minute, second, tzinfo=UTC)


def test_hours_are_cut_to_opening_time() -> None:
    assert hours(OPENS, CLOSES, at(9)) == [(OPENS, at(10)), (at(10), at(11)), (at(11), CLOSES)]


def test_a_silence_is_what_no_window_covers() -> None:
    half = timedelta(minutes=30)
    windows = [(at(10, 30), at(11)), (at(9), at(10)), (at(11, 29, 59), at(13))]
    assert silences(windows, OPENS, CLOSES, half) == [(at(10), at(10, 30))]
    assert silences([], OPENS, CLOSES, half) == [(OPENS, CLOSES)]
    assert silences([(at(9), at(13))], OPENS, CLOSES, half) == []
    assert silences([(at(13), at(14))], OPENS, CLOSES, half) == [(OPENS, CLOSES)]


def test_an_hour_is_spoilt_where_a_silence_reaches_into_it() -> None:
    silent = [(at(10, 40), at(11, 20))]
    assert [is_spoilt(hour, silent) for hour in hours(OPENS, CLOSES, at(9))] == [False, True, True]


def test_medians_and_sums() -> None:
    assert usual([[1, 10], [5, 20], [3, 90]]) == (3.0, 20.0)
    assert usual([]) is None
    assert total({"a": [1, 2], "b": [3, 4]}) == (4, 6) and total({}) == (0, 0)
