"""Faults at the changes of files in each stage of a store's life; after each the store starts again and must end as one never hurt."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storeloom.core.kernel.lock import pack
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.requests import KEPT
from storeloom.core.runtime.verify import verify
from tests.faults import shop
from tests.faults.lives import Nursery, nursery
from tests.faults.stages import FAIL_ON, FAILING, KEEP_DAYS, NEXT, STAGES

HOW = {"kill": 1, "torn write": 2, "ENOSPC": 3, "EIO": 4}
SWEPT = ("append", "swap", "back", "compact", "snapshot", "bundle")
FOREVER = 1 << 40


@dataclass
class Swept:
    """What a sweep did: cases by stage and fault, how the hurt process ended, and what differed in the end."""

    cases: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    changes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def text(self) -> str:
        shown = ", ".join(f"{stage} {count}" for stage, count in sorted(self.cases.items()))
        return f"{sum(self.cases.values())} cases ({shown}); ends {dict(self.ends)}; changes {self.changes}; {self.seconds:.0f} s"


def compiler() -> str | None:
    """The C compiler that the preloaded part is built with."""
    return shutil.which("cc") or shutil.which("gcc")


def built(folder: Path) -> Path:
    """The preloaded part, compiled."""
    target = folder / "refuse.so"
    source = Path(__file__).with_name("refuse.c")
    subprocess.run([str(compiler()), "-O2", "-shared", "-fPIC", "-o", str(target), str(source), "-ldl"], check=True)
    return target


class Sweep:
    """Cases start from what an unhurt store left before the stage that is swept."""

    def __init__(self, folder: Path, cradle: Nursery) -> None:
        self._folder, self._cradle = folder, cradle
        self._kept = folder / "kept"
        self.outcome = Swept()
        for name, version, fail_on in ((NEXT, 2, ""), (FAILING, 2, FAIL_ON)):
            place = folder / f"made-{name}"
            place.mkdir(parents=True)
            composition = shop.composed(place, version, fail_on, KEEP_DAYS)
            (folder / name).write_bytes(pack(composition, shop.registry(version).catalogue))
        self._data = folder / "data"
        self._ids: list[str] = []
        self._clock = 0.0
        self._clocks: dict[str, float] = {}
        self._wanted = self._unhurt()

    def _life(self, start: int, to: int, **fault: Any) -> list[dict[str, Any]]:
        life = self._cradle.life(self._data, stages=True, keep_days=KEEP_DAYS, clock=self._clock, **{"from": start, "to": to}, **fault)
        words = life.last_words()
        self._clock = max([self._clock, *(one["clock"] for one in words if "clock" in one)])
        return [one for one in words if "clock" not in one]

    def _unhurt(self) -> dict[str, Any]:
        for number, stage in enumerate(STAGES):
            if self._data.exists():
                shutil.copytree(self._data, self._kept / stage)
            self._clocks[stage] = self._clock
            words = self._life(number, number + 1, at=stage, how=0, first=0, last=0)
            assert words[-1] == {"done": True}, words
            self.outcome.changes[stage] = words[0]["met"]
            self._ids = words[0]["ids"] or self._ids
        return left(self._data)

    def case(self, stage: str, how: str, first: int, last: int) -> None:
        """One fault, then a restart and the rest of the way."""
        shutil.rmtree(self._data)
        shutil.copytree(self._kept / stage, self._data)
        self._clock = self._clocks[stage]
        label, number = f"{stage}, {how} at {first}{'' if last == first else ' and on'}", STAGES.index(stage)
        self.outcome.cases[f"{stage}/{how}"] += 1
        words = self._life(number, number + 1, at=stage, how=HOW[how], first=first, last=last)
        fault = next((one for one in words if "fault" in one), None)
        self.outcome.ends["went on" if words[-1:] == [{"done": True}] else fault["fault"] if fault else "killed"] += 1
        if fault and fault["fault"] in ("AssertionError", "TimeoutError"):
            self.outcome.wrong.append(f"{label}: {fault['words']}")
            return
        words = self._life(number if words[-1:] != [{"done": True}] else number + 1, len(STAGES))
        if words[-1:] != [{"done": True}]:
            self.outcome.wrong.append(f"{label}: afterwards {words[-1:]}")
            return
        got = left(self._data)
        self.outcome.wrong += [f"{label}: {key} is {got[key]}, unhurt {value}" for key, value in self._wanted.items() if got[key] != value]
        ids = next((one["ids"] for one in words if one.get("ids")), self._ids)
        if ids != self._ids:
            more, fewer = sorted(set(ids) - set(self._ids)), sorted(set(self._ids) - set(ids))
            self.outcome.wrong.append(f"{label}: events too many {more[:3]}, missing {fewer[:3]}")


def left(data: Path) -> dict[str, Any]:
    """What is to be the same, hurt or not: states, figures, alarms, what was heard, what is still to be sent, the bundle in force."""
    log = StoreLog(data / "store.db")
    found: dict[str, Any] = {
        "asides": log.asides(),
        "inbox": log.waiting_facts(),
        "unsettled": len(log.unsettled()),
        "dead": len(log.dead()),
    }
    for name in sorted(log.instances()):
        stored = log.load_instance(name)
        assert stored is not None
        found[f"state {name}"] = {key: json.loads(value) for key, value in sorted(stored.state.items())}
        found[f"figures {name}"] = {key: json.loads(value) for key, value in sorted(stored.figures.items())}
        found[f"alarms {name}"] = sorted((alarm.key, alarm.due) for alarm in stored.alarms)
        found[f"version {name}"] = stored.version
    log.close()
    found["heard"] = sorted(set((data / "heard").read_text(encoding="ascii").split()))
    found["bundle"] = (data / KEPT).read_bytes()
    copy = data / "copy.db"
    for file in (data / "store.db", copy):
        found[f"faults of {file.name}"] = [finding.text() for finding in verify(file).findings]
    found["files"] = sorted(one.name for one in data.iterdir() if not one.name.startswith("store.db-"))
    return found


def points(changes: int, most: int | None) -> Iterator[int]:
    """Every change's number, or about `most` of them, the first and the last among them."""
    every = 1 if most is None else max(1, -(-changes // most))
    yield from sorted({*range(1, changes + 1, every), changes} if changes else set())


def sweep(folder: Path, most: int | None, hows: Sequence[str] = tuple(HOW), stages: Sequence[str] = SWEPT) -> Swept:
    """All cases; at most about `most` points a stage and fault, None for every change. Full and broken disks both once and for good."""
    began = time.perf_counter()
    folder.mkdir(parents=True)
    with nursery(built(folder)) as cradle:
        one = Sweep(folder, cradle)
        for stage in stages:
            for how in hows:
                for first in points(one.outcome.changes[stage], most):
                    one.case(stage, how, first, first)
                    if how in ("ENOSPC", "EIO") and (most is None or first == 1):
                        one.case(stage, how, first, FOREVER)
    one.outcome.seconds = time.perf_counter() - began
    return one.outcome
