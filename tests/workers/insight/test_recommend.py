"""Recommendations: clubs of taste, filters, cold starts and second rankings by hand, hit rate and NDCG by hand, no look ahead."""

from datetime import timedelta
from math import log2

import numpy as np
import polars as pl
import pytest

from storeloom.workers.insight import recommend
from storeloom.workers.insight.faults import InsightFault
from storeloom.workers.insight.purchases import read
from storeloom.workers.insight.ranking import backtest, score
from storeloom.workers.insight.recommend import Wishes
from tests.workers.insight.customers import START, lines

TODAY = START + timedelta(days=100)


def clubs(members=60, days=100, seed=0):
    """Two clubs that buy from ten items of their own, each member four of them, and everybody buys bags."""
    rng = np.random.default_rng(seed)
    rows = []
    for member in range(members):
        club = "tea" if member % 2 else "wine"
        for item in rng.permutation(10)[:4]:
            for day in rng.integers(0, days, 3):
                rows.append((f"m{member:02d}", f"{member}-{len(rows)}", int(day), f"{club}{item}", 1, 2))
        rows.append((f"m{member:02d}", f"{member}-{len(rows)}", int(rng.integers(0, days)), "bag", 1, 1))
    return read(lines(*rows), until=START + timedelta(days=days - 1))


CATALOGUE = pl.DataFrame(
    {
        "item": [*(f"tea{n}" for n in range(11)), *(f"wine{n}" for n in range(10)), "bag"],
        "category": ["tea"] * 11 + ["wine"] * 10 + ["household"],
    }
)


@pytest.fixture(scope="module")
def data():
    return recommend.interactions(clubs(), TODAY, CATALOGUE)


@pytest.mark.parametrize("method", ["hybrid", "als", "item_knn", "bpr"])
def test_members_are_offered_what_their_club_buys(data, method):
    model = recommend.fit(data, method, factors=2, regularisation=1.0, iterations=10)
    offered = recommend.recommend(model, data.members, 3, Wishes(drop_bought=True, exclude={"": ["bag"]}))
    assert offered.height == 3 * 60
    own = offered.with_columns(
        club=pl.when(pl.col("member").str.slice(1).cast(pl.Int64) % 2 == 1).then(pl.lit("tea")).otherwise(pl.lit("wine"))
    )
    hits = own.filter(pl.col("item").str.starts_with("tea") == (pl.col("club") == "tea")).height
    assert hits / offered.height > 0.9
    again = recommend.recommend(recommend.fit(data, method, factors=2, regularisation=1.0, iterations=10), data.members, 3)
    assert again.equals(recommend.recommend(model, data.members, 3)), "the same seed, the same offers"


def test_popularity_decays_and_new_items_begin_at_a_tenth_of_their_category():
    bought = read(
        lines(
            ("a", "r1", 99, "tea", 1, 2),  # a day old: 0.5 ** (1 / 60)
            ("b", "r2", 40, "mate", 1, 2),  # a half-life: 0.5
        ),
        until=TODAY,
    )
    kinds = pl.DataFrame({"item": ["tea", "mate", "oolong", "soap"], "category": ["drinks", "drinks", "drinks", "care"]})
    data = recommend.interactions(bought, TODAY, kinds)
    fresh = 0.5 ** (1 / 60)
    assert data.items == ("mate", "tea", "oolong", "soap")
    assert data.popularity == pytest.approx([0.5 / fresh, 1.0, 0.1 * (fresh + 0.5) / 2 / fresh, 0.0])
    offered = recommend.recommend(recommend.fit(data, "popular"), ["a", "new"], 4)
    assert offered.filter(pl.col("member") == "new")["item"].to_list() == ["tea", "mate", "oolong", "soap"]
    assert set(offered["reason"]) == {"popular"}


def test_filters_hold_for_everybody_and_for_one(data):
    model = recommend.fit(data, factors=4)
    bought = set(clubs().bought.filter(pl.col("member") == "m01")["item"])
    plain = recommend.recommend(model, ["m01"], 22)
    assert set(plain["item"]) == set(data.items), "all there is, where more is asked"
    assert plain["reason"][0] in ("bought_before", "similar_members", "popular") and plain["rank"].to_list() == list(range(1, 23))
    assert set(recommend.recommend(model, ["m01"], 22, Wishes(drop_bought=True))["item"]) == set(data.items) - bought
    wishes = Wishes(stock=["tea1", "tea2", "wine1"], exclude={"m01": ["tea1", "unheard of"]})
    assert set(recommend.recommend(model, ["m01"], 5, wishes)["item"]) == {"tea2", "wine1"}
    assert set(recommend.recommend(model, ["m02"], 5, wishes)["item"]) == {"tea1", "tea2", "wine1"}
    assert recommend.recommend(model, ["m01"], 5, Wishes(stock=[])).height == 0
    assert recommend.recommend(model, [], 5).height == 0


def test_own_purchases_are_told_as_the_reason(data):
    offered = recommend.recommend(recommend.fit(data, factors=4), ["m01"], 3)
    bought = set(clubs().bought.filter(pl.col("member") == "m01")["item"])
    for item, reason in offered.select("item", "reason").iter_rows():
        assert reason != "bought_before" or item in bought
    assert "bought_before" in set(offered["reason"])


def test_a_new_member_is_offered_what_sells_in_the_categories_it_named(data):
    model = recommend.fit(data, factors=4)
    offered = recommend.recommend(model, ["new"], 5, Wishes(interests={"new": ["tea"], "m01": ["wine"]}))
    best = sorted((i for i, c in enumerate(data.category) if c == "tea"), key=lambda i: -data.popularity[i])[:5]
    assert offered["item"].to_list() == [data.items[i] for i in best]
    assert set(offered["reason"]) == {"popular_in_category"}
    known = recommend.recommend(model, ["m01"], 5, Wishes(interests={"m01": ["wine"]}))
    assert known.equals(recommend.recommend(model, ["m01"], 5)), "who has a history is known by it"


