"""Composite scores by hand, with missing parts and other weights."""

from __future__ import annotations

import math

import polars as pl
import pytest

from storeloom.workers.insight.faults import InsightFault
from storeloom.workers.insight.scores import Part, score

STORES = pl.DataFrame({"store": ["a", "b", "c", "d"], "sales": [10.0, 20.0, 30.0, 20.0], "waste": [5.0, 1.0, 3.0, None]})
PARTS = (Part("sales", 3), Part("waste", 1, higher_is_better=False))


def test_scores_by_hand() -> None:
    # sales 0, 50, 100; waste 5 -> 0, 1 -> 100, 3 -> 50; weights 0.75 and 0.25: a 0, b 62.5, c 87.5
    found = score(STORES.head(3), "store", PARTS).table
    assert found["store"].to_list() == ["c", "b", "a"]
    assert found["score"].to_list() == pytest.approx([87.5, 62.5, 0.0])
    assert found["rank"].to_list() == [1, 2, 3]


def test_missing_parts_by_both_rules() -> None:
    again = score(STORES, "store", PARTS, least_covered=0.7).table.filter(pl.col("store") == "d")
    assert (again["score"][0], again["covered"][0], again["waste"][0]) == (50.0, 0.75, None)
    worst = score(STORES, "store", PARTS, missing="worst").table.filter(pl.col("store") == "d")
    assert worst["score"][0] == pytest.approx(37.5)
    none = score(STORES, "store", PARTS, least_covered=0.8).table.filter(pl.col("store") == "d")
    assert none["score"][0] is None and none["rank"][0] is None


def test_targets_ranks_and_standard_deviations() -> None:
    target = score(STORES.head(3), "store", [Part("sales", 1, worst=0, best=20)]).table.sort("store")
    assert target["score"].to_list() == [50.0, 100.0, 100.0] and target["rank"].to_list() == [3, 1, 1]
    down = score(STORES.head(3), "store", [Part("waste", 1, False, worst=6, best=2)]).table.sort("store")
    assert down["score"].to_list() == [25.0, 100.0, 75.0]
    ranks = score(STORES, "store", [Part("sales", 1, scale="rank")]).table.sort("store")
    assert ranks["score"].to_list() == [0.0, 50.0, 100.0, 50.0]
    z = score(STORES.head(3), "store", [Part("sales", 1, scale="z")]).table.sort("store")
    assert z["score"].to_list() == pytest.approx([50 - 20 * math.sqrt(1.5), 50, 50 + 20 * math.sqrt(1.5)])
    assert score(STORES.with_columns(sales=pl.lit(4.0)), "store", [Part("sales", 1)]).table["score"].to_list() == [50.0] * 4


def test_ranks_that_hang_on_the_weights_are_told() -> None:
    even = pl.DataFrame({"store": ["a", "b"], "x": [0.0, 1.0], "y": [1.0, 0.0]})
    found = score(even, "store", [Part("x", 0.52), Part("y", 0.48)])
    first = found.table.row(0, named=True)
    assert (first["store"], first["rank"], first["low_rank"], first["high_rank"]) == ("b", 1, 1, 2)
    assert not found.stability.held and found.findings
    # b leads while x weighs more: x must fall to 48 / 52, y rise to 52 / 48
    assert found.turning["x"] == pytest.approx(48 / 52, rel=0.02) and found.turning["y"] == pytest.approx(52 / 48, rel=0.02)
    clear = score(STORES.head(3).select("store", "sales", best=pl.col("sales")), "store", [Part("sales", 1), Part("best", 1)])
    assert clear.stability.held and clear.turning == {"sales": None, "best": None}
    assert clear.table["low_rank"].to_list() == clear.table["high_rank"].to_list() == [1, 2, 3]


def test_bad_tables_are_refused_with_all_their_faults() -> None:
    with pytest.raises(InsightFault) as fault:
        score(STORES, "store", [Part("profit", 1), Part("shrink", 1)])
    assert len(fault.value.findings) == 2
    twice = pl.concat([STORES, STORES])
    for table, parts, options in (
        (twice, PARTS, {}),
        (STORES, [], {}),
        (STORES, [Part("sales", -1)], {}),
        (STORES.with_columns(sales=pl.lit(math.inf)), PARTS, {}),
        (STORES, PARTS, {"missing": "guess"}),
        (STORES, [Part("sales", 1, worst=30, best=10)], {}),
        (STORES.with_columns(sales=pl.lit("x")), PARTS, {}),
    ):
        with pytest.raises(InsightFault):
            score(table, "store", parts, **options)
