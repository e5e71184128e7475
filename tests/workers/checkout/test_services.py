from datetime import UTC, date, datetime, timedelta

import pytest

from storeloom.workers.checkout import services

TEN = datetime(2026, 3, 2, 2, tzinfo=UTC)


def test_questions_come_ever_later():
    assert [(at - TEN).seconds for at in services.question_times(TEN, 5, 3)] == [5, 15, 45]


def test_an_average_day_is_of_full_days():
    day = date(2026, 3, 4)
    assert services.average_day({}, day) is None
    assert services.average_day({"2026-03-04": 900}, day) is None
    assert services.average_day({"2026-03-02": 900, "2026-03-04": 50}, day) == 450
    assert services.average_day({"2026-01-01": 2800, "2026-03-03": 280}, day) == 10, "the last 28 days"


@pytest.mark.parametrize(("number", "text"), [("622848001234", "********1234"), (12345, "*2345"), ("1234", "****"), ("", "")])
def test_masked(number, text):
    assert services.masked(number) == text


@pytest.mark.parametrize(("minutes", "due"), [(0, 300), (60, 300), (61, 600), (60 * 40, 9900)])
def test_a_rental_by_started_hours(minutes, due):
    assert services.rental_charge(TEN, TEN + timedelta(minutes=minutes), 300, 9900) == due
