"""Work on Ray: on the cores of this machine, or on a cluster's nodes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, TypeVar

from storeloom.workers.pool.base import Backend, Chunk, Done, Shared, failure, work
from storeloom.workers.pool.processes import THREADS
from storeloom.workers.pool.ray_session import SESSION

T = TypeVar("T")


@dataclass(frozen=True)
class InStore(Shared[T]):
    """A value in Ray's object store, kept there while this is held."""

    ref: Any

    def value(self) -> T:
        import ray

        found: T = ray.get(self.ref)
        return found


class OnRay(Backend):
    """Ray tasks of one core each. A task whose worker or node dies comes back as lost, and is started again."""

    def __init__(self, address: str | None = None, cores: int | None = None) -> None:
        self._ray = SESSION.join(address, cores)
        self.cores = cores or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        options = {"num_cpus": 1, "max_retries": 0, "runtime_env": {"env_vars": dict.fromkeys(THREADS, "1")}}
        self._work = self._ray.remote(**options)(work)
        self._refs: OrderedDict[Any, tuple[int, Chunk]] = OrderedDict()

    def share(self, value: T) -> Shared[T]:
        return InStore(self._ray.put(value))

    def start(self, ticket: int, chunk: Chunk) -> None:
        self._refs[self._work.remote(chunk)] = ticket, chunk

    def finished(self) -> Done:
        (ref, *_), _ = self._ray.wait(list(self._refs), num_returns=1)
        ticket, chunk = self._refs.pop(ref)
        lost = (self._ray.exceptions.WorkerCrashedError, self._ray.exceptions.OutOfMemoryError, self._ray.exceptions.ObjectLostError,
                self._ray.exceptions.NodeDiedError)  # fmt: skip
        try:
            return Done(ticket, self._ray.get(ref))
        except lost:
            return Done(ticket, None)
        except Exception as error:  # what could not be pickled on its way there or back
            return Done(ticket, tuple(failure(number, item, error) for number, item in enumerate(chunk.items, chunk.first)))

    def drop(self, ticket: int) -> None:
        for ref, (number, _) in list(self._refs.items()):
            if number == ticket:
                del self._refs[ref]
                self._ray.cancel(ref, force=False)

    def close(self) -> None:
        self._refs.clear()
        SESSION.leave()
