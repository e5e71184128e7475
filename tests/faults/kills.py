"""A writer process that is killed again and again; run as a module it is the writer.

The writer does a workload on a log and prints each operation's number once it is acknowledged. Whoever kills it knows the workload by its
seed, and so what the log must hold.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from storeloom.core.runtime import retention
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.verify import verify
from tests.faults.campaigns import CHECKPOINT, STORE, Outcome, difference
from tests.faults.model import SLICE, Model, Workload, foretell, observe, perform

ROOT = Path(__file__).parents[2]


class Script:
    """A workload replayed on a model alone: what the log holds after any number of operations, asked in rising order."""

    def __init__(self, seed: int) -> None:
        self._workload = Workload(seed)
        self.model, self.done = Model(), 0

    def to(self, number: int) -> Model:
        while self.done < number:
            foretell(self.model, self._workload.next(self.model))
            self.done += 1
        return self.model


def write(file: str, seed: int, start: int) -> None:
    """Go on with a workload from its `start`-th operation, for ever."""
    retention.SLICE = SLICE
    script = Script(seed)
    model, workload, number = script.to(start), script._workload, start
    log = StoreLog(file, store=STORE)
    log.run(f"PRAGMA wal_autocheckpoint={CHECKPOINT}")
    while True:
        op = workload.next(model)
        perform(log, op)
        foretell(model, op)
        number += 1
        print(number, flush=True)


def kills(folder: Path, seed: int, count: int, longest: int = 60) -> Outcome:
    """SIGKILL a writer `count` times, each after a random number of operations; the log goes on where it stood."""
    folder.mkdir(parents=True)
    file, rng, outcome, script, start = folder / "store.db", random.Random(seed), Outcome(), Script(seed), 0
    for kill in range(count):
        acknowledged = _killed(file, seed, start, rng.randint(1, longest))
        log = StoreLog(file, store=STORE)
        seen = observe(log)
        log.close()
        before, found = script.to(acknowledged).shown() == seen, verify(file).findings
        after = not before and script.to(acknowledged + 1).shown() == seen
        if not (before or after) or found:
            outcome.wrong.append(f"seed {seed} kill {kill} after {acknowledged}: {difference(seen, script.model.shown())} {found[:1]}")
            return outcome
        outcome.add("before" if before else "whole")
        start = acknowledged + int(after)
    return outcome


def _killed(file: Path, seed: int, start: int, lines: int) -> int:
    """Run a writer, kill it some operations later; the number of the last one that it acknowledged."""
    command = [sys.executable, "-m", "tests.faults.kills", str(file), str(seed), str(start)]
    writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    last = start
    for line in writer.stdout:
        last = int(line)
        if last >= start + lines:
            os.kill(writer.pid, signal.SIGKILL)
            break
    rest = [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    writer.stdout.close()
    if writer.wait() != -signal.SIGKILL:
        raise RuntimeError(f"the writer ended by itself: {writer.returncode}")
    return int(rest[-1]) if rest else last


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
