"""What one bundle changes over another, and how a store that runs takes it: solution by solution while it sells, or by a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.core.control.design.merging import ABSENT
from storeloom.core.control.design.store_designs import pointer
from storeloom.core.kernel.overlay import same
from storeloom.core.kernel.registry import BUILT_IN

RESTARTS = ("store", "profiles", "arbitrate", "runtime")  # a store that takes more than solutions starts anew (`runtime.requests`)


@dataclass(frozen=True)
class Side:
    """One bundle: its design (see `parts.put_design`), what its lock pins, the store's profile, and how to get a part by its hash."""

    design: Mapping[str, Any]
    lock: Mapping[str, Mapping[str, str]]
    store: Mapping[str, Any]
    part: Callable[[str], Mapping[str, Any]]

    def solution(self, instance: str) -> str:
        return str(self.design["solutions"][instance][0])

    def pin(self, instance: str) -> Mapping[str, str]:
        """What pins the plugin of an instance."""
        return self.lock[self.solution(instance)]

    def body(self, instance: str) -> Mapping[str, Any]:
        return self.part(self.design["solutions"][instance][1])


@dataclass(frozen=True)
class Value:
    """A value that changes, by its place (JSON Pointer). `before` or `after` null: not there."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Instance:
    """A solution instance that a bundle brings or takes away."""

    instance: str
    solution: str
    version: str


@dataclass(frozen=True)
class Changed:
    """A solution instance that goes on with another config, devices or sources, or as another version. `code`: its source is another."""

    instance: str
    solution: str
    config: tuple[Value, ...]
    devices: tuple[Value, ...]
    sources: tuple[Value, ...]
    version_before: str
    version_after: str
    code: bool


@dataclass(frozen=True)
class Device:
    """A device that a profile brings, takes away or describes anew (`values`)."""

    id: str
    kind: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Migration:
    """State and config of an instance that another version takes over: `up` to a newer one, `down` to an older."""

    instance: str
    solution: str
    before: str
    after: str
    direction: str


@dataclass(frozen=True)
class Change:
    """What becomes of a store. `restart` says why it starts anew; where it is empty, it sells on while solutions are swapped one by one."""

    first: bool = False
    added: tuple[Instance, ...] = ()
    removed: tuple[Instance, ...] = ()
    changed: tuple[Changed, ...] = ()
    devices_added: tuple[Device, ...] = ()
    devices_removed: tuple[Device, ...] = ()
    devices_changed: tuple[Device, ...] = ()
    store: tuple[Value, ...] = ()
    migrations: tuple[Migration, ...] = ()
    restart: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        return self == Change()


NOTHING = Change()


def first_change(new: Side) -> Change:
    """What a store gets that runs nothing yet."""
    devices = tuple(Device(name, str(facts["kind"])) for name, facts in sorted(_devices(new.store).items()))
    return Change(True, tuple(_instance(new, name) for name in new.design["order"]), devices_added=devices, restart=("first",))


def change(old: Side, new: Side, wheels: bool) -> Change:
    """What a bundle changes over the one that a store runs; `wheels`: it comes with other packages.

    Where another solution takes the name of one that was there, that one goes and the other comes: it takes over nothing.
    """
    shared = old.design["solutions"].keys() & new.design["solutions"].keys()
    kept = {name for name in shared if old.solution(name) == new.solution(name)}
    before, after = _devices(old.store), _devices(new.store)
    return Change(
        added=tuple(_instance(new, name) for name in new.design["order"] if name not in kept),
        removed=tuple(_instance(old, name) for name in old.design["order"] if name not in kept),
        changed=tuple(_changed(old, new, name) for name in new.design["order"] if name in kept and _differs(old, new, name)),
        devices_added=tuple(Device(name, str(after[name]["kind"])) for name in sorted(after.keys() - before.keys())),
        devices_removed=tuple(Device(name, str(before[name]["kind"])) for name in sorted(before.keys() - after.keys())),
        devices_changed=tuple(
            Device(name, str(after[name]["kind"]), tuple(values(before[name], after[name])))
            for name in sorted(before.keys() & after.keys())
            if not same(before[name], after[name])
        ),
        store=tuple(values(_but_devices(old.store), _but_devices(new.store))),
        migrations=tuple(_migration(old, new, name) for name in new.design["order"] if name in kept and _moves(old, new, name)),
        restart=tuple(_restarts(old, new, wheels)),
    )


def values(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterable[Value]:
    """The values that differ between two tables; a list is one value."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from values(before.get(key, ABSENT), after.get(key, ABSENT), (*path, key))
    elif before is ABSENT or after is ABSENT or not same(before, after):
        yield Value(pointer(path), *(None if value is ABSENT else value for value in (before, after)))


def _restarts(old: Side, new: Side, wheels: bool) -> Iterable[str]:
    """Why a store that runs one starts anew with the other."""
    sides = [{**side.design, "store": side.store} for side in (old, new)]
    yield from (part for part in RESTARTS if not same(sides[0][part], sides[1][part]))
    if wheels:
        yield "packages"
    common = old.lock.keys() & new.lock.keys()
    if any(old.lock[name] != new.lock[name] and new.lock[name]["package"] == BUILT_IN for name in common):
        yield "storeloom"


def _differs(old: Side, new: Side, name: str) -> bool:
    return old.design["solutions"][name] != new.design["solutions"][name] or old.pin(name) != new.pin(name)


def _changed(old: Side, new: Side, name: str) -> Changed:
    a, b = ({}, {}) if old.design["solutions"][name] == new.design["solutions"][name] else (old.body(name), new.body(name))
    config, devices, sources = (tuple(values(a.get(key, {}), b.get(key, {}))) for key in ("config", "devices", "from"))
    before, after = old.pin(name), new.pin(name)
    code = before["source_sha256"] != after["source_sha256"]
    return Changed(name, new.solution(name), config, devices, sources, before["version"], after["version"], code)


def _moves(old: Side, new: Side, name: str) -> bool:
    return old.pin(name)["version"] != new.pin(name)["version"]


def _migration(old: Side, new: Side, name: str) -> Migration:
    before, after = old.pin(name)["version"], new.pin(name)["version"]
    return Migration(name, new.solution(name), before, after, _direction(before, after))


def _instance(side: Side, name: str) -> Instance:
    return Instance(name, side.solution(name), side.pin(name)["version"])


def _devices(store: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = store.get("devices", {})
    return found


def _but_devices(store: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in store.items() if key != "devices"}


def _direction(before: str, after: str) -> str:
    def numbers(version: str) -> list[int]:
        return [int(part) if part.isdigit() else 0 for part in version.split(".")]

    return "up" if numbers(after) > numbers(before) else "down"
