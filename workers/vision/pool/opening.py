"""The pool that a setting asks for."""

from __future__ import annotations

from collections.abc import Sequence

from storeloom.workers.vision.pool.hosted import HostedPool
from storeloom.workers.vision.pool.inline import InlinePool
from storeloom.workers.vision.pool.job import CameraJob


def open_pool(jobs: Sequence[CameraJob], ray: str = "", cores: int | None = None) -> HostedPool:
    """A pool of this process (empty `ray`), of a Ray of its own ("local"), or on the cluster at an address.

    Raises ModuleNotFoundError where Ray is not installed, PoolError where it cannot be used.
    """
    if not ray:
        return InlinePool(jobs, cores=cores)
    from storeloom.workers.vision.pool.ray_pool import RayPool

    return RayPool(jobs, address=ray, cores=cores)
