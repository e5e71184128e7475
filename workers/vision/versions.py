"""Versions of algorithms, named `algorithm@version`: which there are, how one is made for a camera, and how it warms up.

A version is an algorithm with the settings that were released under its number. Those of RELEASES come with the engine; a store adds its
own by giving settings under a name of its own, such as `zone_dwell@3`. Names beside those of RELEASES are the CATALOGUE's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from storeloom.workers.vision.algorithms import CATALOGUE, Algorithm, AlgorithmError, make
from storeloom.workers.vision.algorithms.placed import Together, Track, ZoneDwell, ZoneHeat
from storeloom.workers.vision.places import STAFF_ONLY, Place
from storeloom.workers.vision.swap import Run, blank_picture
from storeloom.workers.vision.view import View

RELEASES: Mapping[str, Mapping[int, Mapping[str, Any]]] = {
    "track": {1: {}},
    "line_count": {1: {}},
    "zone_dwell": {1: {}, 2: {"vanish_s": 5.0, "leave_s": 3.0}},
    "heatmap": {1: {}},
    "uniform": {1: {}},
    "incident": {1: {}},
}
NAMES: tuple[str, ...] = (*RELEASES, *(name for name in CATALOGUE if name not in RELEASES))
LABEL = re.compile(r"([a-z][a-z0-9_]*)@([1-9][0-9]{0,5})")
INTRUSION_S = 10.0
SECRET = "salt"
SYNTHETIC = {"objects": [{"id": "warm-up", "class": "person", "box": [0.4, 0.3, 0.1, 0.4], "colour": "#808080"}]}


@dataclass(frozen=True)
class Site:
    """Where algorithms are to run: the camera, its zones, the colours of the staff's uniform, and the secrets that settings name."""

    camera: str
    places: tuple[Place, ...] = ()
    uniform: tuple[str, ...] = ()
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class Worker(Protocol):
    """What gives views and forgets cameras: the vision worker."""

    def view(self, event_data: Mapping[str, Any], time: datetime) -> View: ...
    def forget(self, camera: str) -> None: ...
    def __hash__(self) -> int: ...


def parse(label: str) -> tuple[str, int]:
    """Name and version of `algorithm@version`; AlgorithmError for another form or an unknown algorithm."""
    match = LABEL.fullmatch(label)
    if match is None:
        raise AlgorithmError(
            f"'{label}' names no version of an algorithm.",
            "label",
            "Write algorithm@version, as zone_dwell@1.",
            zh=f"“{label}”不是算法版本。",
        )
    if match[1] not in NAMES:
        raise AlgorithmError(f"There is no algorithm '{match[1]}'.", "label", f"Known: {', '.join(NAMES)}.", zh=f"没有算法“{match[1]}”。")
    return match[1], int(match[2])


