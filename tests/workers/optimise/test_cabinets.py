from datetime import UTC, datetime

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise import cabinets

SHANGHAI = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})
OFFPEAK = ["14:00-16:00", "22:00-23:00"]


def test_a_rate_follows_sales_of_the_time_in_stock():
    assert cabinets.next_rate(10, 15, 1, 0.2) == pytest.approx(11)
    assert cabinets.next_rate(10, 15, 0.5, 0.2) == pytest.approx(14)
    assert cabinets.next_rate(None, 6, 0.5, 0.2) == 12
    assert cabinets.next_rate(10, 0, 0, 0.2) == 10 and cabinets.next_rate(None, 0, 0, 0.2) is None


def test_par_by_hand():
    assert cabinets.par(11, 2, 1.28, 24) == 24 and cabinets.par(11, 2, 1.28, None) == 29
    assert cabinets.par(0, 2, 1.28, 24) == 0 and cabinets.par(2, 2, 1, 24) == 6


@pytest.mark.parametrize(
    ("now", "begin", "end"),
    [("03:30", "06:00", "08:00"), ("06:30", "06:30", "08:00"), ("08:00", "14:00", "15:00"), ("15:00", "06:00", "08:00")],
)
def test_the_next_window_that_is_not_over(now, begin, end):
    found = cabinets.window(SHANGHAI, OFFPEAK, datetime.fromisoformat(f"2026-03-02T{now}:00Z"))
    assert [f"{one:%H:%M}" for one in found] == [begin, end]


def test_a_window_over_midnight_and_none_at_all():
    at = datetime(2026, 3, 2, 16, 10, tzinfo=UTC)  # ten past midnight
    assert cabinets.window(SHANGHAI, ["23:30-00:30"], at) == (at, datetime(2026, 3, 2, 16, 30, tzinfo=UTC))
    assert cabinets.window(SHANGHAI, [], at) is None


def test_a_site_by_hand():
    running = [
        {"type": "office", "footfall": footfall, "sales": sales, "margin": 0.3 * sales}
        for footfall, sales in ((900, 30000), (1000, 36000), (1100, 33000), (5000, 90000))
    ]
    candidate = {"type": "office", "footfall": 1000, "price": 1_800_000, "rent": 60_000}
    found = cabinets.site(candidate, running, 3)
    assert (found.sales, found.margin, found.month) == pytest.approx((33000, 9900, 237000)) and found.payback == pytest.approx(
        7.5949, abs=1e-4
    )
    assert cabinets.site({**candidate, "rent": 300_000}, running, 3).payback is None
    assert cabinets.site({**candidate, "type": "school"}, running, 3) is None
