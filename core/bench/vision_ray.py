"""Frames a second of two recordings on Ray's actors over those in this process's threads, the same model, in turn.

A part of area `vision`, only where Ray is installed; recordings are read as fast as can be, decoded where they are looked at.
"""

from __future__ import annotations

import statistics
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from storeloom.core.bench import vision_density
from storeloom.core.bench.harness import Result

if TYPE_CHECKING:
    from storeloom.workers.vision.pool.hosted import HostedPool
    from storeloom.workers.vision.pool.job import CameraJob

ROUNDS = 5
WINDOW_S = 5.0
STOP_S = 1.0
GOAL = ">= 0.95"


def measure(rounds: int = ROUNDS, window_s: float = WINDOW_S) -> list[Result]:
    """The ratio of the two rates, a median over the rounds; nothing where Ray is not installed."""
    if find_spec("ray") is None:
        return []
    from storeloom.workers.vision.pool.engine import Pace
    from storeloom.workers.vision.pool.inline import InlinePool
    from storeloom.workers.vision.pool.ray_pool import RayPool

    pace = Pace(report_s=0.1)
    rates: dict[str, list[float]] = {"threads": [], "ray": []}
    with vision_density.footage() as path, InlinePool(cores=2, pace=pace) as threads, RayPool(cores=2, pace=pace) as over_ray:
        for number in range(-1, rounds):
            for name, pool in (("threads", threads), ("ray", over_ray)):
                rate = frames_a_second(pool, path, window_s)
                if number >= 0:
                    rates[name].append(rate)
    ratio = statistics.median(one / other for one, other in zip(rates["ray"], rates["threads"], strict=True))
    here = statistics.median(rates["threads"])
    against = f"two threads of this process, {here:.1f} frames/s, {window_s:g} s each in turn; two recordings, 1 algorithm each"
    return [
        Result("vision_ray", ratio, "x threads", GOAL, against, rounds),
        Result("vision_ray_rate", statistics.median(rates["ray"]), "frames/s", "", "two actors of one core", rounds),
    ]


def frames_a_second(pool: HostedPool, path: Path, window_s: float) -> float:
    """Of two cameras together, from the first report of each on; RuntimeError where one fails."""
    from storeloom.workers.vision.pool.job import Report

    jobs = [recorded(f"camera-{k}", path) for k in range(2)]
    for job in jobs:
        pool.add(job)
    vision_density.wait_for_all(pool, len(jobs))
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    frames = {job.camera: 0 for job in jobs}
    ends_s = time.perf_counter() + window_s
    while (now := time.perf_counter()) < ends_s:
        for news in vision_density.take(pool):
            now = time.perf_counter()
            if isinstance(news, Report) and news.camera in first:
                frames[news.camera] += news.counts.frames
                last[news.camera] = now
            elif isinstance(news, Report):
                first[news.camera] = now
    for job in jobs:
        pool.remove(job.camera)
    vision_density.gather(pool, STOP_S, {})
    return sum(count / (last[camera] - first[camera]) for camera, count in frames.items())


def recorded(camera: str, path: Path) -> CameraJob:
    from storeloom.workers.vision.pool.job import jobs

    return jobs({"cameras": [{"camera": camera, "address": str(path), "algorithms": {"line": {"algorithm": "line_count"}}}]})[0]
