"""Which provider takes a payment, and when one rests."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.checkout import routing

NOW = datetime(2026, 3, 2, 10, 5, tzinfo=UTC)
PROVIDERS = [{"id": "A", "fee_bp": 38}, {"id": "B", "fee_bp": 25, "methods": ["qr"], "ceiling": 50000}]


@pytest.fixture
def health():
    return {"A": routing.new_health() | {"success": 0.99}, "B": routing.new_health() | {"success": 0.95}}


def ranked(health, amount, method="qr", now=NOW, **more):
    return routing.ranked(PROVIDERS, health, method=method, amount=amount, penalty=200, now=now, **more)


def test_fee_and_failure_weigh_against_each_other(health):
    assert [float(routing.cost(10000, fee, success, 200)) for fee, success in ((38, 0.99), (25, 0.95))] == [40, 35]
    assert ranked(health, 10000) == ["B", "A"] and ranked(health, 1000) == ["A", "B"]
    assert ranked(health, 60000) == ["A"] and ranked(health, 10000, "card") == ["A"] and ranked(health, 10000, without=["B"]) == ["A"]


def test_equal_costs_go_to_the_first_listed():
    twins = [{"id": name, "fee_bp": 10} for name in "XY"]
    health = {name: routing.new_health() for name in "XY"}
    assert routing.ranked(twins, health, method=None, amount=100, penalty=0, now=NOW) == ["X", "Y"]


def test_five_failures_rest_a_minute_then_one_probe_a_failed_one_doubles(health):
    b = health["B"]
    assert [routing.failed(b, "p", 0.05, 5, 60, NOW) for _ in range(5)] == [False] * 4 + [True]
    assert not routing.may_try(b, NOW + timedelta(seconds=59)) and routing.may_try(b, NOW + timedelta(seconds=60))
    routing.sent(b, "probe")
    assert not routing.may_try(b, NOW + timedelta(hours=1)) and not routing.failed(b, "older", 0.05, 5, 60, NOW)
    rests = []
    for _ in range(5):
        b["probe"] = "probe"
        assert routing.failed(b, "probe", 0.05, 5, 60, NOW)
        rests.append(b["rest_s"])
    assert rests == [120, 240, 480, 600, 600]
    routing.succeeded(b, 0.05)
    assert routing.may_try(b, NOW) and b["fails"] == 0


def test_a_hard_decline_leaves_the_success_rate(health):
    routing.succeeded(health["B"], 0.05, hard_decline=True)
    assert health["B"]["success"] == 0.95
    routing.succeeded(health["B"], 0.5)
    assert health["B"]["success"] == pytest.approx(0.975)