def settings_of(label: str, own: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The settings of a version: as released, with the store's own for the algorithm, and for this version, over them.

    AlgorithmError for a version that is neither released nor given settings by the store.
    """
    name, version = parse(label)
    released = RELEASES.get(name, {1: {}})
    if version not in released and label not in own:
        known = ", ".join([f"{name}@{v}" for v in released] + sorted(key for key in own if key.startswith(f"{name}@")))
        raise AlgorithmError(f"There is no {label}.", "label", f"Known: {known}.", zh=f"没有 {label}。")
    return {**released.get(version, {}), **own.get(name, {}), **own.get(label, {})}


def build(label: str, site: Site, own: Mapping[str, Mapping[str, Any]] | None = None) -> Algorithm[Any]:
    """A version of an algorithm for a camera. A setting `salt` holds the name of a secret of the site.

    AlgorithmError for an unknown version and for settings of another form, GeometryError for a place that makes no sense.
    """
    given = settings_of(label, own or {})
    if SECRET in given:
        given[SECRET] = dict(site.secrets).get(given[SECRET], "")
    return _BUILDERS[name](site, given) if (name := parse(label)[0]) in _BUILDERS else make(name, given)


@lru_cache(maxsize=256)
def built(label: str, site: Site, own: str) -> Algorithm[Any]:
    """As `build`, with the store's own settings as JSON text; made once, for an algorithm remembers nothing itself."""
    import orjson

    return build(label, site, orjson.loads(own))


def warm_up(algorithm: Algorithm[Any], worker: Worker, camera: str, at: datetime, *, pixels: bool) -> None:
    """Have an algorithm look at a synthetic frame, by which it loads what it needs; raises what it raises."""
    stand_in = f"{camera}|{type(algorithm).__name__}|warm-up"
    picture = blank_picture() if pixels else None
    size = {} if picture is None else {"height": picture.shape[0], "width": picture.shape[1]}
    shown = {"scene": SYNTHETIC} if picture is None else {"pixels": picture}
    try:
        algorithm.look(worker.view({"camera": stand_in, "seq": 0, **size, **shown}, at), {})
    finally:
        worker.forget(stand_in)


@lru_cache(maxsize=64)
def loading(label: str, site: Site, own: str, worker: Worker, at: datetime) -> Run:
    """The loading and warming up of a version that was asked for at `at`, in a thread of its own; asked again, the same one."""
    return Run(lambda: warm_up(built(label, site, own), worker, site.camera, at, pixels=True))


def _lines(site: Site, given: Mapping[str, Any]) -> Algorithm[Any]:
    doors = [door for place in site.places for door in place.doors]
    return make("line_count", {"line": doors[0] if doors else f"{site.camera}-door-1", "uniform": list(site.uniform), **given})


def _uniform(site: Site, given: Mapping[str, Any]) -> Algorithm[Any]:
    """One check for each staff zone in the picture, none without colours of a uniform; with a polygon in the settings, one there."""
    common = ({"colours": list(site.uniform)} if site.uniform else {}) | dict(given)
    if "polygon" in given or "zone" in given:
        return Together({str(given.get("zone", site.camera)): make("uniform", common)})
    areas = [(p, p.outline()) for p in site.places if p.kind in STAFF_ONLY and "colours" in common]
    return Together({p.zone: make("uniform", {"zone": p.zone, "polygon": outline, **common}) for p, outline in areas if outline})


def _incident(site: Site, given: Mapping[str, Any]) -> Algorithm[Any]:
    """Falls wherever the camera looks, guests in staff zones, and crowds in zones of a known capacity; settings by rule (`fall`,
    `loitering`, `crowding`)."""
    unknown = sorted(set(given) - {"fall", "loitering", "crowding"})
    if unknown:
        raise AlgorithmError(
            f"Incidents have no setting {', '.join(unknown)}.",
            "settings",
            "Settings: fall, loitering, crowding.",
            zh=f"事件检测没有设置项 {'、'.join(unknown)}。",
        )
    areas = [(place, outline) for place in site.places if (outline := place.outline())]
    parts: dict[str, Algorithm[Any]] = {}
    for place, outline in areas:
        where = {"zone": place.zone, "polygon": outline}
        parts[f"fall:{place.zone}"] = make("fall", {**where, **given.get("fall", {})})
        if place.kind in STAFF_ONLY or "loitering" in given:
            kind = {"kind": "intrusion", "limit_s": INTRUSION_S} if place.kind in STAFF_ONLY else {}
            rule = {**where, "uniform": list(site.uniform), **kind, **given.get("loitering", {})}
            parts[f"loitering:{place.zone}"] = make("loitering", rule)
        if place.area_m2 and place.capacity:
            full = min(max(place.capacity / place.area_m2, 0.02), 5.0)
            levels = {"busy": full / 2, "dense": full, "critical": 2 * full}
            parts[f"crowding:{place.zone}"] = make("crowding", {**where, "area_m2": place.area_m2, **levels, **given.get("crowding", {})})
    if not areas:
        parts["fall"] = make("fall", {"zone": site.camera, **given.get("fall", {})})
    return Together(parts)


def _dressed(site: Site, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"uniform": list(site.uniform), **given}


_BUILDERS: Mapping[str, Callable[[Site, Mapping[str, Any]], Algorithm[Any]]] = {
    "track": lambda site, given: Track(site.places, Track.settings_of(_dressed(site, given))),
    "line_count": _lines,
    "zone_dwell": lambda site, given: ZoneDwell(site.places, ZoneDwell.settings_of(_dressed(site, given))),
    "heatmap": lambda site, given: ZoneHeat(site.places, ZoneHeat.settings_of(_dressed(site, given))),
    "uniform": _uniform,
    "incident": _incident,
}


def order_of(labels: Sequence[str]) -> dict[str, str]:
    """Labels by algorithm name, in their order; AlgorithmError for an algorithm named twice."""
    named: dict[str, str] = {}
    for label in labels:
        name, _ = parse(label)
        if name in named:
            raise AlgorithmError(
                f"{name} is named twice, as {named[name]} and {label}.",
                "labels",
                "Keep one version of it.",
                zh=f"{name} 出现两次：{named[name]} 与 {label}。",
            )
        named[name] = label
    return named
