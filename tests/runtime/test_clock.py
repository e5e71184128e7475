"""The live clock: never back, no glitch believed, level again after every real change; each case to the second."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.core.runtime.clock import LiveClock, span

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Machine:
    """A machine whose two clocks are set by hand."""

    def __init__(self, wall: datetime = T0) -> None:
        self.wall, self.mono = wall, 1000.0

    def clock(self, newest: datetime | None = None) -> LiveClock:
        return LiveClock(newest, wall=lambda: self.wall, monotonic=lambda: self.mono)

    def run(self, seconds: float, clock: LiveClock, *, every: float = 1.0) -> datetime:
        """Both clocks go on; somebody looks at the time every so often."""
        passed = 0.0
        while passed < seconds:
            step = min(every, seconds - passed)
            passed += step
            self.mono += step
            self.wall += timedelta(seconds=step)
            now = clock.now()
        return now


def codes(clock: LiveClock) -> list[str]:
    return [finding.code for finding in clock.troubles()]


def test_it_follows_the_wall_clock_and_its_drift():
    machine = Machine()
    clock = machine.clock()
    assert clock.now() == T0
    for _ in range(600):  # the wall gains a millisecond a second
        machine.mono += 1
        machine.wall += timedelta(seconds=1.001)
        assert clock.now() == machine.wall
    assert clock.jumps == 0 and codes(clock) == []


def test_a_small_step_forward_is_taken_at_once():
    machine = Machine()
    clock = machine.clock()
    machine.wall += timedelta(seconds=1.5)
    assert machine.run(1, clock) == T0 + timedelta(seconds=2.5)
    assert clock.jumps == 0


def test_a_small_step_back_is_worn_off_at_half_speed():
    machine = Machine()
    clock = machine.clock()
    machine.wall -= timedelta(seconds=1)
    assert clock.now() == T0
    assert machine.run(1, clock) == T0 + timedelta(seconds=0.5)
    assert machine.run(1, clock) == T0 + timedelta(seconds=1) == machine.wall
    assert machine.run(1, clock) == machine.wall and codes(clock) == []


def test_a_jump_forward_is_believed_after_ten_seconds():
    machine = Machine()
    clock = machine.clock()
    machine.wall += 3 * HOUR
    assert clock.now() == T0  # first seen
    assert machine.run(9.5, clock) == T0 + timedelta(seconds=9.5) and clock.jumps == 0
    assert machine.run(0.5, clock) == T0 + 3 * HOUR + timedelta(seconds=10)
    assert clock.jumps == 1
    (told,) = clock.troubles()
    assert told.text() == "The machine's clock jumped forward by 3 h; store time follows it and is 2026-03-02T13:00:10Z."
    assert told.text("zh").startswith("主机时钟向前跳变 3 小时")
    machine.run(3601, clock, every=60)
    assert codes(clock) == []


def test_a_jump_that_does_not_last_moves_nothing():
    machine = Machine()
    clock = machine.clock()
    for amount in (5 * HOUR, -5 * HOUR, timedelta(days=4000)):
        machine.wall += amount
        machine.run(9, clock)
        machine.wall -= amount
        assert machine.run(60, clock) == machine.wall
    assert clock.jumps == 0 and codes(clock) == []


def test_a_second_jump_begins_the_wait_anew():
    machine = Machine()
    clock = machine.clock()
    machine.wall += HOUR
    machine.run(8, clock)
    machine.wall += HOUR
    machine.run(8, clock)
    assert clock.jumps == 0
    assert machine.run(4, clock) == machine.wall and clock.jumps == 1


def test_a_jump_back_by_an_hour_is_worn_off_in_two():
    machine = Machine()
    clock = machine.clock()
    machine.run(1, clock)
    machine.wall -= HOUR
    assert machine.run(11, clock) == T0 + timedelta(seconds=11.5)  # believed with the last second, which is a half
    assert clock.jumps == 1 and codes(clock) == ["SL-CLK-01", "SL-CLK-03"]
    now = machine.run(3600, clock, every=5)
    assert now == T0 + timedelta(seconds=11.5 + 1800)
    assert clock.troubles()[-1].text().startswith("Store time is 30 min ahead")  # 29 min 59.5 s
    assert machine.run(3600, clock, every=5) == machine.wall
    assert codes(clock) == []


def test_a_machine_that_wakes_up_is_right_after_ten_seconds():
    machine = Machine()
    clock = machine.clock()
    machine.wall += 8 * HOUR  # the monotonic clock stood still
    assert clock.now() == T0
    assert machine.run(11, clock) == machine.wall == T0 + 8 * HOUR + timedelta(seconds=11)


def test_seldom_looks_are_enough():
    machine = Machine()
    clock = machine.clock()
    machine.wall += 2 * HOUR
    assert machine.run(60, clock, every=60) == T0 + timedelta(seconds=60)
    assert machine.run(60, clock, every=60) == machine.wall and clock.jumps == 1


def test_it_starts_no_earlier_than_the_log():
    machine = Machine()
    clock = machine.clock(newest=T0 + HOUR)
    assert clock.now() == T0 + HOUR and codes(clock) == ["SL-CLK-03"]
    assert machine.run(60, clock) == T0 + HOUR + timedelta(seconds=30)
    assert Machine().clock(newest=T0 - HOUR).now() == T0


def test_a_wall_clock_a_day_behind_the_log_is_not_believed():
    machine = Machine()
    clock = machine.clock(newest=T0 + timedelta(days=2))
    assert machine.run(600, clock, every=10) == T0 + timedelta(days=2, seconds=600)
    (trouble,) = clock.troubles()
    assert trouble.text() == ("The machine's clock says 2026-03-02T10:10:00Z, which cannot be: the store has seen 2026-03-04T10:10:00Z.")
    machine.wall += timedelta(days=2, hours=1)  # the time service has come
    assert machine.run(12, clock) == machine.wall
    assert codes(clock) == ["SL-CLK-01"]


def test_a_clock_without_a_battery_waits_for_its_time_service():
    machine = Machine(datetime(1970, 1, 1, tzinfo=UTC))
    clock = machine.clock()
    assert clock.now() == datetime(2024, 1, 1, tzinfo=UTC) and codes(clock) == ["SL-CLK-02"]
    machine.wall = T0
    assert machine.run(12, clock) == machine.wall and clock.jumps == 1
    with_log = Machine(datetime(1970, 1, 1, tzinfo=UTC)).clock(newest=T0)
    assert with_log.now() == T0 and codes(with_log) == ["SL-CLK-02"]


def test_while_it_runs_a_fall_of_days_is_reported_and_not_followed():
    machine = Machine()
    clock = machine.clock()
    machine.wall -= timedelta(days=3)
    assert machine.run(100, clock) == T0 + timedelta(seconds=100)
    assert codes(clock) == ["SL-CLK-02"] and clock.jumps == 0


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(-5e5, 5e5)), max_size=40))
def test_it_never_goes_back_and_never_stands_still_while_time_passes(steps):
    machine = Machine()
    clock = machine.clock()
    last = clock.now()
    for passed, jump in steps:
        machine.mono += passed
        machine.wall += timedelta(seconds=passed + jump)
        now = clock.now()
        assert now >= last + timedelta(seconds=passed / 2) - timedelta(microseconds=2)
        last = now


@pytest.mark.parametrize(
    ("length", "en", "zh"),
    [
        (timedelta(days=31, hours=2, minutes=3), "31 d 2 h", "31 天 2 小时"),
        (timedelta(seconds=61), "1 min 1 s", "1 分 1 秒"),
        (timedelta(seconds=0.2), "0 s", "0 秒"),
    ],
)
def test_lengths_of_time_in_words(length, en, zh):
    assert span(length) == {"en": en, "zh": zh}
