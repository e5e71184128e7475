"""Skin measurements: the catalogue's figures by hand, age bands, concerns with and without peers."""

from types import SimpleNamespace

import pytest

from storeloom.workers.insight import skin


def test_three_captures_have_a_range_and_a_median():
    near = [{"moisture": 30}, {"moisture": 34, "oil": 50}, {"moisture": 32}]
    assert skin.widest(near) == ("moisture", 4) and skin.medians(near) == {"moisture": 32, "oil": 50}
    assert skin.widest([{"moisture": 30, "oil": 5}, {"moisture": 50, "oil": 6}, {"moisture": 32}]) == ("moisture", 20)
    assert skin.widest([]) == (None, 0) and skin.medians([{}]) == {}


def test_only_scores_from_0_to_100_count():
    assert skin.scores_of({"moisture": 0, "oil": 100, "pores": 101, "spots": "9", "redness": True, "age": 30}) == {
        "moisture": 0,
        "oil": 100,
    }


def test_a_percentile_and_its_weight():
    percent = skin.percentile(32, 50, 10)
    assert percent == pytest.approx(3.5930, abs=1e-4)
    assert skin.concerns({}, {"moisture": percent, "oil": 30, "pores": 15}, 30) == pytest.approx(
        {"moisture": 0.88023, "pores": 0.5}, abs=1e-5
    )
    assert list(skin.concerns({}, {"oil": 20, "moisture": 3}, 30)) == ["moisture", "oil"]
    assert skin.concerns({"oil": 3}, {"oil": 80}, 30) == {}


def test_without_peers_the_two_lowest_weigh_one():
    assert skin.concerns({"moisture": 40, "oil": 20, "pores": 30, "spots": 30}, {}, 30) == {"oil": 1, "pores": 1}
    assert skin.concerns({"oil": 90}, {}, 30) == {"oil": 1}


def test_changes_of_what_was_measured_both_times():
    assert skin.changes({"moisture": 30, "oil": 50}, {"moisture": 38, "pores": 9}) == {"moisture": 8}


def test_strength_is_points_by_weight():
    assert skin.strength({"moisture": 4, "oil": 9}, {"moisture": 0.5, "pores": 1}) == 2


@pytest.mark.parametrize(
    ("age", "band"),
    [(25, "25-34"), ("34", "25-34"), (34.9, "25-34"), ("25-34", "25-34"), (35, "35s"), (44, "35s"), (60, "60+"), (17, "<18"), (18, None)],
)
def test_bands_by_age(age, band):
    assert skin.band_of(age, ["<18", "25-34", "35s", "60+"]) == band


def test_percentiles_among_peers_of_the_band():
    norm = SimpleNamespace(mean=50, deviation=10)
    norms = {"25-34": {"moisture": norm, "oil": norm}, "60+": {}}
    assert skin.among_peers({"moisture": 50, "pores": 9}, 30, norms) == ("25-34", {"moisture": 50})
    assert skin.among_peers({"moisture": 50}, 60, norms) == ("60+", {}) and skin.among_peers({"moisture": 50}, None, norms) == (None, {})


def test_the_only_band_serves_whom_nothing_is_known_of():
    assert skin.band_of(None, ["all"]) == "all" and skin.band_of(None, ["25-34", "60+"]) is None
    assert skin.band_of(50, ["25-34"]) is None and skin.band_of("old", ["25-34"]) is None


def test_a_test_goes_on_until_its_captures_agree_or_were_repeated_twice():
    test = {"captures": [], "times": [], "repeats": 0}
    steps = []
    for number, score in enumerate((30, 50, 30, 45, 30, 46, 30, 47)):
        steps.append(skin.enter(test, {"moisture": score}, f"t{number}", of=2, max_range=15))
        assert skin.enter(test, {"moisture": 1}, f"t{number}", of=2, max_range=15) is None
    assert [step.screen for step in steps] == ["measure", "repeat", "measure", "report", "measure", "repeat", "measure", "repeat"]
    assert steps[0].params == {"taken": 1, "of": 2} and steps[3].params == {"scores": {"moisture": 37.5}, "steady": True}
    assert steps[1].params == {"score": "moisture", "range": 20, "limit": 15, "repeat": 1} and steps[7].params["repeat"] == 2
    assert skin.enter(test, {"moisture": 10}, "a", of=1, max_range=15) == ("report", {"scores": {"moisture": 10}, "steady": True})


def test_what_still_differs_counts_by_the_median_as_unsteady():
    test = {"captures": [{"oil": 10}], "times": [], "repeats": skin.REPEATS}
    assert skin.enter(test, {"oil": 30}, "t", of=2, max_range=15) == ("report", {"scores": {"oil": 20}, "steady": False})
    assert test["repeats"] == 0 and test["captures"] == []


def test_a_report_tells_only_what_is_known():
    result = {"scores": {"oil": 20}, "steady": True, "change": {}}
    assert skin.report(result, {"oil": 0.8802}, None, {}, 70000) == {
        "scores": {"oil": 20}, "concerns": {"oil": 0.88}, "steady": True, "budget": 70000,
    }  # fmt: skip
    full = skin.report(result | {"change": {"oil": 5}}, {}, "30s", {"oil": 3.593}, 1)
    assert full["percentiles"] == {"oil": 3.6} and full["band"] == "30s" and full["change"] == {"oil": 5} and full["concerns"] == {}
