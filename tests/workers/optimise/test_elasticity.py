"""Elasticities on sales made with known ones: found, covered, shrunk to advantage; nought where price means nothing; faults named."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from storeloom.core.bench import optimise_stock
from storeloom.workers.optimise.elasticity import fit, hold_out, poisson, shrink
from storeloom.workers.optimise.stock_input import OrderFault

START = date(2024, 1, 1)


def made(seed, items=80, weeks=60, effect=1.0):
    """Items of 8 categories with elasticities about -2, promotions of 0.3, a season and overdispersed sales."""
    rng = np.random.default_rng(seed)
    centre, rows, truth = rng.normal(-2, 0.6, 8), [], {}
    for item in range(items):
        truth[f"i{item}"] = effect * rng.normal(centre[item % 8], 0.4)
        base = rng.gamma(3, 3) + 1
        for week in range(weeks):
            promo = float(rng.random() < 0.2)
            price = 10 * (1 - 0.2 * promo * rng.random()) * (1 - 0.1 * (rng.random() < 0.2))
            mean = base * (price / 10) ** truth[f"i{item}"] * np.exp(0.3 * promo + 0.2 * np.sin(week / 8)) * rng.gamma(5, 0.2)
            rows.append((f"i{item}", f"c{item % 8}", START + timedelta(weeks=week), float(rng.poisson(mean)), price, promo))
    return pl.DataFrame(rows, schema=["unique_id", "category", "ds", "y", "price", "promo"], orient="row"), truth


@pytest.fixture(scope="module")
def shops():
    return [made(seed) for seed in range(4)]


def test_shrunk_estimates_are_nearer_and_their_intervals_cover(shops):
    covered, shrunk, own = [], [], []
    for frame, truth in shops:
        table = fit(frame, level=0.9).table
        for row in table.iter_rows(named=True):
            covered.append(row["low"] <= truth[row["unique_id"]] <= row["high"])
            shrunk.append(row["elasticity"] - truth[row["unique_id"]])
            own.append(row["own"] - truth[row["unique_id"]])
    assert 0.85 <= np.mean(covered) <= 0.97
    assert np.std(shrunk) < 0.6 * np.std(own)
    assert abs(np.mean(shrunk)) < 0.15


def test_prices_without_noise_give_the_elasticity_itself():
    rows = [
        (f"i{item}", "c", START + timedelta(weeks=week), 1e4 * price**-1.5, price)
        for item in range(4)
        for week, price in enumerate([1.0, 1.1, 0.9, 1.2, 1.0, 0.8, 1.0, 1.3, 0.95, 1.05])
    ]
    found = fit(pl.DataFrame(rows, schema=["unique_id", "category", "ds", "y", "price"], orient="row"))
    assert found.table["own"].to_list() == pytest.approx([-1.5] * 4, abs=1e-6)
    assert found.within == 0 and found.mean == pytest.approx(-1.5, abs=1e-6)


def test_the_hold_out_tells_price_from_no_price(shops):
    frame, _ = shops[0]
    with_price = hold_out(frame, date(2024, 11, 1))
    assert with_price.high < 1 and abs(with_price.placebo) < 0.5 < abs(with_price.mean)
    rules = dict(with_price.table.select("rule", "moved").iter_rows())
    assert rules["shrunk"] < rules["own"] < rules["constant"]


def test_promotions_explain_what_would_pass_for_price():
    frame, _ = made(9, effect=0.0)
    assert abs(fit(frame).mean) < 0.5
    assert fit(frame.drop("promo")).mean < -0.8


def test_an_item_whose_price_stands_takes_its_category(shops):
    frame, _ = shops[1]
    still = frame.filter(pl.col("unique_id") == "i0").with_columns(pl.lit("new").alias("unique_id"), pl.lit(10.0).alias("price"))
    table = fit(pl.concat([frame, still])).table
    row = table.filter(pl.col("unique_id") == "new").row(0, named=True)
    same = table.filter((pl.col("category") == "c0") & (pl.col("unique_id") != "new"))
    assert row["own"] is None and row["weight"] == 0
    assert same["elasticity"].min() < row["elasticity"] < same["elasticity"].max()
    assert row["high"] - row["low"] > (same["high"] - same["low"]).max()


def test_weeks_sold_out_do_not_count(shops):
    frame, _ = shops[0]
    sold_out = frame.with_columns(out_of_stock=pl.when(pl.col("price") < 9).then(0.5).otherwise(0.0))
    spoilt = sold_out.with_columns(y=pl.when(pl.col("price") < 9).then(0.0).otherwise(pl.col("y")))
    assert fit(sold_out).table.equals(fit(spoilt).table)


def test_shrinkage_by_hand():
    # one category, equal variances 1: values 0 and 4 scatter by 8 on 1 degree of freedom: 8 / (1 + t) = 1 gives t = 7, weight 7/8
    middle, _, weight, grand, within, between = shrink(np.array([0.0, 4.0]), np.ones(2), ["a", "a"])
    assert weight.tolist() == pytest.approx([7 / 8] * 2) and grand == pytest.approx(2)
    assert middle.tolist() == pytest.approx([0.25, 3.75])
    assert (within, between) == (pytest.approx(7**0.5), 0.0)


def test_poisson_against_the_closed_form():
    # two groups: coefficients are the log mean of the first and the log ratio of the second to it
    x = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]])
    beta, _ = poisson(x, np.array([1.0, 2, 3, 4, 6, 8]), np.zeros(6))
    assert beta.tolist() == pytest.approx([np.log(2), np.log(3)])
    assert poisson(x, np.array([0.0, 0, 0, 4, 6, 8]), np.zeros(6)) is None


def test_faults_all_at_once():
    rows = {"unique_id": ["a", None], "category": ["c", "c"], "ds": [START, START], "y": [-1.0, float("inf")], "price": [0.0, 1.0]}
    with pytest.raises(OrderFault) as fault:
        fit(pl.DataFrame(rows))
    assert [one.args["what"] for one in fault.value.findings] == ["y", "price", "unique_id, category, ds"]
    with pytest.raises(OrderFault) as fault:
        fit(pl.DataFrame({"unique_id": ["a"], "ds": [START]}))
    assert [one.args["column"] for one in fault.value.findings] == ["category", "y", "price"]
    twice = pl.DataFrame({"unique_id": ["a"] * 2, "category": ["c"] * 2, "ds": [START] * 2, "y": [1.0, 2], "price": [1.0, 1]})
    with pytest.raises(OrderFault, match="repeat an item and time, first a"):
        fit(twice)
    with pytest.raises(OrderFault, match="rows with units and price"):
        fit(twice.clear())
    flat = pl.concat([twice.head(1).with_columns(ds=pl.lit(START + timedelta(weeks=week))) for week in range(20)])
    with pytest.raises(OrderFault, match="items whose price moved"):
        fit(flat)


def test_real_sales_after_the_cut():
    if not (optimise_stock.DATA / optimise_stock.FILES[0]).is_file():
        pytest.skip("the Complete Journey data set is absent")
    results = {one.name: one for one in optimise_stock.elasticity(optimise_stock.read(optimise_stock.DATA))}
    assert results["elasticity_error"].met and results["elasticity_shrunk_to_own"].met
    assert abs(results["elasticity_placebo"].value) < 0.2 < abs(results["elasticity_mean"].value)
