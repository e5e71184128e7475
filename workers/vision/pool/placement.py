"""Which camera runs on which host, and who gives way when there is not enough: pure functions.

A host bears so many milliseconds of processor a second; a camera costs its milliseconds a frame times its frames a second. Packing is best
fit decreasing (Johnson 1973). In an overload the least important camera is lowered to its least rate, then suspended, then the next one;
rates and cameras come back only when the hosts would bear them with some room to spare, so that nothing swings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

SECOND_MS = 1000.0
USABLE = 0.9
SPARE = 0.15
OVERHEAD = 1.1
UNKNOWN_RUN_MS = 60.0
EPSILON = 1e-6
UNEVEN = 2


@dataclass(frozen=True)
class Load:
    """A camera to place: ms of processor a frame, frames a second wanted and at least, its priority (1 gives way last), and whether it is
    elastic: it takes what is left and never gives way."""

    camera: str
    cost_ms: float
    fps: float
    least_fps: float
    priority: int
    elastic: bool = False

    def at(self, fps: float) -> float:
        """Its ms of processor a second at a rate."""
        return 0.0 if self.elastic else self.cost_ms * fps


@dataclass(frozen=True)
class Host:
    """Where cameras can run: its name, and the ms of processor a second that it bears."""

    name: str
    capacity_ms: float


@dataclass(frozen=True)
class Place:
    """Where a camera runs and how fast; no host and rate 0 for a suspended one."""

    host: str | None
    fps: float


Places = Mapping[str, Place]
Rates = dict[str, float]


def capacity_of(cores: float) -> float:
    """What a host of so many cores bears: nine tenths, for decoding threads and the system take their part."""
    return SECOND_MS * cores * USABLE


def estimate_ms(speed: Mapping[str, object]) -> float:
    """Milliseconds of processor that a frame will cost by a model card's measured `speed`, before anything is measured here."""
    for key, times in (("frame_ms", 1.0), ("run_ms", OVERHEAD)):
        value = speed.get(key)
        if isinstance(value, int | float):
            return float(value) * times
    return UNKNOWN_RUN_MS * OVERHEAD


def place(loads: Sequence[Load], hosts: Sequence[Host], before: Places) -> dict[str, Place]:
    """A place for each camera. `before` is how they are placed now: as few as possible move, and what was taken from a camera is given back
    only where all would fit into hosts smaller by `SPARE`."""
    loads = sorted(loads, key=lambda one: one.camera)
    if not hosts:
        return {one.camera: Place(None, 0.0) for one in loads}
    steps = [base_rates(loads, hosts), *_shedding(loads, base_rates(loads, hosts))]
    now = _level(steps, before)
    tight = [Host(host.name, host.capacity_ms * (1 - SPARE)) for host in hosts]
    fits = [pack(loads, rates, hosts) is not None for rates in steps]
    least = fits.index(True)
    roomy = next((k for k in range(least, len(steps)) if fits[k] and pack(loads, steps[k], tight) is not None), len(steps) - 1)
    level = next(k for k in range(max(least, min(now, roomy)), len(steps)) if fits[k])
    rates = steps[level]
    kept = keep(loads, rates, hosts, before)
    chosen = kept if kept is not None else pack(loads, rates, hosts)
    if chosen is None:
        raise AssertionError("a level that fits was chosen and does not fit")
    return {one.camera: Place(chosen.get(one.camera), rates[one.camera]) for one in loads}


def base_rates(loads: Sequence[Load], hosts: Sequence[Host]) -> Rates:
    """The wanted rates, but for the cameras that no host could bear alone: those run at their least rate, or not at all."""
    most = max(host.capacity_ms for host in hosts)
    rates = {}
    for one in loads:
        fitting = [fps for fps in (one.fps, one.least_fps, 0.0) if one.at(fps) <= most + EPSILON]
        rates[one.camera] = one.fps if one.elastic else fitting[0]
    return rates


