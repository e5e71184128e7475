"""The ground the virtual store stands on: time, chance, what is due, what is told."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import Fact, Row, Tables, at_local, moment
from storeloom.core.virtual.formats import default_devices_of, shape_of
from storeloom.core.virtual.truth import Truth

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Due = Callable[[float], None]
FORGETFUL = frozenset({"sensor", "meter", "camera"})
HEARD_ANYWAY = frozenset({"device.status", "network.probe"})


class World:
    """Shared by all topics. Times are epoch seconds; a fact told for later waits until the clock has reached it."""

    def __init__(self, profile: Mapping[str, Any], tables: Tables, seed: int, scale: float) -> None:
        self.profile = profile
        self.tables = tables
        self.seed = seed
        self.scale = scale
        self.shape = shape_of(profile["format"])
        self.zone = ZoneInfo(profile.get("zone", "Asia/Shanghai"))
        self.devices: dict[str, Row] = {**default_devices_of(profile["format"]), **profile.get("devices", {})}
        nameless = [key for key, row in self.devices.items() if "kind" not in row]
        if nameless:
            raise ValueError(f"devices without an adapter kind: {', '.join(nameless)}")
        self.truth = Truth()
        self.now = float("-inf")
        self.day = date.min
        self.hours: tuple[float, float] | None = None
        self.evening: tuple[float, float] | None = None
        self.wanted: frozenset[str] = frozenset()
        self.outages: dict[str, tuple[float, float]] = {}
        self._due: list[tuple[float, int, Due]] = []
        self._told: list[tuple[float, int, Fact]] = []
        self._serial = 0
        self._chances: dict[str, Chance] = {}

    def opening(self, day: date) -> tuple[float, float] | None:
        """Epoch seconds of opening and closing on a store day, None on a closed day; a close at or before the opening is next day's."""
        spec: Mapping[str, Any] = self.profile["hours"]
        key = day.isoformat()
        if key in {str(closed) for closed in spec.get("closed", ())}:
            return None
        span = spec.get("dates", {}).get(key, spec.get(WEEKDAYS[day.weekday()], spec))
        if not span or "open" not in span:
            return None
        opens, closes = at_local(day, span["open"], self.zone), at_local(day, span["close"], self.zone)
        return opens, closes if closes > opens else at_local(day + timedelta(days=1), span["close"], self.zone)

    def begin_day(self, day: date) -> float:
        """Set the clock to the local midnight that starts the day; returns it."""
        self.day = day
        self.evening = self.opening(day - timedelta(days=1))
        self.hours = self.opening(day)
        self._chances.clear()
        return at_local(day, "00:00", self.zone)

    def chance(self, topic: str) -> Chance:
        """The day's sequence of a topic."""
        if topic not in self._chances:
            self._chances[topic] = Chance(self.seed, topic, self.day.isoformat())
        return self._chances[topic]

    def local(self, stamp: float) -> datetime:
        return datetime.fromtimestamp(stamp, self.zone)

    def hour_key(self, stamp: float) -> str:
        return self.local(stamp).strftime("%Y-%m-%dT%H")

    def at(self, clock: str) -> float:
        return at_local(self.day, clock, self.zone)

    def is_open(self, stamp: float) -> bool:
        return any(span is not None and span[0] <= stamp < span[1] for span in (self.hours, self.evening))

    def closing(self, stamp: float) -> float:
        """The closing time of the opening that this time lies in; the time itself while closed."""
        return next((span[1] for span in (self.evening, self.hours) if span is not None and span[0] <= stamp < span[1]), stamp)

    def wants(self, *streams: str) -> bool:
        return not self.wanted.isdisjoint(streams)

    def pos(self, till: str) -> str:
        """The device that sends a till's facts: itself, or the server that speaks for carts and the online shop."""
        return till if till in self.devices and self.devices[till]["kind"] == "pos" else "pos-server"

    def schedule(self, stamp: float, due: Due) -> None:
        self._serial += 1
        heapq.heappush(self._due, (max(stamp, self.now), self._serial, due))

    def tell(self, stamp: float, stream: str, source: str, data: Row, lag: float = 0.0) -> None:
        """Give out a fact that happens at `stamp` and arrives `lag` seconds later.

        A source that is off line sends it when it is back; a sensor, meter or camera loses it.
        """
        if stream not in self.wanted:
            return
        received = stamp + lag
        outage = self.outages.get(source)
        if outage is not None and outage[0] <= stamp < outage[1] and stream not in HEARD_ANYWAY:
            if self.devices[source]["kind"] in FORGETFUL:
                return
            received = max(received, outage[1] + 5.0)
        received = max(received, self.now)
        told = moment(received)
        happened = moment(stamp)
        self._serial += 1
        fact = Fact(told, stream, source, data, None if happened == told else happened)
        heapq.heappush(self._told, (received, self._serial, fact))

    def advance(self, until: float) -> Iterator[Fact]:
        """Run what is due before `until`, giving each fact when the clock has reached its arrival."""
        while self._due and self._due[0][0] < until:
            stamp = self._due[0][0]
            while self._told and self._told[0][0] < stamp:
                yield heapq.heappop(self._told)[2]
            if self._due[0][0] < stamp:
                continue
            self.now = stamp
            heapq.heappop(self._due)[2](stamp)
        while self._told and self._told[0][0] < until:
            yield heapq.heappop(self._told)[2]
        self.now = max(self.now, until)
