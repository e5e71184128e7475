"""Values out of JSON that devices send: which topic, where in it (JSONPath, RFC 9535), in which unit; into the streams' units.

Shared by the drivers of sensors and meters. `Points.of(message)` gives what a message says of each point that reads its topic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import parse_time
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message, matches

TimeForm = Literal["rfc3339", "s", "ms"]

# From a device's unit into the stream's: value * factor + offset (SI Brochure, 9th edition; NIST SP 811 for F and foot-candles).
UNITS: Mapping[tuple[str, str], tuple[float, float]] = {
    ("F", "C"): (5 / 9, -160 / 9),
    ("K", "C"): (1.0, -273.15),
    ("ratio", "%"): (100.0, 0.0),
    ("ppb", "ppm"): (1e-3, 0.0),
    ("fc", "lx"): (10.763910416709722, 0.0),
    ("A", "mA"): (1000.0, 0.0),
    ("uA", "mA"): (1e-3, 0.0),
    ("Wh", "kWh"): (1e-3, 0.0),
    ("MWh", "kWh"): (1000.0, 0.0),
    ("GJ", "kWh"): (1e6 / 3600, 0.0),
    ("MJ", "kWh"): (1000 / 3600, 0.0),
    ("l", "m3"): (1e-3, 0.0),
    ("W", "kW"): (1e-3, 0.0),
    ("MW", "kW"): (1000.0, 0.0),
    ("m3/h", "l/min"): (1000 / 60, 0.0),
    ("l/h", "l/min"): (1 / 60, 0.0),
    ("l/s", "l/min"): (60.0, 0.0),
}
YES, NO = ("on", "open", "true", "yes", "1", "alarm", "detected"), ("off", "closed", "false", "no", "0", "clear", "normal")


def converted(value: float, given: str, wanted: str) -> float:
    """A value in the unit that is wanted; `given` empty means that it is there already. DeviceError for units that do not go together."""
    if given in ("", wanted):
        return value
    if (given, wanted) not in UNITS:
        raise DeviceError(Code.ILLEGAL, f"{given} cannot be turned into {wanted}", f"无法将 {given} 换算为 {wanted}")
    factor, offset = UNITS[given, wanted]
    return value * factor + offset


class TopicPoint(SolutionConfig):
    """What every point has: where its value stands and when it was taken."""

    topic: str = setting("", "Topic (+ and # as in MQTT)", "主题（可用 + 与 #）", effect="restart", min_length=1)
    time_path: str = setting("", "JSONPath of the time", "时间的 JSONPath", effect="restart")
    time_form: TimeForm = setting("rfc3339", "How the time is written", "时间格式", effect="restart")
    key_path: str = setting("", "JSONPath of a number that tells repeats", "用于识别重复的序号的 JSONPath", effect="restart")


Point = TypeVar("Point", bound=TopicPoint)


@dataclass(slots=True)
class Taken(Generic[Point]):
    """What a message says at a point: the document, the value in it, when it was taken, what tells its repeats, and who it is about.

    `name` is what stands for the topic's first `+`, or empty.
    """

    point: Point
    document: Any
    value: Any
    time: datetime | None
    key: str | None
    name: str


class Points(Generic[Point]):
    """The points of a config. DeviceError for a path that is none.

    `value_path` names the key of a point that holds its value's path: points that a message says nothing of are then passed over.
    """

    def __init__(self, points: Sequence[Point], value_path: str = "") -> None:
        self._by_topic: dict[str, list[tuple[Point, Callable[[Any], Any] | None]]] = {}
        self._in_json: set[str] = set()
        for one in points:
            path = getattr(one, value_path) if value_path else ""
            self._by_topic.setdefault(one.topic, []).append((one, compiled(path) if path else None))
            for name, path in one:
                if name.endswith("path") and path:
                    compiled(path)
                    self._in_json.add(one.topic)

    def topics(self) -> dict[str, int]:
        return dict.fromkeys(self._by_topic, 1)

    def of(self, message: Message) -> Iterator[Taken[Point]]:
        """BadMessage where the payload is no JSON, or the time none."""
        for topic, points in self._by_topic.items():
            if not matches(topic, message.topic):
                continue
            name = message.part(topic) if "+" in topic.split("/") else ""
            document = message.json() if topic in self._in_json else message.text().strip()
            for point, value_of in points:
                value = document if value_of is None else value_of(document)
                if value is None:
                    continue
                time = None
                if point.time_path:
                    told = value_at(document, point.time_path)
                    time = None if told is None else time_of(told, point.time_form, message.topic)
                key = value_at(document, point.key_path) if point.key_path else None
                told_key = message.key() if key is None and time is not None else None if key is None else str(key)
                yield Taken(point, document, value, time, told_key, name)


@lru_cache(maxsize=1024)
def compiled(path: str) -> Callable[[Any], Any]:
    """What gives the value at a path, None where there is nothing; `$.` may be left out. DeviceError for a path that is none.

    A path of plain member names, as most are, is walked at once: a twentieth of the library's time.
    """
    import jsonpath

    try:
        query = jsonpath.compile(path if path.startswith("$") else f"$.{path}")
    except jsonpath.JSONPathError as error:
        raise DeviceError(Code.ILLEGAL, f"'{path}' is no JSONPath: {error}", f"“{path}”不是 JSONPath：{error}") from error
    names = path.removeprefix("$.").split(".")
    first = names[0]

    def member(document: Any) -> Any:
        return document.get(first) if isinstance(document, dict) else None

    def walk(document: Any) -> Any:
        for name in names:
            document = document.get(name) if isinstance(document, dict) else None
        return document

    def ask(document: Any) -> Any:
        match = query.match(document) if isinstance(document, (dict, list)) else None
        return None if match is None else match.value

    if not all(one.isascii() and one.isidentifier() for one in names):
        return ask
    return walk if len(names) > 1 else member


def value_at(document: Any, path: str) -> Any:
    """What stands at a path, the document itself for an empty one, None where there is nothing."""
    return compiled(path)(document) if path else document


def number_of(value: Any, topic: str, yes: Sequence[str] = YES, no: Sequence[str] = NO) -> float:
    """A number, a number as text, or a word for 1 or 0. BadMessage for anything else."""
    if isinstance(value, bool) or (not (yes or no) and isinstance(value, float) and math.isfinite(value)):
        return float(value)
    word = str(value).strip().lower()
    if word in yes:
        return 1.0
    if word in no:
        return 0.0
    try:
        number = float(word) if isinstance(value, (int, float, str)) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadMessage(f"{topic}: no number: {str(value)[:40]}", f"{topic}：不是数值 {str(value)[:40]}")
    return number


def time_of(value: Any, form: TimeForm, topic: str) -> datetime:
    """A device's time. BadMessage for what is none, and for a text without a zone."""
    try:
        if form != "rfc3339":
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(**{"seconds" if form == "s" else "milliseconds": float(value)})
        return parse_time(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadMessage(f"{topic}: no time: {str(value)[:40]}", f"{topic}：不是时间 {str(value)[:40]}") from error
