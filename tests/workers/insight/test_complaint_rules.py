"""Exposure, the right to return and likeness, by hand."""

from datetime import date

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
