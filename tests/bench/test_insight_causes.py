"""The causal half of the area `insight`: figures come out, goals are the stated ones, data that is absent is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from storeloom.core.bench import insight_causes
from storeloom.core.kernel.errors import InputFault
from tests.conftest import DATA


def test_simulations_meet_their_goals_roughly_with_few_runs() -> None:
    found = {result.name: result for result in insight_causes.simulated(runs=30, few=6)}
    assert len(found) == 13
    assert all(result.goal == "<= 0.02" for name, result in found.items() if "coverage" in name)
    assert all(result.value <= 0.2 for name, result in found.items() if "coverage" in name)


def test_a_campaign_is_held_against_its_likes_and_a_placebo() -> None:
    folder = DATA / "complete-journey"
    if not folder.is_dir():
        pytest.skip("Complete Journey absent")
    found = {result.name.removeprefix("insight_campaign_18_"): result for result in insight_causes.journey(folder, ("18",))}
    assert set(found) == {"imbalance", *(f"{kind}_{what}" for kind in ("effect", "placebo") for what in ("all", "promoted", "change"))}
    assert found["imbalance"].met
    assert "pairs" in found["effect_all"].against and found["effect_all"].unit == "$/household"
    assert abs(found["effect_promoted"].value) < 5


def test_absent_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputFault) as fault:
        insight_causes.measure(tmp_path)
    assert "transactions.parquet" in str(fault.value)
