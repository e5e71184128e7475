"""The outlook of members by set parameters, worked by hand, and fits that are kept only when they foresee better."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from storeloom.workers.insight import bgnbd, lifetime, member_value
from storeloom.workers.insight.member_value import Models
from storeloom.workers.insight.visits import History

SET = Models({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, {"p": 6.25, "q": 3.74, "gamma": 1544})
FIRST = date(2025, 1, 7)


def test_the_outlook_of_the_worked_member():
    told = History(2, FIRST, FIRST + timedelta(days=213), FIRST + timedelta(days=272), 2200)
    row = member_value.outlook(SET, member_value.summary({"m": told}), 39, 0.2)[0]
    assert row["p_alive"] == pytest.approx(0.727, abs=5e-4)
    assert row["purchases"] == pytest.approx(1.226, abs=1e-3)
    assert row["spend"] == pytest.approx(2437.7, abs=0.1)
    assert row["value"] == pytest.approx(598, abs=0.5)
    assert member_value.outlook(SET, member_value.summary({}), 39, 0.2) == []


def test_what_a_value_rests_on_and_what_it_was_on_the_day_of_the_last_purchase():
    told = History(2, FIRST, FIRST + timedelta(days=213), FIRST + timedelta(days=272), 2200)
    row = member_value.outlook(SET, member_value.summary({"m": told}), 39, 0.2)[0]
    parts = {part["name"]: (part["value"], part.get("unit")) for part in member_value.parts(row, told)}
    assert parts["value"] == (598, "minor") and parts["x"] == (2, None)
    assert parts["t_x"] == (pytest.approx(213 / 7), "week") and parts["T"] == (pytest.approx(272 / 7), "week")
    then = member_value.outlook(SET, member_value.summary({"m": told._replace(at=told.last)}), 39, 0.2)[0]["value"]
    assert member_value.when_last_seen(SET, {"m": told}, 39, 0.2) == {"m": round(then)} and then > row["value"]
    assert member_value.when_last_seen(SET, {}, 39, 0.2) == {}


def test_errors_are_root_mean_squares():
    known = pl.DataFrame({"member": ["a", "b"], "x": [0.0, 0.0], "t_x": [0.0, 0.0], "T": [8.0, 8.0], "monetary": [None, None]})
    each = float(SET.bgnbd.expected(known, 8)[0])
    error = member_value.visits_error(SET, known, [2, 0])
    assert error == pytest.approx(100 * np.sqrt(((each - 2) ** 2 + each**2) / 2))
    assert member_value.visits_error(SET, known, [0, 0]) is None
    usual = 6.25 * 1544 / 2.74
    assert member_value.spend_error(SET, known, [2, 0], [4000, 0]) == pytest.approx(usual - 2000)


def shoppers(seed: int, members: int, a: float, b: float) -> tuple[pl.DataFrame, list[int], list[int]]:
    """Members of 20 to 40 weeks, their summary and what they bought in the 8 weeks after it."""
    rng = np.random.default_rng(seed)
    rows, made, amounts = [], [], []
    for number in range(members):
        age, rate, stop, usual = rng.uniform(20, 40), rng.gamma(2, 0.3), rng.beta(a, b), rng.gamma(8, 400)
        times, at = [], 0.0
        while rng.random() > stop and (at := at + rng.exponential(1 / rate)) < age + 8:
            times.append(at)
        past = [time for time in times if time < age]
        mean = float(np.mean(rng.gamma(6, usual / 6, len(past)))) if past else None
        rows.append((f"m{number}", float(len(past)), past[-1] if past else 0.0, age, mean))
        made.append(len(times) - len(past))
        amounts.append(int(usual * made[-1]))
    return pl.DataFrame(rows, schema=["member", "x", "t_x", "T", "monetary"], orient="row"), made, amounts


def test_a_fit_is_kept_where_it_foresees_better():
    known, made, amounts = shoppers(3, 400, 1, 9)
    rough = Models(SET.visits, {"p": 1, "q": 3, "gamma": 20000})
    found = member_value.refit(rough, known, made, amounts)
    assert found.visits != rough.visits and found.spend != rough.spend
    now, then = (member_value.visits_error(models, known, made) for models in (found, rough))
    assert now is not None and then is not None and now < then
    assert member_value.refit(found, known, made, amounts).visits == found.visits  # no better the second time


def test_what_a_fit_does_not_improve_stays():
    known, made, amounts = shoppers(3, 400, 1, 9)
    fitted = bgnbd.fit(known, draws=0)
    present = Models({name: getattr(fitted, name) for name in bgnbd.PARAMETERS}, SET.spend)
    assert member_value.refit(present, known, made, amounts).visits == present.visits
    assert member_value.refit(SET, known.head(199), made[:199], amounts[:199]) == SET
    spend = lifetime.fit_spend(known, draws=0)
    good = Models(SET.visits, {"p": spend.p, "q": spend.q, "gamma": spend.v})
    assert member_value.refit(good, known, made, amounts).spend == good.spend
