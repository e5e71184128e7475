"""New items: the level by hand, likeness and course learnt where they are known, intervals that hold on launches never seen."""

import numpy as np
import pytest

from storeloom.workers.forecast.launches import Launch, course_of, likeness_of
from storeloom.workers.forecast.newitems import Level, learn
from storeloom.workers.forecast.panel import PanelFault


def launched(number, seed, weeks=8, fade=0.0):
    """Flavour decides the rate (2, 6 or 18 a week), price doubles it from 0 to 1, colour says nothing."""
    rng = np.random.default_rng(seed)
    found = []
    for row in range(number):
        flavour, price = rng.integers(3), rng.random()
        rate = 2 * 3.0**flavour * (1 + price) * rng.gamma(6, 1 / 6)
        course = 1 + fade * np.exp(-0.5 * np.arange(weeks))
        units = rng.poisson(rate * course / course.mean())
        attributes = {"flavour": "abc"[flavour], "price": price, "colour": str(rng.integers(4))}
        found.append(Launch(f"i{row:03d}", attributes, tuple(map(float, units))))
    return found


def test_the_level_by_hand():
    """Likes sell 8, 12 and 10 a week; then 16 units in a full week, 3 in three days of seven."""
    level = Level.of_likes([8, 12, 10])
    assert (level.shape, level.rate) == (25, 2.5)
    first = level.seen(16, 1)
    assert (first.shape, first.rate, round(first.mean, 2)) == (41, 3.5, 11.71)
    second = first.seen(3, 3 / 7)
    assert (second.shape, round(second.rate, 4), round(second.mean, 2)) == (44, 3.9286, 11.20)
    assert second.chance_above(6) > 0.99
    assert second.seen(0, 0) is second, "an empty shelf teaches nothing"
    assert Level.of_likes([10]).shape == pytest.approx(40), "variance of a quarter of the mean"
    assert Level.of_likes([0, 0]).mean == pytest.approx(0.01)
    with pytest.raises(ValueError, match="no like items"):
        Level.of_likes([])


def test_what_counts_is_learnt():
    launches = launched(120, 1)
    weights = likeness_of(launches, course_of(launches, 8)).weights
    assert weights["flavour"] > 2
    assert weights["flavour"] > weights["price"] > 0
    assert weights["colour"] < 0.3 * weights["flavour"]


@pytest.mark.parametrize(("fade", "names"), [(0.0, {"flat"}), (4.0, {"fading", "bass", "weekly"})])
def test_the_course_after_a_launch(fade, names):
    course = course_of(launched(150, 2, fade=fade), 8)
    assert course.name in names or (not fade and np.ptp(course.weeks) < 0.15)
    true = 1 + fade * np.exp(-0.5 * np.arange(8))
    assert course.weeks == pytest.approx(true / true.mean(), abs=0.12)
    assert course.at(7, 3).tolist() == [course.weeks[7]] * 3


def test_launches_never_seen_are_foretold_better_than_by_the_mean_and_covered():
    model, news = learn(launched(200, 3)), launched(150, 4)
    rates = np.mean([sum(one.units) for one in model.launches])
    actual = np.array([sum(one.units) for one in news])
    told = [model.forecast(one.attributes, 8).total for one in news]
    mean = np.array([one["mean"] for one in told])
    assert np.abs(actual - mean).sum() < 0.55 * np.abs(actual - rates).sum()
    inside = np.mean([one["q10"] <= value <= one["q90"] for one, value in zip(told, actual, strict=True)])
    assert 0.72 <= inside <= 0.90
    after = [model.forecast(one.attributes, 4, units=one.units[:4]) for one in news]
    late = np.array([sum(one.units[4:]) for one in news])
    error = np.abs(late - [one.total["mean"] for one in after]).sum()
    assert error < 0.75 * np.abs(late - mean / 2).sum(), "own sales sharpen it"
    assert np.mean([one.own for one in after]) > 0.5
    width = np.mean([one.total["q90"] - one.total["q10"] for one in after])
    assert width < 0.8 * np.mean([one["q90"] - one["q10"] for one in told]) / 2


def test_checks_leave_each_launch_out():
    first, *_ = learn(launched(200, 3), group="flavour").checks
    assert (first.age, first.launches) == (0, 200)
    assert first.wape < first.group_wape < 1, "within a flavour price tells more"
    assert 0.74 <= first.covered <= 0.86
    assert abs(first.bias) < 0.05


def test_words_name_the_likes():
    model = learn(launched(60, 5))
    told = model.forecast({"flavour": "c", "price": 0.9, "colour": "0"}, 4, units=(30.0, 25.0))
    best = told.likes[0]
    assert next(one for one in model.launches if one.item == best.item).attributes["flavour"] == "c"
    assert told.why.startswith(f"like {best.item} ({best.likeness:.2f} alike, {best.rate:.3g} a week)")
    assert "own sales are" in told.why
    assert told.why_zh.startswith(f"相似品：{best.item}")
    assert told.weeks["week"].to_list() == [3, 4, 5, 6]
    assert [one.likeness for one in told.likes] == sorted((one.likeness for one in told.likes), reverse=True)
    assert model.likes({"flavour": "c", "price": 0.9}, 30, farthest=0.05) != model.likes({"flavour": "c", "price": 0.9}, 30)


def test_weeks_off_the_shelf_teach_and_sell_nothing():
    model = learn(launched(60, 5))
    attributes = {"flavour": "b", "price": 0.5}
    plain = model.forecast(attributes, 2)
    shut = model.forecast(attributes, 2, units=(0.0,), exposure=(0.0,), ahead=(0.0, 1.0))
    assert shut.level == plain.level
    assert shut.weeks.row(0)[1:] == (0.0,) * 6


def test_few_launches_and_attributes_not_known():
    few = learn([Launch("a", {"kind": "x", "price": 1.0}, (4.0, 4.0)), Launch("b", {"kind": None, "price": float("nan")}, (2.0, 2.0))])
    assert few.checks == ()
    told = few.forecast({"kind": "x"}, 3)
    assert 2 <= told.total["mean"] / 3 <= 4
    assert told.total["q97.5"] >= told.total["q50"] >= told.total["q2.5"] >= 0
    silent = learn([Launch("a", {}, (0.0, 0.0))]).forecast({}, 2)
    assert 0 < silent.total["mean"] < 0.1


@pytest.mark.parametrize(
    ("launches", "codes"),
    [
        ([], ["SL-FCT-01"]),
        ([Launch("a", {}, (1.0,)), Launch("a", {}, (-1.0,))], ["SL-FCT-30", "SL-FCT-31"]),
        ([Launch("a", {}, (float("nan"),), (2.0,))], ["SL-FCT-31", "SL-FCT-31"]),
        ([Launch("a", {}, (1.0, 2.0), (1.0,))], ["SL-FCT-31"]),
        ([Launch("a", {}, (1.0,), (0.0,))], ["SL-FCT-01"]),
    ],
)
def test_all_that_is_wrong_is_told_at_once(launches, codes):
    with pytest.raises(PanelFault) as caught:
        learn(launches)
    assert [finding.code for finding in caught.value.findings] == codes
