"""RFM: how recently, how often and for how much each member bought, as scores and as the segments that CRM work is planned in.

Source: Hughes, Strategic Database Marketing (1994) for the scores; the eleven segment names over recency x mean of frequency and monetary
are those in common use by CRM suites. Scores are quantiles: a member's score is the `groups`-th of the field in which its mid-rank lies,
so that equal values always have equal scores, whatever their order. Where many tie, groups are unequal: that is the data's doing, and said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import polars as pl

from storeloom.workers.insight.faults import require, require_setting
from storeloom.workers.insight.proportions import LEVEL, wilson
from storeloom.workers.insight.purchases import Purchases

GROUPS = 5
LEAST_MEMBERS = 20


class Segment(NamedTuple):
    """A field of the grid: recency score and rounded mean of frequency and monetary scores, both counted (of five)."""

    name: str
    zh: str
    recency: tuple[int, int]
    value: tuple[int, int]


SEGMENTS = (
    Segment("champions", "重要价值客户", (5, 5), (4, 5)),
    Segment("loyal_customers", "忠诚客户", (3, 4), (4, 5)),
    Segment("potential_loyalists", "潜力客户", (4, 5), (2, 3)),
    Segment("recent_customers", "新客户", (5, 5), (1, 1)),
    Segment("promising", "有希望客户", (4, 4), (1, 1)),
    Segment("need_attention", "需关注客户", (3, 3), (3, 3)),
    Segment("about_to_sleep", "将沉睡客户", (3, 3), (1, 2)),
    Segment("cannot_lose_them", "不可流失客户", (1, 1), (4, 5)),
    Segment("at_risk", "流失风险客户", (2, 2), (3, 5)),
    Segment("at_risk", "流失风险客户", (1, 1), (3, 3)),
    Segment("hibernating", "沉睡客户", (2, 2), (1, 2)),
    Segment("lost", "已流失客户", (1, 1), (1, 2)),
)


@dataclass(frozen=True)
class RfmTable:
    """`frame`: member, recency_days, frequency (days with a purchase), monetary (mean amount of such a day), r, f, m (1 worst to `groups`
    best), segment. `tied`: of each score, the share of members that sit in its largest tie (above 1 / groups the groups are unequal)."""

    frame: pl.DataFrame
    groups: int
    tied: dict[str, float]


def rfm(purchases: Purchases, today: date | None = None, *, groups: int = GROUPS, segments: bool = True) -> RfmTable:
    """Score every member on what is known up to `today` (default: the last day known).

    Monetary is the mean, not the total, of a purchase day: the total repeats frequency. `segments` asks for the grid of five.
    Raises InsightFault below 20 members and for settings out of range.
    """
    until = today or purchases.until
    require_setting("groups", groups, "5" if segments else "2..10", groups == GROUPS if segments else 2 <= groups <= 10)
    days = purchases.days.filter(pl.col("ds") <= until)
    figures = days.group_by("member").agg(
        recency_days=(pl.lit(until) - pl.col("ds").max()).dt.total_days(),
        frequency=pl.len().cast(pl.Int64),
        monetary=pl.col("amount").mean(),
    )
    require("members with a purchase", "有购买记录的会员", figures.height, LEAST_MEMBERS)
    scored = figures.with_columns(
        r=_score(-pl.col("recency_days"), groups), f=_score(pl.col("frequency"), groups), m=_score(pl.col("monetary"), groups)
    ).sort("member")
    if segments:
        scored = scored.with_columns(segment=_segment())
    tied = {name: _largest_tie(scored, of) for name, of in (("r", "recency_days"), ("f", "frequency"), ("m", "monetary"))}
    return RfmTable(scored, groups, tied)


def came_back(table: RfmTable, later: Purchases, by: str = "segment", level: float = LEVEL) -> pl.DataFrame:
    """The check: which share of each segment (or score) bought again in a later time, with its Wilson interval.

    Scores that say something order these shares; intervals that all overlap mean that they do not.
    """
    buyers = later.days.select("member").unique().with_columns(bought=pl.lit(True))
    joined = table.frame.join(buyers, on="member", how="left").with_columns(pl.col("bought").fill_null(False))
    found = joined.group_by(by).agg(members=pl.len().cast(pl.Int64), again=pl.col("bought").sum().cast(pl.Int64)).sort(by)
    limits = [wilson(again, members, level) for members, again in found.select("members", "again").iter_rows()]
    return found.with_columns(
        share=pl.col("again") / pl.col("members"), low=pl.Series([low for low, _ in limits]), high=pl.Series([high for _, high in limits])
    )


def _score(value: pl.Expr, groups: int) -> pl.Expr:
    middle = (value.rank("average") - 0.5) / pl.len()
    return (middle * groups).floor().clip(0, groups - 1).cast(pl.Int64) + 1


def _segment() -> pl.Expr:
    value = ((pl.col("f") + pl.col("m")) / 2 + 0.5).floor().cast(pl.Int64)
    found: pl.Expr = pl.lit(None, dtype=pl.String)
    for one in SEGMENTS:
        inside = pl.col("r").is_between(*one.recency) & value.is_between(*one.value)
        found = pl.when(inside).then(pl.lit(one.name)).otherwise(found)
    return found


def _largest_tie(frame: pl.DataFrame, of: str) -> float:
    most = frame.group_by(of).len()["len"].max()
    assert isinstance(most, int)
    return most / frame.height
