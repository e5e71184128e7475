"""A lane through its day: ordered, met or lapsed, closed."""

from datetime import UTC, datetime, timedelta

from storeloom.workers.optimise import lanes

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_an_order_is_met_by_more_staff_than_before() -> None:
    lane = lanes.new()
    lanes.order(lane, "s1", NOON)
    lanes.see_staff(lane, 0, NOON + MINUTE)
    assert lane["ordered"] and lane["since"] == "2026-03-02T12:00:00.000000Z"
    lanes.see_staff(lane, 1, NOON + 2 * MINUTE)
    assert lane["ordered"] is None and lane["ours"] and lane["since"] == "2026-03-02T12:00:00.000000Z"
    lanes.see_staff(lane, 0, NOON + 3 * MINUTE)
    assert not lane["ours"] and lane["since"] is None


def test_an_order_that_nobody_follows_lapses_after_seven_minutes() -> None:
    lane = lanes.new()
    lanes.order(lane, None, NOON)
    lanes.lapse(lane, NOON + 7 * MINUTE)
    assert lane["ordered"]
    lanes.see_staff(lane, 0, NOON + 8 * MINUTE)
    assert lane["ordered"] is None and lane["since"] is None


def test_a_closed_lane_does_not_count_until_its_staff_has_left() -> None:
    lane = lanes.new()
    lanes.see_staff(lane, 1, NOON)
    lanes.close(lane)
    lanes.see_staff(lane, 1, NOON + MINUTE)
    assert lane["closing"]
    lanes.see_staff(lane, 0, NOON + 2 * MINUTE)
    assert not lane["closing"]


def test_it_may_close_after_the_least_time_with_nobody_waiting() -> None:
    lane = lanes.new()
    lanes.see_staff(lane, 1, NOON)
    lane.update(queue=2, seen="2026-03-02T12:20:00Z")
    least, silent = 20 * MINUTE, 2 * MINUTE
    assert not lanes.may_close(lane, NOON + 20 * MINUTE, least, silent)
    assert lanes.may_close(lane, NOON + 23 * MINUTE, least, silent)
    lane["queue"] = 0
    assert lanes.may_close(lane, NOON + 20 * MINUTE, least, silent)
    assert not lanes.may_close(lane, NOON + 19 * MINUTE, least, silent)


def test_orders_do_not_outlive_the_day() -> None:
    lane = lanes.new()
    lanes.order(lane, "s1", NOON)
    lanes.start_day(lane)
    assert lane["ordered"] is None and lane["since"] is None and not lane["ours"]


def test_lanes_count_in_order_of_opening() -> None:
    one, two, three = lanes.new(), lanes.new(), lanes.new()
    lanes.see_staff(two, 1, NOON)
    lanes.order(one, "s1", NOON + MINUTE)
    known = {"c1": one, "c2": two, "c3": three}
    counted = lanes.manned(known, single=False)
    assert list(counted) == ["c2", "c1"] and lanes.count(counted, single=False) == 2
    lanes.see_staff(two, 3, NOON + MINUTE)
    assert lanes.count({"all": two}, single=True) == 3


def test_queues_of_silent_cameras_do_not_count() -> None:
    known = {
        "c1": lanes.new() | {"queue": 3, "seen": "2026-03-02T12:00:00Z"},
        "c2": lanes.new() | {"queue": 2, "seen": "2026-03-02T12:01:00Z"},
    }
    assert lanes.waiting(known, NOON + 2 * MINUTE, 2 * MINUTE) == 5
    assert lanes.waiting(known, NOON + 3 * MINUTE, 2 * MINUTE) == 2
    assert lanes.waiting(known, NOON + 4 * MINUTE, 2 * MINUTE) is None


def test_the_latest_that_was_ordered_closes_first() -> None:
    one, two, three = lanes.new(), lanes.new(), lanes.new()
    lanes.see_staff(one, 1, NOON)
    lanes.order(two, "s1", NOON + 10 * MINUTE)
    lanes.see_staff(three, 1, NOON + 11 * MINUTE)
    known = {"c1": one, "c2": two, "c3": three}
    least, silent = 20 * MINUTE, 2 * MINUTE
    assert lanes.to_close(lanes.manned(known, single=False), NOON + 29 * MINUTE, least, silent, only_ours=False) is None
    assert lanes.to_close(lanes.manned(known, single=False), NOON + 30 * MINUTE, least, silent, only_ours=False) == "c2"
    lanes.close(two)
    assert lanes.to_close(lanes.manned(known, single=False), NOON + 31 * MINUTE, least, silent, only_ours=False) == "c3"
    assert lanes.to_close(lanes.manned(known, single=False), NOON + 31 * MINUTE, least, silent, only_ours=True) is None
