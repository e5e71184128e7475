"""The instances that a store runs, each with its place in the log, its measure, and what comes due for it."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from storeloom.core.kernel.plan import InstancePlan
from storeloom.core.runtime.log import Record, StoreLog
from storeloom.core.runtime.runner import Call, Movable, Runner, Stored
from storeloom.core.runtime.status import Health, InstanceStatus

Make = Callable[[InstancePlan, Stored | None], Runner]
_DAMPING = 0.1


@dataclass
class Meter:
    """What an instance did since the store started; `usual_s` is the moving mean of a call's seconds."""

    handled: int = 0
    outputs: int = 0
    failures: int = 0
    busy_s: float = 0.0
    longest_s: float = 0.0
    usual_s: float = 0.0

    def took(self, seconds: float) -> None:
        self.busy_s += seconds
        self.longest_s = max(self.longest_s, seconds)
        self.usual_s += (seconds - self.usual_s) * _DAMPING


@dataclass
class Lag:
    """An instance that goes at its own pace: `offset` is the last log record that it is done with.

    `first` holds calls that come before anything else; `call` is under way since `began` (performance counter, seconds); `page` holds
    records read ahead; `hold`: it is to begin nothing more; `replay`: it takes the place of a version that handled its records before, so
    its outputs count as made then.
    """

    offset: int
    call: Call | None = None
    hops: int = 0
    began: float = 0.0
    page: deque[Record] = field(default_factory=deque)
    first: deque[Call] = field(default_factory=deque)
    hold: bool = False
    replay: bool = False


@dataclass
class Member:
    """An instance in the crew. `lag` None: it is level with the log.

    `fresh`: it was never started; the log knows of it no more than where it begins (`begins`), with 0 for its start.
    """

    runner: Runner
    item: InstancePlan
    make: Make
    isolation: str
    order: int
    meter: Meter = field(default_factory=Meter)
    lag: Lag | None = None
    stored: tuple[int | None, int] | None = None
    started: int = 0
    retried: str = ""
    fresh: bool = False
    begins: int | None = None
    frames_missed: int = 0

    @property
    def name(self) -> str:
        return self.item.name

    @cached_property
    def streams(self) -> str:
        """The streams that it handles, as a JSON list."""
        return json.dumps(sorted(self.runner.declared.streams))

    def stand(self, stored: Stored | None) -> None:
        """Stand where the log says, whatever it was made with."""
        self.runner = self.runner.restated(stored) if isinstance(self.runner, Movable) else self.make(self.item, stored)
        self.knows(stored)

    def at_leisure(self, call: Call, hops: int, level: int) -> bool:
        """Begin on a frame, which no log keeps, where it is behind and has nothing else to do; whether it did."""
        lag = self.lag
        if lag is None or lag.hold or lag.call is not None or lag.first or lag.page or lag.offset < level or not self.runner.awake:
            return False
        lag.call, lag.hops, lag.began = call, hops, time.perf_counter()
        self.runner.begin(call)
        return True

    def knows(self, stored: Stored | None) -> None:
        """Note where the log says that it stands."""
        self.fresh = stored is None
        if stored is not None:
            self.started, self.stored = stored.started, (stored.offset, stored.clock)


