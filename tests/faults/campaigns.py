"""Campaigns of faults against the log: power cuts, kills, a full or broken disk, flipped bits. Each returns what it did and what failed."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from storeloom.core.kernel.errors import LogFault
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.retention import snapshot
from storeloom.core.runtime.verify import verify
from tests.faults.model import Model, Workload, fact, foretell, observe, perform
from tests.faults.vfs import CrashVFS, Disk, Refusal, RefusingVFS

STORE = "s1"
CHECKPOINT = 20  # pages of write-ahead log, so that a short workload meets many check-points
NEVER = 1 << 40
AFTER = 6  # operations done on a recovered log, to see that it lives on
_numbers = iter(range(1, 1 << 30))


@dataclass
class Outcome:
    """How often a fault was brought about, how each ended, and every case in which log and model differ."""

    cases: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, end: str) -> None:
        self.cases += 1
        self.ends[end] += 1

    def __iadd__(self, other: Outcome) -> Outcome:
        self.cases += other.cases
        self.ends += other.ends
        self.wrong += other.wrong
        return self


@dataclass
class Moment:
    """What the disk held at one moment, and what was acknowledged then; `after` with the operation that was under way."""

    operation: int
    files: dict[str, bytes]
    before: Model
    after: Model


def new_log(folder: Path, vfs: str | None = None, synchronous: str = "FULL") -> StoreLog:
    """A log of the model's store with frequent check-points."""
    log = StoreLog(folder / "store.db", store=STORE, vfs=vfs)
    log.run(f"PRAGMA wal_autocheckpoint={CHECKPOINT}")
    log.run(f"PRAGMA synchronous={synchronous}")
    return log


def moments(folder: Path, seed: int, operations: int, every: int, how: str, synchronous: str = "FULL") -> list[Moment]:
    """Drive a log through a workload; at every `every`-th write, truncation or sync note what a `cut` or a kill would leave."""
    rng = random.Random(seed)
    found: list[Moment] = []
    model, following = Model(), Model()

    def note(number: int) -> None:
        if number % every == 0:
            files = disk.cut(rng) if how == "cut" else disk.killed()
            found.append(Moment(number, files, model, following))

    disk = Disk(note)
    vfs = CrashVFS(f"crash-{next(_numbers)}", disk)
    folder.mkdir(parents=True)
    log = new_log(folder, vfs.name, synchronous)
    workload = Workload(seed)
    for _ in range(operations):
        op = workload.next(model)
        following = model.copy()
        foretell(following, op)
        perform(log, op)
        model = following
    log.close()
    return found


def power(folder: Path, seed: int, operations: int, every: int, how: str = "cut", synchronous: str = "FULL") -> Outcome:
    """Power cuts (or kills) at every `every`-th operation on the disk; each recovered log must hold what was acknowledged."""
    outcome = Outcome()
    for number, moment in enumerate(moments(folder / "run", seed, operations, every, how, synchronous)):
        place = folder / f"cut-{number}"
        place.mkdir()
        for name, content in moment.files.items():
            (place / Path(name).name).write_bytes(content)
        recovered(outcome, place, f"seed {seed} operation {moment.operation}", moment.before, moment.after, seed + number)
        shutil.rmtree(place)
    shutil.rmtree(folder / "run")
    return outcome


def chain(folder: Path, seed: int, count: int) -> Outcome:
    """Power cuts on one store, one upon another, with few check-points: what each leaves behind must not mislead the next start."""
    rng, workload, outcome, model, following = random.Random(seed), Workload(seed), Outcome(), Model(), Model()
    files: dict[str, bytes] = {}
    for number in range(count + 1):
        place = folder / str(number)
        place.mkdir(parents=True)
        for name, content in files.items():
            (place / Path(name).name).write_bytes(content)
        disk = Disk()
        vfs = CrashVFS(f"crash-{next(_numbers)}", disk)
        try:
            log = StoreLog(place / "store.db", store=STORE, vfs=vfs.name)
            seen = observe(log)
        except (LogFault, AssertionError) as error:
            outcome.wrong.append(f"seed {seed} cut {number}: {error!r}")
            return outcome
        if seen not in (model.shown(), following.shown()):
            outcome.wrong.append(f"seed {seed} cut {number}: {difference(seen, model.shown())}")
            return outcome
        if number:
            outcome.add("whole" if seen == following.shown() else "before")
        model = following if seen == following.shown() else model
        files, model, following = _until_cut(log, disk, workload, model, rng)
        log.close()
        shutil.rmtree(place)
    return outcome


