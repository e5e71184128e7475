"""The upkeep of an asset: worked figures of service, reliability and replacement."""

from datetime import date, timedelta

import pytest

from storeloom.workers.insight.asset_life import reliability, repair_limit, service_due

NEW_YEAR = date(2025, 1, 1)
RUN = {(NEW_YEAR + timedelta(days=n)).isoformat(): 6.0 for n in range(1, 77)}


def test_run_hours_may_fall_before_the_days():
    today = date(2025, 3, 19)
    assert service_due(NEW_YEAR, 90, 500, 456, RUN, today, NEW_YEAR) == date(2025, 3, 26)
    assert service_due(NEW_YEAR, 80, 500, 456, RUN, today, NEW_YEAR) == date(2025, 3, 22)
    assert service_due(NEW_YEAR, 90, None, 456, RUN, today, NEW_YEAR) == date(2025, 4, 1)
    assert service_due(NEW_YEAR, 90, 500, 501, RUN, today, NEW_YEAR) == today
    assert service_due(NEW_YEAR, 90, 500, 0, {}, today, NEW_YEAR) == date(2025, 4, 1)


def test_todays_hours_are_not_counted_twice():
    assert service_due(NEW_YEAR, 90, 500, 459, RUN | {"2025-03-19": 3.0}, date(2025, 3, 19), NEW_YEAR) == date(2025, 3, 26)


def test_reliability():
    found = reliability(4380, 12, 3)
    assert found.mtbf_h == 1456 and found.mttr_h == 4 and found.availability_pct == pytest.approx(99.726, abs=0.001)
    assert reliability(100, 0, 0) == (None, None, 100) and reliability(0, 0, 0).availability_pct is None


def test_repairs_may_cost_a_share_of_what_is_left():
    assert repair_limit(1_000_000, date(2017, 1, 1), 10, date(2025, 1, 1), 0.5, 0.2) == pytest.approx(100_000)
    assert repair_limit(1_000_000, date(2005, 1, 1), 10, date(2025, 1, 1), 0.5, 0.1) == pytest.approx(50_000)
    assert repair_limit(1_000_000, None, 10, date(2025, 1, 1), 0.5, 0.1) == 500_000