class Crew:
    """Members by name, whom a stream concerns, who is due first, who has something to save."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.behind: dict[str, Member] = {}
        self._by_stream: dict[str, list[Member]] = {}
        self._due: dict[str, tuple[int, str, str, int]] = {}
        self._touched: dict[str, Member] = {}

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members.values())

    def join(self, member: Member, offset: int | None) -> None:
        """Take a member in, in place of one of its name; level with the log, or behind it at `offset`."""
        self.members[member.name] = member
        self.behind.pop(member.name, None)
        self._index()
        if offset is None:
            self.settle(member)
        else:
            self.fall_behind(member, offset)

    def leave(self, name: str) -> Member:
        """Let a member go; its name is free."""
        member = self.members.pop(name)
        self.behind.pop(name, None)
        self._due.pop(name, None)
        self._touched.pop(name, None)
        self._index()
        return member

    def _index(self) -> None:
        self._by_stream = {}
        for member in sorted(self, key=lambda one: one.order):
            for stream in member.runner.declared.streams:
                self._by_stream.setdefault(stream, []).append(member)

    def concerned(self, stream: str) -> list[Member]:
        return self._by_stream.get(stream, [])

    def settle(self, member: Member) -> None:
        """Note what comes due for a member next; called after each thing it did. One that is behind looks after its own."""
        if self.members.get(member.name) is not member:
            return
        due = None if member.lag is not None else member.runner.due()
        if due is None:
            self._due.pop(member.name, None)
        else:
            self._due[member.name] = (*due, member.order)
        self._touched[member.name] = member

    def first_due(self) -> tuple[int, str, str, Member] | None:
        """What comes due first among those that are level: instant (microseconds), name, key, whose."""
        if not self._due:
            return None
        name = min(self._due, key=self._due.__getitem__)
        at, what, key, _ = self._due[name]
        return at, what, key, self.members[name]

    def fall_behind(self, member: Member, offset: int, *, replay: bool = False) -> Lag:
        """From now a member goes at its own pace, from a place in the log."""
        if member.lag is None:
            member.lag = Lag(offset, replay=replay)
            self.behind[member.name] = member
            self.settle(member)
        return member.lag

    def catch_up(self, member: Member) -> None:
        """A member is level with the log again."""
        member.lag = None
        self.behind.pop(member.name, None)
        self.settle(member)

    def save(self, log: StoreLog) -> None:
        """Write what members changed; inside the log's transaction."""
        for member in self._touched.values():
            if member.fresh:
                self._save_fresh(member, log)
                continue
            changes = member.runner.changes()
            if changes:
                log.save_changes(member.name, changes)
            mark = None if member.lag is None else member.lag.offset, member.runner.clock_micros
            if mark != member.stored:
                declared = member.runner.declared
                log.save_instance(member.name, declared.solution, declared.version, *mark, member.started)
                member.stored = mark
        self._touched.clear()

    def _save_fresh(self, member: Member, log: StoreLog) -> None:
        """Write where one begins that is yet to be started: a kill before that must not cost it what came meanwhile."""
        if member.lag is not None and member.lag.offset != member.begins:
            member.begins = member.lag.offset
            declared = member.runner.declared
            log.save_instance(member.name, declared.solution, declared.version, member.begins, member.runner.clock_micros, 0)

    def statuses(self, last: int, level: int, why: Mapping[str, str], lang: str) -> Iterable[InstanceStatus]:
        """What each member does; `why` says in words of `lang` of those that rest for what reason."""
        for member in self:
            lag, reason = member.lag, why.get(member.name, "")
            health: Health = "resting" if reason else "level"
            if not reason and lag is not None and (lag.call is not None or lag.offset < level):
                health = "behind"
                reason = _at_work(lag, lang)
            meter, declared = member.meter, member.runner.declared
            yield InstanceStatus(
                member.name,
                declared.solution,
                declared.version,
                member.isolation,
                health,
                reason,
                meter.handled,
                meter.outputs,
                meter.failures,
                max(0, last - (level if lag is None else lag.offset)),
                round(meter.busy_s, 6),
                round(meter.longest_s * 1000, 3),
                member.runner.memory_mb,
                member.frames_missed + member.runner.frames_missed,
            )


def _at_work(lag: Lag, lang: str) -> str:
    """For how long a member works on what."""
    if lag.call is None:
        return ""
    seconds, what = time.perf_counter() - lag.began, lag.call.label
    return f"处理 {what} 已 {seconds:.1f} 秒" if lang == "zh" else f"{seconds:.1f} s in {what}"