def _until_cut(log: StoreLog, disk: Disk, workload: Workload, model: Model, rng: random.Random) -> tuple[dict[str, bytes], Model, Model]:
    """Work until the power is cut; what that leaves, what was acknowledged, and that with the operation under way."""
    files: list[dict[str, bytes]] = []
    at = disk.operations + rng.randint(1, 40)

    def note(operation: int) -> None:
        if operation == at:
            files.append(disk.cut(rng))

    disk.hook = note
    while True:
        op = workload.next(model)
        following = model.copy()
        foretell(following, op)
        perform(log, op)
        if files:
            return files[0], model, following
        model = following


def recovered(outcome: Outcome, folder: Path, label: str, before: Model, after: Model, seed: int) -> None:
    """Open what a fault left: all of the operation under way, or nothing of it; then it lives on, and a repeat is still a repeat."""
    try:
        log = StoreLog(folder / "store.db", store=STORE)
        seen = observe(log)
        if seen not in (before.shown(), after.shown()):
            outcome.add("lost")
            outcome.wrong.append(f"{label}: {difference(seen, before.shown())}")
            log.close()
            return
        whole = seen == after.shown()
        model = (after if whole else before).copy()
        live_on(log, model, seed)
        log.close()
        findings = verify(folder / "store.db").findings
    except (LogFault, AssertionError) as error:
        outcome.add("broken")
        outcome.wrong.append(f"{label}: {error!r}")
        return
    if findings:
        outcome.wrong.append(f"{label}: {findings[0].render()}")
    outcome.add("whole" if whole else "before")


def live_on(log: StoreLog, model: Model, seed: int) -> None:
    """Go on with a recovered log as its sources do: send again what they sent last, then more."""
    again = ("accept", [max(1, model.sent - n) for n in range(3)])
    workload = Workload(seed)
    for number in range(AFTER):
        op = workload.next(model) if number else again
        foretell(model, op)
        perform(log, op)
    seen, wanted = observe(log), model.shown()
    assert seen == wanted, difference(seen, wanted)


