"""A cooling machine's day from its readings: how long its compressor ran and how often it started, how warm the air was, how soon it was
cold again after a defrost.

A log is plain JSON (`new`). Each source's readings count once, in their order: what is not newer than the source's last is left out, and so
is what belongs to a day already closed. Minutes with an open door count as read, but neither as run nor as warm.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import date, datetime, timedelta
from statistics import median_low
from typing import Any

from storeloom.core.kernel.events import parse_time, plain

Log = MutableMapping[str, Any]
Day = dict[str, Any]
DAY_S = 86_400
REST = timedelta(minutes=15)
RECOVERED_K, DEFROSTED_K = 1.0, 3.0


def new() -> dict[str, Any]:
    return {"days": {}, "closed": None, "last": {}, "register": {}, "runs": None, "rested": None, "door": False, "air_c": None,
            "controlled": False, "starts_told": False, "defrosting": False, "ended": None, "slow": 0}  # fmt: skip


def power_w(log: Log, meter: str, at: datetime, total_kwh: float, power_kw: float | None) -> float | None:
    """A meter's power, or what its register rose by since its last reading; None for a first, late or falling register."""
    before = log["register"].get(meter)
    if before is not None and at <= parse_time(before[0]):
        return None if power_kw is None else power_kw * 1000
    log["register"][meter] = [plain(at), total_kwh]
    if power_kw is not None:
        return power_kw * 1000
    if before is None or total_kwh < before[1]:
        return None
    return float((total_kwh - before[1]) * 3_600_000 / (at - parse_time(before[0])).total_seconds())


def powered(log: Log, meter: str, at: datetime, on: date, runs: bool, interval_s: float | None, setpoint_c: float | None) -> bool:
    """Take a minute of power. True where the start of the compressor shows that a defrost has ended: after a quarter of an hour's rest, the
    air 3 K over the set point, in a machine whose controller tells of no defrosts."""
    day = _fresh(log, "power", meter, at, on, interval_s)
    if day is None:
        return False
    if not log["door"]:
        day |= {"used": day["used"] + 1, "on": day["on"] + runs}
    begun = runs and log["runs"] is False
    day["starts"] += begun
    rested = begun and at - parse_time(log["rested"]) >= REST
    if not runs and log["runs"] is not False:
        log["rested"] = plain(at)
    log["runs"] = runs
    warm = log["air_c"] is not None and setpoint_c is not None and log["air_c"] >= setpoint_c + DEFROSTED_K
    return bool(rested and warm and not log["controlled"])


def aired(log: Log, sensor: str, at: datetime, on: date, value_c: float, setpoint_c: float | None) -> float | None:
    """Take a reading of the air. The minutes since a defrost's end, where the air is now back within 1 K of the set point."""
    day = _fresh(log, "air", sensor, at, on, None)
    if day is None:
        return None
    log["air_c"] = value_c
    if not log["door"]:
        day |= {"used": day["used"] + 1, "sum_c": day["sum_c"] + value_c}
    if log["ended"] is None or setpoint_c is None or value_c > setpoint_c + RECOVERED_K:
        return None
    minutes = (at - parse_time(log["ended"])).total_seconds() / 60
    return minutes if minutes >= 0 else None


def recovered(log: Log, minutes: float, longest_min: float) -> None:
    """Count slow recoveries running; a quick one ends the run."""
    log["slow"] = log["slow"] + 1 if minutes > longest_min else 0
    log["ended"] = None


def defrost_told(log: Log, running: bool, *, word: bool) -> bool:
    """What a controller says of its defrost. True where one has ended: it ran until now, or only ends are told, by a `word`."""
    over = not running and (log["defrosting"] or (word and not log["starts_told"]))
    log.update(controlled=True, defrosting=running, starts_told=log["starts_told"] or running)
    return bool(over)


def defrost_ended(log: Log, at: datetime, longest_min: float) -> None:
    """A defrost has ended. One before it from which the machine has not yet recovered was slow, if there was time for it."""
    if log["ended"] is not None:
        recovered(log, (at - parse_time(log["ended"])).total_seconds() / 60, longest_min)
    log["ended"] = plain(at)


def close(log: Log, on: date) -> Day | None:
    """The figures of a day that is over, and forget it and all before; None for a day without power or air.

    {"power": ..., "air": ...}: each with `n` readings, their `step_s`, `used` of them behind a closed door; `on` and `starts`, or `sum_c`.
    """
    found: Day | None = log["days"].get(on.isoformat())
    log["days"] = {day: figures for day, figures in log["days"].items() if day > on.isoformat()}
    log["closed"] = on.isoformat()
    if found is None or not {"power", "air"} <= found.keys():
        return None
    return {part: figures | {"step_s": step_s(figures["gaps"])} for part, figures in found.items()}


def restart(log: Log) -> None:
    """After a repair: what was read of the running day, and of recoveries, told of the old machine."""
    log.update(days={}, ended=None, slow=0)


def step_s(gaps: Mapping[str, int]) -> float | None:
    """The step of a series of readings: the median of the gaps between them, counted by seconds."""
    return median_low([float(gap) for gap, count in gaps.items() for _ in range(count)]) if gaps else None


def coverage(readings: int, step: float) -> float:
    """Share of a day that so many readings, each `step` seconds long, stand for."""
    return readings * step / DAY_S


def _fresh(log: Log, part: str, source: str, at: datetime, on: date, interval_s: float | None) -> Day | None:
    """Count a reading in its day, and what its step was; several sources at one instant are one. None for one that is not to be taken."""
    before, own = log["last"].get(part), log["last"].get(f"{part}|{source}")
    if (own and at <= parse_time(own)) or (log["closed"] and on.isoformat() <= log["closed"]):
        return None
    newer = before is None or at > parse_time(before)
    log["last"] |= {f"{part}|{source}": plain(at)} | ({part: plain(at)} if newer else {})
    parts = log["days"].setdefault(on.isoformat(), {})
    sums = {"on": 0, "starts": 0} if part == "power" else {"sum_c": 0.0}
    day: Day = parts.setdefault(part, {"n": 0, "gaps": {}, "used": 0} | sums)
    if newer:
        day["n"] += 1
        gap = interval_s or ((at - parse_time(before)).total_seconds() if before else 0)
        if gap > 0:
            day["gaps"][f"{gap:.0f}"] = day["gaps"].get(f"{gap:.0f}", 0) + 1
    return day
