"""Chat groups and live rooms."""

from collections import Counter
from datetime import datetime

import pytest

from storeloom.workers.insight import geo

STREAMS = frozenset({"member.event", "live.event", "order.placed", "member.profile"})


@pytest.fixture(scope="module")
def ran(run):
    return run(days=4, scale=0.5, streams=STREAMS)


def told(ran, kind):
    return [data for data in ran.data("member.event") if data["kind"] == kind and "group" in data]


def test_the_roster_of_each_group_comes_first_and_is_the_truth(ran):
    inside = {}
    for data in told(ran, "join"):
        inside.setdefault(data["group"], []).append(data["member"])
    assert inside == {row["group"]: row["members"] for row in ran.store.truth.groups if row["members"]}
    members = [member for group in inside.values() for member in group]
    assert len(members) == len(set(members))
    listed = [row for row in ran.store.tables["members"] if not row.get("left")]
    assert 0.16 * len(listed) < len(members) < 0.25 * len(listed)


def test_a_group_is_as_far_away_as_the_truth_says(ran):
    metres = {row["group"]: row["metres"] for row in ran.store.truth.groups}
    for data in told(ran, "join"):
        assert geo.distance_m(ran.store.profile["geo"], data["geo"]) == pytest.approx(metres[data["group"]], abs=3)
    assert all(0 <= one <= 4500 for one in metres.values())


def test_who_talks_shares_and_gives_is_in_the_group(ran):
    inside = {row["group"]: set(row["members"]) for row in ran.store.truth.groups}
    chats, shares = told(ran, "chat"), told(ran, "share")
    assert all(data["member"] in inside[data["group"]] for data in [*chats, *shares])
    size = sum(map(len, inside.values()))
    assert 0.05 * size * 4 < len(chats) < 0.12 * size * 4
    gifts = [data for data in shares if "values" in data]
    assert 0 < len(gifts) < len(shares) / 2
    assert all(data["values"]["to"] in inside[data["group"]] - {data["member"]} for data in gifts)


def test_a_room_opens_every_other_evening_for_an_hour(ran):
    rooms = ran.store.truth.live_rooms
    assert len(rooms) == 2
    for room in rooms:
        events = [fact for fact in ran.facts if fact.stream == "live.event" and fact.data["live"] == room["live"]]
        begin, end = datetime.fromisoformat(room["from"]), datetime.fromisoformat(room["to"])
        assert (events[0].data["kind"], events[-1].data["kind"]) == ("start", "end")
        assert all(begin <= (fact.time or fact.received) <= end for fact in events)
        counts = [fact.data["value"] for fact in events if fact.data["kind"] == "viewers"]
        assert counts == sorted(counts) and counts[-1] == room["viewers"]
        assert Counter(fact.data["kind"] for fact in events)["claim"] == 3


def test_orders_of_a_room_are_packs_below_the_price_and_the_truth_counts_them(ran):
    orders = [data for data in ran.data("order.placed") if data["channel"] == "live"]
    for room in ran.store.truth.live_rooms:
        own = [data for data in orders if data["live"] == room["live"]]
        assert (len(own), sum(data["lines"][0]["qty"] for data in own)) == (room["orders"], room["packs"])
    assert orders
    prices = ran.store.prices
    for data in orders:
        (line,) = data["lines"]
        assert line["amount"] == data["total"] == line["price"] * line["qty"]
        assert line["price"] == round(prices.base[line["gtin"]] * 3 * 0.7)
        assert ("member" in data) != ("payer" in data)


def test_who_claims_has_just_joined(ran):
    joined = {data["member"]: data["joined"] for data in ran.data("member.profile")}
    for fact in ran.facts:
        if fact.stream == "live.event" and fact.data["kind"] == "claim":
            assert joined[fact.data["member"]] == fact.data["live"].replace("live-26", "2026-")[:7] + "-" + fact.data["live"][-2:]


def test_a_member_with_a_voucher_for_one_product_comes_for_it(run):
    ran = run("convenience", scale=0.01, streams=frozenset())
    (gtin, *_) = ran.store.live_rooms.goods
    stamp = datetime.fromisoformat("2026-03-02T04:00:00+00:00")
    give = {"coupon": "v", "template": "live", "member": "m-1", "value": 500, "gtins": [gtin], "channel": "live"}
    ran.store.wallets.issue({**give, "valid_from": "2026-03-02T00:00:00Z", "valid_to": "2026-03-03T00:00:00Z"}, stamp.timestamp())
    assert ran.store.wallets.wishes("m-1", stamp.timestamp()) == {gtin}
    assert ran.store.wallets.wishes("m-1", stamp.timestamp() + 86400) == frozenset()
    assert ran.store.wallets.wishes("m-2", stamp.timestamp()) == frozenset()
