"""The pool of this process: a thread a camera, one session a model for all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal

from storeloom.workers.vision.detectors import DetectorFactory
from storeloom.workers.vision.pool.engine import Engine, Pace, Taken
from storeloom.workers.vision.pool.hosted import HostedPool, NotThereError
from storeloom.workers.vision.pool.job import AlgorithmJob, CameraJob
from storeloom.workers.vision.pool.placement import Host, capacity_of
from storeloom.workers.vision.pool.sources import Opener, open_source
from storeloom.workers.vision.pool.words import HERE


class InlinePool(HostedPool):
    """Cameras in threads of this process. `cores` is what they may use: by default all that this process may."""

    def __init__(
        self,
        jobs: Sequence[CameraJob] = (),
        *,
        cores: float | None = None,
        opener: Opener = open_source,
        factories: Mapping[str, DetectorFactory] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._cores = float(len(os.sched_getaffinity(0))) if cores is None else cores
        self._engine = Engine(opener=opener, factories=factories, pace=pace)
        super().__init__(jobs)

    def close(self) -> None:
        self._engine.close()

    def _hosts(self) -> list[Host]:
        return [Host(HERE, capacity_of(self._cores))]

    def _order(self, host: str, what: Literal["begin", "stop", "set_rate"], *args: object) -> None:
        getattr(self._engine, what)(*args)

    def _change(self, host: str, camera: str, wanted: Mapping[str, AlgorithmJob]) -> list[str]:
        try:
            return self._engine.set_algorithms(camera, wanted)
        except KeyError as error:
            raise NotThereError(camera) from error

    def _pull(self, timeout_s: float) -> tuple[list[tuple[str, Taken]], list[tuple[str, str]]]:
        return [(HERE, self._engine.take(timeout_s))], []
