"""Cameras on hosts: nothing over its capacity, the least important give way first, few move, and nothing swings."""

from hypothesis import given
from hypothesis import strategies as st

from storeloom.workers.vision.pool.placement import Host, Load, Place, base_rates, capacity_of, estimate_ms, place

ONE = [Host("h", 900.0)]


def load(camera: str, cost_ms: float = 50.0, fps: float = 10.0, least: float = 2.0, priority: int = 5, elastic: bool = False) -> Load:
    return Load(camera, cost_ms, fps, least, priority, elastic)


loads = st.lists(
    st.builds(
        Load,
        st.sampled_from([f"c{k}" for k in range(12)]),
        st.floats(1, 200),
        st.sampled_from([5.0, 10.0, 15.0]),
        st.sampled_from([1.0, 5.0]),
        st.integers(1, 9),
        st.booleans(),
    ),
    max_size=10,
    unique_by=lambda one: one.camera,
)
hosts = st.lists(
    st.builds(Host, st.sampled_from(["h1", "h2", "h3", "h4"]), st.sampled_from([450.0, 900.0, 1800.0])),
    max_size=4,
    unique_by=lambda h: h.name,
)


def used(found: dict[str, Place], given: list[Load]) -> dict[str, float]:
    by_host: dict[str, float] = {}
    for one in given:
        where = found[one.camera]
        if where.host is not None:
            by_host[where.host] = by_host.get(where.host, 0.0) + one.at(where.fps)
    return by_host


@given(loads, hosts, hosts)
def test_no_host_bears_more_than_it_can_and_placing_again_changes_nothing(given, first, second) -> None:
    before = place(given, first, {})
    found = place(given, second, before if first else {})
    capacity = {host.name: host.capacity_ms for host in second}
    assert all(ms <= capacity[host] + 1e-3 for host, ms in used(found, given).items())
    for one in given:
        assert (found[one.camera].host is None) == (found[one.camera].fps == 0)
        assert found[one.camera].fps in (one.fps, one.least_fps, 0.0)
    assert not second or place(given, second, found) == found


@given(loads, hosts, hosts)
def test_whoever_is_less_important_than_one_that_gave_way_is_suspended(given, first, second) -> None:
    found = place(given, second, place(given, first, {}) if first else {})
    if not second:
        return
    alone = base_rates(given, second)
    gave_way = [one for one in given if found[one.camera].fps < alone[one.camera]]
    for one in gave_way:
        lesser = [other for other in given if other.priority > one.priority and not other.elastic]
        assert all(found[other.camera].fps == 0 for other in lesser)
        assert not one.elastic


@given(loads, hosts)
def test_cameras_stay_where_they_are_when_another_host_dies_and_there_is_room(given, alive) -> None:
    dying = Host("dying", 900.0)
    roomy = [Host(host.name, 1e6) for host in alive]
    rigid = [one for one in given if not one.elastic]
    before = place(rigid, [*roomy, dying], {})
    found = place(rigid, roomy, before)
    if roomy:
        assert all(found[camera] == was for camera, was in before.items() if was.host != "dying")
        assert all(where.fps == before[camera].fps for camera, where in found.items())


def test_the_least_important_is_slowed_then_suspended_then_the_next_one() -> None:
    three = [load("door", priority=1), load("aisle", priority=5), load("store", priority=9)]  # 500 ms/s each, 100 at their least
    assert place(three[:2], ONE, {}) == {"door": Place("h", 10), "aisle": Place("h", 2)}  # 600 of 900
    assert place(three, ONE, {}) == {"door": Place("h", 10), "aisle": Place("h", 2), "store": Place(None, 0)}  # 700 with it slowed: but
    # `aisle` at its full rate needs 1000 even without `store`, so `store` had gone before `aisle` was touched
    assert place(three, [Host("h", 1100)], {})["store"] == Place("h", 2)


def test_what_was_taken_comes_back_only_with_room_to_spare() -> None:
    two = [load("door", 45.0, priority=1), load("aisle", 44.0, priority=5)]  # 450 + 440 = 890 of 900
    full = {"door": Place("h", 10), "aisle": Place("h", 10)}
    slow = {"door": Place("h", 10), "aisle": Place("h", 2)}
    assert place(two, ONE, full) == full, "what fits is left alone"
    assert place(two, ONE, slow) == slow, "890 of 900 leaves no room to spare"
    cheaper = [two[0], load("aisle", 31.0, priority=5)]  # 760 < 85 % of 900 = 765
    assert place(cheaper, ONE, slow) == full


def test_one_that_no_host_can_bear_takes_no_other_with_it() -> None:
    found = place([load("huge", 300.0, priority=1), load("small", priority=9)], ONE, {})
    assert found == {"huge": Place("h", 2), "small": Place("h", 2)}  # 600 + 100
    assert place([load("huge", 900.0, priority=1), load("small", priority=9)], ONE, {}) == {
        "huge": Place(None, 0),
        "small": Place("h", 10),
    }


def test_recordings_never_give_way_and_spread_evenly() -> None:
    films = [load(f"film{k}", elastic=True) for k in range(3)]
    two = [Host("a", 100.0), Host("b", 100.0)]
    found = place(films, two, {})
    assert sorted(where.host or "" for where in found.values()) == ["a", "a", "b"] and all(where.fps == 10 for where in found.values())
    alone = place(films, two[:1], found)
    assert {where.host for where in alone.values()} == {"a"}
    assert sorted(where.host or "" for where in place(films, two, alone).values()) == ["a", "a", "b"]


def test_without_hosts_all_wait() -> None:
    assert place([load("a")], [], {}) == {"a": Place(None, 0.0)}


def test_a_first_guess_comes_from_the_models_card() -> None:
    assert estimate_ms({"run_ms": 50.0, "frame_ms": 60.0}) == 60.0
    assert round(estimate_ms({"run_ms": 50.0}), 6) == 55.0
    assert round(estimate_ms({}), 6) == 66.0
    assert capacity_of(2) == 1800.0


def test_when_a_host_dies_only_its_cameras_move_to_where_most_room_is() -> None:
    three = [load("x", 10.0), load("y", 20.0), load("z", 10.0)]
    before = {"x": Place("a", 10), "y": Place("b", 10), "z": Place("c", 10)}
    assert place(three, [Host("a", 900), Host("b", 900)], before) == {**before, "z": Place("a", 10)}  # 800 free on a, 700 on b
