"""Difference-in-differences and synthetic control: against statsmodels, by hand, and on chains of stores whose truth was made."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from storeloom.workers.insight import absorb, did, synthetic
from storeloom.workers.insight.faults import InsightFault

DAY = date(2026, 1, 5)


def chain(y: np.ndarray) -> pl.DataFrame:
    """A panel of the rows of `y` (stores x weeks)."""
    days = [DAY + timedelta(weeks=k) for k in range(y.shape[1])]
    names = [f"s{k:02d}" for k in range(y.shape[0])]
    return pl.DataFrame({"unique_id": np.repeat(names, y.shape[1]), "ds": days * y.shape[0], "y": y.ravel()})


def week(k: int) -> date:
    return DAY + timedelta(weeks=k)


def walk(seed: int, stores: int = 20, weeks: int = 16, slope: float = 0.0, treated: int = 6, effect: float = 2.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    error = rng.normal(size=(stores, weeks))
    for k in range(1, weeks):
        error[:, k] += 0.6 * error[:, k - 1]
    y = rng.normal(50, 5, (stores, 1)) + np.cumsum(rng.normal(size=weeks)) + error
    y[:treated, 10:] += effect
    y[:treated] += slope * np.arange(weeks)
    return chain(y)


STARTS = {f"s{k:02d}": week(10) for k in range(6)}


def test_did_by_hand() -> None:
    # treated 10, 10 -> 16, 16 and 20, 20 -> 28, 28; others rise by 2, 4 and 3: (6 + 8) / 2 - 3 = 4
    y = np.array([[10, 10, 16, 16], [20, 20, 28, 28], [5, 5, 7, 7], [6, 6, 10, 10], [7, 7, 10, 10.0]])
    found = did.change(chain(y), {"s00": week(2), "s01": week(2)}, draws=0)
    assert found.effect.value == pytest.approx(4.0)
    assert found.share == pytest.approx(4 / (22 - 4))
    assert (found.treated, found.controls) == (2, 3)


def test_slopes_and_errors_are_those_of_the_regression_with_dummies() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    unit, time = np.repeat(np.arange(25), 8), np.tile(np.arange(8), 25)
    kept = rng.random(200) < 0.85
    unit, time = unit[kept], time[kept]
    x = rng.normal(size=(unit.size, 2)) + 0.3 * unit[:, None]
    y = x @ [1.0, -2.0] + unit + 0.5 * time + rng.normal(size=unit.size)
    found = absorb.fit(y, x, unit, time, unit, jackknife=False)
    assert found is not None
    dummies = np.column_stack([x, np.eye(25)[unit], np.eye(8)[time][:, 1:]])
    plain = sm.OLS(y, dummies).fit(cov_type="cluster", cov_kwds={"groups": unit, "use_correction": False})
    assert found.slopes == pytest.approx(plain.params[:2], abs=1e-8)
    rows = unit.size
    correction = 25 / 24 * (rows - 1) / (rows - 2)
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx(plain.bse[:2] * np.sqrt(correction), rel=1e-6)
    left_out = absorb.fit(y, x, unit, time, unit)
    assert left_out is not None and left_out.jackknife
    assert np.all(left_out.covariance.diagonal() > 0.8 * found.covariance.diagonal())


def test_the_interval_covers_and_the_checks_hold_where_all_is_well() -> None:
    covered, level, study = 0, 0, 0
    for seed in range(60):
        found = did.change(walk(seed), STARTS, draws=0)
        covered += found.effect.covers(2.0)
        level += found.checks[0].held
        study += did.event_study(walk(seed), STARTS).pre.held
    assert covered >= 53 and level >= 53 and study >= 53


def test_two_treated_stores_leave_one_degree_of_freedom() -> None:
    # (1/2 + 1/28)^2 / (1/4 / 1 + 1/784 / 27) = 1.1478
    assert absorb.freedom(np.array([1, 1] + [0] * 28)) == pytest.approx(1.1478, abs=1e-4)
    assert absorb.freedom(np.array([1] * 15 + [0] * 15)) == pytest.approx(28.0)
    starts = {"s00": week(10), "s01": week(10)}
    assert sum(did.change(walk(seed, treated=2), starts, draws=0).effect.covers(2.0) for seed in range(40)) >= 36


def test_stores_that_drifted_apart_before_are_told() -> None:
    found = did.change(walk(1, slope=0.5), STARTS)
    assert not found.checks[0].held
    assert [one.code for one in found.findings] == ["SL-EXP-05"]
    assert not did.event_study(walk(1, slope=0.8), STARTS).pre.held
    tried = did.placebo_dates(walk(1, slope=0.5), STARTS)
    assert min(effect.p_value for _, effect in tried) < 0.05


def test_placebo_dates_lie_before_the_start_and_find_nothing() -> None:
    tried = did.placebo_dates(walk(2), STARTS, dates=3)
    assert [at for at, _ in tried] == sorted(at for at, _ in tried)
    assert all(week(0) < at < week(10) for at, _ in tried)
    assert min(effect.p_value for _, effect in tried) > 0.05


def test_permuted_stores_tell_an_effect_from_none() -> None:
    assert did.change(walk(3), STARTS).checks[1].held
    assert not did.change(walk(3, effect=0.0), STARTS).checks[1].held


def test_starts_at_different_times_do_not_judge_each_other() -> None:
    # effects that grow by 1 a week; two-way fixed effects would take early starters for controls of late ones
    y = np.zeros((12, 12)) + np.arange(12.0)[:, None]
    begins = {0: 3, 1: 3, 2: 7, 3: 7}
    for store, begin in begins.items():
        y[store, begin:] += np.arange(1, 13 - begin)
    starts = {f"s{store:02d}": week(begin) for store, begin in begins.items()}
    found = did.change(chain(y), starts).effect.value
    early, late = 5.0, 3.0  # means of 1..9 and of 1..5
    assert late < found < early
    on = np.array([[store in begins and at >= begins[store] for at in range(12)] for store in range(12)], dtype=float)
    unit, time = np.repeat(np.arange(12), 12), np.tile(np.arange(12), 12)
    plain = absorb.fit(y.ravel(), on.reshape(-1, 1), unit, time, unit, jackknife=False)
    assert plain is not None and plain.slopes[0] < found


def test_the_event_study_shows_when() -> None:
    y = np.zeros((8, 10)) + np.arange(8.0)[:, None]
    y[:3, 6], y[:3, 7], y[:3, 8:] = np.arange(3) + 1.0, np.arange(3) + 2.0, np.arange(3)[:, None] + 3.0
    table = did.event_study(chain(y), {f"s{k:02d}": week(6) for k in range(3)}, before=3, after=3).table
    assert dict(zip(table["period"], table["value"], strict=True)) == pytest.approx({-3: 0, -2: 0, -1: 0, 0: 1, 1: 2, 2: 3}, abs=1e-9)


def test_too_few_treated_stores_allow_no_joint_test() -> None:
    found = did.event_study(walk(0, treated=2), {"s00": week(10), "s01": week(10)})
    assert not found.pre.held and found.pre.value == 2 and found.table.height == 8


def test_bad_panels_are_refused() -> None:
    good = walk(0)
    cases = {
        "SL-EXP-01": (good.rename({"y": "sales"}), STARTS),
        "SL-EXP-04": (pl.concat([good, good.head(2)]), STARTS),
        "SL-EXP-02": (good, {"s00": week(10), "nowhere": week(10)}),
        "SL-EXP-03": (good, {"s00": week(10)}),
    }
    for code, (frame, starts) in cases.items():
        with pytest.raises(InsightFault) as fault:
            did.change(frame, starts)
        assert code in [one.code for one in fault.value.findings]
    zoned = good.with_columns(pl.col("ds").cast(pl.Datetime).dt.replace_time_zone("UTC"))
    for frame, starts in ((zoned, STARTS), (good, {"s00": week(40), "s01": week(40)}), (good.clear(), STARTS)):
        with pytest.raises(InsightFault):
            did.change(frame, starts)


def test_weights_are_the_nearest_point_of_the_hull() -> None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    donors, target = rng.normal(size=(12, 6)), rng.normal(size=12)
    found = synthetic.weights(target, donors)
    assert found.sum() == pytest.approx(1.0) and found.min() >= 0
    peer = minimize(
        lambda w: float(np.sum((target - donors @ w) ** 2)),
        np.full(6, 1 / 6),
        bounds=[(0, 1)] * 6,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    assert found == pytest.approx(peer.x, abs=1e-4)
    exact = synthetic.weights(donors @ np.array([0.2, 0.0, 0.5, 0.0, 0.3, 0.0]), donors)
    assert exact == pytest.approx([0.2, 0, 0.5, 0, 0.3, 0], abs=1e-9)


def factors(seed: int, effect: float = 3.0, stores: int = 30) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    walks = np.cumsum(rng.normal(size=(40, 3)), axis=0)
    y = (walks @ (2 * rng.dirichlet(np.ones(3), stores)).T).T + rng.normal(0, 0.5, (stores, 40)) + rng.normal(20, 5, (stores, 1))
    y[0, 30:] += effect
    return chain(y)


def test_synthetic_control_finds_the_effect_and_ranks_it_first() -> None:
    found = synthetic.control(factors(0), "s00", week(30))
    assert found.effect.covers(3.0) and found.effect.low > 0
    assert found.rank == 1 and found.effect.p_value == pytest.approx(1 / 30)
    assert found.gaps["gap"][30:].mean() == pytest.approx(found.effect.value)
    assert sum(found.weights.values()) == pytest.approx(1.0, abs=1e-4)
    assert not found.findings


def test_synthetic_control_covers_and_seldom_calls_nothing_something() -> None:
    runs = [synthetic.control(factors(seed, 0.0), "s00", week(30)) for seed in range(60)]
    assert sum(run.effect.covers(0.0) for run in runs) >= 53
    assert sum(run.rank == 1 for run in runs) <= 8


def test_too_few_donors_give_no_interval_and_a_bad_fit_is_told() -> None:
    few = synthetic.control(factors(1, stores=8), "s00", week(30))
    assert few.effect.low == -np.inf and few.effect.p_value >= 1 / 8
    rng = np.random.default_rng(0)
    odd = rng.normal(size=(10, 40))
    odd[0] = 30 * np.sin(np.arange(40))
    found = synthetic.control(chain(odd), "s00", week(30))
    assert not found.checks[0].held and found.findings


def test_a_unit_that_had_moved_before_is_told_by_the_start_that_never_happened() -> None:
    frame = factors(2, 0.0)
    moved = frame.with_columns(
        pl.when((pl.col("unique_id") == "s00") & (pl.col("ds") >= week(21))).then(pl.col("y") + 9).otherwise(pl.col("y")).alias("y")
    )
    assert not synthetic.control(moved, "s00", week(30)).checks[1].held


def test_synthetic_control_refuses_what_it_cannot_stand_on() -> None:
    for unit, start in (("s99", week(30)), ("s00", week(2)), ("s00", week(60)), ("s00", datetime(2026, 5, 4))):
        with pytest.raises(InsightFault):
            synthetic.control(factors(0), unit, start)
