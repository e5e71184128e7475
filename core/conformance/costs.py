"""What a solution costs: events a second through its handlers, frames a second where it looks at pictures, memory, and what grows with
events.

Measured on the inputs of its own episodes, lap after lap: each lap comes whole days later, under new ids, and its papers (receipts, orders,
tasks...) are new ones, so that nothing is taken for a repeat and what is over may be forgotten. Seconds are of the processor, not of the
clock on the wall, and hold the store's own work for an event (its log, the checks of what comes out) beside the solution's. Scenes take the
place of pixels, so a detector's time is not in it.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.conformance.importing import imported
from storeloom.core.conformance.labs import Case, Lab, lab_of
from storeloom.core.conformance.load import resident_kib
from storeloom.core.conformance.rules import Found, Grade, Rule, Scope, Subject
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import Event
from storeloom.core.runtime.limits import Limits
from storeloom.core.virtual.episode import Episode

# A supermarket with 16 tills, 30 sensors and 4 cameras says some 50 things a second at its busiest; a solution may take a quarter of one
# core for them. What computes at night may be slower with what it hears by day.
LEAST_EVENTS_S = {"light": 200, "vision": 100, "forecast": 100, "optimise": 100}
LEAST_FRAMES_S = 50  # eight cameras of 6 frames a second on one core, beside their detector
MOST_STATE_KIB = 200  # in 1,000 events: 64 MiB, all that a process may remember, then hold a month of 10,000 events a day
MOST_OBJECTS = 16_000  # Python's, in 1,000 events: at 100 bytes each 512 MiB, all that a process may take, then hold as much
EVENTS, SECONDS = 2_000, 3.0
LONG_EVENTS, LONG_SECONDS = 20_000, 30.0
CASES, SAMPLES = 6, 6
FRAME = "camera.frame"
# Fields that name a thing of its own, new each time, not a device, a product or a person.
PAPERS = frozenset({"receipt", "order", "task", "basket", "shipment", "message", "booking", "session", "return", "request", "approval",
                    "track", "visit", "payment", "pick", "ticket", "case", "movement", "scan", "alert", "notice"})  # fmt: skip


@dataclass
class Cost:
    """What laps came to: events handled and frames among them, processor seconds in events and frames and between them, event time, and
    what had grown from the first half of the laps to the second, with the events of that half; and the most memory that the process took
    beyond what it had before the plugin was imported (KiB), with what the plugin computes by."""

    events: int = 0
    frames: int = 0
    event_s: float = 0.0
    frame_s: float = 0.0
    idle_s: float = 0.0
    days: float = 0.0
    state_bytes: int = 0
    objects: int = 0
    grown_over: int = 0
    memory_kib: int = 0

    def figures(self) -> dict[str, float]:
        found = {"events": float(self.events)}
        if self.event_s:
            found["events_s"] = round(self.events / self.event_s, 1)
        if self.frame_s:
            found["frames_s"] = round(self.frames / self.frame_s, 1)
        if self.days:
            found["day_s"] = round(self.idle_s / self.days, 4)
        if self.grown_over:
            found["state_kib_1000"] = round(self.state_bytes / 1024 * 1000 / self.grown_over, 2)
            found["objects_1000"] = round(self.objects * 1000 / self.grown_over, 1)
        found["memory_mib"] = round(self.memory_kib / 1024, 1)
        return found


class Laps(Episode):
    """An episode whose inputs come again and again, until there were `events` or `seconds` of the processor are over."""

    def race(self, cost: Cost, events: int, seconds: float) -> None:
        began, lap = time.process_time(), 0
        span = self.timeline[-1][0] - self.timeline[0][0]
        step = timedelta(days=math.ceil((span + timedelta(seconds=1)) / timedelta(days=1)))
        self._lap(self.timeline, timedelta(), 0, Cost())
        start, first, sizes = self.engine.now, self._handled(), [self._held()]
        while self._handled() - first < events and time.process_time() - began < seconds:
            lap += 1
            self._lap(self.timeline, step * lap, lap, cost)
            if self._handled() - sizes[-1][0] >= events / SAMPLES:
                sizes.append(self._held())
        sizes.append(self._held())
        cost.days += (self.engine.now - start) / timedelta(days=1)
        half = min(sizes, key=lambda one: abs(one[0] - (first + sizes[-1][0]) / 2))
        cost.grown_over += sizes[-1][0] - half[0]
        cost.state_bytes += sizes[-1][1] - half[1]
        cost.objects += sizes[-1][2] - half[2]

    def _handled(self) -> int:
        return sum(member.meter.handled for member in self.engine.crew)

    def _held(self) -> tuple[int, int, int]:
        """Events handled, bytes of state, and objects in the process."""
        self.result.outputs.clear()
        self.engine.failures.clear()
        self.engine.flush()
        state = sum(len(row) for one in self.engine.instances for row in self.engine.log.load_state(one).values())
        gc.collect()
        return self._handled(), state, sys.getallocatedblocks()

    def _lap(self, timeline: Sequence[tuple[datetime, int, Any]], later: timedelta, lap: int, cost: Cost) -> None:
        self.result.outputs.clear()
        for number, (arrival, _, action) in enumerate(timeline):
            at, began = arrival + later, time.process_time()
            self.engine.advance(at, inclusive=False)
            cost.idle_s += time.process_time() - began
            if not isinstance(action, Event):
                self.engine.replace_table(action[0], action[1], at)
                continue
            data = _renamed(self._resolved(action.data), lap)
            event = Event(
                action.stream, action.time + later, data, f"LAP{lap:05}{number:06}{action.id[-8:]}", action.store, action.source, at
            )
            before, began = self._handled(), time.process_time()
            self.engine.take_in(event)
            spent, handled = time.process_time() - began, self._handled() - before
            if action.stream == FRAME:
                cost.frames += 1
                cost.frame_s += spent
            else:
                cost.events += handled
                cost.event_s += spent


def _renamed(value: Any, lap: int) -> Any:
    """Data whose papers are those of a lap."""
    if isinstance(value, dict):
        return {
            key: f"{item}-{lap}" if key in PAPERS and isinstance(item, str) and lap else _renamed(item, lap) for key, item in value.items()
        }
    return [_renamed(item, lap) for item in value] if isinstance(value, list) else value


def cost_of(subject: Subject, solution: str) -> Cost:
    """What a solution costs, measured once for a check; `subject.long` takes ten times as many events."""
    known: dict[str, Cost] = subject.notes.setdefault("costs", {})
    if solution not in known:
        lab = lab_of(subject, solution)
        cases = _cases(lab)
        events, seconds = (LONG_EVENTS, LONG_SECONDS) if subject.long else (EVENTS, SECONDS)
        known[solution] = Cost()
        for case in cases:
            laps = Laps(case.document, subject.registry, strict=False, like=case.script)
            laps.race(known[solution], events // len(cases), seconds / len(cases))
            taken = resident_kib() - imported(subject, solution).before_kib
            known[solution].memory_kib = max(known[solution].memory_kib, taken)
    return known[solution]


def _cases(lab: Lab) -> list[Case]:
    """Episodes that bring all streams of the solution, and some more, the cheap first."""
    usable = [case for case in lab.cases if case.streams and not case.outcome.raised]
    left, first = {name.rstrip("?") for name in lab.entry["consumes"]}, []
    for case in usable:
        if left & case.streams:
            first.append(case)
            left -= case.streams
    return [*first, *(case for case in usable if case not in first)][: max(CASES, len(first))]


# --- rules ---


def _few(cost: Cost) -> Found:
    return Found(beside={"en": "its episodes give it nothing to handle", "zh": "样例没有可处理的输入"}, figures=cost.figures())


def speed(subject: Subject, solution: str) -> Found:
    """It handles as many events a second as a busy store has for it."""
    cost, lab = cost_of(subject, solution), lab_of(subject, solution)
    figures, limit = cost.figures(), LEAST_EVENTS_S[lab.entry["load"]]
    if not cost.events or not cost.event_s:
        return _few(cost)
    return _judged(lab, figures, "events_s", limit, "events", "个事件")


def frames(subject: Subject, solution: str) -> Found:
    """It looks at as many frames a second as a store's cameras have for it."""
    cost, lab = cost_of(subject, solution), lab_of(subject, solution)
    if not cost.frames or not cost.frame_s:
        return Found(beside={"en": "it looks at no frames", "zh": "不处理画面"}, figures=cost.figures())
    return _judged(lab, cost.figures(), "frames_s", LEAST_FRAMES_S, "frames", "帧")


