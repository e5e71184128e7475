"""What a store goes through in the sweep: facts, a hot swap that is kept, one that rolls back, compaction, a snapshot, a bundle.

Each stage can be done again after a restart: facts are repeats then, times are absolute, a bundle in force is not applied twice.
A fault is armed for one stage; what the store writes in it is counted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import StoreloomError
from storeloom.core.kernel.events import plain
from storeloom.core.kernel.lock import unpack
from storeloom.core.kernel.plan import Plan
from storeloom.core.runtime import live, packages
from storeloom.core.runtime.live import LiveStore
from storeloom.core.runtime.requests import KEPT, keep_bundle
from storeloom.core.runtime.retention import snapshot
from tests.faults import reference, shop

KEEP_DAYS = 0.02
NEXT, FAILING = "next.json", "failing.json"
FAIL_ON = "g2"
GROUP = 8
TURNS = 4000
SECOND, THIRD, FOURTH = 3000, 20000, 40000  # the first facts after the pauses: 35 minutes, 3.9 and 7.8 hours after T0


class Course:
    """One store on its way through the stages. Its wall clock goes on over a restart from `clock` (seconds after T0), as `tell` told."""

    def __init__(self, data: Path, plan: Plan, clock: float, tell: Callable[[Mapping[str, Any]], None]) -> None:
        live.IDLE_S = 0.002
        kept = data / KEPT
        version = 2 if kept.is_file() else 1
        if version == 2:
            plan = unpack(kept, shop.registry(2).catalogue)[1]
        packages.packages = shop.installed  # type: ignore[assignment]
        self.data, self._tell = data, tell
        self.store, self.hands = shop.open_store(data, plan, shop.registry(version))
        self.hands.move(reference.T0 + timedelta(seconds=clock))
        self.store._work_off()

    def feed(self, first: int, end: int) -> None:
        """Facts in groups, each accepted and handled in one turn. After a restart some are repeats, and may be too late by then."""
        for start in range(first, end, GROUP):
            tickets = [shop.offer(self.store, self.hands, number) for number in range(start, min(start + GROUP, end))]
            self.store.turn()
            assert all(ticket.wait(0) is not None for ticket in tickets)

    def until(self, done: Callable[[LiveStore], bool]) -> None:
        """Go round until something is so."""
        for _ in range(TURNS):
            if done(self.store):
                return
            self.store.turn()
        raise TimeoutError("the store does not get there")

    def pass_to(self, number: int) -> None:
        """Let the time pass to a fact's arrival, and all that is due be done."""
        self._move(number * reference.GAP_S)
        self.store.turn()
        self.until(shop.idle)

    def _move(self, seconds: float) -> None:
        self._tell({"clock": seconds})
        self.hands.move(reference.T0 + timedelta(seconds=seconds))

    def apply(self, name: str) -> None:
        """Ask for a bundle as an operator does."""
        number = self.store.log.ask("apply", {"file": str(self.data.parent / name)})
        self.until(lambda store: store.log.answered(number) is not None)
        answer = self.store.log.answered(number)
        assert answer is not None and answer[0] == "done", answer

    def begin(self) -> None:
        self.feed(0, 40)
        self.until(shop.idle)

    def append(self) -> None:
        self.feed(40, 56)
        self.until(shop.idle)

    def swap(self) -> None:
        self.apply(NEXT)
        self.feed(56, 80)
        self.pass_to(SECOND - 1200)
        for _ in range(8):  # the probation takes 5 minutes from when it last began
            self._move((self.hands.at - reference.T0).total_seconds() + 60)
            self.store.turn()
        self.until(lambda store: not store.swaps.pending and (self.data / KEPT).is_file())

    def back(self) -> None:
        self.feed(SECOND, SECOND + 16)
        self.apply(FAILING)
        self.feed(SECOND + 16, SECOND + 64)
        if self.store.swaps.pending:  # the fact that it fails on had come before a restart
            self.store.swaps.roll_back(self.store.swaps.pending, "the operator took it back")
        self.until(lambda store: shop.idle(store) and not store.engine.crew.behind)
        self.pass_to(THIRD - 2000)

    def note(self) -> None:
        """Nothing to do: what the log holds is told after each stage."""

    def compact(self) -> None:
        self.feed(THIRD, THIRD + 16)
        self.pass_to(THIRD + 8000)
        self.until(lambda store: store._compaction is None)

    def snapshot(self) -> None:
        snapshot(self.store.log, self.data / "copy.db")

    def bundle(self) -> None:
        keep_bundle(self.data, self.data.parent / NEXT)

    def end(self) -> None:
        self.feed(FOURTH, FOURTH + 16)
        self.pass_to(FOURTH + 2000)

    def ids(self) -> list[str]:
        """The events in the log but for devices' answers, whose ids bear the time of the answer: each by its id, stream and source.

        An alert is told by time and words: one that an alarm brings bears in its id where in the log stands what set the alarm, and
        answers, which come when they come, move that.
        """
        found = []
        for one in (read.event for read in self.store.log.read()):
            told = f"{plain(one.time)} {one.data['alert']} {one.data['text']}" if one.stream == reference.ALERT else one.id
            if one.stream != reference.PLAYED:
                found.append(f"{told} {one.stream} of {one.source}")
        return sorted(found)


STAGES = ("begin", "append", "swap", "back", "note", "compact", "snapshot", "bundle", "end")


def serve(data: Path, plan: Plan, request: Mapping[str, Any], _orders: int, out: int) -> int:
    """Go through the stages from `from` to before `to`; the fault `how` is armed for the stage `at`, for changes `first` to `last`."""

    def tell(what: Mapping[str, Any]) -> None:
        os.write(out, json.dumps(what).encode() + b"\n")

    stage = "start"
    try:
        course = Course(data, plan, request["clock"], tell)
        for number in range(request["from"], request["to"]):
            stage = STAGES[number]
            if stage == request.get("at"):
                shop.arm(request["how"], request["first"], request["last"])
            getattr(course, stage)()
            changes = shop.met()
            shop.arm(0, 0, 0)
            tell({"stage": stage, "met": changes, "ids": course.ids() if stage == "note" else None})
        course.store.close()
        tell({"done": True})
    except StoreloomError as fault:
        tell({"fault": fault.findings[0].code, "stage": stage, "words": fault.findings[0].text()})
        return 1
    except (OSError, TimeoutError, AssertionError) as error:
        tell({"fault": type(error).__name__, "stage": stage, "words": str(error)})
        return 1
    return 0
