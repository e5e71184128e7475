"""People over several cameras, by hand: at walking pace, seconds and metres."""

from typing import Any

from storeloom.workers.vision.floor_people import Sight, follow, last_seen, seen_at


def step(people: dict[str, Any], camera: str, t_s: float, *sights: Sight, expected: bool = False) -> dict[str, bool]:
    return follow(people, camera, sights, t_s, 60, lambda _: expected)


def test_two_cameras_that_see_one_place_see_one_person() -> None:
    people: dict[str, Any] = {}
    assert step(people, "c1", 0, Sight("a", 1, 1)) == {"c1|a": False}
    assert step(people, "c2", 0.5, Sight("x", 1.3, 1)) == {}
    assert set(people["c1|a"]["tracks"]) == {"c1|a", "c2|x"}
    assert step(people, "c2", 0.6, Sight("x", 1.3, 1), Sight("y", 4, 4)) == {"c2|y": False}


def test_a_lost_track_goes_on_where_only_one_was_lost() -> None:
    people: dict[str, Any] = {}
    step(people, "c1", 0, Sight("a", 1, 1))
    assert step(people, "c1", 5, Sight("b", 3, 1)) == {}
    assert step(people, "c1", 14, Sight("c", 3, 1)) == {"c1|c": False}  # nine seconds later nobody knows


def test_a_track_that_may_be_two_people_is_neither() -> None:
    people: dict[str, Any] = {}
    step(people, "c1", 0, Sight("a", 1, 1), Sight("b", 2, 1))
    assert step(people, "c1", 2, Sight("c", 1.5, 1)) == {"c1|c": True}
    people.clear()
    step(people, "c1", 0, Sight("a", 1, 1))
    assert step(people, "c1", 2, Sight("d", 1, 2), Sight("e", 2, 1)) == {"c1|d": True, "c1|e": True}


def test_somebody_expected_begins_anew() -> None:
    people: dict[str, Any] = {}
    step(people, "c1", 0, Sight("a", 1, 1))
    assert step(people, "c1", 2, Sight("b", 1, 1), expected=True) == {"c1|b": True}
    assert step(people, "c2", 2.5, Sight("x", 1, 1.2), expected=True) == {}  # c1 sees b right there


def test_where_somebody_was() -> None:
    people: dict[str, Any] = {}
    for second in range(10):
        step(people, "c1", second, Sight("a", second, 0, staff=second == 3))
    assert seen_at(people["c1|a"], 4.4, 2) == (4, 0)
    assert seen_at(people["c1|a"], 11, 2) == (9, 0)
    assert seen_at(people["c1|a"], 11.5, 2) is None
    assert last_seen(people["c1|a"]) == 9 and people["c1|a"]["staff"]


def test_a_path_is_thinned_and_forgotten() -> None:
    people: dict[str, Any] = {}
    for tenth in range(0, 1000):
        step(people, "c1", tenth / 10, Sight("a", 0, 0))
    path = people["c1|a"]["path"]
    assert len(path) <= 150 and path[0][0] >= 39.9
