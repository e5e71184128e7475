"""May a piece be sold: recall, date, hours."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from storeloom.workers.checkout import sale_rules

SHANGHAI, ON, MILK = ZoneInfo("Asia/Shanghai"), date(2025, 6, 30), "06901234567892"


@pytest.mark.parametrize(
    ("data", "lot", "expires"),
    [
        ({"code": f"(01){MILK}(17)250600(10)L7"}, "L7", datetime(2025, 6, 30, 16, tzinfo=UTC)),
        ({"code": f"(01){MILK}(7003)2506301200"}, None, datetime(2025, 6, 30, 4, tzinfo=UTC)),
        ({"gtin": MILK, "ai": {"17": "250601", "10": "L1"}}, "L1", datetime(2025, 6, 1, 16, tzinfo=UTC)),
        ({"gtin": MILK, "ai": {"17": "251399"}}, None, None), ({"gtin": MILK, "code": "2112345005408"}, None, None),
        ({"gtin": MILK}, None, None),
    ],
)  # fmt: skip
def test_a_code_says_lot_and_expiry(data, lot, expires):
    piece = sale_rules.read_piece(data, ON, SHANGHAI)
    assert (piece.gtin, piece.lot, piece.expires) == (MILK, lot, expires)


def test_sale_stops_at_the_moment_or_hours_before():
    expires = datetime(2025, 6, 30, 16, tzinfo=UTC)
    assert not sale_rules.expired(expires, datetime(2025, 6, 30, 15, 59, tzinfo=UTC), 0) and sale_rules.expired(expires, expires, 0)
    assert sale_rules.expired(expires, datetime(2025, 6, 30, 14, tzinfo=UTC), 2) and not sale_rules.expired(None, expires, 2)


def test_recalls_by_lot():
    recalls = [{"gtin": MILK[1:], "lots": ["L7"]}]
    assert [sale_rules.recalled(MILK, lot, recalls) for lot in ("L7", "L8", None)] == ["recalled", "clear", "unread"]
    assert (
        sale_rules.recalled(MILK, None, [{"gtin": MILK, "lots": []}]) == "recalled" and sale_rules.recalled("1", None, recalls) == "clear"
    )


@pytest.mark.parametrize(
    ("span", "clock", "inside"),
    [
        ("10:00-22:00", time(10), True),
        ("10:00-22:00", time(22), False),
        ("22:00-02:00", time(1, 59), True),
        ("22:00-02:00", time(12), False),
        ("06:00-24:00", time(23, 59), True),
    ],
)
def test_hours(span, clock, inside):
    assert sale_rules.within(span, clock) is inside


def test_the_subcategory_goes_first():
    assert (
        sale_rules.by_category({"category": "a", "subcategory": "b"}, {"a": 1, "b": 2}) == 2
        and sale_rules.by_category({}, {"a": 1}) is None
    )
