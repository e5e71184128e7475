"""The long form of the fault campaigns: `python -m tests.faults --help`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from storeloom.core.runtime import retention
from tests.faults.campaigns import Outcome, chain, flips, power, refusals, snapshots, wal_flips
from tests.faults.kills import kills
from tests.faults.model import SLICE


def main() -> int:
    """Run the campaigns; 1 when any of them found a log that differs from the model."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Faults against the store log, against a model.")
    parser.add_argument("--seeds", type=int, default=5, help="workloads for each of cuts, process deaths and refusals (default 5)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--operations", type=int, default=150, help="operations of a workload (default 150)")
    parser.add_argument("--every", type=int, default=3, help="a fault at every so many-th operation on the disk (default 3)")
    parser.add_argument("--flips", type=int, default=1000, help="flipped bits in a file, and a quarter of them in a WAL (default 1000)")
    parser.add_argument("--kills", type=int, default=0, help="processes killed with SIGKILL (default none)")
    given = parser.parse_args()
    retention.SLICE = SLICE
    seeds = range(given.first, given.first + given.seeds)
    size, every, first = given.operations, given.every, given.first

    def all_of(call: Callable[[Path, int], Outcome]) -> Callable[[Path], Outcome]:
        def run(folder: Path) -> Outcome:
            total = Outcome()
            for seed in seeds:
                total += call(folder / str(seed), seed)
            return total

        return run

    campaigns: dict[str, Callable[[Path], Outcome]] = {
        "power cuts": all_of(lambda folder, seed: power(folder, seed, size, every)),
        "power cuts, one upon another": all_of(lambda folder, seed: chain(folder, seed, size)),
        "process deaths": all_of(lambda folder, seed: power(folder, seed, size, every, "kill")),
        "flipped bits": lambda folder: flips(folder, first, given.flips, size),
        "flipped bits of a WAL": lambda folder: wal_flips(folder, first, given.flips // 4),
    }
    for kind in ("ENOSPC", "EIO"):
        for forever in (False, True):
            name = f"{kind}, {'from then on' if forever else 'once'}"
            campaigns[name] = all_of(lambda f, seed, k=kind, e=forever: refusals(f, seed, size // 3, every, k, e))  # type: ignore[misc]
        campaigns[f"{kind} while a snapshot is made"] = all_of(lambda f, seed, k=kind: snapshots(f, seed, size, 1, k))  # type: ignore[misc]
    campaigns["SIGKILLs"] = lambda folder: kills(folder, first, given.kills)
    return run_all(campaigns)


def run_all(campaigns: dict[str, Callable[[Path], Outcome]]) -> int:
    """Run each, print a line for each, then all that was wrong."""
    wrong: list[str] = []
    for name, campaign in campaigns.items():
        folder, start = Path(tempfile.mkdtemp(prefix="faults-")), time.perf_counter()
        outcome = campaign(folder / "c")
        shutil.rmtree(folder)
        ends = ", ".join(f"{end} {count}" for end, count in sorted(outcome.ends.items()))
        print(f"{name}: {outcome.cases} cases, wrong {len(outcome.wrong)} ({ends}) {time.perf_counter() - start:.0f} s", flush=True)
        wrong += [f"{name}: {line}" for line in outcome.wrong]
    print("\n".join(wrong[:50]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
