"""Left and removed things by hand."""

from typing import Any

from storeloom.workers.vision import abandoned
from storeloom.workers.vision.still import Person
from tests.workers.vision.people_of import at, run

RULE = abandoned.AbandonRule(still_s=5, owner_m=1.5, away_m=3, away_s=30, settled_s=60, gone_s=5)
BAG_BOX = (0.1, 0.1, 0.05, 0.05)
BAG = Person((0.2, 0.2), (2.0, 2.0), BAG_BOX)
Frame = tuple[dict[str, Person], dict[str, Person]]


def go(frames: list[tuple[float, Frame]]) -> list[abandoned.Stray]:
    def step(state: dict[str, Any], given: Frame, t_s: float) -> tuple[dict[str, Any], list[abandoned.Stray]]:
        return abandoned.step(state, RULE, given[0], given[1], t_s)

    return [stray for news in run(step, frames) for stray in news]


def test_a_bag_whose_owner_goes_is_left_and_over_when_they_return() -> None:
    near, far = {"p": at(2, 3)}, {"p": at(9, 9), "q": at(2, 2.5)}
    frames: list[tuple[float, Frame]] = [(0, ({"bag": BAG}, near)), (10, ({"bag": BAG}, near)), (20, ({"bag": BAG}, far))]
    frames += [(49, ({"bag": BAG}, far)), (50, ({"bag": BAG}, {})), (60, ({"bag": BAG}, near))]
    # a passer-by q does not own it
    assert go(frames) == [
        abandoned.Stray("bag", "left", 20, None, "p", BAG_BOX),
        abandoned.Stray("bag", "left", 20, 60, "p", BAG_BOX),
    ]


def test_a_bag_that_moves_is_carried() -> None:
    carried: list[tuple[float, Frame]] = [(t, ({"bag": Person((0.2, 0.2), (t, 2.0), BAG_BOX)}, {})) for t in range(60)]
    assert not go(carried)


def test_a_thing_of_the_place_that_goes_is_removed_unless_someone_hides_it() -> None:
    there: list[tuple[float, Frame]] = [(t, ({"tv": BAG}, {"p": at(2, 3)})) for t in range(0, 70, 10)]
    hiding = {"p": Person((0.2, 0.2), (2.0, 3.0), (0.08, 0.05, 0.2, 0.5))}
    assert not go([*there, (70, ({}, hiding)), (100, ({}, hiding))])
    gone = go([*there, (70, ({}, {})), (74, ({}, {})), (75, ({}, {})), (90, ({}, {}))])
    assert gone == [abandoned.Stray("tv", "removed", 60, None, "p", BAG_BOX)]


def test_a_bag_taken_soon_by_its_owner_is_nothing() -> None:
    assert not go([(0, ({"bag": BAG}, {"p": at(2, 3)})), (20, ({"bag": BAG}, {"p": at(2, 3)})), (21, ({}, {})), (40, ({}, {}))])
