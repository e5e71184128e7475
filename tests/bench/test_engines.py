"""The bench of the engines: what it needs, how it pairs, that each part measures on little and that every place answers alike."""

from __future__ import annotations

import argparse
import itertools
import json

import pytest

from storeloom.core.bench import engines, store_weeks
from storeloom.core.bench.harness import Result
from storeloom.core.commands import bench
from storeloom.core.kernel.errors import InputFault, MisuseFault
from storeloom.workers.optimise.roster_problem import check
from storeloom.workers.pool import open_pool

TINY = engines.Size(series=3, rounds=1, weeks=2, work=0.05, members=20, load=2, load_work=0.02, load_rounds=1)


def test_an_absent_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "NEEDED", {"ray": ("no_such_library",)})
    with pytest.raises(InputFault, match="needs the extra 'ray'"):
        engines.measure()


def test_rounds_run_in_turn_and_backwards_and_the_median_ratio_counts() -> None:
    ticks, order = itertools.count(), list[str]()
    found = engines.paired({name: lambda name=name: order.append(name) for name in "ab"}, 3, lambda: float(next(ticks)))  # type: ignore[misc]
    assert order == ["a", "b", "b", "a", "a", "b"] and found == {"a": [1.0] * 3, "b": [1.0] * 3}
    assert engines.ratio({"a": [2.0, 9.0, 3.0], "b": [1.0, 1.0, 1.0]}, "a", "b") == 3.0


def test_a_missed_goal_ends_with_1_and_quick_is_for_engines_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[bool] = []

    def measure(quick: bool = False) -> list[Result]:
        told.append(quick)
        return [Result("rosters_mean_gap", 0.05, "share", "<= 0.02", "bound", 1)]

    monkeypatch.setattr(engines, "measure", measure)
    given = argparse.Namespace(area="engines", data=None, split=None, quick=True, json=True)
    assert bench.bench(given) == 1 and told == [True]
    assert json.loads(capsys.readouterr().out)["results"][0] | {"against": "", "runs": 0} == {
        "name": "rosters_mean_gap", "value": 0.05, "unit": "share", "goal": "<= 0.02", "met": False, "against": "", "runs": 0,
    }  # fmt: skip
    with pytest.raises(MisuseFault, match="--quick to 'engines'"):
        bench.bench(argparse.Namespace(area="log", data=None, split=None, quick=True, json=True))


def test_store_weeks_are_sound_and_each_is_another() -> None:
    weeks = [store_weeks.store_week(seed) for seed in range(3)]
    for one in weeks:
        check(one)
        assert len(one.people) == 12 and len(one.needs) == 7 * 2 * 6 and len(one.candidates) > 300
    assert weeks[0] == store_weeks.store_week(0) != weeks[1]
    assert any(person.most_week_min == 1440 for person in weeks[0].people.values())


def test_rosters_of_store_weeks_and_their_progress() -> None:
    told = []
    with open_pool() as pool:
        values = {one.name: one for one in engines.rosters(pool, TINY, told.append)}
    assert [one.done for one in told] == [1, 2]
    assert values["rosters_per_s"].value > 0 and 0 <= values["rosters_optimal"].value <= 1
    assert values["rosters_against_greedy"].value <= 1.0


def test_every_place_answers_alike() -> None:
    with open_pool() as one, open_pool() as other, open_pool() as third:
        found = {one_.name: one_ for one_ in engines.speed_up({"inline": one, "processes": other, "ray": third}, TINY)}
    assert found["pools_that_differ"].value == 0 and found["ray_against_inline"].value > 0


def test_forecasts_and_offers_beside_the_libraries() -> None:
    pytest.importorskip("statsforecast")
    pytest.importorskip("implicit")
    found = {one.name: one for one in [*engines.forecasts(TINY), *engines.offers(TINY)]}
    assert found["forecast_against_statsforecast"].value > 0.1
    assert found["offers_pairs_per_s"].value > 1000 and found["offers_against_product"].value > 0
