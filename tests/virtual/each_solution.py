"""Every solution alone in the virtual store, as `storeloom try --solution ID` runs it: does any handler fail, does anything warn?

`python -m tests.virtual.each_solution [--days 7] [--scale 1.0] [ID ...]` prints a line a solution and ends with 1 where one failed. The
normal run takes a few of them for a day (`test_each_solution.py`).
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from storeloom.core.kernel.registry import Registry
from storeloom.core.virtual.solo import with_providers
from storeloom.core.virtual.trial import try_virtual

START = date(2026, 3, 2)
EVERY = 16


@dataclass(frozen=True)
class Tried:
    """What became of one solution: events that it took, events that it put out, what failed or warned, and how long it took."""

    solution: str
    events: int
    outputs: int
    wrong: tuple[str, ...]
    seconds: float


def tried(registry: Registry, solution: str, days: int, scale: float) -> Tried:
    """Try one solution with those that provide what it needs."""
    began = time.perf_counter()
    composition = with_providers(registry, solution)
    gc.collect()  # what others left unclosed is not this one's warning
    wrong = [finding.text() for finding in composition.errors]
    if composition.plan is None:
        return Tried(solution, 0, 0, tuple(wrong), 0.0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = try_virtual(composition.plan, registry, start=START, days=days, scale=scale)
    wrong += [finding.text() for finding in result.failures] + [str(one.message) for one in said]
    own = result.solutions[solution]
    return Tried(solution, own.handled, sum(own.outputs.values()), tuple(wrong), time.perf_counter() - began)


def sample(names: Sequence[str]) -> list[str]:
    """About one in sixteen, the same ones each time."""
    return [name for name in names if hashlib.sha256(name.encode()).digest()[0] % EVERY == 0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("solutions", nargs="*", metavar="ID")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()
    registry = Registry()
    failed = 0
    for name in arguments.solutions or list(registry.catalogue.solutions):
        one = tried(registry, name, arguments.days, arguments.scale)
        failed += bool(one.wrong)
        print(f"{name:32} {one.events:9} events {one.outputs:7} outputs {one.seconds:7.1f} s {'; '.join(one.wrong)[:300]}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
