"""Thousands of messages between a twin and a driver: whether each came, and what the driver's process kept of them."""

from __future__ import annotations

import gc
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.core.conformance.apart import TwinApart
from storeloom.core.conformance.matching import matches
from storeloom.core.conformance.rig import Rig, threads_and_files

LOOK_S = 0.002
TURN_S, AHEAD = 0.5, 0.1
AT_ONCE = 50
WARM_S, CAME_S, COMMAND_S, SETTLE_S = 20.0, 10.0, 15.0, 10.0
WARM = 5
BUSY, BUSY_S = "busy", 0.05  # the code of `device.status` and of a DeviceError
SAMPLES = 50
SLACK = 3  # threads and descriptors that a connection made anew may have more; what each message leaves is far more
OBJECTS = 30


@dataclass(frozen=True)
class Load:
    """So many messages, or as many as fit into so many seconds.

    Over the second half of them the driver's process may grow by `blocks` small objects (as the interpreter counts them, up to 512 bytes
    each) and by `resident_kib`: room for buffers, and none for one object a message. The first `kept` commands are what a driver may
    remember to tell repeats; each of them may leave `OBJECTS`.
    """

    messages: int
    seconds: float
    blocks: int = 1000
    resident_kib: int = 2048
    kept: int = 2000

    def room(self, first: int, last: int) -> int:
        """Small objects by which it may grow from its `first` command to its `last`."""
        return self.blocks + OBJECTS * max(0, min(last, self.kept) - first)


# The short form is over before buffers, caches and specialised code have settled: it finds what keeps a message whole.
SHORT, LONG = Load(300, 2.0, blocks=5000, resident_kib=8192), Load(10_000, 60.0)


@dataclass(frozen=True)
class Size:
    """What a process has after so many messages, and commands among them: small objects, resident memory (KiB)."""

    messages: int
    commands: int
    blocks: int
    resident_kib: int

    @classmethod
    def now(cls, facts: int, commands: int) -> Size:
        gc.collect()
        return cls(facts + commands, commands, sys.getallocatedblocks(), resident_kib())


@dataclass(frozen=True)
class Carried:
    """How it went: facts that came, commands that were carried out, growth over the second half; `wrong` is empty where all is right."""

    facts: int
    commands: int
    seconds: float
    blocks: int
    resident_kib: int
    wrong: str = ""

    @property
    def messages(self) -> int:
        return self.facts + self.commands

    def words(self, load: Load) -> str:
        fit = "" if self.messages >= load.messages else f", as many as fit into {load.seconds:g} s"
        grown = f"{self.blocks:+d} objects, {self.resident_kib:+d} KiB over the second half"
        return f"{self.messages} messages ({self.facts} facts, {self.commands} commands{fit}); {grown}"


class LoadFault(Exception):
    """A message did not come through; what, in words."""


