"""The way in: order, back-pressure, what each policy leaves out, lateness, drivers that fail; and real threads."""

import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.events import Fact, event_id
from storeloom.core.kernel.plan import RUNTIME_DEFAULTS
from storeloom.core.runtime.intake import AHEAD, LANES, Bounds, Feeder, Intake, QueuePolicy, bounds, fact_key, judge, policies

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
LIMITS = Bounds(timedelta(days=30))


class Clock:
    def __init__(self) -> None:
        self.time = T0

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time


def reading(value: float, sensor: str = "s1", **more) -> Fact:
    return Fact(T0, "sensor.reading", "probe-1", {"sensor": sensor, "kind": "temperature", "value": value, "unit": "C"}, **more)


def frame(seq: int, camera: str = "c1") -> Fact:
    return Fact(T0, "camera.frame", camera, {"camera": camera, "seq": seq})


def intake(**queues) -> Intake:
    return Intake({name.replace("_", "."): policy for name, policy in queues.items()}, Clock().now)


def values(arrivals) -> list[float]:
    return [one.fact.data.get("value", one.fact.data.get("seq")) for one in arrivals]


def status(way_in: Intake, stream: str):
    return next(one for one in way_in.statuses() if one.stream == stream)


def test_arrivals_come_in_order_over_all_streams_and_bear_their_time():
    way_in = intake()
    for number in range(6):
        way_in.offer(reading(number) if number % 2 else frame(number), number)
    first, rest = way_in.take(4, 0), way_in.take(100, 0)
    assert values(first) == [0, 1, 2, 3] and values(rest) == [4, 5]
    assert [one.at for one in first] == [T0 + timedelta(milliseconds=n) for n in (1, 2, 3, 4)]
    assert [one.key for one in first] == [0, 1, 2, 3]
    assert way_in.take(1, 0) == []


def test_drop_oldest_keeps_the_newest_of_each_camera_and_tells_what_went():
    way_in = intake(camera_frame=QueuePolicy("drop_oldest", 2, per="camera"))
    tickets = [way_in.offer(frame(seq)) for seq in range(5)]
    way_in.offer(frame(100, "c2"))
    assert [ticket.wait(0) for ticket in tickets] == [False, False, False, None, None]
    assert tickets[0].reason.code == "SL-INP-07"
    assert (status(way_in, "camera.frame").waiting, status(way_in, "camera.frame").dropped) == (3, 3)
    assert values(way_in.take(10, 0)) == [3, 4, 100]
    assert (status(way_in, "camera.frame").waiting, status(way_in, "camera.frame").taken) == (0, 3)


def test_a_stalled_loop_does_not_let_what_was_dropped_pile_up():
    way_in = intake(camera_frame=QueuePolicy("drop_oldest", 2, per="camera"))
    for seq in range(10 * LANES):
        way_in.offer(frame(seq))
    assert len(way_in._order) < 3 * LANES
    assert values(way_in.take(10, 0)) == [10 * LANES - 2, 10 * LANES - 1]


def test_sample_thins_a_flood_and_at_the_limit_keeps_the_newest():
    way_in = intake(sensor_reading=QueuePolicy("sample", 8, per="sensor", one_in=3))
    for number in range(5):  # up to half the limit and the one that passes it: all are kept
        way_in.offer(reading(number))
    for number in range(5, 14):  # then the first of each three: 5, 8, 11
        way_in.offer(reading(number))
    way_in.offer(reading(99, "s2"))  # another sensor is not thinned
    assert (status(way_in, "sensor.reading").dropped, status(way_in, "sensor.reading").waiting) == (6, 9)
    way_in.offer(reading(14))  # kept, and the queue is full: the oldest goes
    assert values(way_in.take(6, 0)) == [1, 2, 3, 4, 5, 8]
    way_in.offer(reading(15))  # three wait: all are kept again
    way_in.offer(reading(16))
    assert values(way_in.take(20, 0)) == [11, 99, 14, 15, 16]


def test_block_holds_the_producer_until_there_is_room():
    way_in = intake(sensor_reading=QueuePolicy("block", 2))
    done = []

    def produce() -> None:
        for number in range(4):
            way_in.offer(reading(number))
            done.append(number)

    thread = threading.Thread(target=produce)
    thread.start()
    wait_for(lambda: len(done) == 2 and way_in._lanes[("sensor.reading", "")].blocked == 1)
    way_in.offer(frame(7))  # another stream has room
    assert values(way_in.take(1, 0)) == [0]
    wait_for(lambda: len(done) == 3)
    assert values(way_in.take(9, 0)) == [1, 7, 2]
    thread.join(5)
    assert values(way_in.take(9, 0)) == [3] and status(way_in, "sensor.reading").dropped == 0
    assert not way_in._lanes and not way_in._lane_count["sensor.reading"]


