"""The pool over Ray: on each core of each machine an actor that holds an engine, so that cameras run where there is room.

Actors get jobs, with addresses, and send back reports; frames stay where they are decoded. All that must not be lost stands in the driver
(`hosted`): an actor that dies is made again by Ray, empty, and its cameras go on from their last state, on other actors at once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, RayActorError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from storeloom.workers.pool import PoolError as WorkPoolError
from storeloom.workers.pool.ray_session import SESSION
from storeloom.workers.vision.pool.engine import Engine, Order, Pace, Taken
from storeloom.workers.vision.pool.hosted import HostedPool, NotThereError, PoolError
from storeloom.workers.vision.pool.job import AlgorithmJob, CameraJob
from storeloom.workers.vision.pool.placement import Host, capacity_of

TAKE_S = 1.0
LATE_S = 20.0
CALL_S = 30.0
START_S = 60.0
LOOK_S = 10.0
FOREVER = -1
LOCAL = "local"


def join(address: str, cores: int | None) -> None:
    """Hold this process's Ray, one of its own or a cluster's, until `SESSION.leave`; PoolError where it cannot be had."""
    try:
        SESSION.join(None if address == LOCAL else address, cores)
    except WorkPoolError as error:
        raise PoolError(str(error), "ray", "Give HOST:PORT, auto, or local.") from error


class CameraHost:
    """An engine behind Ray's calls. Orders are carried out one after the other, as they were given; `take` waits beside them."""

    def __init__(self, cores: int, pace: Pace | None) -> None:
        import cv2

        cv2.setNumThreads(cores)
        self._engine = Engine(threads=cores, pace=pace)

    def hello(self) -> int:
        """The process's number, once the actor is there; it begins with no camera, whatever it had before."""
        import os

        self._engine.stop_all()
        return os.getpid()

    def begin(self, order: Order) -> None:
        self._engine.begin(order)

    def stop(self, camera: str) -> None:
        self._engine.stop(camera)

    def set_rate(self, camera: str, fps: float | None) -> None:
        self._engine.set_rate(camera, fps)

    def set_algorithms(self, camera: str, wanted: Mapping[str, AlgorithmJob]) -> list[str]:
        return self._engine.set_algorithms(camera, wanted)

    @ray.method(concurrency_group="taking")
    def take(self, timeout_s: float) -> Taken:
        return self._engine.take(timeout_s)


@dataclass
class Actor:
    """An actor: its machine, its answer to `hello` or to `take` that is awaited, since when (monotonic s),
    and its process once it is up."""

    node: str
    handle: Any
    hello: Any = None
    taking: Any = None
    since_s: float = field(default_factory=time.monotonic)
    pid: int = 0