def pack(loads: Sequence[Load], rates: Mapping[str, float], hosts: Sequence[Host]) -> dict[str, str] | None:
    """A host for each camera that runs, by best fit decreasing; None where one finds no room. Elastic ones go where the fewest are."""
    free = {host.name: host.capacity_ms for host in sorted(hosts, key=lambda host: host.name)}
    placed: dict[str, str] = {}
    for one in sorted(loads, key=lambda one: (-one.at(rates[one.camera]), one.camera)):
        if one.elastic or rates[one.camera] <= 0:
            continue
        need = one.at(rates[one.camera])
        fitting = [name for name, left in free.items() if need <= left + EPSILON]
        if not fitting:
            return None
        host = min(fitting, key=lambda name: (free[name], name))
        placed[one.camera] = host
        free[host] -= need
    return placed | _elastic(loads, hosts, placed, {})


def keep(loads: Sequence[Load], rates: Mapping[str, float], hosts: Sequence[Host], before: Places) -> dict[str, str] | None:
    """The same with as many as possible where they are: only those leave whose host is gone or bears too much, to the emptiest host that
    has room. None where that does not work out."""
    free = {host.name: host.capacity_ms for host in sorted(hosts, key=lambda host: host.name)}
    by_name = {one.camera: one for one in loads}
    running = [one for one in loads if not one.elastic and rates[one.camera] > 0]
    placed: dict[str, str] = {}
    for one in running:
        host = before[one.camera].host if one.camera in before else None
        if host in free and host is not None:
            placed[one.camera] = host
            free[host] -= one.at(rates[one.camera])
    for host in free:
        while free[host] < -EPSILON:
            there = sorted((by_name[c].at(rates[c]), c) for c, h in placed.items() if h == host)
            _, leaving = next((one for one in there if free[host] + one[0] >= -EPSILON), there[-1])
            free[host] += by_name[leaving].at(rates[leaving])
            del placed[leaving]
    for one in sorted(running, key=lambda one: (-one.at(rates[one.camera]), one.camera)):
        if one.camera in placed:
            continue
        need = one.at(rates[one.camera])
        host = max(free, key=lambda name: (free[name], name))
        if need > free[host] + EPSILON:
            return None
        placed[one.camera] = host
        free[host] -= need
    return placed | _elastic(loads, hosts, placed, before)


def _elastic(loads: Sequence[Load], hosts: Sequence[Host], placed: Mapping[str, str], before: Places) -> dict[str, str]:
    """Hosts for the elastic cameras: where they were, else where the fewest cameras are; from host to host where that is quite uneven."""
    names = sorted(host.name for host in hosts)
    count = {name: sum(host == name for host in placed.values()) for name in names}
    found: dict[str, str] = {}
    homeless = []
    for one in (one for one in loads if one.elastic):
        host = before[one.camera].host if one.camera in before else None
        if host in count and host is not None:
            found[one.camera] = host
            count[host] += 1
        else:
            homeless.append(one.camera)
    for camera in homeless:
        host = min(names, key=lambda name: (count[name], name))
        found[camera] = host
        count[host] += 1
    while found:
        full = max((host for host in names if host in found.values()), key=lambda name: (count[name], name))
        empty = min(names, key=lambda name: (count[name], name))
        if count[full] - count[empty] < UNEVEN:
            break
        camera = max(camera for camera, host in found.items() if host == full)
        found[camera] = empty
        count[full], count[empty] = count[full] - 1, count[empty] + 1
    return found


def _shedding(loads: Sequence[Load], base: Rates) -> Iterator[Rates]:
    """The rates after each further step of giving way: the least important camera slower, then not at all, then the next one."""
    rates = dict(base)
    for one in sorted((one for one in loads if not one.elastic), key=lambda one: (-one.priority, one.camera)):
        for fps in (one.least_fps, 0.0):
            if fps < rates[one.camera]:
                rates = {**rates, one.camera: fps}
                yield rates


def _level(steps: Sequence[Rates], before: Places) -> int:
    """How far giving way has gone now: the last step whose camera runs no faster than that step says."""
    level = 0
    for k in range(1, len(steps)):
        changed = next(camera for camera in steps[k] if steps[k][camera] != steps[k - 1][camera])
        if changed in before and before[changed].fps <= steps[k][changed] + EPSILON:
            level = k
    return level
