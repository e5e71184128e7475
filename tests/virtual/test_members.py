"""What members do besides shopping: posts, wishes about their data, photos of receipts, plans; and what some do to the programme."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pytest

from storeloom.workers.insight.creators import broken_rules

STREAMS = frozenset({"social.mention", "web.visit", "member.event", "order.placed", "payment.result", "pos.sale", "coupon.redeemed"})


@pytest.fixture(scope="module")
def ran(run):
    """Nine days of a small supermarket: two Tuesdays."""
    return run(days=9, scale=0.25, streams=STREAMS)


def test_posts_break_the_rules_that_the_truth_names(ran):
    truth = {row["mention"]: row for row in ran.store.truth.posts}
    posts = {data["mention"]: data for data in ran.data("social.mention") if data.get("creator")}
    assert set(posts) == set(truth)
    assert 6 <= len(posts) <= 24
    assert len({data["creator"] for data in posts.values()}) <= 6
    for mention, data in posts.items():
        assert broken_rules(data["text"], "ad", ["best", "first", "cure"], [], "CNY") == truth[mention]["broken"]


def test_false_traffic_comes_mostly_from_one_device_and_other_clicks_do_not(run):
    ran = run("specialty", days=20, scale=0.1, streams=frozenset({"social.mention", "web.visit"}))
    truth = {row["mention"]: row["false_traffic"] for row in ran.store.truth.posts}
    clicks = defaultdict(list)
    for data in ran.data("web.visit"):
        if data["kind"] == "click" and "token" in data:
            clicks[data["token"]].append(data["device"])
    assert {True, False} == set(truth.values())
    for mention, devices in clicks.items():
        most = Counter(devices).most_common(1)[0][1]
        assert (most > 40) == truth[mention]
        assert truth[mention] or 4 <= len(devices) <= 40


def test_wishes_name_a_purpose_with_its_text_or_a_right(ran):
    wishes = [data for data in ran.data("member.event") if data["kind"] == "bind"]
    asked = [data["values"]["request"] for data in wishes if "request" in data["values"]]
    said = [data for data in wishes if "consent" in data]
    assert len(asked) + len(said) == len(wishes)
    assert asked == [row["request"] for row in sorted(ran.store.truth.data_requests, key=lambda row: row["at"])]
    assert 0.04 < len(asked) / len(wishes) < 0.25
    assert all(data["values"]["version"] for data in said)
    assert all(("partner" in data["values"]) == (data["values"]["purpose"] == "partner_sharing") for data in said)
    members = len(ran.store.consents.members)
    assert 0.004 * members * 9 < len(wishes) < 0.008 * members * 9


def test_photos_of_receipts_are_fine_unclear_borrowed_or_edited(run):
    ran = run("mall", days=8, scale=0.5, start=datetime(2026, 3, 2).date(), streams=frozenset({"member.event"}))
    truth = ran.store.truth.receipt_photos
    sent = [data for data in ran.data("member.event") if "scene" in (data.get("values") or {})]
    assert [(data["member"], data["values"]["scene"]["number"]) for data in sent] == [(row["member"], row["number"]) for row in truth]
    kinds = Counter(row["kind"] for row in truth)
    assert set(kinds) == {"fine", "unclear", "borrowed", "edited"}
    assert kinds["fine"] > 0.75 * len(truth)
    first = {}
    for row, data in zip(truth, sent, strict=True):
        scene = data["values"]["scene"]
        if row["kind"] in ("fine", "unclear"):
            first.setdefault(row["number"], (row["member"], scene["total"]))
            assert (scene["confidence"] > 0.9) == (row["kind"] == "fine")
        else:
            owner, total = first[row["number"]]
            assert owner != row["member"]
            assert scene["total"] == (3 * total if row["kind"] == "edited" else total)


def test_plans_are_ordered_at_the_fee_and_paid_within_minutes(ran):
    orders = {fact.data["order"]: fact for fact in ran.facts if fact.stream == "order.placed" and fact.data["total"] == 19900}
    paid = {
        fact.data["order"]: fact
        for fact in ran.facts
        if fact.stream == "payment.result" and str(fact.data.get("order", "")).startswith("P")
    }
    truth = {row["order"]: row for row in ran.store.truth.plans}
    assert set(orders) == set(truth)
    assert set(paid) == {order for order, row in truth.items() if row["paid"]}
    assert 10 < len(orders) < 40
    for order, fact in paid.items():
        assert fact.data["amount"] == 19900
        assert timedelta(seconds=15) < fact.time - orders[order].time < timedelta(minutes=5)


def test_a_ring_joins_from_one_device_and_lives_on_new_member_coupons(ran):
    rings = [row for row in ran.store.truth.abuse if row["kind"] == "account_ring"]
    assert [row["at"][:10] for row in rings] == ["2026-03-03", "2026-03-10"]
    devices = defaultdict(set)
    for data in ran.data("member.event"):
        if data["kind"] == "join" and "device_hash" in (data.get("values") or {}):
            devices[data["values"]["device_hash"]].add(data["member"])
    assert sorted(sorted(accounts) for accounts in devices.values()) == sorted(row["accounts"] for row in rings)
    (accounts,) = [set(row["accounts"]) for row in rings if row["at"] < "2026-03-04"]
    receipts = {data["member"]: data for data in ran.data("pos.sale") if data.get("member") in accounts}
    assert set(receipts) == accounts
    assert all(data["coupons"] == [f"welcome-{member}"] for member, data in receipts.items())
    used = {data["member"] for data in ran.data("coupon.redeemed") if data["template"] == "welcome"}
    assert accounts <= used


def test_one_cashier_puts_a_card_of_her_own_on_other_peoples_receipts(ran):
    cases = {row["receipt"]: row for row in ran.store.truth.abuse if row["kind"] == "staff_points"}
    own = {row["staff"]: row.get("own_member") for row in ran.store.tables["staff"]}
    sales = {data["receipt"]: data for data in ran.data("pos.sale") if data["kind"] == "sale"}
    assert len(cases) > 10
    for receipt, row in cases.items():
        assert row["accounts"] == [own[row["cashier"]]] == [sales[receipt]["member"]]
        assert row["cashier"] == sales[receipt]["cashier"] == "1003"
