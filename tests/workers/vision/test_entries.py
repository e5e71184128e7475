"""Entries through a door, worked by hand."""

import pytest

from storeloom.workers.vision.entries import Change, Passage, metres, picture_place, take


def run(*passages: Passage, flicker_s: float = 3, group_s: float = 2, group_m: float = 1.5) -> list[Change]:
    state: dict[str, object] = {}
    changes = []
    for passage in passages:
        state, change = take(state, passage, flicker_s=flicker_s, group_s=group_s, group_m=group_m)
        changes.append(change)
    return changes


def enter(track: str, t_s: float, x: float | None = 0.0, *, staff: bool = False) -> Passage:
    return Passage(track, "in", t_s, staff, None if x is None else (x, 0.0))


def leave(track: str, t_s: float) -> Passage:
    return Passage(track, "out", t_s)


def test_a_return_within_the_time_takes_the_crossing_back() -> None:
    assert run(enter("a", 0), leave("a", 3)) == [Change(inward=1, groups=1), Change(inward=-1, groups=-1)]
    assert run(enter("a", 0), leave("a", 3.1))[1] == Change(outward=1)
    assert run(leave("a", 0), enter("a", 1)) == [Change(outward=1), Change(outward=-1)]
    assert run(enter("a", 0, staff=True), Passage("a", "out", 1, staff=True)) == [Change(staff=1), Change(staff=-1)]


def test_another_track_takes_nothing_back() -> None:
    assert run(enter("a", 0), leave("b", 1))[1] == Change(outward=1)


def test_those_near_in_time_and_place_are_one_group() -> None:
    assert run(enter("a", 0), enter("b", 2, 1.5))[1] == Change(inward=1, groups=0)
    assert run(enter("a", 0), enter("b", 2.1, 1.5))[1] == Change(inward=1, groups=1)
    assert run(enter("a", 0), enter("b", 2, 1.6))[1] == Change(inward=1, groups=1)
    assert run(enter("a", 0), enter("b", 2, None))[1] == Change(inward=1, groups=0)


def test_a_late_comer_links_two_groups_into_one() -> None:
    assert [change.groups for change in run(enter("a", 0), enter("b", 1, 2.5), enter("c", 2, 1.25))] == [1, 1, -1]


def test_a_group_ends_with_its_last_member_only() -> None:
    changes = run(enter("a", 0), enter("b", 1), leave("b", 2), leave("a", 3))
    assert [change.groups for change in changes] == [1, 0, 0, -1]


def test_staff_form_no_group() -> None:
    assert run(enter("a", 0, staff=True), enter("b", 1)) == [Change(staff=1), Change(inward=1, groups=1)]


def test_places_in_the_picture_are_scaled_by_the_persons_height() -> None:
    one, other = picture_place((0.1, 0.2, 0.1, 0.34), 2.0), picture_place((0.3, 0.2, 0.1, 0.34), 2.0)
    assert one == pytest.approx((0.3, 0.54, 0.34))
    assert metres(one, other) == pytest.approx(2.0)
    assert metres(one, (0.0, 0.0)) is None
    assert metres((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)) is None
