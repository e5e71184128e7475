from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.insight import leads

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
WEEK = timedelta(days=7)


def test_a_score_halves_in_a_half_life_whatever_the_order_of_arrival():
    lead = leads.new_lead(NOON, "online")
    for weight in (2, 5, 15):
        leads.add(lead, weight, NOON, 7)
    assert leads.add(lead, 25, NOON + WEEK, 7) == pytest.approx(36)
    late = leads.new_lead(NOON, "online")
    leads.add(late, 25, NOON + WEEK, 7)
    assert leads.add(late, 22, NOON, 7) == pytest.approx(36) and late["at"] == lead["at"]


def test_tiers_at_their_limits():
    assert [leads.tier(score, 20, 60) for score in (19.99, 20, 59.99, 60 - 1e-12, 60)] == ["cold", "warm", "warm", "hot", "hot"]


def test_a_merged_lead_keeps_the_first_source_and_both_scores():
    lead, other = leads.new_lead(NOON + WEEK, "offline"), leads.new_lead(NOON, "online")
    leads.add(lead, 10, NOON + WEEK, 7)
    leads.add(other, 20, NOON, 7)
    leads.merge(lead, {**other, "sent": 2, "consent": True}, 7)
    assert (lead["score"], lead["source"], lead["sent"], lead["consent"]) == (pytest.approx(20), "online", 2, True)


def test_the_next_holder_has_the_fewest_and_is_another():
    assert leads.next_holder(["b", "a"], {}, (), None) == "a"
    assert leads.next_holder(["a", "b"], {"a": 1}, (), None) == "b"
    assert leads.next_holder(["a", "b", "c"], {}, ("b",), "a") == "c"
    assert leads.next_holder(["a"], {}, (), "a") is None


def test_a_room_by_hand():
    book = leads.new_book(NOON)
    for number in range(3):
        leads.see(book, f"v{number}", NOON)
    assert leads.keep(book, "v0", NOON + WEEK, 7) and not leads.keep(book, "v0", NOON + WEEK, 7)
    assert not leads.keep(book, "v1", NOON + WEEK + timedelta(seconds=1), 7) and not leads.keep(book, "v9", NOON, 7)
    book["counted"] = 10
    assert leads.account(book, 500) == {"viewers": 10, "kept": 1, "orders": 0, "kept_rate": 10, "cost": 500, "cost_per_lead": 500}
    assert leads.account(leads.new_book(NOON), None) == {"viewers": 0, "kept": 0, "orders": 0}
