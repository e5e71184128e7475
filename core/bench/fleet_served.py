"""Part of area `fleet`: how fast a control plane answers beside bare Flask, on one server in one process.

Each round asks for all in turn, the next one in the opposite order, over equally many connections that stay open; what is told is the
median over the rounds of one round's ratio, so that what else the machine does hits both sides alike. A round before them is not counted.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from storeloom.core.bench.fleet_load import CONNECTIONS, Pace, ask, pace, request
from storeloom.core.bench.harness import Result

ROUNDS, SECONDS, WARM_S = 60, 0.15, 1.0
THREADS, MANY = 4, 500


@dataclass(frozen=True)
class Asked:
    """An address: requests for it, and the status of its replies."""

    requests: Sequence[bytes]
    status: int


@dataclass(frozen=True)
class Took:
    """One round at one address; `cpu` are the server's processor seconds for one reply."""

    pace: Pace
    cpu: float


def measure(folder: Path, url: str, names: Sequence[str], rounds: int = ROUNDS) -> list[Result]:
    """Bare Flask, a plain address and agents' polls (of up to 500 different stores) against the control plane of a database."""
    some = random.Random(1).sample(list(names), min(MANY, len(names)))
    polls = [request("/api/v1/agent/desired", Authorization=f"Bearer token-{name}", If_None_Match='"0"') for name in some]
    asked = {
        "bare": Asked([request("/bare")], 200),
        "plain": Asked([request("/api/v1/plain")], 200),
        "poll": Asked(polls, 304),
    }
    command = [sys.executable, "-m", "storeloom.core.bench.fleet_server", str(folder), str(THREADS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdin is not None and server.stdout is not None
            print(url, file=server.stdin, flush=True)
            port = int(server.stdout.readline())
            for one in asked.values():
                pace(port, one.requests, one.status, WARM_S)
            took = _rounds(port, asked, rounds)
            memory = _usage(port)[1]
        finally:
            server.kill()
    return _results(took, len(names), rounds, memory)


def _rounds(port: int, asked: Mapping[str, Asked], rounds: int) -> dict[str, list[Took]]:
    took: dict[str, list[Took]] = {name: [] for name in asked}
    order = list(asked)
    for _ in range(rounds):
        for name in order:
            before = _usage(port)[0]
            found = pace(port, asked[name].requests, asked[name].status, SECONDS)
            took[name].append(Took(found, (_usage(port)[0] - before) / max(found.count, 1)))
        order.reverse()
    return took


def _usage(port: int) -> tuple[float, float]:
    """The server's processor seconds, and its peak memory in MiB."""
    seconds, memory = ask(port, request("/usage"), 200).split()
    return float(seconds), int(memory) / 1024


def _results(took: Mapping[str, Sequence[Took]], stores: int, rounds: int, memory: float) -> list[Result]:
    goals = {"plain": ">= 0.7", "poll": ">= 0.35"}
    what = {"plain": "a declared address", "poll": "token and desired state are read"}
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    found = []
    for name, goal in goals.items():
        ratios = [one.pace.rate / bare.pace.rate for one, bare in zip(took[name], took["bare"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        against = f"bare Flask in the same rounds; {what[name]}; half of the rounds {low:.2f} to {high:.2f}; {load}"
        found.append(Result(f"{name}_against_bare_{stores}", middle, "ratio", goal, against, rounds))
    for name, ones in took.items():
        busy = statistics.median(one.pace.busy for one in ones)
        slow, middle, fast = statistics.quantiles([one.pace.rate for one in ones], n=4)
        against = (
            f"waitress, {THREADS} threads, {CONNECTIONS} connections; half of the rounds {slow:.0f} to {fast:.0f}; asker {busy:.0%} busy"
        )
        found.append(Result(f"{name}_a_second_{stores}", middle, "1/s", "", against, rounds))
        cpu = statistics.median(one.cpu for one in ones) * 1000
        found.append(Result(f"{name}_cpu_{stores}", cpu, "ms", "", "the server's processor time for one answer, waitress included", rounds))
    found.append(Result(f"server_memory_{stores}", memory, "MiB", "", "peak of the server's process after these requests", 1))
    return found
