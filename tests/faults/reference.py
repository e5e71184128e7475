"""What a store with two tallies must hold, in plain Python: the facts that its producers make, and all that follows from them.

Nothing here is the store's own code. `play` takes the facts in the order in which the store took them in, and foretells every record of the
log with its place, time and cause, the state and figures of both instances, and the commands in order.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

T0 = datetime(2026, 3, 2, 1, tzinfo=UTC)
PRODUCERS, GOODS = 5, 24
GAP_S = 0.7  # from one arrival to the next
STEPS = {"a": 5, "b": 7}  # movements to an announcement, by instance, in the order of the bundle
QUIET = timedelta(seconds=120.537)  # so that no alarm falls on an arrival
MOVEMENT, ALERT, COMMAND, PLAYED = "inventory.movement", "alert.raise", "audio.play", "audio.played"


class Made(NamedTuple):
    """The number-th fact: who sent it with which sequence, when it happened and arrived, what it says."""

    number: int
    source: str
    key: int
    time: datetime
    arrival: datetime
    data: dict[str, Any]


def made(number: int, seed: int = 0) -> Made:
    """One of a few producers moves one of a few goods. One fact in twenty is minutes late, one in forty is from the near future."""
    rng = random.Random(f"{seed}|{number}")
    arrival = T0 + timedelta(seconds=round(number * GAP_S, 6))
    late = rng.choice((0, 0, 0.25, 1.5, 3))
    if rng.random() < 0.05:
        late = rng.randint(60, 1200)
    elif rng.random() < 0.025:
        late = -rng.randint(5, 240)
    producer = rng.randrange(PRODUCERS)
    gtin = f"g{min(rng.randrange(GOODS), rng.randrange(GOODS))}"
    data = {"kind": "count", "gtin": gtin, "qty": rng.randint(-9, 99), "lot": str(number)}
    return Made(number, f"scanner-{producer}", number, arrival - timedelta(seconds=late), arrival, data)


class Input(NamedTuple):
    """What the store took in, as its log says: a fact of `made` by its number, or (`number` None) the answer of a device to a command."""

    number: int | None
    received: datetime
    data: dict[str, Any]


class Line(NamedTuple):
    """A record as it must be; `data` without the reference to its cause."""

    seq: int
    stream: str
    source: str
    time: datetime
    received: datetime
    data: dict[str, Any]
    hops: int
    cause: int


@dataclass
class Tally:
    """One instance."""

    name: str
    step: int
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    seen: int = 0
    alarms: dict[str, tuple[datetime, int, int]] = field(default_factory=dict)  # good -> due, count, cause

    def more(self, key: str) -> None:
        self.others[key] = self.others.get(key, 0) + 1

    def state(self, prefix: str = "k:") -> dict[str, Any]:
        return {**{prefix + gtin: cell for gtin, cell in self.counts.items()}, **self.others}


class Store:
    """The whole store; `lines` is its log, `now` its time."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.now = T0
        self.lines: list[Line] = []
        self.tallies = [Tally(name, step) for name, step in STEPS.items()]
        self.taken: set[int] = set()
        self.answered: set[str] = set()

    def commands(self) -> dict[str, list[int]]:
        """The sequences of the commands of each speaker and product, in order."""
        found: dict[str, list[int]] = {}
        for line in self.lines:
            if line.stream == COMMAND:
                found.setdefault(f"{line.source}|{line.data['zone']}", []).append(line.seq)
        return found

    def take(self, one: Input) -> None:
        """Time goes to its arrival: what was due before comes first; then it is handled, and what that brings."""
        self.pass_time(one.received, exclusive=True)
        self.now = max(self.now, one.received)
        if one.number is None:
            assert one.data["cmd"] not in self.answered, "an answer counted twice"
            self.answered.add(one.data["cmd"])
            self._line(PLAYED, one.data["speaker"], one.received, one.data, 0, 0)
            for tally in self.tallies:
                tally.more("acks")
            return
        assert one.number not in self.taken, f"fact {one.number} counted twice"
        self.taken.add(one.number)
        fact = made(one.number, self.seed)
        cause = self._line(MOVEMENT, fact.source, fact.time, fact.data, 0, 0)
        heard = []
        for tally in self.tallies:
            heard += list(self._count(tally, fact, cause))
        self._hear(heard)

    def _count(self, tally: Tally, fact: Made, cause: int) -> Iterator[str]:
        gtin = fact.data["gtin"]
        cell = tally.counts.setdefault(gtin, {"n": 0, "sum": 0})
        cell["n"] += 1
        cell["sum"] += fact.data["qty"]
        tally.seen += 1
        tally.alarms[gtin] = (fact.time + QUIET, cell["n"], cause)
        if cell["n"] % tally.step == 0:
            self._line(COMMAND, tally.name, self.now, {"zone": gtin, "kind": "staff", "text": str(cell["n"])}, 1, cause)
        if cell["n"] % (3 * tally.step) == 0:
            yield self._alert(tally, gtin, "many", cell["n"], 1, cause)

    def _alert(self, tally: Tally, gtin: str, kind: str, number: int, hops: int, cause: int) -> str:
        data = {"alert": f"{kind}-{gtin}", "kind": kind, "severity": "info", "state": "open", "subject": gtin, "text": str(number)}
        self._line(ALERT, tally.name, self.now, data, hops, cause)
        return tally.name

    def _hear(self, sources: Iterable[str]) -> None:
        for source in sources:
            for tally in self.tallies:
                if tally.name != source:
                    tally.more("heard")

    def pass_time(self, to: datetime, *, exclusive: bool = False) -> None:
        """Alarms ring in the order of their times; those of one instant by product, then by instance."""
        while True:
            due = min(
                ((at, gtin, order) for order, one in enumerate(self.tallies) for gtin, (at, _, _) in one.alarms.items()), default=None
            )
            if due is None or due[0] > to or (exclusive and due[0] == to):
                break
            at, gtin, order = due
            tally = self.tallies[order]
            self.now = max(self.now, at)
            _, number, cause = tally.alarms.pop(gtin)
            tally.more(f"quiet:{gtin}")
            self._hear([self._alert(tally, gtin, "quiet", number, 0, cause)])
        self.now = max(self.now, to)

    def _line(self, stream: str, source: str, time: datetime, data: dict[str, Any], hops: int, cause: int) -> int:
        seq = len(self.lines) + 1
        self.lines.append(Line(seq, stream, source, time, self.now, data, hops, cause))
        return seq


def play(inputs: Iterable[Input], end: datetime, seed: int = 0) -> Store:
    """A store that took in `inputs` in this order and ran on until `end`. AssertionError when an input is there twice."""
    store = Store(seed)
    for one in inputs:
        store.take(one)
    store.pass_time(end)
    return store