def wait_for(condition, limit_s: float = 5.0) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.001)


def test_closing_lets_everybody_go_and_what_waits_can_still_be_taken():
    way_in = intake(sensor_reading=QueuePolicy("block", 1))
    ticket = way_in.offer(reading(0))
    ended = []
    threads = [
        threading.Thread(target=lambda: ended.append(("offer", way_in.offer(reading(1)).wait(0)))),
        threading.Thread(target=lambda: ended.append(("wait", ticket.wait()))),
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: way_in._deciding == 1 and way_in._lanes[("sensor.reading", "")].blocked == 1)
    way_in.close()
    for thread in threads:
        thread.join(5)
    assert sorted(ended) == [("offer", None), ("wait", None)]
    arrivals = way_in.take(10, 60)
    assert values(arrivals) == [0] and way_in.take(10, 60) == []
    way_in.settle(arrivals, [True])
    assert ticket.wait(0) is True
    assert way_in.offer(reading(2)).wait(60) is None


def test_a_ticket_tells_stored_repeated_and_refused():
    way_in = intake()
    tickets = [way_in.offer(reading(number), number) for number in range(3)]
    assert tickets[0].wait(0.01) is None
    one, two, three = way_in.take(3, 0)
    way_in.settle([one, two], [True, False])
    reason = Finding("SL-INP-02", {"stream": "sensor.reading", "reason": "no", "source": "probe-1"})
    way_in.refuse(three, reason)
    assert [ticket.wait(1) for ticket in tickets] == [True, True, False]
    assert tickets[2].reason is reason and way_in.repeats == {"sensor.reading": 1}
    assert status(way_in, "sensor.reading").refused == 1
    with pytest.raises(ValueError, match="shorter"):
        way_in.settle([one, two], [True])


def test_a_wait_for_a_ticket_ends_when_the_loop_settles():
    way_in = intake()
    ticket = way_in.offer(reading(1))
    got = []
    thread = threading.Thread(target=lambda: got.append(ticket.wait(30)))
    thread.start()
    wait_for(lambda: way_in._deciding == 1)
    way_in.settle(way_in.take(1, 0), [True])
    thread.join(5)
    assert got == [True]


def test_take_waits_for_the_first():
    way_in = intake()
    timer = threading.Timer(0.05, lambda: way_in.offer(reading(1)))
    timer.start()
    assert values(way_in.take(5, 30)) == [1]
    assert way_in.take(5, 0.01) == []


def test_a_stream_with_very_many_queues_shares_one_among_the_rest():
    way_in = intake(sensor_reading=QueuePolicy("drop_oldest", 1, per="sensor"))
    for number in range(LANES + 3):
        way_in.offer(reading(number, f"s{number}"))
    assert status(way_in, "sensor.reading").dropped == 2 and len(way_in._lanes) == LANES + 1


@pytest.mark.parametrize("policy", [QueuePolicy("block", 64), QueuePolicy("drop_oldest", 16), QueuePolicy("sample", 64, one_in=4)])
def test_many_threads_lose_nothing_uncounted_and_keep_their_order(policy):
    way_in = Intake({"sensor.reading": policy, "camera.frame": QueuePolicy("drop_oldest", 4, per="camera")}, lambda: T0)
    producers, each = 8, 1500
    tickets = [[] for _ in range(producers)]

    def produce(who: int) -> None:
        for number in range(each):
            fact = frame(number, f"c{who}") if number % 3 == 0 else reading(number, f"s{who}")
            tickets[who].append(way_in.offer(fact, (who, number)))

    threads = [threading.Thread(target=produce, args=(who,)) for who in range(producers)]
    for thread in threads:
        thread.start()
    taken = []
    while any(thread.is_alive() for thread in threads) or way_in._order:
        batch = way_in.take(50, 0.01)
        way_in.settle(batch, [True] * len(batch))
        taken += batch
    for thread in threads:
        thread.join()
    for who in range(producers):
        numbers = [one.key[1] for one in taken if one.key[0] == who]
        assert numbers == sorted(set(numbers))
    by_stream = Counter(one.stream for one in taken)
    for one in way_in.statuses():
        offered = sum((number % 3 == 0) == (one.stream == "camera.frame") for number in range(each)) * producers
        assert (one.waiting, one.taken) == (0, by_stream[one.stream])
        assert one.taken + one.dropped == offered
    if policy.policy == "block":
        assert status(way_in, "sensor.reading").dropped == 0
    outcomes = Counter(ticket.wait(0) for per in tickets for ticket in per)
    assert outcomes == {True: len(taken), **({False: left} if (left := producers * each - len(taken)) else {})}


