"""Hierarchies: names that form a tree, sums that add up; reconciling against the closed form and the library's own functions."""

import numpy as np
import polars as pl
import pytest
from hierarchicalforecast.methods import MinTrace

from storeloom.workers.forecast import reconcile
from storeloom.workers.forecast.grid import make
from storeloom.workers.forecast.hierarchy import arrange
from storeloom.workers.forecast.panel import Panel, PanelFault
from storeloom.workers.forecast.reconcile import forecast, halfway, reconciled
from tests.workers.forecast.series import panel_of, sales

QUICK = ("rates", "window_average", "seasonal_naive")
NAMES = pl.DataFrame(
    {"unique_id": ["d", "a", "b", "c"], "item": ["w", "u", "v", "w"], "category": ["y", "x", "x", "y"], "store": ["2", "1", "1", "1"]}
)


def codes(call):
    with pytest.raises(PanelFault) as caught:
        call()
    return [(finding.code, dict(finding.args)) for finding in caught.value.findings]


def test_levels_by_hand():
    made = arrange(NAMES, [("category",), ("store", "category")], nested=[("item", "category")])
    assert [(level.name, level.ids) for level in made.levels] == [
        ("all", ("all",)),
        ("category", ("x", "y")),
        ("store | category", ("1 | x", "1 | y", "2 | y")),
        ("series", ("a", "b", "c", "d")),
    ]
    assert made.matrix().toarray().astype(int).tolist() == [
        [1, 1, 1, 1],
        [1, 1, 0, 0],
        [0, 0, 1, 1],
        [1, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
        *np.eye(4, dtype=int).tolist(),
    ]


def test_names_that_form_no_tree():
    split = NAMES.with_columns(category=pl.Series(["y", "x", "x", "x"]))
    ((code, args),) = codes(lambda: arrange(split, [("category",)], nested=[("item", "category")]))
    assert code == "SL-FCT-33"
    assert (args["count"], args["name"], args["parents"]) == (1, "w", "x, y")
    twice = pl.concat([NAMES, NAMES.head(1).with_columns(store=pl.lit(None, dtype=pl.String))])
    assert [code for code, _ in codes(lambda: arrange(twice, [("store",)]))] == ["SL-FCT-03", "SL-FCT-32"]
    assert [code for code, _ in codes(lambda: arrange(NAMES.clear(), [("region",)]))] == ["SL-FCT-01", "SL-FCT-02"]
    made = arrange(NAMES, [("category",)])
    ((code, args),) = codes(lambda: forecast(panel_of(sales(4, 60)), 7, made))
    assert (code, args["count"]) == ("SL-FCT-34", 8)


def test_sums_of_what_is_known():
    """Series s000 sells 90 a day, s001 4, s002 6: without s001 the sum is scaled up, without s000 it is not known."""
    values = np.tile([[90.0], [4.0], [6.0]], (1, 10))
    values[1, 3] = values[0, 5] = np.nan
    names = pl.DataFrame({"unique_id": ["s000", "s001", "s002"], "category": ["x", "x", "x"]})
    made = arrange(names, [()])
    whole = make(panel_of(values), 0)
    found = made.grid(made.levels[0], whole).values[0]
    assert found[3] == pytest.approx(100)
    assert np.isnan(found[5])
    assert np.delete(found, [3, 5]) == pytest.approx(100)


def test_least_squares_is_the_closed_form_and_the_librarys():
    made = arrange(NAMES, [("category",)])
    adds = made.matrix().toarray()
    rng = np.random.default_rng(3)
    base = adds @ rng.uniform(20, 40, (4, 3)) + rng.normal(0, 1, (7, 3))
    errors = rng.normal(0, 1, (7, 60)) * np.arange(1, 8)[:, None]
    for method, weights in (("wls_struct", adds.sum(axis=1)), ("wls_var", errors.var(axis=1, ddof=1))):
        inverse = np.diag(1 / weights)
        closed = adds @ np.linalg.solve(adds.T @ inverse @ adds, adds.T @ inverse @ base)
        assert reconciled(made, base, method, errors) == pytest.approx(closed, rel=1e-3), method
    library = MinTrace("mint_shrink", mint_shr_ridge=1e-6)
    told = library.fit_predict(S=adds, y_hat=base, y_insample=errors, y_hat_insample=np.zeros_like(errors))["mean"]
    assert reconciled(made, base, "mint_shrink", errors) == pytest.approx(told, rel=1e-4)
    assert reconciled(made, base, "top_down", shares=np.array([0.4, 0.3, 0.2, 0.1]))[:, 0] == pytest.approx(
        base[0, 0] * np.array([1, 0.7, 0.3, 0.4, 0.3, 0.2, 0.1])
    )


@pytest.mark.parametrize("method", reconcile.METHODS)
def test_coherent_and_never_negative(method):
    made = arrange(NAMES, [("category",), ("store",)])
    rng = np.random.default_rng(4)
    base = rng.uniform(0, 5, (made.nodes, 6))
    base[-4] = 0.0
    base[0] = 1.0  # far below what the series add up to
    errors = rng.normal(0, 1, (made.nodes, 50))
    errors[-1] = 0.0
    errors[2, :5] = np.nan
    found = reconciled(made, base, method, errors)
    assert found.min() >= 0
    assert found == pytest.approx(made.matrix() @ found[-4:])
    assert np.isfinite(found).all()


def test_days_go_halfway_to_their_weeks():
    days = np.array([[1.0] * 7 + [2.0] * 7, [0.0] * 14])
    found = halfway(days, np.array([[21.0, 14.0], [14.0, 0.0]]))
    assert found[0] == pytest.approx([2.0] * 7 + [2.0] * 7)
    assert found[1] == pytest.approx([1.0] * 7 + [0.0] * 7)


def made_up(days=260):
    """Six items in three stores; the stores' levels move together, so that sums tell what single series hide."""
    rng = np.random.default_rng(7)
    level = np.exp(np.cumsum(0.02 * rng.normal(size=days)))
    values = rng.poisson(1.5 * level * sales(1, days, 1000)[0] / 1000, (18, days)).astype(float)
    panel = panel_of(values)
    names = pl.DataFrame({"unique_id": panel.ids}).with_columns(
        store=pl.Series([f"store{row // 6}" for row in range(18)]), category=pl.Series([f"c{row % 2}" for row in range(18)])
    )
    return panel, names


def test_the_chosen_method_is_coherent_better_and_covers():
    panel, names = made_up()
    made = arrange(names, [("store",), ("category",)])
    cut = panel.last
    told = forecast(Panel(panel.frame.filter(pl.col("ds") <= pl.lit(cut) - pl.duration(days=28))), 28, made, candidates=QUICK)
    means = told.frame.pivot("ds", index="unique_id", values="mean").drop("unique_id").to_numpy()
    assert means == pytest.approx(made.matrix() @ means[-18:])
    table = told.scores.group_by("method", "weeks", maintain_order=True).agg(pl.col("rmsse").mean())
    best = table.filter((pl.col("method") == told.method) & (pl.col("weeks") == told.weeks))["rmsse"][0]
    assert best <= table.filter(pl.col("method") != "base")["rmsse"].min() / (1 - reconcile.MARGIN)
    assert best < table.filter(pl.col("method") == "base")["rmsse"][0]
    words = "no method clearly better" if told.method == "wls_struct" else "least error over all levels"
    assert told.why.startswith(f"{told.method}: {words} in 4 back-tests")
    quantiles = told.frame.select("q2.5", "q10", "q50", "q90", "q97.5").to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    truth = panel.frame.filter(pl.col("ds") > pl.lit(cut) - pl.duration(days=28))
    series = told.frame.filter(pl.col("level") == "series").join(truth, on=["unique_id", "ds"])
    assert 0.7 <= ((series["y"] >= series["q10"]) & (series["y"] <= series["q90"])).mean() <= 0.95
    wide = told.totals.group_by("level", maintain_order=True).agg((pl.col("q90") - pl.col("q10")).sum())
    by = dict(wide.iter_rows())
    assert by["all"] < by["store"] < by["series"] * 1.2, "sums vary less than their parts together"


def test_without_past_steps_the_rule_is_told():
    names = pl.DataFrame({"unique_id": [f"s{row:03d}" for row in range(4)], "store": ["1", "1", "2", "2"]})
    told = forecast(panel_of(sales(4, 20)), 14, arrange(names, [("store",)]), candidates=QUICK)
    assert (told.method, told.weeks, told.scores.height) == ("wls_struct", False, 0)
    assert told.why == "wls_struct: too short a history to compare methods"
    with pytest.raises(ValueError, match="no method of reconciling 'erm'"):
        forecast(panel_of(sales(4, 20)), 14, arrange(names, [("store",)]), methods=("erm",))


def test_ten_thousand_series_stay_sparse():
    count = 10_000
    rows = np.arange(count)
    names = pl.DataFrame({"unique_id": [f"{row:05d}" for row in rows], "store": rows % 50, "item": rows // 50})
    made = arrange(names, [("store",), ("item",)])
    adds = made.matrix()
    assert adds.nnz == 4 * count
    base = adds @ np.random.default_rng(1).poisson(0.5, (count, 2)).astype(float)
    base[0] *= 1.2
    found = reconciled(made, base, "wls_struct")
    assert found == pytest.approx(adds @ found[-count:])
    assert base[1:51].sum() / 2 < found[0].sum() < base[0].sum()
