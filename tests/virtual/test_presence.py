"""Motion sensors, and the settings that a solution is tried with where its defaults have nothing to do."""

import pytest

from storeloom.core.kernel.registry import Registry
from storeloom.core.virtual import VirtualStore, default_profile
from storeloom.core.virtual.solo import with_providers

REGISTRY = Registry()


def test_a_sensor_goes_on_and_off_in_turn_while_somebody_is_there(run):
    ran = run(scale=0.05, streams=frozenset({"sensor.reading"}))
    seen = [fact for fact in ran.facts if fact.data["kind"] == "presence"]
    assert len(seen) > 20
    assert {fact.data["sensor"] for fact in seen} == {"sens-presence-1"}
    assert [fact.data["value"] for fact in seen] == [1, 0] * (len(seen) // 2)
    assert set(ran.store.presence.inside.values()) == {0}


def test_without_such_a_sensor_nothing_is_told(run):
    device = {"kind": "sensor", "zone": "z-sales-1", "measures": "noise"}
    ran = run(scale=0.05, streams=frozenset({"sensor.reading"}), devices={"sens-presence-1": device})
    assert "presence" not in {data["kind"] for data in ran.data("sensor.reading")}


@pytest.mark.parametrize("solution", ["voice_promoter", "retail_media_auction", "personalised_placement"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_solution_brings_settings_that_fit_the_store_of_the_seed(solution, seed):
    composition = with_providers(REGISTRY, solution, seed=seed)
    assert not composition.errors
    (instance,) = [one for one in composition.require().instances if one.solution == solution]
    goods = {row["gtin"] for row in VirtualStore(default_profile(composition.require().store["format"]), seed=seed).tables["products"]}
    named = [gtin for gtin in goods if f"'{gtin}'" in str(dict(instance.config))]
    assert len(named) >= 2


def test_others_are_tried_with_their_defaults():
    assert REGISTRY.trial_config("promo_lift", {"products": []}) == {}