def test_policies_come_from_the_schemas_and_the_bundle_overrides_them():
    found = policies({**RUNTIME_DEFAULTS, "queues": {"camera.frame": {"limit": 9}, "pos.sale": {"limit": 7}}})
    assert found["camera.frame"] == QueuePolicy("drop_oldest", 9, "camera")
    assert found["pos.sale"] == QueuePolicy("block", 7)
    assert found["alert.raise"] == QueuePolicy()
    assert found["sensor.reading"].policy == "sample" and found["sensor.reading"].per == "sensor"


def test_bounds_are_the_bundles_or_narrower_ones_of_the_stream():
    assert bounds({})["pos.sale"] == Bounds(timedelta(days=30), timedelta(minutes=5))
    found = bounds({"lateness_d": 0.0001})
    assert found["pos.sale"].late == found["camera.frame"].late == timedelta(days=0.0001)
    assert bounds({"lateness_d": 2})["camera.frame"].late == timedelta(seconds=60)


@pytest.mark.parametrize(
    ("offset", "time", "what"),
    [
        (timedelta(days=-30), timedelta(days=-30), "timely"),
        (timedelta(days=-30, microseconds=-1), timedelta(days=-30, microseconds=-1), "late"),
        (timedelta(0), timedelta(0), "timely"),
        (AHEAD, AHEAD, "timely"),
        (AHEAD + timedelta(microseconds=1), timedelta(0), "future"),
    ],
)
def test_the_bounds_belong_to_what_is_taken(offset, time, what):
    assert judge(T0 + offset, T0, LIMITS) == (T0 + time, what)


@given(st.timedeltas(timedelta(days=-60), timedelta(days=60)))
def test_what_is_taken_lies_within_the_bounds(offset):
    verdict = judge(T0 + offset, T0, LIMITS)
    assert verdict.what == "late" or T0 - LIMITS.late <= verdict.time <= T0 + LIMITS.ahead


def test_an_arrival_becomes_an_event_with_the_id_of_what_its_producer_said():
    way_in = intake()
    way_in.offer(reading(1, time=T0 - timedelta(hours=1)), "k")
    way_in.offer(reading(2, time=T0 + timedelta(hours=1), key=5))
    plain, ahead = (way_in.admit(one, "store-9", LIMITS) for one in way_in.take(2, 0))
    assert plain.id == event_id(T0 - timedelta(hours=1), "probe-1", "sensor.reading", "k")
    assert (plain.time, plain.received) == (T0 - timedelta(hours=1), T0 + timedelta(milliseconds=1))
    assert (plain.store, plain.source, plain["value"]) == ("store-9", "probe-1", 1)
    assert ahead.id == event_id(T0 + timedelta(hours=1), "probe-1", "sensor.reading", 5)
    assert ahead.time == ahead.received == T0 + timedelta(milliseconds=2) and ahead["value"] == 2
    assert way_in.future == {"sensor.reading": 1}
    (trouble,) = way_in.troubles()
    assert trouble.text() == "The clock of probe-1 is wrong: facts on sensor.reading bear times up to 1 h in the future (so far 1)."


def test_what_is_too_late_is_refused_counted_and_told_for_an_hour():
    clock = Clock()
    way_in = Intake({}, clock.now)
    tickets = [way_in.offer(reading(1, time=T0 - timedelta(days=31 + extra)), extra) for extra in (0, 1)]
    assert [way_in.admit(one, "s", LIMITS) for one in way_in.take(2, 0)] == [None, None]
    assert [ticket.wait(0) for ticket in tickets] == [False, False]
    assert tickets[0].reason.code == "SL-INP-04"
    assert (status(way_in, "sensor.reading").late, status(way_in, "sensor.reading").refused) == (2, 0)
    (trouble,) = way_in.troubles()
    assert trouble.text().startswith("probe-1 sent sensor.reading 32 d after") and "最多接收 30 天" in trouble.text("zh")
    clock.time += timedelta(hours=1, seconds=1)
    assert way_in.troubles() == ()


@pytest.mark.parametrize(
    ("fact", "key"),
    [
        (reading(1, key="own"), "own"),
        (reading(1, key=0), 0),
        (reading(1), 17),
        (frame(0), 0),
        (Fact(T0, "pos.sale", "till", {"receipt": "r1"}), "r1"),
        (Fact(T0, "pos.scan", "till", {"receipt": "r1", "seq": 3}), "r1|3"),
        (Fact(T0, "pos.exception", "till", {"receipt": "r1"}), "r1|17"),
    ],
)
def test_the_key_of_a_fact(fact, key):
    assert fact_key(fact, 17) == key


