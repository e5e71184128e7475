"""How fast people pick by hand: seconds a line without the walk, as an exponentially weighted moving mean of what they were seen to do.

A record is plain JSON: `{"line_s", "lines", "seconds", "short", "last"}`: the mean, what was picked since the record was last cleared, and
when the picker was last seen to finish.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from storeloom.core.kernel.events import parse_time, rfc3339

Record = dict[str, Any]
LINE_S, LINE_S_RANGE = 20.0, (2.0, 600.0)
WEIGHT_OF_LATEST = 0.2


def begin() -> Record:
    """Somebody of whom nothing is known yet."""
    return {"line_s": LINE_S, "lines": 0, "seconds": 0.0, "short": 0, "last": None}


def enter(record: Record, started: datetime, ended: datetime, lines: int, short: int, walk_m: float) -> float:
    """Enter lines that were picked, `short` of them in vain, with metres walked at 1 m/s; the seconds that they took.

    Work that began before the picker's last was done counts from then on. One report moves the mean within 2 to 600 s a line.
    """
    begun = max(started, parse_time(record["last"])) if record["last"] else started
    seconds = max(0.0, (ended - begun).total_seconds())
    if seconds and lines:
        latest = min(max((seconds - walk_m) / lines, LINE_S_RANGE[0]), LINE_S_RANGE[1])
        record["line_s"] += WEIGHT_OF_LATEST * (latest - record["line_s"])
    for name, more in (("lines", lines), ("seconds", seconds), ("short", short)):
        record[name] += more
    record["last"] = rfc3339(max(ended, begun))
    return seconds


def clear(record: Record) -> None:
    """Begin a new day; the mean stays."""
    record.update(lines=0, seconds=0.0, short=0)


def ranking(records: Mapping[str, Record]) -> list[tuple[str, float]]:
    """Names with lines an hour, the fastest first, of those who picked."""
    rates = {name: 3600 * record["lines"] / record["seconds"] for name, record in records.items() if record["seconds"]}
    return sorted(rates.items(), key=lambda item: (-item[1], item[0]))
