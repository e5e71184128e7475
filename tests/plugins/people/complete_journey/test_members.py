"""Who still buys, who stays away and what reaching them brought, on real receipts and as polars and numpy work it out."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from scipy.special import hyp2f1

from tests.plugins.people.complete_journey.journey import ZONE, Journey, midnight

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAST_MONDAY = date(2017, 4, 24)


def hashed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big") % 100


def purchase_days(journey: Journey, before: date) -> pl.DataFrame:
    """household_id, x, t_x, T (weeks), mean (cents) of the repeat days before a day."""
    days = journey.baskets().filter(pl.col("day") < before).group_by("household_id", "day").agg(pl.col("amount").sum()).sort("day")
    days = days.filter(pl.col("amount") > 0)
    first, last = pl.col("day").first(), pl.col("day").last()
    weeks = [((end - first).dt.total_days() / 7).alias(name) for name, end in (("t_x", last), ("T", pl.lit(before)))]
    mean = pl.col("amount").slice(1).mean().alias("mean")
    return days.group_by("household_id").agg((pl.len() - 1).alias("x"), *weeks, mean).sort("household_id")


def bgnbd(found: pl.DataFrame, horizon: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P(alive) and purchases expected within so many weeks (Fader, Hardie and Lee 2005, equation 10)."""
    r, alpha, a, b = 0.243, 4.414, 0.793, 2.426
    x, t_x, age = (found[name].to_numpy().astype(float) for name in ("x", "t_x", "T"))
    odds = np.where(x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + t_x)) ** (r + x), 0.0)
    tail = hyp2f1(r + x, b + x, a + b + x - 1, horizon / (alpha + age + horizon))
    expected = (a + b + x - 1) / (a - 1) * (1 - ((alpha + age) / (alpha + age + horizon)) ** (r + x) * tail) / (1 + odds)
    return 1 / (1 + odds), expected


def test_churn_and_value_are_those_of_the_published_formulas(journey: Journey) -> None:
    done = journey.run("member_value_churn", {"fit": "never", "horizon_weeks": 13, "margin": 25})
    found = purchase_days(journey, LAST_MONDAY)
    alive, purchases = bgnbd(found, 13)
    x, mean = found["x"].to_numpy().astype(float), found["mean"].fill_null(0).to_numpy()
    p, q, gamma = 6.25, 3.74, 1544
    values = purchases * p * (gamma + x * mean) / (p * x + q - 1) * 0.25
    told = {event["subject"]: event for event in done.of("score.report") if event.time == midnight(LAST_MONDAY)}
    assert sorted(told) == found["household_id"].to_list() and len(told) > 110
    for member, chance, number, value in zip(found["household_id"], alive, purchases, values, strict=True):
        parts = {part["name"]: part["value"] for part in told[member]["parts"]}
        assert parts["p_alive"] == pytest.approx(chance, abs=1e-6)
        assert parts["expected_purchases"] == pytest.approx(number, abs=1e-6)
        assert told[member]["score"] == pytest.approx(value, abs=0.51)
        state = "at_risk" if chance < 0.4 else "watch" if chance < 0.7 else "healthy"
        assert told[member]["labels"] == {"state": state}


def test_reach_brings_what_the_hold_out_did_not_do_by_itself(journey: Journey) -> None:
    at = datetime(2017, 4, 3, 10, tzinfo=ZONE).astimezone(UTC)
    rows = [{"member": one, "channels": ["sms"], "consents": {"marketing": True, "messaging": ["sms"]}} for one in journey.households]
    config = {
        "plan_at": ["2017-04-03 10:00"],
        "crowd_rule": "last_purchase_days >= 7",
        "holdout_pct": 40,
        "window_h": 168,
        "lapse_days": 14,
    }
    done = journey.run("member_reach", config, tables={"members": rows})
    before = journey.baskets().filter(pl.col("at") < at).group_by("household_id").agg(pl.col("day").max().alias("last"))
    crowd = before.filter(pl.col("last") <= at.date() - timedelta(days=7))
    bought = journey.baskets().filter(pl.col("at").is_between(at, at + timedelta(days=7)))
    fate = {member: "holdout" if hashed("reach" + member) < 40 else "sent" for member in crowd["household_id"]}
    assert {event["member"]: event["segment"] for event in done.of("segment.assign")} == fate
    assert {event["to"] for event in done.of("message.send")} == {member for member, arm in fate.items() if arm == "sent"}
    buyers = set(bought["household_id"]) & set(fate)
    sent, held = ([member for member in fate if fate[member] == arm] for arm in ("sent", "holdout"))
    sent_buyers, held_buyers = (sum(member in buyers for member in arm) for arm in (sent, held))
    assert sent_buyers > 3 and held_buyers > 1
    gained = len(sent) * (sent_buyers / len(sent) - held_buyers / len(held))
    assert done.figures["incremental_buyers"] == pytest.approx(gained)
    (report,) = done.of("insight.report")
    won_back = crowd.filter(pl.col("household_id").is_in(list(buyers & set(sent)))).join(
        bought.group_by("household_id").agg(pl.col("day").min()), on="household_id"
    ).filter((pl.col("day") - pl.col("last")).dt.total_days() >= 14).height  # fmt: skip
    assert report["figures"]["buyers_won_back"]["value"] == won_back