class Driver(Adapter):
    """A driver that does what each entry of its script says: hands in so many facts, then raises or ends."""

    def __init__(self, *script) -> None:
        super().__init__("probe-1", None)
        self.script = iter(script)
        self.starts: list[float] = []
        self.gate = threading.Event()
        self.closed = False

    def facts(self):
        self.starts.append(time.monotonic())
        many, error = next(self.script)
        for number in range(many) if many >= 0 else count():
            yield reading(number)
        if error == "hang":
            self.gate.wait(30)
            raise OSError("closed under me")
        if error is not None:
            raise error

    def close(self):
        self.closed = True
        self.gate.set()


def fed(way_in, driver, **more) -> Feeder:
    feeder = Feeder(driver, way_in, **{"first_s": 0.01, "longest_s": 0.03, **more})
    feeder.start()
    return feeder


def test_a_feeder_hands_in_with_running_numbers_and_ends_with_its_source():
    way_in = intake()
    feeder = fed(way_in, Driver((3, None)))
    wait_for(lambda: feeder.ended)
    assert [(one.key, one.fact.data["value"]) for one in way_in.take(9, 0)] == [(0, 0), (1, 1), (2, 2)]
    assert feeder.troubles() == () and feeder.stop(5)


def test_a_driver_gets_a_receipt_for_each_fact_that_it_yields():
    way_in, receipts = intake(), []

    class Acknowledging(Driver):
        def facts(self):
            for number in range(3):
                receipts.append((yield reading(number)))

    feeder = fed(way_in, Acknowledging())
    wait_for(lambda: feeder.ended)
    arrivals = way_in.take(9, 0)
    assert [one.wait(0) for one in receipts] == [None] * 3
    way_in.settle(arrivals[:1], [True])
    way_in.refuse(arrivals[1], Finding("SL-INP-02", {"stream": "sensor.reading", "reason": "odd", "source": "probe-1"}))
    assert [one.wait(0) for one in receipts] == [True, False, None] and feeder.stop(5)


def test_a_driver_that_raises_starts_again_later_and_later_and_says_why():
    fault = InputFault(Finding("SL-INP-03", {"what": "video_file", "extra": "vision"}))
    driver = Driver((0, OSError("no route to host")), (0, SystemExit(3)), (0, fault), (2, "hang"))
    feeder = Feeder(driver, intake(), first_s=0.05, longest_s=0.11)
    feeder.start()
    wait_for(lambda: feeder.failures == 1)
    assert feeder.troubles()[0].text() == "The driver of probe-1 failed: OSError: no route to host (failures in a row: 1)."
    wait_for(lambda: feeder.failures == 3)
    assert "video_file 需要扩展组件" in feeder.troubles()[0].text("zh")
    wait_for(lambda: len(driver.starts) == 4 and feeder.troubles() == ())
    gaps = [later - earlier for earlier, later in zip(driver.starts, driver.starts[1:], strict=False)]
    assert gaps[0] >= 0.05 and gaps[1] >= 0.1 and gaps[2] >= 0.11
    assert feeder.stop(5) and driver.closed
    assert feeder.troubles() == ()  # what a driver raises when it is closed is no trouble


def test_a_driver_whose_times_have_no_zone_is_named_and_brings_nothing_in():
    class Naive(Driver):
        def facts(self):
            yield Fact(T0.replace(tzinfo=None), "sensor.reading", "probe-1", {"value": 1})

    way_in = intake()
    feeder = fed(way_in, Naive(), first_s=30.0, longest_s=60.0)
    wait_for(lambda: feeder.failures == 1)
    assert "ValueError: the time of a fact on sensor.reading has no zone" in feeder.troubles()[0].text()
    assert way_in.take(1, 0) == [] and feeder.stop(5)


def test_a_feeder_that_waits_to_start_again_stops_at_once():
    driver = Driver((0, OSError("gone")))
    feeder = fed(intake(), driver, first_s=30.0, longest_s=60.0)
    wait_for(lambda: feeder.failures == 1)
    began = time.monotonic()
    assert feeder.stop(5) and time.monotonic() - began < 2
    assert 30 <= int(feeder.troubles()[0].args["wait"]["en"].removesuffix(" s")) <= 45  # spread by up to a half


def test_a_feeder_ends_when_the_intake_closes_and_a_hanging_driver_is_told():
    way_in = intake(sensor_reading=QueuePolicy("block", 2))
    endless = fed(way_in, Driver((-1, None)))
    wait_for(lambda: ("sensor.reading", "") in way_in._lanes and way_in._lanes[("sensor.reading", "")].blocked == 1)
    way_in.close()
    wait_for(lambda: endless.ended)

    class Stuck(Driver):
        def close(self):
            raise OSError("no")

    stuck = Stuck((0, "hang"))
    feeder = fed(intake(), stuck)
    wait_for(lambda: stuck.starts)
    assert feeder.stop(0.05) is False
    stuck.gate.set()
    assert feeder.stop(5) is True
