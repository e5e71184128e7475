"""Stream density: how many cameras the pool of one process holds, each playing a recording as a live stream, hardly a frame missed.

A part of area `vision`. A camera that fails to start is an error, never one camera fewer. The pool is told that it has cores without end,
so that it lowers nobody's rate: what is missed is measured.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from storeloom.core.bench.harness import Result
from storeloom.core.kernel.registry import ROOT

if TYPE_CHECKING:
    from storeloom.workers.vision.pool.hosted import HostedPool, News
    from storeloom.workers.vision.pool.job import CameraJob, Report
    from storeloom.workers.vision.pool.sources import FrameSource

FOOTAGE = ROOT.parent / "shared" / "data" / "video" / "one-by-one-person-detection.mp4"
RATES = (15.0, 5.0)
WINDOW_S = 6.0
START_S = 60.0
SETTLE_S = 1.5
MISSED = 0.01
MOST = 64
BOUNDLESS = 1000.0
MADE_FRAMES = 300


def measure(window_s: float = WINDOW_S) -> list[Result]:
    """Most cameras at 15 and at 5 frames a second with at most 1 % of the frames missed over `window_s`."""
    with footage() as path:
        results = []
        for rate in RATES:
            held, missed = most(path, rate, window_s)
            against = f"{rate:g} frames/s each over {window_s:g} s, at most {100 * MISSED:g} % missed ({100 * missed:.1f} % at one more)"
            results.append(Result(f"vision_density_{rate:g}", held, "cameras", "", against, 1))
        return results


def most(path: Path, rate: float, window_s: float) -> tuple[int, float]:
    """The most cameras that are held, and the share missed with one more."""
    cost_ms, missed = trial(path, 1, rate, window_s)
    if missed > MISSED:
        return 0, missed
    count = max(1, math.floor(1000 * len(os.sched_getaffinity(0)) / (cost_ms * rate)))
    held: dict[int, float] = {1: missed}
    while True:
        if count not in held:
            held[count] = trial(path, count, rate, window_s)[1]
        if held[count] > MISSED:
            if held.get(count - 1, 1.0) <= MISSED:
                return count - 1, held[count]
            count -= 1
        elif held.get(count + 1, 0.0) > MISSED or count >= MOST:
            return count, held.get(count + 1, 0.0)
        else:
            count += 1


def trial(path: Path, count: int, rate: float, window_s: float) -> tuple[float, float]:
    """Mean ms of processor a frame, and the largest share of its frames that one of so many cameras missed."""
    from storeloom.workers.vision.pool.engine import Pace
    from storeloom.workers.vision.pool.inline import InlinePool

    jobs = [played(f"camera-{k}", path, rate) for k in range(count)]
    reports: dict[str, list[Report]] = {job.camera: [] for job in jobs}
    with InlinePool(jobs, cores=BOUNDLESS, opener=lambda job: live(job, rate), pace=Pace(report_s=0.2)) as pool:
        wait_for_all(pool, count)
        gather(pool, SETTLE_S, {job.camera: [] for job in jobs})
        gather(pool, window_s, reports)
        costs = [one.cost_ms for one in pool.now().values()]
    return sum(costs) / len(costs), max(missed_share(found, rate) for found in reports.values())


def missed_share(reports: list[Report], rate: float) -> float:
    """Of the frames that should have come between the first and the last report, those not looked at; a frame at either end is forgiven."""
    if len(reports) < 2:
        return 1.0
    due = (reports[-1].time - reports[0].time).total_seconds() * rate
    looked = sum(report.counts.frames for report in reports[1:])
    lost = sum(report.counts.lost + report.counts.skipped + report.counts.failed for report in reports[1:])
    return max(lost / max(looked + lost, 1), 1 - (looked + 1) / max(due, 1.0))


def wait_for_all(pool: HostedPool, count: int) -> None:
    """Take until each camera has looked at frames; RuntimeError where one fails, or takes too long."""
    late_s = time.monotonic() + START_S
    while sum(one.counts.frames > 0 for one in pool.now().values()) < count:
        take(pool)
        if time.monotonic() > late_s:
            raise RuntimeError(f"not all of {count} cameras gave frames within {START_S:g} s")


def gather(pool: HostedPool, window_s: float, reports: dict[str, list[Report]]) -> None:
    """Take for so long, reports by camera."""
    from storeloom.workers.vision.pool.job import Report

    ends_s = time.monotonic() + window_s
    while time.monotonic() < ends_s:
        for news in take(pool):
            if isinstance(news, Report) and news.camera in reports:
                reports[news.camera].append(news)


def take(pool: HostedPool) -> list[News]:
    """What comes; RuntimeError where a camera failed."""
    from storeloom.workers.vision.pool.job import Told

    found = pool.take(0.1)
    wrong = [f"{one.camera}: {one.text['en']}" for one in found if isinstance(one, Told) and one.code in ("failed", "algorithm_off")]
    if wrong:
        raise RuntimeError("; ".join(wrong))
    return found


def played(camera: str, path: Path, rate: float) -> CameraJob:
    from storeloom.workers.vision.pool.job import jobs

    looking: dict[str, Any] = {"line": {"algorithm": "line_count"}}
    one = {"camera": camera, "address": str(path), "algorithms": looking, "fps": rate, "least_fps": rate, "pace": "real_time"}
    return jobs({"cameras": [one]})[0]


def live(job: CameraJob, rate: float) -> FrameSource:
    """The recording at this rate, again and again."""
    from storeloom.workers.vision.grab.source import GrabSettings, Source

    return Source(job.source, GrabSettings(as_live=True, rate=rate, loop=True))


@contextmanager
def footage() -> Iterator[Path]:
    """The recording beside the repository, else one made of smooth pictures."""
    if FOOTAGE.is_file():
        yield FOOTAGE
        return
    import cv2

    from storeloom.core.bench.vision import made_pictures

    with TemporaryDirectory() as folder:
        path = Path(folder) / "made.avi"
        pictures = made_pictures()
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (1280, 720))
        for k in range(MADE_FRAMES):
            writer.write(pictures[k % len(pictures)])
        writer.release()
        yield path
