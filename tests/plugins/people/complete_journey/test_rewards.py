"""Points, tiers and group vouchers on real receipts, each account as polars adds it up."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from storeloom.core.kernel.events import Fact
from tests.plugins.people.complete_journey.journey import FIRST, Journey, midnight


def test_points_accounts_are_the_floored_receipts_without_what_is_excluded(journey: Journey) -> None:
    milk = "FLUID MILK PRODUCTS"
    done = journey.run("points_ledger", {"excluded": [milk], "earn_rate": 2, "breakage": 25})
    earning = journey.lines.filter(~pl.col("product_id").is_in(journey.of_category(milk)))
    receipts = earning.group_by("household_id", "basket_id").agg(pl.col("amount").sum())
    expected = receipts.with_columns(points=pl.col("amount") * 2 // 100).group_by("household_id").agg(pl.col("points").sum())
    told = {event["member"]: event["balance"] for event in done.of("points.balance")}
    assert told == dict(expected.filter(pl.col("points") > 0).iter_rows())
    reports = {event["report"]: event["figures"]["points_liability"]["value"] for event in done.of("insight.report")}
    march = receipts.join(journey.baskets(), on="basket_id").filter(pl.col("day") < datetime(2017, 4, 1).date())
    assert reports["points-liability:2017-03"] == round((march["amount"] * 2 // 100).sum() * 0.75)


def test_tiers_come_with_the_receipt_that_reaches_them(journey: Journey) -> None:
    thresholds = [0, 40, 80, 120]
    done = journey.run("tier_growth", {"thresholds": thresholds})
    growth = journey.baskets().with_columns((pl.col("amount") // 100).cum_sum().over("household_id").alias("growth"))
    tier = pl.sum_horizontal(pl.col("growth") >= border for border in thresholds[1:])
    climbs = growth.with_columns(tier.alias("tier")).with_columns(
        pl.col("tier").shift(1, fill_value=0).over("household_id").alias("before")
    )
    climbs = climbs.filter(pl.col("tier") > pl.col("before"))
    expected = [
        (member, at, str(tier), str(before)) for member, at, tier, before in climbs.select("household_id", "at", "tier", "before").rows()
    ]
    told = [(event["member"], event.time, event["segment"], event["previous"]) for event in done.of("segment.assign", reason="upgrade")]
    assert len(told) > 40 and {tier for *_, tier, _ in told} == {"1", "2", "3"}
    assert sorted(told) == sorted(expected)
    assert done.figures["members_by_tier"] == climbs["household_id"].n_unique()


def test_members_of_a_near_group_earn_vouchers_and_exchange_them(journey: Journey) -> None:
    place = {"lat": 39.10, "lon": -84.51}
    near, far = journey.households[0::3], journey.households[1::3]
    joins = [
        Fact(midnight(FIRST), "member.event", "groups", {"kind": "join", "member": member, "group": group, "network": "messenger",
                                                         "geo": {"lat": place["lat"] + north, "lon": place["lon"]}})
        for group, north, members in (("near", 0.01, near), ("far", 0.05, far)) for member in members
    ]  # fmt: skip
    done = journey.run("community_operations", {"spend_per_point": 500}, store={"geo": place}, more=joins)
    receipts = journey.baskets().filter(pl.col("household_id").is_in(near))
    points = receipts.group_by("household_id").agg((pl.col("amount").sum() // 500).alias("points"))
    earned: dict[str, int] = {}
    for event in done.of("points.change", reason="earn"):
        earned[event["member"]] = earned.get(event["member"], 0) + event["delta"]
    assert earned == dict(points.filter(pl.col("points") > 0).iter_rows())
    assert len(done.of("coupon.issue")) == (points["points"] // 10).sum() > 50
    ours, all_sales = receipts["amount"].sum(), journey.baskets()["amount"].sum()
    assert done.figures["group_sales_share"] == 100 * ours / all_sales
    assert done.figures["store_visits_from_groups"] == receipts.select("household_id", "day").n_unique()
    assert done.outputs[0].time.astimezone(UTC) == midnight(FIRST)
