"""What is bought together, by whom and at which time of day: lists and rules on real baskets against counting them with polars."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from storeloom.core.kernel.events import Fact, parse_time
from tests.plugins.people.complete_journey.journey import Journey, midnight
from tests.plugins.people.complete_journey.test_members import hashed

CHEESE = "CHEESE"


@pytest.fixture(scope="module")
def rung(journey: Journey) -> list[Fact]:
    return journey.of_categories()


@pytest.fixture(scope="module")
def baskets(rung: list[Fact]) -> pl.DataFrame:
    """receipt, member, at, gtin, qty: one row a line of the receipts of categories."""
    rows = [
        (one.data["receipt"], one.data["member"], one.received, line["gtin"], line["qty"]) for one in rung for line in one.data["lines"]
    ]
    return pl.DataFrame(rows, schema=["receipt", "member", "at", "gtin", "qty"], orient="row", strict=False)


def gtin_of(journey: Journey, category: str) -> str:
    return next(row["gtin"] for row in journey.tables["products"] if row.get("category") == category)


def test_seed_products_are_the_rules_counted_over_members(journey: Journey, rung: list[Fact], baskets: pl.DataFrame) -> None:
    target, days = gtin_of(journey, CHEESE), 60
    rows = [{"member": one, "channels": ["sms"], "consents": {"marketing": True, "messaging": ["sms"]}} for one in journey.households]
    config = {
        "target_gtins": [target],
        "seed_days": days,
        "min_lift": 1.2,
        "min_support": 5,
        "holdout_pct": 25,
        "treatments": [{"content": "Try"}],
    }
    done = journey.run("personalised_placement", config, tables={"members": rows}, facts=rung)
    last = done.of("insight.report", kind="placement_crowd")[-1]
    since = midnight(journey.day_of(last.time) - timedelta(days=days))
    bought = baskets.filter(pl.col("at").is_between(since, last.time, closed="left")).select("member", "gtin").unique()
    members, takers = bought["member"].n_unique(), bought.filter(pl.col("gtin") == target)["member"].unique().to_list()
    pairs = bought.filter(pl.col("gtin") != target).group_by("gtin").agg(
        pl.len().alias("n"), pl.col("member").is_in(takers).sum().alias("both"))  # fmt: skip
    pairs = pairs.with_columns(
        (pl.col("both") / members).alias("support"), (pl.col("both") * members / pl.col("n") / len(takers)).alias("lift")
    )
    rules = pairs.filter(pl.col("lift") >= 1.2 - 1e-12, pl.col("support") >= 0.05)
    assert rules.height > 5
    told = {row["gtin"]: (row["both"], pytest.approx(row["lift"]), pytest.approx(row["support_pct"])) for row in last["rows"]}
    assert {row["gtin"]: (row["both"], row["lift"], 100 * row["support"]) for row in rules.to_dicts()} == told
    crowd = bought.filter(pl.col("gtin").is_in(rules["gtin"].implode()), ~pl.col("member").is_in(takers))["member"].n_unique()
    assert last["figures"]["crowd"]["value"] == crowd
    placed = {event["member"]: event["segment"] == "held_out" for event in done.of("segment.assign")}
    assert placed == {member: hashed(f"7{member}") < 25 for member in placed} and sum(placed.values()) > 3


def test_recall_of_the_lists_is_what_the_receipts_after_them_hold(journey: Journey, rung: list[Fact], baskets: pl.DataFrame) -> None:
    before = timedelta(seconds=1)
    rung = rung[:1000]
    views = [Fact(one.received - before, "web.visit", "shop", {"kind": "view", "visitor": one.data["member"], "member": one.data["member"]})
             for one in rung]  # fmt: skip
    done = journey.run("product_recommender", {"min_events": 8, "suppress_days": 0, "control_pct": 30}, facts=rung, more=views)
    lists = {(event["member"], event.time + before): [item["gtin"] for item in event["items"]] for event in done.of("recommend.items")}
    seen: dict[str, int] = {}
    hits = buys = 0
    known = baskets.filter(pl.col("at") <= rung[-1].received)
    for (member, at, _), lines in known.group_by("member", "at", "receipt", maintain_order=True):
        items = set(lines["gtin"])
        if seen.get(member, 0) >= 8 and hashed(member) >= 30:
            hits, buys = hits + len(items & set(lists[member, at])), buys + len(items)
        seen[member] = seen.get(member, 0) + len(items)
    assert buys > 150 and hits > 10
    assert done.figures["recall_at_10"] == pytest.approx(100 * hits / buys)


def test_a_product_page_lists_the_nearest_by_cosine(journey: Journey, rung: list[Fact], baskets: pl.DataFrame) -> None:
    page = gtin_of(journey, CHEESE)
    rung = rung[:1000]
    view = {
        "kind": "view",
        "visitor": "v",
        "member": next(one for one in journey.households if hashed(one) >= 20),
        "gtin": page,
        "page": "product",
    }
    end = rung[-1].received + timedelta(hours=1)
    done = journey.run("product_recommender", {"suppress_days": 0, "list_size": 5}, facts=rung, more=[Fact(end, "web.visit", "shop", view)])
    (told,) = done.of("recommend.items")
    held = baskets.filter(pl.col("at") <= rung[-1].received).select("receipt", "gtin").unique()
    counts = held.group_by("gtin").len("n")
    pairs = (
        held.filter(pl.col("gtin") == page).join(held, on="receipt").filter(pl.col("gtin_right") != page).group_by("gtin_right").len("both")
    )
    own = counts.filter(pl.col("gtin") == page)["n"].item()
    near = pairs.join(counts, left_on="gtin_right", right_on="gtin").with_columns(
        (pl.col("both") / (pl.col("n") * own).sqrt()).alias("cosine")
    )
    best = near.sort("cosine", "n", "gtin_right", descending=[True, True, False]).head(5)
    assert [(item["gtin"], pytest.approx(item["score"])) for item in told["items"]] == list(best.select("gtin_right", "cosine").rows())


def test_what_a_part_of_the_day_prefers_is_its_share_against_the_stores(journey: Journey, rung: list[Fact], baskets: pl.DataFrame) -> None:
    config = {"dayparts": ["open-12:00", "12:00-close"], "window_d": 30, "shrink_units": 50, "pref_from": 1.3}
    done = journey.run("store_preference_marketing", config, facts=rung, store={"format": "convenience"})
    report = done.of("insight.report")[-1]
    local = pl.col("at").dt.convert_time_zone("America/New_York")
    window = baskets.filter(pl.col("at").is_between(parse_time(report["from"]), parse_time(report["to"]), closed="left"), pl.col("qty") > 0)
    assert midnight(journey.day_of(report.time) - timedelta(days=30)) == parse_time(report["from"])
    window = window.with_columns(pl.when(local.dt.hour() < 12).then(pl.lit("open-12:00")).otherwise(pl.lit("12:00-close")).alias("part"))
    units = window.group_by("part", "gtin").agg(pl.col("qty").sum())
    mix = units.group_by("gtin").agg((pl.col("qty").sum() / units["qty"].sum()).alias("mix"))
    share = (pl.col("qty") + 50 * pl.col("mix")) / (pl.col("qty").sum().over("part") + 50)
    liked = units.join(mix, on="gtin").with_columns((share / pl.col("mix")).alias("index")).filter(pl.col("index") >= 1.3)
    told = {
        (event["slot"], item["gtin"]): pytest.approx(item["score"])
        for event in done.of("recommend.items")
        for item in event["items"]
        if event.time == report.time
    }
    assert len(told) > 10 and {(part, gtin): index for part, gtin, index in liked.select("part", "gtin", "index").rows()} == told
