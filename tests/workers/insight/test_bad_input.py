"""The sweep over figures of customers and of tests: bad values in each place are told as faults, or handled by a stated rule; no other
error, and no figure that is not finite."""

import math
from datetime import date, timedelta

import polars as pl
import pytest

from storeloom.workers.insight import (
    abdesign,
    abtest,
    anomaly,
    attribution,
    did,
    matching,
    recommend,
    rfm,
    rules,
    scores,
    sequential,
    synthetic,
)
from storeloom.workers.insight.faults import InsightFault
from storeloom.workers.insight.proportions import wilson
from storeloom.workers.insight.purchases import Purchases, read

NAN, INF = math.nan, math.inf
VALUES = [3.0, 5.0, 2.0, 4.0, 6.0, 3.0, 5.0] * 6
START = date(2026, 1, 5)


def lines(**changed):
    """Forty receipts of eight members over forty days."""
    n = 40
    columns = {
        "member": [f"m{k % 8}" for k in range(n)],
        "receipt": [f"r{k}" for k in range(n)],
        "ds": [START + timedelta(days=k) for k in range(n)],
        "item": [f"i{k % 5}" for k in range(n)],
        "qty": [1.0] * n,
        "amount": [2.0 + k % 3 for k in range(n)],
    }
    return pl.DataFrame(columns | changed)


