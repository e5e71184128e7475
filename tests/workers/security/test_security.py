"""Arming, sequential confirmation, grants and followers, worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.security import areas, arming, confirmation, doors, grants
from storeloom.workers.vision.lines import Line
from storeloom.workers.vision.places import places_of
from storeloom.workers.vision.things import Seen

HOURS = StoreHours("UTC", {"open": "08:00", "close": "22:00", "sun": False})
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=UTC)


def night(text: str, hours: StoreHours = HOURS, delay: int = 30) -> arming.Night | None:
    return arming.night_at(hours, at(text), delay=delay * MINUTE, before_opening=60 * MINUTE)


def test_a_night_runs_from_closing_to_an_hour_before_opening() -> None:
    assert night("02 22:00") == arming.Night(at("02 22:00"), at("02 22:30"), at("02 23:00"), at("03 07:00"))
    assert night("03 06:59") == night("02 22:00")
    assert night("03 07:00") is None
    assert night("02 21:59") is None


def test_a_closed_day_belongs_to_the_night_before_it() -> None:
    assert night("08 12:00") == arming.Night(at("07 22:00"), at("07 22:30"), at("07 23:00"), at("09 07:00"))  # Sunday


def test_no_night_where_the_store_opens_before_it_could_arm() -> None:
    short = StoreHours("UTC", {"open": "06:00", "close": "04:45"})
    assert night("03 04:45", short, delay=15) is None
    assert night("03 04:45", short, delay=14) is not None


@pytest.mark.parametrize(("seen", "expected"), [(None, "02 22:30"), ("02 22:18", "02 22:30"), ("02 22:25", "02 22:35")])
def test_arms_when_empty(seen: str | None, expected: str) -> None:
    assert arming.arms_at(at("02 22:30"), at(seen) if seen else None, 10 * MINUTE) == at(expected)


def steps(*signals: tuple[str, float]) -> list[str]:
    state, told = None, []
    for detector, t_s in signals:
        state, step = confirmation.signal(state, detector, t_s, confirm_s=1800, quiet_s=600)
        told.append(step)
    return told


def test_a_second_detector_confirms_up_to_the_end_of_the_window() -> None:
    assert steps(("camera", 0), ("door", 1800), ("other", 2400)) == ["opened", "confirmed", "joined"]
    assert steps(("camera", 0), ("door", 1801)) == ["opened", "opened"]


def test_repeats_do_not_confirm_or_move_the_window() -> None:
    assert steps(("camera", 0), ("camera", 1500), ("door", 1860)) == ["opened", "repeated", "opened"]


def test_a_confirmed_incident_goes_on_until_it_is_quiet() -> None:
    assert steps(("a", 0), ("b", 10), ("a", 610), ("c", 1210), ("b", 1811)) == ["opened", "confirmed", "repeated", "joined", "opened"]


def test_one_grant_one_person() -> None:
    assert grants.followers([0], [2, 10], 10) == [(0, 10)]
    assert grants.followers([0, 1], [2, 10], 10) == []
    assert grants.followers([0], [2, 10.5], 10) == []  # nobody's follower any more
    assert grants.followers([0, 8], [9, 9.5, 12], 10) == [(8, 12)]


def test_admitted_are_those_with_a_grant_of_their_own() -> None:
    state, strangers = grants.admit({}, [100], {"p1": (0.5, 0.5)}, 105, 10)
    assert strangers == set()
    state, strangers = grants.admit(state, [100], {"p1": (0.5, 0.5), "p2": (0.6, 0.5)}, 106, 10)
    assert strangers == {"p2"}
    state, strangers = grants.admit(state, [100, 107], {"p1": (0.5, 0.5), "p2": (0.6, 0.5)}, 130, 10)
    assert strangers == {"p2"}  # a grant after its first sight is another's
    assert grants.admit({}, [100], {"p1": (0.5, 0.5)}, 110.5, 10)[1] == {"p1"}


def test_a_broken_track_stays_admitted_close_by_and_soon() -> None:
    state, _ = grants.admit({}, [100], {"p1": (0.5, 0.5)}, 105, 10)
    assert grants.admit(state, [100], {"p9": (0.55, 0.5)}, 107, 10)[1] == set()
    assert grants.admit(state, [100], {"p9": (0.8, 0.5)}, 107, 10)[1] == {"p9"}
    assert grants.admit(state, [100], {"p9": (0.55, 0.5)}, 109, 10)[1] == {"p9"}


def through(*frames: dict[str, tuple[float, float]], line: Line | None = None, behind: float = 2.0) -> list[dict[str, list[str]]]:
    """Crossings frame by frame; the zone behind the door begins at `behind` from the left."""
    state, found = {}, []
    for t_s, feet in enumerate(frames):
        zones = {track: "cash" if foot[0] >= behind else None for track, foot in feet.items()}
        state, ways = doors.crossings(state, line, feet, zones, float(t_s))
        found.append(ways)
    return found


def test_without_a_line_each_way_across_the_middle_counts_by_itself() -> None:
    assert through({"a": (0.2, 0.2), "b": (0.2, 0.8)}, {"a": (0.2, 0.8), "b": (0.2, 0.2)}) == [
        {},
        {"across in": ["a"], "across out": ["b"]},
    ]


def test_a_drawn_line_counts_the_way_in_alone() -> None:
    line = Line((0.0, 0.4), (1.0, 0.4))
    assert through({"a": (0.2, 0.2), "b": (0.2, 0.8)}, {"a": (0.2, 0.8), "b": (0.2, 0.2)}, line=line) == [{}, {"line in": ["a"]}]


def test_entering_the_zone_behind_counts_where_it_was_seen_outside() -> None:
    assert through({"a": (0.7, 0.2)}, {"a": (0.9, 0.2), "b": (0.9, 0.3)}, behind=0.8) == [{}, {"into cash": ["a"]}]


def test_a_door_forgets_after_three_minutes() -> None:
    door = {"grants": [20, 21], "crossings": {"gate": {"a": 20}, "cam": {"b": 20, "c": 21}}, "told": {"20": 1, "21": 2}}
    assert grants.door_now(door, 201) == {"grants": [21], "crossings": {"cam": {"c": 21}}, "told": {"21": 2}}
    assert grants.door_now(None, 201) == {"grants": [], "crossings": {}, "told": {}}


def test_ways_of_counting_are_not_added_up() -> None:
    door = {"grants": [0], "crossings": {"gate": {"1": 2, "2": 4}, "cam in": {"a": 2, "b": 3, "c": 5}}, "told": {}}
    assert grants.untold(door, 10) == {0: [3, 5]}
    assert grants.untold(door | {"told": {"0": 1}}, 10) == {0: [3, 5]}
    assert grants.untold(door | {"told": {"0": 2}}, 10) == {}


def test_a_grant_opens_the_door_for_its_window() -> None:
    assert [grants.granted([100], t_s, 10) for t_s in (99, 100, 110, 110.1)] == [False, True, True, False]


ROOMS = [
    {"zone": "hall", "kind": "sales", "cameras": [{"camera": "c1", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]},
    {"zone": "yard", "kind": "parking", "cameras": [{"camera": "c1", "polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]}]},
    {"zone": "cash", "doors": ["g1"]},
]


def test_zones_of_a_device() -> None:
    assert areas.zones_of("g1", ROOMS, "hall") == ["cash"]
    assert areas.zones_of("c1", ROOMS, None) == ["hall", "yard"]
    assert areas.zones_of("s1", ROOMS, "hall") == ["hall"]
    assert areas.zones_of("s1", ROOMS, None) == []


def test_people_outdoors_are_left_out() -> None:
    inside, outside = (Seen(track, "person", 0.9, (x, 0.2, 0.1, 0.4)) for track, x in (("a", 0.2), ("b", 0.7)))
    assert areas.standing(places_of("c1", ROOMS), [inside, outside], "home") == [("hall", inside)]
    assert areas.standing(places_of("c9", ROOMS), [inside], "home") == [("home", inside)]


def test_rooms_with_a_door_of_their_own() -> None:
    hall = places_of("c1", ROOMS)[0]
    assert not areas.has_door(hall, [])
    assert areas.has_door(hall, ["hall"])
    assert areas.has_door(places_of("c2", [{"zone": "s", "kind": "backroom", "cameras": [{"camera": "c2"}]}])[0], [])


def test_the_last_frames_of_each_area() -> None:
    assert areas.last_frames({"a": [0, 1, 1], "b": [1]}, {"a": ["p"], "c": []}, 3) == {"a": [1, 1, 1], "c": [0]}
