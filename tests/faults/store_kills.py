"""A store that is killed again and again while facts flow in, against the plain-Python reference."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from storeloom.core.kernel.events import event_id
from storeloom.core.runtime.log import Record, StoreLog
from storeloom.core.runtime.verify import verify
from tests.faults import reference
from tests.faults.lives import PATIENCE_S, Follower, Life, acks, told
from tests.faults.reference import Input, made

WIDEST = 300  # facts on their way at a time
LOOKED_BACK = 400


class Cradle(Protocol):
    """Where store processes come from; `start_s` is about as long as one takes to be ready."""

    start_s: float

    def life(self, data: Path) -> Life: ...


@dataclass
class Killed:
    """What a campaign did: facts, kills, how often a fact was sent again and a command came again; `wrong` is what differed."""

    facts: int = 0
    kills: int = 0
    early: int = 0
    sent_again: int = 0
    records: int = 0
    commands: int = 0
    commands_again: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def text(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in vars(self).items() if name != "wrong")


@dataclass
class Producers:
    """Who sends the facts: again what was not acknowledged, in another order, mixed with repeats of what was."""

    total: int
    rng: random.Random
    window: int
    next: int = 0
    open: dict[int, None] = field(default_factory=dict)
    acked: list[int] = field(default_factory=list)
    first_life: dict[int, int] = field(default_factory=dict)
    acked_life: dict[int, int] = field(default_factory=dict)
    again: int = 0

    def resend(self, life: Life) -> None:
        """After a restart."""
        repeats = self.rng.sample(self.acked[-LOOKED_BACK:], min(len(self.acked), self.rng.randint(0, 60)))
        batch = [*self.open, *repeats]
        self.rng.shuffle(batch)
        self.again += len(batch)
        if batch:
            life.order(feed=batch)

    def send(self, life: Life, number_of_life: int) -> None:
        """As many new facts as there is room for; now and then some that were acknowledged long ago."""
        batch = list(range(self.next, min(self.total, self.next + self.window - len(self.open))))
        if not batch:
            return
        self.next += len(batch)
        self.open.update(dict.fromkeys(batch))
        self.first_life.update(dict.fromkeys(batch, number_of_life))
        repeats = self.rng.choices(self.acked, k=self.rng.randint(0, 3)) if self.acked else []
        self.again += len(repeats)
        life.order(feed=[*batch, *repeats])

    def note(self, numbers: Iterable[int], number_of_life: int) -> None:
        for number in numbers:
            self.open.pop(number, None)
            if number not in self.acked_life:
                self.acked_life[number] = number_of_life
                self.acked.append(number)

    @property
    def done(self) -> bool:
        return len(self.acked) == self.total


def kills(folder: Path, cradle: Cradle, seed: int, facts: int, count: int) -> Killed:
    """Kill a store `count` times on its way through `facts` facts: while it starts, and after random numbers of acknowledgements."""
    folder.mkdir(parents=True)
    began, outcome, rng = time.perf_counter(), Killed(facts=facts), random.Random(seed)
    window = min(WIDEST, max(10, facts // max(count, 1)))
    data, producers = folder / "data", Producers(facts, random.Random(f"{seed}|producers"), window)
    follower, life_number = Follower(data / "store.db"), 0
    while outcome.kills < count and not producers.done:
        life_number += 1
        life = cradle.life(data)
        if rng.random() < 0.15:
            time.sleep(rng.random() * cradle.start_s)
            outcome.early += told(life.words, "ready") is None
        else:
            share = max(1, (facts - len(producers.acked)) // (count - outcome.kills))
            _feed(life, producers, life_number, len(producers.acked) + rng.randint(0, share))
            time.sleep(rng.random() * 0.02)
        producers.note(acks([*life.words, *life.kill()]), life_number)
        outcome.kills += 1
    _end(cradle.life(data), producers, life_number + 1)
    records = follower.end()
    outcome.sent_again, outcome.records = producers.again, len(records)
    outcome.wrong = differences(data, records, facts, outcome)
    outcome.wrong += _order(records, producers)
    outcome.seconds = time.perf_counter() - began
    return outcome


def _feed(life: Life, producers: Producers, number: int, until: int) -> None:
    """Send facts until so many are acknowledged. TimeoutError when the store falls silent."""
    producers.resend(life)
    heard = time.monotonic()
    while len(producers.acked) < min(until, producers.total):
        producers.send(life, number)
        words = life.listen(0.2)
        producers.note(acks(words), number)
        heard = time.monotonic() if words else heard
        assert not life.ended, f"the store ended by itself: {life.words[-1:]}"
        if time.monotonic() - heard > PATIENCE_S:
            raise TimeoutError(f"no word of process {life.pid}")


def _end(life: Life, producers: Producers, number: int) -> None:
    _feed(life, producers, number, producers.total)
    life.order(finish=end_s(producers.total))
    words = life.last_words()
    acks(words)
    assert told(words, "done"), words[-1:]


def end_s(facts: int) -> float:
    """When the last alarm has rung, in seconds after T0."""
    return facts * reference.GAP_S + 1000.0


def differences(data: Path, records: Sequence[Record], facts: int, outcome: Killed) -> list[str]:
    """Where what a store left differs from the reference: its log as a reader saw it, state, figures, commands."""
    inputs = [Input(_number(one), one.event.received, dict(one.event.data)) for one in records if _is_input(one)]
    wanted = reference.play(inputs, reference.T0 + timedelta(seconds=end_s(facts)))
    wrong = [f"facts missing: {sorted(set(range(facts)) - wanted.taken)[:5]}"] if len(wanted.taken) != facts else []
    wrong += _lines(records, wanted)
    log = StoreLog(data / "store.db")
    if [one.seq for one in log.read()] != [one.seq for one in records]:
        wrong.append(f"the reader saw {len(records)} records, the log holds {log.last}")
    for tally in wanted.tallies:
        stored = log.load_instance(tally.name)
        assert stored is not None
        state = {key: json.loads(value) for key, value in stored.state.items()}
        figures: Counter[str] = Counter()
        for value in stored.figures.values():
            figures.update({name: cell["sum"] for name, cell in json.loads(value).items()})
        alarms = {alarm.key for alarm in stored.alarms}
        wrong += _differ(f"state of {tally.name}", state, tally.state())
        wrong += _differ(f"figures of {tally.name}", dict(figures), {"seen": tally.seen, "acks": tally.others.get("acks", 0)})
        wrong += _differ(f"alarms of {tally.name}", alarms, set(tally.alarms))
    sent = sum(map(len, wanted.commands().values()))
    wrong += _differ("outbox", log.outbox(), {"sent": sent})
    wrong += _differ("failures", log.failures(), [])
    log.close()
    wrong += [finding.text() for finding in verify(data / "store.db").findings]
    return wrong + _commands(data, records, wanted, outcome)


def _is_input(record: Record) -> bool:
    return record.event.stream in (reference.MOVEMENT, reference.PLAYED)


def _number(record: Record) -> int | None:
    return int(record.event.data["lot"]) if record.event.stream == reference.MOVEMENT else None


def _lines(records: Sequence[Record], wanted: reference.Store) -> list[str]:
    """The log record by record."""
    by_seq = {one.seq: one for one in records}
    for record, line in zip(records, wanted.lines, strict=False):
        event = record.event
        data = {key: value for key, value in event.data.items() if key != "ref"}
        got = (record.seq, event.stream, event.source, event.time, event.received, data, record.hops, record.cause)
        timeless = (
            event.stream == reference.PLAYED and got[:3] == line[:3] and got[4:] == line[4:]
        )  # when it played is the speaker's to say
        if got != tuple(line) and not timeless:
            return [f"record {got} is to be {tuple(line)}"]
        if event.stream == reference.COMMAND and event.data["ref"] != by_seq[record.cause].event.ref:
            return [f"record {record.seq} names another cause than {record.cause}"]
        if event.stream == reference.MOVEMENT:
            fact = made(int(event.data["lot"]), wanted.seed)
            if (
                event.received is None
                or event.received < fact.arrival
                or event.id != event_id(fact.time, fact.source, event.stream, fact.key)
            ):
                return [f"fact {fact.number} is not as it was sent: {event}"]
    return _differ("records", len(records), len(wanted.lines))


def _commands(data: Path, records: Sequence[Record], wanted: reference.Store, outcome: Killed) -> list[str]:
    """What the speakers heard, each command once, by product in order."""
    heard = (data / "heard").read_text(encoding="ascii").split()
    outcome.commands, outcome.commands_again = len(set(heard)), len(heard) - len(set(heard))
    commands = {one.event.id: one for one in records if one.event.stream == reference.COMMAND}
    if set(heard) - commands.keys():
        return [f"the speakers heard what nobody said: {sorted(set(heard) - commands.keys())[:3]}"]
    lanes: dict[str, list[int]] = {}
    for one in dict.fromkeys(heard):
        lanes.setdefault(f"{commands[one].event.source}|{commands[one].event.data['zone']}", []).append(commands[one].seq)
    return _differ("commands", lanes, wanted.commands())


def _order(records: Sequence[Record], producers: Producers) -> list[str]:
    """What was acknowledged before a restart comes before what was sent first after it; what one life sent and got through, in order."""
    numbers = [number for one in records if (number := _number(one)) is not None]
    seen_first = 0
    previous: dict[int, int] = {}
    for number in numbers:
        if seen_first > producers.acked_life[number]:
            return [f"fact {number} was acknowledged in life {producers.acked_life[number]}, but comes after one of life {seen_first}"]
        seen_first = max(seen_first, producers.first_life[number])
        life = producers.first_life[number]
        if life == producers.acked_life[number]:
            if previous.get(life, -1) > number:
                return [f"fact {number} comes after {previous[life]}"]
            previous[life] = number
    return []


def _differ(what: str, got: Any, wanted: Any) -> list[str]:
    if got == wanted:
        return []
    if isinstance(got, dict) and isinstance(wanted, dict):
        keys = [key for key in {**got, **wanted} if got.get(key) != wanted.get(key)]
        return [f"{what}: {key} is {str(got.get(key))[:200]}, wanted {str(wanted.get(key))[:200]}" for key in keys[:3]]
    return [f"{what}: {str(got)[:300]}, wanted {str(wanted)[:300]}"]