def panel(**changed):
    n = 6 * 20
    columns = {
        "unique_id": [f"u{k // 20}" for k in range(n)],
        "ds": [START + timedelta(days=k % 20) for k in range(n)],
        "y": [10.0 + k // 20 + (k * 7 % 5) for k in range(n)],
    }
    return pl.DataFrame(columns | changed)


def spoilt(values, bad, place=3):
    return [bad if k == place else one for k, one in enumerate(values)]


SERIES = {
    "means": lambda one: abtest.means(one, VALUES).effect.value,
    "ratios": lambda one: abtest.ratios((one, VALUES), (VALUES, VALUES)).effect.value,
    "cuped": lambda one: abtest.cuped(one, VALUES, VALUES, VALUES).effect.value,
    "outliers": lambda one: float(anomaly.outliers(one).table.height),
    "seasonal": lambda one: float(anomaly.seasonal(one).table.height),
    "levels": lambda one: float(len(anomaly.levels(one).shifts)),
}


@pytest.mark.parametrize("name", SERIES)
def test_series(name):
    call = SERIES[name]
    assert math.isfinite(call(VALUES))
    for bad in ([], [1.0], spoilt(VALUES, INF), spoilt(VALUES, 1e30), spoilt(VALUES, "x"), [NAN] * 42):
        with pytest.raises(InsightFault) as fault:
            call(bad)
        assert all(one.text("zh") for one in fault.value.findings)


@pytest.mark.parametrize("name", [*SERIES])
def test_series_that_never_move(name):
    """A constant series has an answer or a fault, never a division by nothing."""
    try:
        assert math.isfinite(SERIES[name]([4.0] * 42))
    except InsightFault as fault:
        assert fault.findings


@pytest.mark.parametrize("bad", [NAN, INF, -INF, -1.0, 0.0])
def test_settings(bad):
    for call in (
        lambda: abdesign.means_size(0.0 if bad == -1 else bad, 1.0),
        lambda: abdesign.means_size(1.0, bad),
        lambda: abdesign.shares_size(bad, 0.01),
        lambda: abdesign.means_power(bad, 1.0, 1.0),
        lambda: abtest.means(VALUES, VALUES, level=bad),
        lambda: anomaly.outliers(VALUES, false_alarm=bad),
        lambda: anomaly.levels(VALUES, shift=bad),
        lambda: sequential.boundaries([bad]),
        lambda: sequential.spent(0.5, bad),
        lambda: wilson(3, 10, bad),
        lambda: abtest.sample_ratio([10, 12], [bad, 1]),
        lambda: abtest.shares(bad, 10, 3, 10),
    ):
        try:
            found = call()
        except InsightFault:
            continue
        assert bad == 0 and found is not None, call


@pytest.mark.parametrize(
    "changed",
    [
        {"qty": spoilt([1.0] * 40, NAN)},
        {"amount": spoilt([1.0] * 40, INF)},
        {"amount": spoilt([1.0] * 40, 1e30)},
        {"member": spoilt(["m"] * 40, None)},
        {"item": spoilt(["i"] * 40, "  ")},
        {"ds": ["yesterday"] * 40},
        {"receipt": ["r1"] * 40},
    ],
)
def test_receipts(changed):
    with pytest.raises(InsightFault) as fault:
        read(lines(**changed))
    assert fault.value.findings[0].code.startswith("SL-CUS")


def test_receipts_after_the_last_day_and_none():
    with pytest.raises(InsightFault):
        read(lines(), until=START)
    with pytest.raises(InsightFault):
        read(lines().clear())
    many = lines(qty=spoilt([1.0] * 40, NAN), amount=spoilt([1.0] * 40, INF), member=spoilt(["m"] * 40, None))
    with pytest.raises(InsightFault) as fault:
        read(many)
    assert len(fault.value.findings) == 3, "all faults at once"


def test_one_purchase_and_returns_only():
    one = read(lines().head(1))
    with pytest.raises(InsightFault):
        rfm.rfm(one, START + timedelta(days=1))
    with pytest.raises(InsightFault):
        recommend.interactions(Purchases(one.lines.clear(), START), START)
    with pytest.raises(InsightFault):
        recommend.interactions(read(lines()), START)  # a window that ends before it begins


def test_offers_to_nobody_and_to_strangers():
    data = recommend.interactions(read(lines()), START + timedelta(days=50))
    model = recommend.fit(data, "popular")
    assert recommend.recommend(model, []).height == 0
    assert recommend.recommend(model, ["stranger", "stranger"], 3).height == 6
    for k in (0, -1, 10**9):
        with pytest.raises(InsightFault):
            recommend.recommend(model, ["m1"], k)
    with pytest.raises(InsightFault):
        recommend.fit(data, "tea leaves")
    for bad in (NAN, INF, -1.0):
        with pytest.raises(InsightFault):
            recommend.recommend(model, ["m1"], wishes=recommend.Wishes(margin_weight=bad))
        with pytest.raises(InsightFault):
            recommend.fit(data, "als", regularisation=bad)
        with pytest.raises(InsightFault):
            recommend.fit(data, "als", alpha=bad)


@pytest.mark.parametrize("bad", [INF, 1e30])
def test_panels(bad):
    spoiled = panel(y=spoilt([1.0] * 120, bad))
    with pytest.raises(InsightFault):
        did.change(spoiled, {"u0": START + timedelta(days=10)}, draws=0)
    with pytest.raises(InsightFault):
        synthetic.control(spoiled, "u0", START + timedelta(days=10))


def test_panels_that_say_nothing():
    doubled = pl.concat([panel(), panel()])
    late, early = START + timedelta(days=99), START - timedelta(days=99)
    for call in (
        lambda: did.change(doubled, {"u0": START + timedelta(days=10)}, draws=0),
        lambda: did.change(panel(), {}, draws=0),
        lambda: did.change(panel(), {"nobody": START + timedelta(days=10)}, draws=0),
        lambda: did.change(panel(), {"u0": late}, draws=0),
        lambda: did.change(panel(), {"u0": early}, draws=0),
        lambda: did.change(panel().clear(), {"u0": late}, draws=0),
        lambda: synthetic.control(panel(), "nobody", START + timedelta(days=10)),
        lambda: synthetic.control(panel(), "u0", late),
        lambda: synthetic.control(panel(), "u0", early),
        lambda: synthetic.control(panel().filter(pl.col("unique_id") == "u0"), "u0", START + timedelta(days=10)),
    ):
        with pytest.raises(InsightFault) as fault:
            call()
        assert fault.value.findings


def test_paths_and_rules():
    for paths in (
        [],
        [attribution.Path((), 1.0)],
        [attribution.Path(("a",), 0.0)],
        [attribution.Path(("a",), NAN)],
        [attribution.Path(("a",), -1.0)],
    ):
        with pytest.raises(InsightFault):
            attribution.attribute(paths, draws=0)
    with pytest.raises(InsightFault):
        attribution.attribute([attribution.Path(("a",), 1.0, 2.0)], methods=["tarot"])
    assert rules.association_rules([["a"], ["a", "a"]], min_support=0.1).height == 0
    for bad in (NAN, -1.0, 2.0):
        with pytest.raises(InsightFault):
            rules.association_rules([["a", "b"]] * 3, min_support=bad)


def test_scores_and_pairs():
    table = pl.DataFrame({"store": ["a", "b", "c"], "sales": [1.0, INF, 3.0]})
    with pytest.raises(InsightFault):
        scores.score(table, "store", [scores.Part("sales", 1.0)])
    with pytest.raises(InsightFault):
        scores.score(table.clear(), "store", [scores.Part("sales", 1.0)])
    with pytest.raises(InsightFault):
        scores.score(pl.DataFrame({"store": ["a"], "sales": [1.0]}), "store", [])
    with pytest.raises(InsightFault):
        matching.pair(pl.DataFrame({"x": [1.0, NAN, 2.0, 3.0]}), [1, 0, 1, 0])
    with pytest.raises(InsightFault):
        matching.pair(pl.DataFrame({"x": [1.0, 2.0]}), [1, 1])
