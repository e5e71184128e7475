"""Which wave takes which store."""

import tomllib

import pytest
from pydantic import ValidationError

from storeloom.core.control.rollout.strategy import Candidate, Strategy, assign, careful, rings

MANY = [
    Candidate(f"s-{at:05}", "east" if at % 2 else "west", 0 if at % 100 == 0 else 1 + at % 2, ("city",) if at % 4 == 0 else ())
    for at in range(10_000)
]


def counts(strategy, candidates=MANY, seed="r"):
    found = assign(strategy, candidates, seed)
    return [sum(wave == number for wave in found.values()) for number in range(len(strategy.waves))]


def test_percentages_count_over_the_whole_roll_out():
    assert counts(careful()) == [10, 90, 900, 4000, 5000]
    assert counts(careful(), MANY[:20]) == [1, 0, 1, 8, 10]
    assert counts(careful(), MANY[:1]) == [1, 0, 0, 0, 0]


def test_the_draw_is_the_same_each_time_and_another_for_another_roll_out():
    assert assign(careful(), MANY, "r") == assign(careful(), MANY[::-1], "r")
    first, other = ({store for store, wave in assign(careful(), MANY, seed).items() if wave < 2} for seed in ("r", "q"))
    assert len(first & other) < 10


def test_rings_regions_tags_and_stores_narrow_a_wave():
    # 100 stores of ring 0; 1 % of all is 100, of which one is taken; then the other 99 less those drawn, ring 1, the rest
    found = assign(rings(), MANY, "r")
    waves = [[one for one in MANY if found[one.store] == number] for number in range(5)]
    assert [len(wave) for wave in waves[:2]] == [1, 99] and {one.ring for one in waves[0]} == {0}
    assert {one.ring for one in waves[2]} == {0} and {one.ring for one in waves[3]} == {1}
    named = Strategy(
        waves=[
            {"name": "two", "stores": ["s-00003", "s-00004"]},
            {"name": "west city", "regions": ["west"], "tags": ["city"], "percent": 10},
        ]
    )
    assert counts(named) == [2, 249]  # a tenth of 2,500, of which s-00004 was taken before


@pytest.mark.parametrize(
    "waves",
    [
        [],
        [{"name": "nobody"}],
        [{"name": "a", "percent": 10}, {"name": "b", "percent": 10}],
        [{"name": "a", "percent": 0}],
        [{"name": "a", "percent": 5, "colour": "red"}],
    ],
)
def test_what_is_no_way_is_refused(waves):
    with pytest.raises(ValidationError):
        Strategy(waves=waves)


def test_each_gate_is_switched_off_by_false_which_toml_can_say():
    text = "errors = false\nagents = false\nfigures = []\n[[waves]]\nname = 'all'\npercent = 100\n"
    off = Strategy.model_validate(tomllib.loads(text))
    assert (off.errors, off.agents, off.figures) == (None, None, [])
    assert Strategy.model_validate(off.model_dump(mode="json")) == off, "as it is kept"
    assert Strategy.model_validate({"waves": off.model_dump()["waves"]}).errors is not None
    shown = Strategy.model_json_schema()["properties"]
    for name in ("errors", "agents"):
        assert {"const": False, "type": "boolean"} in shown[name]["anyOf"]
        with pytest.raises(ValidationError):
            Strategy.model_validate({**tomllib.loads(text), name: True})
