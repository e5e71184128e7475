from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.insight import abuse

LINKS = {"a": ["d1"], "b": ["d1", "p1"], "c": ["p1"], "e": ["d2"]}


def sharing(link):
    return [account for account, links in LINKS.items() if link in links]


def test_accounts_are_joined_through_others():
    assert abuse.component("a", LINKS.get, sharing) == ["a", "b", "c"]
    assert abuse.component("e", LINKS.get, sharing) == ["e"]
    assert abuse.component("a", LINKS.get, sharing, fanout=1) == ["a"]


def test_the_most_accounts_within_a_window():
    at = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in (0, 30, 60, 78)]
    assert abuse.together(dict(zip("abcd", at, strict=True)), timedelta(hours=48)) == ["b", "c", "d"]
    assert abuse.together(dict(zip("abc", at, strict=False)), timedelta(hours=30)) == ["a", "b"], "the bound counts"
    assert abuse.together({}, timedelta(hours=1)) == []


@pytest.mark.parametrize(("p", "stronger", "score"), [(1e-7, False, 70), (1e-7, True, 90), (0.0, False, 100), (1e-12, False, 100)])
def test_suspicion(p, stronger, score):
    assert abuse.suspicion(p, stronger) == score


def test_a_burst_stands_out_after_a_day_of_hours_and_ten_redemptions():
    velocity = abuse.new_velocity(0)
    assert not any(abuse.redeem(velocity, hour, lambda hour: True) for hour in range(24))
    assert [abuse.redeem(velocity, 24, lambda hour: True) for _ in range(11)] == [False] * 9 + [True, True]
    assert abuse.limit(velocity) == 1


def test_an_hour_that_does_not_count_is_not_learnt():
    velocity = abuse.new_velocity(0)
    for _ in range(2):
        abuse.redeem(velocity, 0, bool)
    abuse.redeem(velocity, 2, lambda hour: False)
    assert (velocity["seen"], velocity["mean"]) == (1, 2)
    abuse.redeem(velocity, 4, lambda hour: True)  # hours 2 (one) and 3 (none)
    assert velocity["seen"] == 3 and velocity["mean"] == pytest.approx(0.9 * (2 - 0.1))
    assert velocity["var"] == pytest.approx(0.9 * (0.9 * 0.1 + 0.1 * 1.9**2))
