"""One call surface for heavy work, over this process, local processes or Ray: submit, map, stream, cancel, progress.

Results are the same on each, and stand in the order of the items. Importing this package loads neither multiprocessing nor Ray.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from storeloom.workers.pool.base import Failed, Job, Pool, PoolError, Progress, Shared, Ticks
from storeloom.workers.pool.inline import Inline

__all__ = ["Failed", "Job", "Pool", "PoolError", "Progress", "Shared", "Ticks", "chosen", "open_pool"]

PLACE = "STORELOOM_POOL"
PLACES = ("inline", "processes", "ray")


def open_pool(place: str = "inline", cores: int | None = None, progress: Ticks | None = None) -> Pool:
    """A pool: `inline`, `processes` (local ones), `ray` (one started here) or a Ray address such as `ray://head:10001` or `auto`.

    `cores` limits the workers, by default the processor's cores that this process may use; `progress` is told of all that is mapped. Close
    it, or use it in a `with`.
    ValueError for an unknown place; ModuleNotFoundError for Ray where the extra `ray` is not installed.
    """
    if place == "inline":
        return Pool(Inline(), progress)
    if place == "processes":
        from storeloom.workers.pool.processes import Processes

        return Pool(Processes(cores), progress)
    if place == "ray" or place == "auto" or "://" in place or ":" in place:
        from storeloom.workers.pool.on_ray import OnRay

        return Pool(OnRay(None if place == "ray" else place, cores), progress)
    raise ValueError(f"a pool runs on {', '.join(PLACES)} or at a Ray address, not {place!r}")


def chosen(environ: Mapping[str, str] = os.environ) -> str:
    """Where the environment asks heavy work to run: `STORELOOM_POOL`, else the cluster of `RAY_ADDRESS`, else inline."""
    return environ.get(PLACE) or environ.get("RAY_ADDRESS") or "inline"
