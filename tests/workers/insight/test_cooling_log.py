"""A cabinet's day by hand: minutes run, starts, air, and recoveries after a defrost."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from storeloom.workers.insight import cooling_log

DAY = date(2026, 3, 2)
START = datetime(2026, 3, 2, tzinfo=UTC)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def power(log: dict[str, Any], minute: float, runs: bool, setpoint_c: float | None = None) -> bool:
    return cooling_log.powered(log, "m", at(minute), DAY, runs, None, setpoint_c)


def air(log: dict[str, Any], minute: float, value_c: float, sensor: str = "s", setpoint_c: float | None = 2.0) -> float | None:
    return cooling_log.aired(log, sensor, at(minute), DAY, value_c, setpoint_c)


def test_a_day_counts_minutes_starts_and_air_and_leaves_out_those_of_an_open_door() -> None:
    log = cooling_log.new()
    for minute, runs in enumerate([True, False, True, True]):
        power(log, minute, runs)
        air(log, minute, 3.0 + minute)
    log["door"] = True
    power(log, 4, True)
    air(log, 4, 50.0)
    day = cooling_log.close(log, DAY)
    assert day is not None
    assert {key: day["power"][key] for key in ("n", "used", "on", "starts", "step_s")} == {
        "n": 5,
        "used": 4,
        "on": 3,
        "starts": 1,
        "step_s": 60,
    }
    assert (day["air"]["n"], day["air"]["used"], day["air"]["sum_c"]) == (5, 4, 18.0)
    assert log["days"] == {}


def test_a_repeat_a_late_reading_and_one_of_a_closed_day_are_left_out_and_two_probes_are_one_minute() -> None:
    log = cooling_log.new()
    for minute in (1, 1, 0, 2):
        power(log, minute, True)
    for sensor in ("a", "b"):
        air(log, 1, 4.0, sensor)
    day = cooling_log.close(log, DAY)
    assert day is not None
    assert (day["power"]["n"], day["power"]["used"], day["air"]["n"], day["air"]["used"]) == (2, 2, 1, 2)
    power(log, 9, True)
    assert cooling_log.close(log, DAY) is None
    assert cooling_log.coverage(1100, 60) == pytest.approx(0.7639, abs=1e-4)
    assert cooling_log.step_s({"60": 900, "120": 199}) == 60
    assert cooling_log.step_s({}) is None


def test_power_is_read_or_what_the_register_rose_by() -> None:
    log = cooling_log.new()
    assert cooling_log.power_w(log, "m", at(0), 10.0, None) is None
    assert cooling_log.power_w(log, "m", at(1), 10.01, None) == pytest.approx(600)
    assert cooling_log.power_w(log, "m", at(1), 10.01, None) is None
    assert cooling_log.power_w(log, "m", at(2), 0.5, None) is None
    assert cooling_log.power_w(log, "m", at(3), 0.51, 0.4) == pytest.approx(400)


def test_a_start_after_a_rest_with_warm_air_ends_a_defrost_unless_the_controller_tells_of_it() -> None:
    log = cooling_log.new()
    power(log, 0, False)
    air(log, 14, 5.0)
    assert power(log, 15, True, 2.0)
    power(log, 16, False)
    assert not power(log, 30, True, 2.0)
    assert not cooling_log.defrost_told(log, True, word=True)
    power(log, 31, False)
    assert not power(log, 60, True, 2.0)
    assert cooling_log.defrost_told(log, False, word=True)
    assert not cooling_log.defrost_told(log, False, word=True)


def test_a_controller_may_tell_the_end_alone_but_a_state_without_a_defrost_is_no_end() -> None:
    log = cooling_log.new()
    assert not cooling_log.defrost_told(log, False, word=False)
    assert cooling_log.defrost_told(log, False, word=True)


def test_slow_recoveries_run_until_a_quick_one() -> None:
    log = cooling_log.new()
    cooling_log.defrost_ended(log, at(0), 45)
    assert air(log, 30, 3.1) is None
    assert air(log, 50, 3.0) == 50
    cooling_log.recovered(log, 50, 45)
    cooling_log.defrost_ended(log, at(360), 45)
    cooling_log.defrost_ended(log, at(720), 45)
    assert log["slow"] == 2
    assert air(log, 765, 2.0) == 45
    cooling_log.recovered(log, 45, 45)
    assert (log["slow"], log["ended"]) == (0, None)
    cooling_log.restart(log)
    assert log["days"] == {}