class RayPool(HostedPool):
    """Cameras on Ray's actors, one a core. `address` is "local" for a Ray of its own that ends with the pool, else a cluster's.

    The machines of a cluster must have this package and reach the cameras. PoolError where no actor starts.
    """

    def __init__(self, jobs: Sequence[CameraJob] = (), *, address: str = LOCAL, cores: int | None = None, pace: Pace | None = None) -> None:
        self._pace = pace
        self._actors: dict[str, Actor] = {}
        self._numbers: dict[str, int] = {}
        self._looked_s = time.monotonic()
        join(address, cores)
        self._joined = True
        try:
            self._find_nodes()
            self._wait_for_first()
            super().__init__(jobs)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the actors and, where this was the last user, the connection."""
        actors, self._actors = self._actors, {}
        for actor in actors.values():
            ray.kill(actor.handle)
        if self._joined:
            self._joined = False
            SESSION.leave()

    def processes(self) -> dict[str, int]:
        """The process of each host that is up."""
        return {name: actor.pid for name, actor in self._actors.items() if actor.pid}

    def _hosts(self) -> list[Host]:
        return [Host(name, capacity_of(1)) for name, actor in self._actors.items() if actor.pid]

    def _order(self, host: str, what: Literal["begin", "stop", "set_rate"], *args: object) -> None:
        actor = self._actors.get(host)
        if actor is not None and actor.pid:
            getattr(actor.handle, what).remote(*args)

    def _change(self, host: str, camera: str, wanted: Mapping[str, AlgorithmJob]) -> list[str]:
        actor = self._actors.get(host)
        if actor is None or not actor.pid:
            raise NotThereError(camera)
        ref = actor.handle.set_algorithms.remote(camera, wanted)
        try:
            anew: list[str] = ray.get(ref, timeout=CALL_S)
        except (RayActorError, GetTimeoutError) as error:
            raise NotThereError(camera) from error
        except RayTaskError as error:
            if isinstance(error.cause, KeyError):
                raise NotThereError(camera) from error
            raise
        finally:
            del ref
        return anew

    def _pull(self, timeout_s: float) -> tuple[list[tuple[str, Taken]], list[tuple[str, str]]]:
        self._greet()
        awaited = {actor.taking: name for name, actor in self._actors.items() if actor.taking is not None}
        taken: list[tuple[str, Taken]] = []
        lost: list[tuple[str, str]] = []
        if awaited:
            ready, _ = ray.wait(list(awaited), num_returns=1, timeout=timeout_s)
            more, _ = ray.wait(list(awaited), num_returns=len(awaited), timeout=0)
            for ref in {*ready, *more}:
                self._take_in(awaited[ref], ref, taken, lost)
            del ready, more
        elif timeout_s > 0:
            time.sleep(min(timeout_s, 0.1))
        awaited.clear()
        for name, actor in self._actors.items():
            if actor.taking is not None and time.monotonic() - actor.since_s > TAKE_S + LATE_S:
                ray.kill(actor.handle, no_restart=False)
                self._lost(name, f"no answer for {TAKE_S + LATE_S:g} s", lost)
        return taken, lost

    def _take_in(self, name: str, ref: Any, taken: list[tuple[str, Taken]], lost: list[tuple[str, str]]) -> None:
        """One answer: what it brings, or that its actor is lost; then ask again."""
        actor = self._actors[name]
        try:
            taken.append((name, ray.get(ref, timeout=CALL_S)))
        except (RayActorError, GetTimeoutError) as error:
            self._lost(
                name, "the process died" if isinstance(error, ActorDiedError | ActorUnavailableError) else type(error).__name__, lost
            )
            return
        self._ask(actor)

    def _ask(self, actor: Actor) -> None:
        actor.taking, actor.since_s = actor.handle.take.remote(TAKE_S), time.monotonic()

    def _lost(self, name: str, reason: str, lost: list[tuple[str, str]]) -> None:
        """An actor's process is gone; Ray makes it again, and it counts as a host when it says hello."""
        actor = self._actors[name]
        actor.pid, actor.taking = 0, None
        actor.hello, actor.since_s = actor.handle.hello.remote(), time.monotonic()
        lost.append((name, reason))

    def _greet(self) -> None:
        """Take the actors into use that have come up, and look for new machines now and then."""
        if time.monotonic() - self._looked_s > LOOK_S:
            self._looked_s = time.monotonic()
            self._find_nodes()
        hellos = {actor.hello: name for name, actor in self._actors.items() if actor.hello is not None}
        if not hellos:
            return
        ready, _ = ray.wait(list(hellos), num_returns=len(hellos), timeout=0)
        for ref in ready:
            actor = self._actors[hellos[ref]]
            actor.hello = None
            try:
                actor.pid = ray.get(ref, timeout=CALL_S)
            except ActorUnavailableError:
                actor.hello = actor.handle.hello.remote()
                continue
            except RayActorError:
                del self._actors[hellos[ref]]
                continue
            self._ask(actor)
            self._arranged_s = float("-inf")

    def _find_nodes(self) -> None:
        """An actor on each core of each machine that lives, in place of those that are gone for good."""
        for node in ray.nodes():  # type: ignore[no-untyped-call]
            cores = int(node["Resources"].get("CPU", 0)) if node["Alive"] else 0
            here = sum(actor.node == node["NodeID"] for actor in self._actors.values())
            for _ in range(cores - here):
                machine = str(node["NodeManagerHostname"])
                number = self._numbers[machine] = self._numbers.get(machine, -1) + 1
                self._actors[f"{machine}/{number}"] = self._made(node["NodeID"])

    def _made(self, node: str) -> Actor:
        remote: Any = ray.remote
        made = remote(concurrency_groups={"taking": 1})(CameraHost)
        handle = made.options(
            num_cpus=1,
            max_restarts=FOREVER,
            max_task_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False),
        ).remote(1, self._pace)
        return Actor(node, handle, handle.hello.remote())

    def _wait_for_first(self) -> None:
        """Wait until all actors are up, or for a minute if one is at least."""
        hellos = [actor.hello for actor in self._actors.values()]
        ready, _ = ray.wait(hellos, num_returns=len(hellos), timeout=START_S) if hellos else ([], [])
        if not ready:
            what = f"No actor of {len(hellos)} started within {START_S:g} s."
            raise PoolError(what, "ray", "See whether the cluster has free cores: ray status.")
        del ready, hellos
        self._greet()
