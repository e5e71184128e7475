"""Coupons in members' hands, and what a membership programme adds to the tables."""

from datetime import UTC, datetime

import pytest

from storeloom.core.virtual import VirtualStore, default_profile
from storeloom.core.virtual.tables_club import guide_of
from storeloom.core.virtual.wallets import USES

DAY = 86400.0
T0 = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
LINES = [{"gtin": "g1", "amount": 3000}, {"gtin": "g2", "amount": 1000}]


@pytest.fixture
def wallets():
    return VirtualStore(default_profile("convenience"), scale=0.01).wallets


def give(wallets, member="m-1", **more):
    data = {
        "coupon": f"c:{member}",
        "template": "c5",
        "member": member,
        "valid_from": "2026-03-02T00:00:00Z",
        "valid_to": "2026-03-04T00:00:00Z",
    }
    wallets.issue({**data, **more}, T0)


def used(wallets, member="m-1", lines=LINES, at=T0 + 60):
    """The first of fifty receipts on which the member uses a coupon."""
    found = (wallets.use(member, f"r{number}", lines, at) for number in range(50))
    return next((one for one in found if one), None)


def test_a_coupon_is_used_once_by_its_member_within_its_time(wallets):
    give(wallets)
    assert used(wallets, "m-2") is None
    assert used(wallets, at=T0 - 60) is None
    coupon, worth = used(wallets)
    assert (coupon.coupon, coupon.template, worth) == ("c:m-1", "c5", 500)
    assert used(wallets) is None
    assert wallets.world.truth.coupons == {"c5": {"issued": 1, "used": 1, "granted": 500}}


def test_an_ended_coupon_is_forgotten(wallets):
    give(wallets)
    assert used(wallets, at=T0 + 3 * DAY) is None
    assert wallets.held["m-1"] == []


@pytest.mark.parametrize(
    ("more", "worth"),
    [
        ({"value": 700}, 700),
        ({"percent": 10}, 400),
        ({"percent": 10, "gtins": ["g2"], "threshold": 500}, 100),
        ({"value": 5000, "gtins": ["g2"], "threshold": 500}, 1000),
        ({"threshold": 4001}, None),
        ({"gtins": ["g3"]}, None),
    ],
)
def test_a_coupon_takes_off_what_it_says_of_what_it_fits(wallets, more, worth):
    give(wallets, **more)
    found = used(wallets)
    assert (found and found[1]) == worth


def test_one_chance_of_two_a_receipt_and_a_voided_one_none(wallets):
    for number in range(400):
        give(wallets, f"m-{number}")
    wallets.void("c:m-0", "m-0")
    wallets.void("c:m-1", None)
    hits = sum(wallets.use(f"m-{number}", f"r-{number}", LINES, T0 + 60) is not None for number in range(400))
    assert 0.42 * 400 < hits < 0.58 * 400
    assert USES == 0.5
    assert all(wallets.use(member, f"x{n}", LINES, T0 + 60) is None for member in ("m-0", "m-1") for n in range(20))


def test_an_issued_coupon_comes_to_the_till_with_scan_redemption_and_receipt():
    streams = frozenset({"pos.sale", "pos.scan", "coupon.redeemed"})
    store = VirtualStore(default_profile(), scale=0.3)
    facts = store.run(datetime(2026, 3, 2).date(), 1, streams)
    seen = [next(facts)]
    valid = {"valid_from": "2026-03-01T16:00:00Z", "valid_to": "2026-03-02T16:00:00Z"}
    for row in store.tables["members"]:
        data = {"coupon": f"own:{row['member']}", "template": "c5", "member": row["member"], **valid}
        (state,) = store.command("coupon.issue", data, seen[0].received)
        assert (state.data["coupon"], state.data["status"]) == (data["coupon"], "active")
    seen += facts
    redeemed = {
        fact.data["coupon"]: fact.data for fact in seen if fact.stream == "coupon.redeemed" and fact.data["coupon"].startswith("own:")
    }
    scanned = {fact.data["code"] for fact in seen if fact.stream == "pos.scan" and fact.data["kind"] == "coupon"}
    receipts = {fact.data["receipt"]: fact.data for fact in seen if fact.stream == "pos.sale"}
    assert len(redeemed) > 50
    assert set(redeemed) <= scanned
    for coupon, data in redeemed.items():
        receipt = receipts[data["receipt"]]
        assert receipt["coupons"] == [coupon] and coupon == f"own:{receipt['member']}"
        assert receipt["payments"][0] == {"method": "coupon", "amount": data["amount"]}
        assert sum(payment["amount"] for payment in receipt["payments"]) == receipt["total"]
    truth = store.truth.coupons["c5"]
    assert (truth["issued"], truth["used"]) == (len(store.tables["members"]), len(redeemed))
    assert truth["granted"] == sum(data["amount"] for data in redeemed.values())


def test_guides_look_after_a_part_of_the_members_and_are_credited(run):
    ran = run("specialty", days=3, scale=1.0, streams=frozenset({"pos.sale"}))
    roles = {row["staff"]: row["roles"] for row in ran.store.tables["staff"]}
    bound = {row["member"]: guide for row in ran.store.tables["members"] if (guide := guide_of(row))}
    assert 0.38 < len(bound) / len(ran.store.tables["members"]) < 0.52
    assert all("sales" in roles[guide] for guide in bound.values())
    manned = [data for data in ran.data("pos.sale") if data.get("cashier") and data["kind"] == "sale"]
    served = [data["guide"] for data in manned if "guide" in data]
    assert 0.6 < len(served) / len(manned) < 0.8
    assert all({"sales", "cashier"} & set(roles[guide]) for guide in served)
    own = [data["guide"] == bound[data["member"]] for data in manned if data.get("member") in bound and "guide" in data]
    assert sum(own) > 0.3 * len(own)
    assert not any("guide" in data for data in run("supermarket", streams=frozenset({"pos.sale"})).data("pos.sale"))


def test_given_tables_stay_as_they_are():
    members = [{"member": "m-1", "tags": []}]
    store = VirtualStore(default_profile("specialty"), tables={"members": members, "coupons": []})
    assert store.tables["members"] == [{"member": "m-1", "tags": []}]
    assert store.tables["coupons"] == []
