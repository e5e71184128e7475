"""A points account, after the worked figures of a year."""

import json
from datetime import date, timedelta
from fractions import Fraction

import pytest

from storeloom.workers.loyalty import points as p


def day(text: str) -> date:
    return date.fromisoformat(text)


def sale(account: p.Account, net: int, on: str, receipt: str) -> None:
    at = day(on)
    p.earn(account, p.points_for(net, 1), day=at, release=at + timedelta(days=7), expires=p.month_end(at, 12), receipt=receipt, net=net)


@pytest.fixture
def account() -> p.Account:
    account = p.new_account()
    sale(account, 12345, "2024-01-15", "r1")
    sale(account, 5000, "2024-03-02", "r2")
    return account


def test_lots(account: p.Account) -> None:
    assert [(lot["points"], lot["release"], lot["expires"]) for lot in account["lots"]] == [
        (123, "2024-01-22", "2025-01-31"),
        (50, "2024-03-09", "2025-03-31"),
    ]
    assert p.spendable(account, day("2024-01-21")) == 0
    assert p.spendable(account, day("2024-01-22")) == 123


def test_spend_return_debt_and_later_earning(account: p.Account) -> None:
    assert p.spend(account, 140, day("2024-04-01"))
    assert [lot["points"] for lot in account["lots"]] == [0, 33]
    assert p.reverse(account, "r2", 5000, 1, -5000) == (50, 0)
    assert (account["owed"], p.balance(account)) == (17, -17)
    sale(account, 2000, "2024-04-06", "r3")
    assert (account["owed"], p.balance(account)) == (0, 3)
    assert p.is_exact(json.loads(json.dumps(account)))


def test_a_spend_is_whole_or_none(account: p.Account) -> None:
    assert not p.spend(account, 174, day("2024-04-01"))
    assert p.balance(account) == 173


def test_debt_stops_at_the_least_balance(account: p.Account) -> None:
    p.spend(account, 173, day("2024-04-01"))
    assert p.reverse(account, "r1", 12345, 1, -100) == (100, 23)
    assert p.balance(account) == -100 and p.is_exact(account)
    assert p.reverse(account, "r1", 12345, 1, -100) == (0, 0)


def test_part_returns_sum_to_the_whole(account: p.Account) -> None:
    assert [p.reverse(account, "r1", part, 1, 0)[0] for part in (100, 45, 12200)] == [1, 0, 122]  # 122.45, 122.00 and nothing stay


def test_spent_points_come_back_with_their_expiry(account: p.Account) -> None:
    p.spend(account, 140, day("2025-01-20"), "r9")
    assert p.give_back(account, "r9", Fraction(1, 2), day("2025-01-25")) == 70
    assert p.give_back(account, "r9", Fraction(1), day("2025-01-25")) == 70
    assert p.give_back(account, "r9", Fraction(1), day("2025-01-25")) == 0
    back = [(lot["points"], lot["expires"]) for lot in account["lots"][2:]]
    assert back == [(70, "2025-02-24"), (53, "2025-02-24"), (17, "2025-03-31")]  # 31 January is less than 30 days ahead
    assert p.balance(account) == 173 and p.is_exact(account)


def test_expiry(account: p.Account) -> None:
    assert p.expiring(account, day("2025-01-31")) == 123
    assert p.expire(account, day("2025-01-31")) == []
    assert p.expire(account, day("2025-02-01")) == [("2024-01", 123)]
    assert (p.balance(account), account["expired"], len(account["lots"])) == (50, 123, 1)


def test_daily_room(account: p.Account) -> None:
    assert p.room_today(account, day("2024-01-15"), 200) == 77
    assert p.room_today(account, day("2024-01-16"), 200) == 200


def test_month_ends() -> None:
    assert p.month_end(day("2024-02-29"), 12) == day("2025-02-28")
    assert p.month_end(day("2024-11-30"), 1) == day("2024-12-31")


def test_liability_and_breakage() -> None:
    assert p.liability(10_000, 1, 0.2) == 8000
    assert p.liability(3, 1, 0.5) == 2  # 1.5 rounds up
    assert p.breakage([(100, 30)] * 11, 0.2) == 0.2
    assert p.breakage([(100, 90), *[(100, 30)] * 12], 0.2) == pytest.approx(0.3)


def test_a_receipt_paid_with_points_takes_the_spend_that_named_none(account: p.Account) -> None:
    p.spend(account, 30, day("2024-04-01"))
    p.spend(account, 40, day("2024-04-01"))
    for points, on in ((40, "2024-04-02"), (50, "2024-04-01")):  # another day, another number
        p.spent_on(account, "r9", points, day(on))
    assert p.give_back(account, "r9", Fraction(1), day("2024-04-03")) == 0
    p.spent_on(account, "r9", 40, day("2024-04-01"))
    p.spent_on(account, "r9", 30, day("2024-04-01"))  # has its spend
    assert p.give_back(account, "r9", Fraction(1), day("2024-04-03")) == 40
