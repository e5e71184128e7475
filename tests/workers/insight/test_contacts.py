"""Reasons and products for a member's contact, by hand."""

from datetime import UTC, date, datetime

import pytest

from storeloom.workers.insight import buyer, contacts, likeness

TODAY = date(2026, 3, 2)
PRODUCTS = {
    "own": {"gtin": "own", "size": "M", "category": "tops", "cost": 10, "attributes": {"cut": "slim", "cloth": "silk"}},
    "big": {"gtin": "big", "size": "L", "category": "tops", "cost": 10, "attributes": {"cut": "slim", "cloth": "silk"}},
    "new": {"gtin": "new", "size": "M", "category": "tops", "cost": 10, "listed_on": "2026-02-20", "attributes": {"cut": "slim"}},
    "far": {"gtin": "far", "size": "M", "category": "tops", "cost": 50, "listed_on": "2026-02-20", "attributes": {"cut": "wide"}},
    "odd": {"gtin": "odd", "category": "care", "cost": 20, "attributes": {"cut": "none"}},
}
FEATURES = {item: likeness.features(row) for item, row in PRODUCTS.items()}


def shop(*there, today=TODAY):
    return contacts.Shop(PRODUCTS, FEATURES, dict.fromkeys(there, 1.0) | {"gone": 4.0}, lambda product: 100, today)


def member_record(*days, item="own"):
    record = {"wants": {}}
    for number, day in enumerate(days):
        buyer.enter(record, f"r{number}", date.fromisoformat(day), 100, {item: 1})
    return record


def test_products_in_the_own_size_by_match_then_margin():
    record = member_record("2026-02-01")
    found = shop("own", "big", "new", "far", "odd").proposals(record)
    assert [(one.product["gtin"], one.match, one.margin) for one in found] == [("new", 0.5, 90), ("odd", 0, 80), ("far", 0, 50)]


def test_reasons_and_what_they_are_about():
    record = member_record("2026-01-21", "2026-02-10")
    assert list(shop("new", "far").reasons(record, {"birth_month": 3})) == [("cycle_due", None), ("new_arrival", "new")]
    assert list(shop("far", today=date(2026, 3, 22)).reasons(record, {"birth_month": 4})) == [("cycle_due", None), ("lapsed", None)]
    assert list(shop("far", today=date(2026, 3, 25)).reasons({}, {"birth_month": 4})) == [("birthday", None)]
    assert list(shop(today=date(2026, 2, 13)).reasons(record, {})) == [("after_care", None)]


def test_wanted_again_in_stock_for_half_a_year():
    record = {"wants": {"far": "2025-09-03T00:00:00Z", "new": "2025-09-02T00:00:00Z"}}
    assert list(shop("far").reasons(record, {})) == [("back_in_stock", "far")]
    assert list(shop("new").reasons(record, {})) == []


@pytest.mark.parametrize(
    ("contacted", "refused", "rests"),
    [
        (None, None, False),
        ("2026-02-17", None, True),
        ("2026-02-16", None, False),
        ("2026-01-01", "2026-01-02", True),
        (None, "2026-01-01", False),
    ],
)
def test_rests(contacted, refused, rests):
    days = [date.fromisoformat(day) if day else None for day in (contacted, refused)]
    assert contacts.rests(*days, TODAY, 14, 60) is rests


def test_the_tables_mean_goes_before_the_receipts():
    record = member_record("2026-02-01")
    assert contacts.mean_basket(record, {"spend_12m": 90000, "receipts_12m": 3}) == 30000
    assert contacts.mean_basket(record, {"spend_12m": 90000, "receipts_12m": 0}) == 100 and contacts.mean_basket({}, {}) == 0


def test_the_best_reason():
    rates = {"birthday": 0.1, "cycle_due": 0.2, "lapsed": 0.2}
    assert contacts.best({"lapsed": None, "cycle_due": None, "birthday": None}, rates) == ("cycle_due", None)
    assert contacts.best({"new_arrival": "x", "birthday": None}, rates) == ("birthday", None)
    assert contacts.best({"new_arrival": "x"}, rates) is None


def test_a_profile_holds_what_is_known():
    known = {"purchases": 1, "last_purchase": "2026-02-01", "mean_basket": 100, "sizes": ["M"], "tier": "gold"}
    assert contacts.profile(member_record("2026-02-01"), {"tier": "gold", "channels": {"sms": "x"}}, PRODUCTS) == known
    assert contacts.profile({}, {"last_purchase": "2026-01-01"}, PRODUCTS) == {"last_purchase": "2026-01-01"}


