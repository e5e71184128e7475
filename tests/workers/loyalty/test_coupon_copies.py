"""What a copy of a coupon says."""

from datetime import UTC, datetime

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.loyalty import coupon_copies

HOURS = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})
SINCE = datetime(2026, 3, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "value", "percent"),
    [({"kind": "amount", "value": 500}, 500, None), ({"kind": "percent", "value": 10}, None, 10), ({}, None, None)],
)
def test_a_copy(row, value, percent):
    found = coupon_copies.copy_for({"template": "t", "valid_days": 7, **row}, "t:m", "m", SINCE, HOURS)
    assert (found["coupon"], found["template"], found["member"], found.get("value"), found.get("percent")) == (
        "t:m",
        "t",
        "m",
        value,
        percent,
    )
    assert found["valid_to"] == datetime(2026, 3, 9, 16, tzinfo=UTC)


def test_usual_days():
    assert coupon_copies.valid_until({}, SINCE, HOURS) == datetime(2026, 4, 1, 16, tzinfo=UTC)