def difference(seen: dict[str, Any], wanted: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {str(seen[name])[-120:]} for {str(wanted[name])[-120:]}" for name in seen if seen[name] != wanted[name])


def refusals(folder: Path, seed: int, operations: int, every: int, kind: str, forever: bool, first: int = 1) -> Outcome:
    """A disk that is full (ENOSPC) or broken (EIO) from the n-th operation on, or at it alone: for every `every`-th n of a workload."""
    outcome, at = Outcome(), first
    while True:
        place = folder / f"{kind}-{at}"
        place.mkdir(parents=True)
        met = refused(outcome, place, seed, operations, Refusal(kind, at, forever))
        shutil.rmtree(place)
        if not met:
            return outcome
        at += every


def shut(log: StoreLog) -> None:
    """Close a log whose disk may still refuse: SQLite leaves the write-ahead log as it is then, which is no fault."""
    with suppress(apsw.Error):
        log.close()


def refused(outcome: Outcome, folder: Path, seed: int, operations: int, refusal: Refusal) -> bool:
    """One workload against one refusal; False when the workload ended before it."""
    label = f"seed {seed} {refusal.kind} at {refusal.at}"
    vfs = RefusingVFS(f"refusing-{next(_numbers)}", refusal)
    model, workload, fault = Model(), Workload(seed), None
    following = model
    try:
        log = new_log(folder, vfs.name)
    except LogFault as caught:
        outcome.ends[f"{caught.findings[0].code} at the start"] += 1
        recovered(outcome, folder, label, model, following, seed)
        return True
    for _ in range(operations):
        op = workload.next(model)
        following = model.copy()
        foretell(following, op)
        try:
            perform(log, op)
        except LogFault as caught:
            fault = caught
            break
        model = following
    shut(log)
    if fault is None and not refusal.refused:
        return False
    recovered(outcome, folder, label, model, following, seed)
    if fault is not None:
        outcome.ends[fault.findings[0].code] += 1
    else:
        outcome.ends["not met by any operation"] += 1
    return True


def built(folder: Path, seed: int, operations: int) -> tuple[Path, Model]:
    """A log after a workload, closed."""
    folder.mkdir(parents=True)
    log, model, workload = new_log(folder), Model(), Workload(seed)
    for _ in range(operations):
        op = workload.next(model)
        foretell(model, op)
        perform(log, op)
    log.close()
    return folder / "store.db", model


def flips(folder: Path, seed: int, count: int, operations: int) -> Outcome:
    """Single flipped bits anywhere in a closed file: each is found when it is opened, read or checked, or does no harm."""
    file, model = built(folder / "built", seed, operations)
    raw, rng, outcome = file.read_bytes(), random.Random(seed), Outcome()
    place = folder / "flipped" / "store.db"
    place.parent.mkdir()
    for _ in range(count):
        bit = rng.randrange(len(raw) * 8)
        for left in place.parent.iterdir():
            left.unlink()
        place.write_bytes(flipped(raw, bit))
        end = judged(place, model)
        outcome.add(end)
        if end == "missed":
            outcome.wrong.append(f"seed {seed} bit {bit}")
    return outcome


def judged(file: Path, model: Model) -> str:
    """How a flipped bit shows: by `verify`, by `open` or `read`, as `harmless`, or not at all (`missed`)."""
    findings = verify(file).findings
    try:
        log = StoreLog(file, store=STORE)
    except LogFault:
        return "open"
    try:
        same = observe(log) == model.shown()
    except (LogFault, AssertionError) as error:
        return "read" if isinstance(error, LogFault) else "missed"
    finally:
        log.close()
    if findings:
        return "verify"
    return "harmless" if same else "missed"


def flipped(raw: bytes, bit: int) -> bytes:
    """Bytes with one bit changed."""
    content = bytearray(raw)
    content[bit // 8] ^= 1 << (bit % 8)
    return bytes(content)


def wal_flips(folder: Path, seed: int, count: int, transactions: int = 12) -> Outcome:
    """Single flipped bits in the write-ahead log that a kill left: found at opening, harmless, or the very last transaction is gone."""
    folder.mkdir(parents=True)
    log, rng, outcome = StoreLog(folder / "store.db", store=STORE), random.Random(seed), Outcome()
    model, states = Model(), []
    for number in range(1, transactions + 1):
        states.append(model.shown())
        foretell(model := model.copy(), op := ("accept", [number]))
        perform(log, op)
    raw = {suffix: (folder / f"store.db{suffix}").read_bytes() for suffix in ("", "-wal")}
    log.close()
    place = folder / "flipped"
    for _ in range(count):
        bit = rng.randrange(len(raw["-wal"]) * 8)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        (place / "store.db").write_bytes(raw[""])
        (place / "store.db-wal").write_bytes(flipped(raw["-wal"], bit))
        end = _wal_judged(place / "store.db", model, states)
        outcome.add(end)
        if end == "missed":
            outcome.wrong.append(f"seed {seed} bit {bit} of the write-ahead log")
    return outcome


def _wal_judged(file: Path, model: Model, states: list[dict[str, Any]]) -> str:
    try:
        log = StoreLog(file, store=STORE)
        seen = observe(log)
        log.close()
    except LogFault:
        return "open"
    if seen == model.shown():
        return "harmless"
    return "last transaction" if seen == states[-1] else "missed"


def snapshots(folder: Path, seed: int, operations: int, every: int, kind: str) -> Outcome:
    """Snapshots that fail at every `every`-th operation on the disk: the log stays whole, and so does the older snapshot."""
    file, model = built(folder / "built", seed, operations)
    target, outcome, at = folder / "copy.db", Outcome(), 1
    reader = StoreLog(file, store=STORE)
    snapshot(reader, target)
    older = target.read_bytes()
    reader.accept([fact(model.sent + 1)])
    foretell(model, ("accept", [model.sent + 1]))
    reader.close()
    while True:
        refusal = Refusal(kind, NEVER, forever=True)
        vfs = RefusingVFS(f"refusing-{next(_numbers)}", refusal)
        log = StoreLog(file, store=STORE, vfs=vfs.name)
        refusal.at, refusal.operations = at, 0
        try:
            snapshot(log, target)
            outcome.add("made")
        except LogFault as fault:
            outcome.add(fault.findings[0].code)
        shut(log)
        left = [path.name for path in folder.glob("*.part*")]
        if left or (refusal.refused and target.read_bytes() != older):
            outcome.wrong.append(f"{kind} at {at}: left {left}")
        again = StoreLog(file, store=STORE)
        if observe(again) != model.shown():
            outcome.wrong.append(f"{kind} at {at}: the log itself differs")
        again.close()
        if not refusal.refused:
            return outcome
        at += every