@pytest.mark.parametrize(
    ("member", "may"),
    [
        ({"consents": {"marketing": True}}, True),
        ({"consents": {"marketing": True, "profiling": False}}, False),
        ({"consents": {"profiling": True}}, False),
        ({}, False),
        ({"consents": {"marketing": True}, "left": True}, False),
    ],
)
def test_consent(member, may):
    assert contacts.learnable(member, False) is may and not contacts.learnable(member, True)


def test_the_tag_names_the_guide():
    assert contacts.guide_tag({"tags": ["vip", "guide:g1", "guide:g2"]}) == "g1" and contacts.guide_tag({"tags": None}) is None


def test_on_shift_by_clock_then_availability():
    here, out = {"day": "2026-03-02", "in": True}, {"day": "2026-03-02", "in": False}
    assert contacts.on_shift(here, "2026-03-02", [], TODAY) and not contacts.on_shift(out, None, [], TODAY)
    assert not contacts.on_shift(None, "2026-03-02", [], TODAY) and contacts.on_shift(None, "2026-03-01", [], TODAY)
    gone_home, never_punched_out = {"day": "2026-03-01", "in": False}, {"day": "2026-03-01", "in": True}
    assert not contacts.on_shift(gone_home, "2026-03-01", [], TODAY) and contacts.on_shift(never_punched_out, "2026-03-01", [], TODAY)
    assert not contacts.on_shift(never_punched_out, "2026-03-02", [], TODAY)
    assert contacts.on_shift(None, None, [{"weekday": 1}], TODAY) and not contacts.on_shift(None, None, [{"weekday": 2}], TODAY)


@pytest.mark.parametrize(("left", "gone"), [(None, False), (True, True), ("2026-03-02", True), ("2026-03-03", False)])
def test_who_has_left(left, gone):
    assert contacts.has_left({"left": left}, TODAY) is gone


def test_who_is_gone_from_the_table():
    rows = [{"staff": "g1"}, {"staff": "g2", "left": "2026-03-02"}]
    assert contacts.gone(rows, ["g1", "g3"], TODAY) == {"g2", "g3"} and contacts.gone(rows, [], TODAY) == {"g2"}


@pytest.mark.parametrize(
    ("state", "values", "outcome"),
    [
        ("accepted", None, "made"),
        ("done", {"outcome": "Bought"}, "bought"),
        ("done", {"result": "拒绝"}, "refused"),
        ("declined", None, None),
        ("declined", {"outcome": "refused"}, "refused"),
        ("done", {"refused": True}, "refused"),
        ("rejected", None, "refused"),
        ("cancelled", {"outcome": "bought"}, None),
    ],
)
def test_what_came_of_a_contact(state, values, outcome):
    assert contacts.outcome({"state": state, "values": values}) == outcome


@pytest.mark.parametrize(
    ("bought", "day", "amount", "added"),
    [
        (None, 2, 900, 1),
        (None, 9, 900, 1),
        (None, 10, 900, None),
        (None, 1, 900, None),
        (None, 3, 0, None),
        ("told", 3, 900, 0),
        ("r0", 3, 9, None),
    ],
)
def test_a_purchase_counts_once_to_the_latest_contact(bought, day, amount, added):
    contact = {"at": "2026-03-02T08:00:00Z", "bought": bought, "amount": 0}
    assert contacts.claim(contact, datetime(2026, 3, day, 8, tzinfo=UTC), "r1", amount, 7) == added
    assert (contact["bought"], contact["amount"]) == (("r1", 900) if added is not None else (bought, 0))


def test_no_contact_no_claim():
    assert contacts.claim(None, datetime(2026, 3, 2, tzinfo=UTC), "r1", 900, 7) is None


def test_a_candidate_is_worth_rate_times_basket():
    member = {"member": "m1", "birth_month": 4, "spend_12m": 160000, "receipts_12m": 2}
    found = shop(today=date(2026, 3, 25)).candidate({}, member, {"birthday": 0.1, "lapsed": 0.4})
    assert found == contacts.Candidate("m1", "birthday", None, 0.1, 8000)
    assert shop(today=date(2026, 3, 24)).candidate({}, member, {"birthday": 0.1}) is None


def test_totals_of_a_day():
    day = {"g1": {"asked": 2, "contacts": 1, "bought": 0, "sales": 0}, "g2": {"asked": 1, "contacts": 1, "bought": 1, "sales": 500}}
    assert contacts.totals(day)["asked"] == {"value": 3, "unit": "count"} and contacts.totals(day)["sales"] == {
        "value": 500,
        "unit": "minor",
    }