def resident_kib() -> int:
    """Resident memory of this process; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except FileNotFoundError:
        return 0


class Carrier:
    """Carries messages between a driver at work in `rig` and its twin: facts and commands in turns of `TURN_S`, half of them each.

    Neither is ahead of the other, nor of the time, by more than `AHEAD` of all: so both halves of the messages are of both.
    """

    def __init__(self, rig: Rig, twin: TwinApart) -> None:
        self.rig, self.twin = rig, twin
        self.facts = self.commands = 0
        self._act = self._command = 0
        self._next: tuple[str, Mapping[str, Any]] | None = None
        self._tells = self._takes = True

    def carry(self, load: Load) -> Carried:
        """LoadFault where one does not come; growth, threads and descriptors are judged in `wrong`."""
        self._warm()
        gc.collect()
        before, began = threads_and_files(), time.monotonic()
        sizes = [Size.now(0, 0)]
        share = math.ceil(load.messages / (self._tells + self._takes))
        while self.facts + self.commands < load.messages and (spent := (time.monotonic() - began) / load.seconds) < 1.0:
            facts, commands = self.facts / share, self.commands / share
            for here, way, mine, other in (
                (self._tells, self._some_facts, facts, commands if self._takes else 1.0),
                (self._takes, self._one_command, commands, facts if self._tells else 1.0),
            ):
                if here:
                    self._turn(way, math.ceil(share * (min(1.0, max(spent, other) + AHEAD) - mine)), load.seconds)
            if self.facts + self.commands - sizes[-1].messages >= load.messages / SAMPLES:
                sizes.append(Size.now(self.facts, self.commands))
        seconds = time.monotonic() - began
        self.rig.take()
        most = tuple(number + SLACK for number in before)
        settled = self.rig.wait_for(lambda: all(map(int.__le__, threads_and_files(), most)), SETTLE_S)
        last = Size.now(self.facts, self.commands)
        half = min(sizes, key=lambda one: abs(one.messages - last.messages / 2))
        blocks, resident, room = last.blocks - half.blocks, last.resident_kib - half.resident_kib, load.room(half.commands, last.commands)
        wrong = ""
        if not settled:
            wrong = f"threads and descriptors before {before}, after {threads_and_files()}"
        elif blocks > room or resident > load.resident_kib:
            wrong = f"it keeps what it should forget (at most {room} objects, {load.resident_kib} KiB)"
        return Carried(self.facts, self.commands, seconds, blocks, resident, wrong)

    def _warm(self) -> None:
        """Wait until both ways work, and have each used a few times: connections and pools are there then."""
        until = time.monotonic() + WARM_S
        self._tells = any(self.twin.burst(0, 1))
        self._next = self.twin.command(0)
        self._takes, self._act = self._next is not None, 1
        if not (self._tells or self._takes):
            raise LoadFault("the twin neither says anything nor gives a command")
        for here, way in ((self._tells, self._some_facts), (self._takes, self._one_command)):
            wanted = self.facts + self.commands + WARM
            while here and self.facts + self.commands < wanted:
                try:
                    way(1, 1.0)
                except LoadFault:
                    if time.monotonic() > until:
                        raise
        self.facts = self.commands = 0

    def _turn(self, way: Callable[[int, float], None], most: int, seconds: float) -> None:
        """One way for a while, `most` messages at most."""
        ends, until = time.monotonic() + min(TURN_S, seconds / 4), self.facts + self.commands + most
        while time.monotonic() < ends and self.facts + self.commands < until:
            way(min(AT_ONCE, until - self.facts - self.commands), CAME_S)

    def _some_facts(self, count: int, seconds: float) -> None:
        """Have the twin say something, up to so many things in a row; each must come, and each for itself."""
        self.rig.take()
        said = self.twin.burst(self._act, count)
        self._act += len(said)
        missing = [one for each in said for one in each]
        until = time.monotonic() + seconds
        while missing:
            for fact in self.rig.take():
                place = next((number for number, one in enumerate(missing) if matches(one, [fact])), None)
                if place is not None:
                    del missing[place]
            if missing and time.monotonic() > until:
                raise LoadFault(
                    f"after {self.facts} facts did not come within {seconds:g} s: {len(missing)} of {len(said)}, as {missing[0]}"
                )
            if missing:
                time.sleep(LOOK_S)
        self.facts += len(said)

    def _one_command(self, _: int, seconds: float) -> None:
        """Give the next command; it must be carried out, or be refused as more than the device takes at a time: then once more later."""
        wanted = self._next = self._next or self.twin.command(self._command)
        assert wanted is not None
        done = self.twin.taken()
        answer = self.rig.send(*wanted, COMMAND_S)
        if getattr(answer, "word", "") == BUSY:
            time.sleep(BUSY_S)
            return
        self._next = None
        self._command += 1
        if answer is not None:
            raise LoadFault(
                f"after {self.commands} commands {wanted} was not taken: {answer if answer is not True else 'it did not come back'}"
            )
        until = time.monotonic() + seconds
        while self.twin.taken() <= done:
            if time.monotonic() > until:
                raise LoadFault(f"after {self.commands} commands {wanted} was not carried out within {seconds:g} s")
            time.sleep(LOOK_S)
        self.rig.take()
        self.commands += 1