def ranked(wishes, k=3):
    """Popularity 1, .8, .6, .4 of a1, a2, b1, b2 (two categories)."""
    rows = [("m", f"{item}{n}", 99, item, 1, 1) for item, times in (("a1", 5), ("a2", 4), ("b1", 3), ("b2", 2)) for n in range(times)]
    kinds = pl.DataFrame({"item": ["a1", "a2", "b1", "b2"], "category": ["a", "a", "b", "b"]})
    data = recommend.interactions(read(lines(*rows)), TODAY, kinds)
    return recommend.recommend(recommend.fit(data, "popular"), ["new"], k, wishes)


def test_the_second_ranking_by_hand():
    # relevance 1, 2/3, 1/3, 0; a second of a category loses 40 %: a1 1, a2 0.4, b1 1/3
    assert ranked(Wishes(variety=0.4))["item"].to_list() == ["a1", "a2", "b1"]
    # it loses 60 %: b1 1/3 before a2 4/15
    found = ranked(Wishes(variety=0.6))
    assert found["item"].to_list() == ["a1", "b1", "a2"]
    assert found["score"].to_list() == pytest.approx([1, 1 / 3, 4 / 15], rel=1e-5)
    # margin by rank among the candidates: b2 1, b1 2/3, a2 1/3, a1 0; at weight 0.8 margin leads
    margins = {"a1": 1.0, "a2": 2.0, "b1": 30.0, "b2": 400.0}
    assert ranked(Wishes(margin=margins, margin_weight=0.8), 4)["item"].to_list() == ["b2", "b1", "a2", "a1"]
    assert ranked(Wishes(margin=margins, margin_weight=0.0), 4)["item"].to_list() == ["a1", "a2", "b1", "b2"]


@pytest.mark.parametrize("columns", [5, 639, 3_001])
def test_the_best_are_those_of_a_whole_sort(columns):
    scores = np.random.default_rng(columns).permuted(np.tile(np.arange(columns, dtype=np.float32), (40, 1)), axis=1)
    scores[:, ::7] = -np.inf
    best = recommend._best(scores, 10)
    assert np.array_equal(best, np.argsort(-scores, axis=1, kind="stable")[:, : min(10, columns)])


def test_hit_and_ndcg_by_hand():
    offered = pl.DataFrame({"member": ["a", "a", "a", "b"], "rank": [1, 2, 3, 1], "item": ["x", "y", "z", "x"]})
    bought = pl.DataFrame({"member": ["a", "a", "a", "b", "c"], "item": ["y", "z", "y", "q", "x"]})
    found = score(offered, bought, k=3)
    # a: ranks 2 and 3 of two wanted; best would be ranks 1 and 2
    gain = (1 / log2(3) + 1 / log2(4)) / (1 / log2(2) + 1 / log2(3))
    assert found.rows() == [("a", 1.0, pytest.approx(gain)), ("b", 0.0, 0.0), ("c", 0.0, 0.0)]
    assert score(offered, bought, k=1)["hit"].sum() == 0


def test_a_back_test_sees_nothing_of_what_is_to_come():
    bought = clubs(days=140)
    cut = START + timedelta(days=100)
    found = backtest(bought, [cut], methods=["hybrid"], draws=200)
    shuffled = bought.lines.with_columns(item=pl.when(pl.col("ds") >= cut).then(pl.lit("bag")).otherwise(pl.col("item")))
    later = backtest(type(bought)(shuffled, bought.until), [cut], methods=["hybrid"], draws=200)
    assert not found.members.equals(later.members)
    offers = [
        recommend.recommend(recommend.fit(recommend.interactions(one, cut)), ["m01"])
        for one in (bought, type(bought)(shuffled, bought.until))
    ]
    assert offers[0].equals(offers[1])


def test_the_hybrid_beats_popularity_where_members_repeat_themselves():
    found = backtest(clubs(days=140), [START + timedelta(days=d) for d in (84, 112)], methods=["hybrid"], k=4, draws=300)
    row = found.table.filter((pl.col("method") == "hybrid") & (pl.col("figure") == "hit_rate")).row(0, named=True)
    assert row["low"] <= row["value"] <= row["high"] and row["ratio_low"] > 1
    base = found.table.filter((pl.col("method") == "popular") & (pl.col("figure") == "ndcg")).row(0, named=True)
    assert (base["ratio"], base["ratio_low"], base["ratio_high"]) == (1.0, 1.0, 1.0)
    one = found.members.filter(pl.col("method") == "hybrid")
    assert row["value"] == pytest.approx(one["hit"].mean())
    with pytest.raises(InsightFault, match="days known after the last cut"):
        backtest(clubs(days=140), [START + timedelta(days=120)])


def test_wrong_settings_are_refused(data):
    with pytest.raises(InsightFault, match="Setting method is svd"):
        recommend.fit(data, "svd")
    model = recommend.fit(data, "popular")
    with pytest.raises(InsightFault, match="Setting margin_weight is 2"):
        recommend.recommend(model, ["m01"], 5, Wishes(margin_weight=2))
    with pytest.raises(InsightFault, match="Setting pool is 3; allowed: >= k"):
        recommend.recommend(model, ["m01"], 5, Wishes(variety=0.5, pool=3))
    with pytest.raises(InsightFault, match="lines of items bought"):
        recommend.interactions(clubs(), START)