def _judged(lab: Lab, figures: dict[str, float], name: str, limit: float, en: str, zh: str) -> Found:
    args = {"id": lab.entry.id, "got": round(figures[name]), "unit": {"en": en, "zh": zh}, "limit": limit}
    slow = figures[name] < limit
    return Found((Finding("SL-CHK-44", args, file=str(lab.entry.file)),) if slow else (), figures)


def growth(subject: Subject, solution: str) -> Found:
    """What it remembers, and what its process holds on to, stays bounded while events come and go."""
    cost, lab = cost_of(subject, solution), lab_of(subject, solution)
    figures = cost.figures()
    if not cost.grown_over:
        return _few(cost)
    found = []
    for name, limit, what, unit in (
        ("state_kib_1000", MOST_STATE_KIB, {"en": "state", "zh": "状态"}, "KiB"),
        ("objects_1000", MOST_OBJECTS, {"en": "memory", "zh": "内存"}, {"en": "objects", "zh": "个对象"}),
    ):
        if figures[name] > limit:
            args = {"id": solution, "what": what, "got": round(figures[name]), "unit": unit, "limit": limit}
            found.append(Finding("SL-CHK-45", args, file=str(lab.entry.file)))
    return Found(tuple(found), figures)


def memory(subject: Subject, solution: str) -> Found:
    """What it takes of memory, with all that it computes by, is within the limit of its process."""
    entry = lab_of(subject, solution).entry
    figures, limit = cost_of(subject, solution).figures(), Limits.of(entry).memory_mb
    if figures["memory_mib"] <= limit:
        return Found(figures=figures)
    what = {"en": "takes too much memory", "zh": "占用内存过多"}
    args = {"id": solution, "what": what, "got": figures["memory_mib"], "limit": limit, "unit": "MiB"}
    return Found((Finding("SL-CHK-43", args, file=str(entry.file)),), figures)


RULES: tuple[Rule, ...] = (
    Rule("costs.speed", Grade.GOLD, Scope.SOLUTION, "It handles the events of a busy store on a quarter of a core",
         "以四分之一个核处理繁忙门店的事件", "A store runs dozens of solutions on one small machine.",
         "门店在一台小型主机上运行数十个方案。", speed),
    Rule("costs.frames", Grade.GOLD, Scope.SOLUTION, "It keeps up with a store's cameras", "跟得上门店摄像头的帧率",
         "Frames are not kept: what is too slow goes blind.", "画面不留存：处理不及即等于看不见。", frames),
    Rule("costs.memory", Grade.GOLD, Scope.SOLUTION, "Its memory is within the limit of its process", "内存占用在其进程限额内",
         "A store ends a process that takes more, and starts it again.", "门店会终止超限的进程并重新启动。", memory),
    Rule("costs.growth", Grade.GOLD, Scope.SOLUTION, "What it remembers stays bounded", "记忆量保持有界",
         "It runs for years without a restart.", "它会连续运行数年而不重启。", growth),
)  # fmt: skip
