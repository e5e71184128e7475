"""Exposure, the right to return and likeness, by hand."""

from datetime import UTC, date, datetime, timedelta

import pytest

from storeloom.workers.insight import complaint_rules as rules


@pytest.mark.parametrize(
    ("price", "food", "deceit", "due"),
    [
        (1290, True, False, 100_000),
        (20_000, True, False, 200_000),
        (1290, False, True, 50_000),
        (20_000, False, True, 60_000),
        (20_000, True, True, 200_000),
        (None, True, False, 100_000),
        (99, False, False, None),
    ],
)
def test_exposure(price, food, deceit, due):
    assert rules.exposure(price, unsafe_food=food, deceit=deceit) == due


def test_the_right_ends_with_the_seventh_day_after_delivery():
    assert rules.last_day_of_return(date(2026, 5, 1), 7) == date(2026, 5, 8)


@pytest.mark.parametrize(
    ("product", "condition", "outside"),
    [
        ({"category": "fresh"}, None, True),
        ({"category": "food", "subcategory": "fresh"}, "new", True),
        ({"category": "cup", "attributes": {"customised": True, "fresh": "no"}}, "new", True),
        ({"category": "seafood", "shelf_days": 7}, None, True),
        ({"category": "dairy", "shelf_days": 8}, None, False),
        ({"category": "digital"}, "opened", True),
        ({"category": "digital"}, "new", False),
        ({}, "opened", False),
    ],
)
def test_what_cannot_be_returned(product, condition, outside):
    assert rules.outside_right(product, condition, ["fresh", "customised", "underwear", "opened_digital"]) is outside


def test_a_cluster_alerts_once_until_its_window_empties():
    known, alerts = None, []
    for day, hour in ((1, 9), (2, 9), (4, 9), (4, 10), (9, 9), (9, 10), (9, 11)):
        known, alert = rules.clustered(known, (f"2026-05-{day:02d}T{hour:02d}:00:00+00:00", f"{day}-{hour}"), 72, 3)
        alerts.append(alert)
    assert alerts == [False, False, True, False, False, False, True]
    assert [name for _, name in known["cases"]] == ["9-9", "9-10", "9-11"]
    late, alert = rules.clustered(known, ("2026-05-01T09:00:00+00:00", "late"), 72, 3)
    assert len(late["cases"]) == 3 and not alert


def test_likeness():
    assert rules.likeness("quality") == rules.likeness("food_safety") == "goods" and rules.likeness("price") == "price"


def test_sorting_a_text():
    assert rules.sort("milk sour, child has stomach ache")[:3] == ("food_safety", 1, False)
    assert rules.sort("假货")[:3] == ("quality", 2, True) and rules.sort("  ") == ("other", 3, False, 0)
    assert rules.sort("What time do you open?").complains is False and rules.sort("terrible").complains


def test_levels_end_with_the_region():
    assert [rules.next_level(level) for level in range(4)] == [1, 2, 3, None]


def test_a_new_case():
    case = rules.new_case(rules.sort("sour milk"), 20_000, "2026-05-01T09:00:00Z", "sour milk", again=True, item="x", member=None)
    assert (case["class"], case["level"], case["exposure"], case["state"]) == ("food_safety", 1, 200_000, "open")
    assert case["item"] == "x" and case["member"] is None and case["texts"] == ["sour milk"]


@pytest.mark.parametrize(
    ("done", "agreed"),
    [
        ({"state": "accepted"}, None),
        ({"state": "done"}, True),
        ({"state": "done", "values": {"approved": False}}, False),
        ({"state": "rejected"}, False),
    ],
)
def test_a_decision(done, agreed):
    assert rules.agreed(done) is agreed


@pytest.mark.parametrize(
    ("mention", "ill"),
    [
        ({"text": "mouldy", "rating": 1, "sentiment": 0.1}, False),
        ({"text": "lovely", "rating": 5, "sentiment": -0.1}, True),
        ({"text": "lovely", "rating": 2}, True),
        ({"text": "mouldy", "rating": 3}, False),
        ({"text": "mouldy"}, True),
        ({"text": "lovely"}, False),
        ({"text": "mouldy", "deleted": True}, False),
    ],
)
def test_a_post_that_speaks_ill(mention, ill):
    assert rules.speaks_ill(mention) is ill


@pytest.mark.parametrize(
    ("known", "said", "hours", "joins"),
    [
        (("r1", "1"), ("r1", "2"), 24, True),
        (("r1", "1"), ("r1", "1"), 24.1, False),
        (("r1", "1"), (None, "1"), 1, False),
        ((None, "6940000000027"), (None, "06940000000027"), 1, True),
        ((None, "1"), (None, "2"), 1, False),
        ((None, "1"), (None, None), 1, True),
        ((None, None), (None, "2"), 1, True),
    ],
)
def test_what_joins_a_case(known, said, hours, joins):
    opened = datetime(2026, 5, 1, tzinfo=UTC)
    case = {"state": "open", "class": "quality", "receipt": known[0], "item": known[1], "opened": opened.isoformat()}
    at = opened + timedelta(hours=hours)
    assert rules.joins(case, "quality", *said, at) is joins
    assert not rules.joins(case, "price", *said, at) and not rules.joins(case | {"state": "closed"}, "quality", *said, at)


@pytest.mark.parametrize(
    ("amount", "roles", "granted"),
    [(0, ["manager"], None), (5000, [], "pay"), (5001, ["cashier"], "ask"), (5001, ["sales", "store_manager"], "pay")],
)
def test_what_a_clerk_may_grant(amount, roles, granted):
    assert rules.grant(amount, 5000, roles) == granted


def test_what_a_task_tells_and_a_day_sums_to():
    case = rules.new_case(rules.sort("The cup is broken"), 300, "2026-05-01T00:00:00Z", "The cup is broken",
                          member="m1", item=None, receipt=None, ref={}, again=False)  # fmt: skip
    assert rules.told("c1", case) == {
        "class": "quality", "severity": 2, "member": "m1", "case": "c1", "text": "The cup is broken", "tasks": 0,
    }  # fmt: skip
    day = {"price": {"opened": 2, "compensation": 700}, "other": {"opened": 1}}
    sums = {name: figure["value"] for name, figure in rules.totals(day).items()}
    assert sums == {"opened": 3, "closed": 0, "reopened": 0, "late": 0, "compensation": 700}
