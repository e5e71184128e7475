"""Cleanliness and left things on made pictures."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from storeloom.workers.vision import background, cleanliness
from storeloom.workers.vision.boxes import Box, iou
from storeloom.workers.vision.pictures import pack, unpack
from tests.workers.vision.people_of import run

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
Picture = NDArray[np.uint8]
RULE = cleanliness.CleanRule(WHOLE, learn=3, hold_s=4, clear_s=2)


def floor(seed: int = 1) -> Picture:
    """A tiled floor, 200 x 320, with some noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:200, :320]
    base = 130 + 20 * ((rows // 25 + columns // 25) % 2)
    picture = base[..., None] * np.array([0.9, 1.0, 1.05]) + rng.normal(0, 3, (200, 320, 3))
    return picture.clip(0, 255).astype(np.uint8)


def painted(picture: Picture, box: tuple[int, int, int, int], colour: tuple[int, int, int]) -> Picture:
    x, y, wide, high = box
    changed = picture.copy()
    changed[y : y + high, x : x + wide] = colour
    return changed


def lit(picture: Picture, gain: float, offset: float = 0.0) -> Picture:
    return (picture.astype(float) * gain + offset).clip(0, 255).astype(np.uint8)


def clean(frames: list[tuple[float, Any]], rule: cleanliness.CleanRule = RULE) -> list[cleanliness.CleanStep]:
    return run(lambda s, given, t: cleanliness.step(s, rule, given[0], given[1], t), [(t, (p, c)) for t, (p, c) in frames])


LEARN: list[tuple[float, Any]] = [(t, (floor(t + 5), ())) for t in range(3)]
SPILL = painted(floor(9), (80, 50, 64, 40), (30, 50, 90))


def test_a_spill_is_found_where_it_is_and_told_once_it_holds() -> None:
    steps = clean([*LEARN, *[(t, (SPILL, ())) for t in range(3, 10)], *[(t, (floor(t), ())) for t in range(10, 14)]])
    assert [step.began for step in steps].index(True) == 7 and sum(step.began for step in steps) == 1
    assert [step.ended for step in steps].index(True) == 11 and sum(step.ended for step in steps) == 1
    # 64 x 40 of 320 x 200 pixels is 4 %
    assert steps[5].changed == pytest.approx(0.04, rel=0.15)
    assert iou(steps[5].boxes[0], (0.25, 0.25, 0.2, 0.2)) > 0.8


@pytest.mark.parametrize(("gain", "offset"), [(0.6, 0.0), (1.4, 0.0), (0.8, 25.0)])
def test_other_light_is_no_dirt_and_hides_none(gain: float, offset: float) -> None:
    steps = clean([*LEARN, (3, (lit(floor(9), gain, offset), ())), (4, (lit(SPILL, gain, offset), ()))])
    assert steps[3].changed == 0
    assert steps[4].changed == pytest.approx(0.04, rel=0.2)


def test_a_shadow_is_none_unless_asked_for() -> None:
    shade = floor(9)
    shade[50:90, 80:144] = lit(shade, 0.6)[50:90, 80:144]
    assert clean([*LEARN, (3, (shade, ()))])[3].changed == 0
    counting = cleanliness.CleanRule(WHOLE, learn=3, shadows=True)
    assert clean([*LEARN, (3, (shade, ()))], counting)[3].changed == pytest.approx(0.04, rel=0.2)


def test_people_are_no_dirt_and_not_learnt() -> None:
    person: Box = (0.25, 0.25, 0.2, 0.2)
    with_person: list[tuple[float, Any]] = [(t, (SPILL, (person,))) for t in range(5)]
    assert all(step.changed is None for step in clean(with_person))
    assert clean([*LEARN, (3, (SPILL, (person,)))])[3].changed == 0
    assert clean([*LEARN, (3, (SPILL, ((0.0, 0.0, 0.9, 1.0),)))])[3].changed is None


def test_small_specks_do_not_count() -> None:
    speck = painted(floor(9), (80, 50, 10, 8), (30, 50, 90))
    assert clean([*LEARN, (3, (speck, ()))])[3].changed == 0


def test_arrays_survive_their_state() -> None:
    array = np.arange(24, dtype=np.float16).reshape(2, 3, 4)
    assert np.array_equal(unpack(pack(array)), array) and unpack(pack(array)).dtype == np.float16


STAY = background.BackgroundRule(WHOLE, still_s=10, fast_s=2, slow_s=600)


def watch(frames: list[tuple[float, Any]]) -> list[background.Change]:
    return [c for news in run(lambda s, g, t: background.step(s, STAY, g[0], g[1], t), frames) for c in news]


def empty(seconds: range) -> list[tuple[float, Any]]:
    return [(t, (floor(t % 4), ())) for t in seconds]


def boxed(seconds: range, covers: tuple[Box, ...] = ()) -> list[tuple[float, Any]]:
    return [(t, (painted(floor(t % 4), (160, 100, 40, 40), (40, 60, 200)), covers)) for t in seconds]


def test_a_thing_that_comes_and_stays_is_left_and_ends_when_taken() -> None:
    news = watch([*empty(range(5)), *boxed(range(5, 30)), *empty(range(30, 40))])
    assert [(c.kind, c.ended_s is None) for c in news] == [("left", True), ("left", False)]
    assert iou(news[0].box, (0.5, 0.5, 0.125, 0.2)) > 0.7
    assert 5 <= news[0].from_s <= 12


def test_a_thing_that_was_there_and_is_gone_is_removed() -> None:
    news = watch([*boxed(range(5)), *empty(range(5, 30))])
    assert [(c.kind, c.ended_s) for c in news] == [("removed", None)]


def test_people_are_no_things() -> None:
    assert not watch([*empty(range(5)), *boxed(range(5, 40), ((0.45, 0.45, 0.25, 0.35),))])


def test_a_thing_behind_a_person_has_not_gone() -> None:
    news = watch([*empty(range(5)), *boxed(range(5, 25)), *boxed(range(25, 45), ((0.45, 0.45, 0.25, 0.35),))])
    assert [c.ended_s for c in news] == [None]


def test_lamps_switched_off_begin_anew() -> None:
    dark = [(t, (lit(floor(t % 4), 0.4), ())) for t in range(5, 40)]
    assert not watch([*empty(range(5)), *dark])


def test_a_brighter_patch_without_edges_is_light_and_a_taken_thing_is_told_by_its_edges() -> None:
    rows, columns = np.mgrid[:60, :100]
    grey = np.full((60, 100, 3), 100, np.float32)
    glow = grey + 60 * np.exp(-((rows - 30) ** 2 + (columns - 50) ** 2) / 800)[..., None].astype(np.float32)
    thing = grey.copy()
    thing[20:40, 40:60] = 200
    place = (0.4, 1 / 3, 0.2, 1 / 3)
    assert background.told_kind(thing, thing * 1.1, place, (0, 0, 1, 1)) is None
    assert background.told_kind(grey, thing, place, (0, 0, 1, 1)) == "left"
    assert background.told_kind(thing, grey, place, (0, 0, 1, 1)) == "removed"
    assert background.told_kind(thing, thing + glow - grey, place, (0, 0, 1, 1)) is None
