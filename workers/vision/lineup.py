"""The versions that a camera runs, exchanged while frames flow: loaded beside the old ones, warmed up, on trial, and taken back if need be.

All that is known lives in a JSON mapping that the caller keeps, so a restart in the middle of an exchange goes on with it: {"running":
{name: version}, "before": {name: version that one on trial took the place of}, "swaps": {name: exchange under way}, "refused": {name:
version that failed and is not tried again until another is asked for}, "set": `CameraSet.state`}. A version is [label, own settings as JSON
text].

On pixels a version loads in a thread while the old one works. On scenes it takes the seconds that the camera's virtual twin states, none by
default, so that an episode has one outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson

from storeloom.workers.vision.cameras import CameraSet, Turn, detail
from storeloom.workers.vision.errors import VisionError
from storeloom.workers.vision.versions import Site, Worker, built, loading, order_of, warm_up
from storeloom.workers.vision.view import View

PROBATION = 3
Version = list[str]


@dataclass(frozen=True)
class News:
    """What became of a version: `asked` was not loaded in time or raised (`not_loaded`), or failed on its first frames (`taken_back`), for
    `why`. `running` goes on, None where nothing runs under the name. `late`: it was not ready in time."""

    kind: Literal["not_loaded", "taken_back"]
    name: str
    asked: str
    running: str | None
    why: str
    late: bool = False


@dataclass
class LineUp:
    """One camera's versions over the mapping that keeps them."""

    kept: dict[str, Any]
    site: Site
    worker: Worker
    news: list[News] = field(default_factory=list)

    def __post_init__(self) -> None:
        for part in ("running", "before", "swaps", "refused"):
            self.kept.setdefault(part, {})

    def ask(
        self, labels: Sequence[str], own: Mapping[str, Mapping[str, Any]], at: datetime, load_s: Mapping[str, float], *, pixels: bool
    ) -> list[str]:
        """What is to run from now on, most important first, with the store's own settings. Returns the names whose exchange begins.

        What runs under no name yet is made at once, unless a scene's camera says how long that takes (`load_s`, seconds by label).
        AlgorithmError for a label of another form, and for a name given twice.
        """
        wanted = {name: version_of(label, own) for name, label in order_of(labels).items()}
        running, swaps, refused = self.kept["running"], self.kept["swaps"], self.kept["refused"]
        begun = []
        for part in (running, self.kept["before"], swaps, refused):
            for name in [name for name in part if name not in wanted]:
                del part[name]
        for name, version in wanted.items():
            if refused.get(name, version) != version:
                del refused[name]
            if name in swaps and swaps[name]["version"] != version:
                del swaps[name]
            if running.get(name) == version or name in refused or name in swaps:
                continue
            if name in running or (not pixels and load_s.get(version[0], 0.0) > 0):
                swaps[name] = {"version": version, "asked": at.isoformat(), "pixels": pixels, "load_s": 0.0, "warm": False}
                begun.append(name)
            elif self._loads(name, version):
                running[name] = version
        self.kept["order"] = list(wanted)
        return begun

    def turn(self, view: View, strides: Mapping[str, int], budget_ms: float, costs_ms: Mapping[str, float]) -> Turn:
        """One frame: those that became warm before it take over, all that are due run; see `CameraSet.turn`."""
        running, before, swaps = self.kept["running"], self.kept["before"], self.kept["swaps"]
        for name in [name for name, version in running.items() if not self._loads(name, version)]:
            del running[name]
        for name in [name for name, swap in swaps.items() if swap["warm"] and name not in running]:
            running[name] = swaps.pop(name)["version"]
        algorithms = {name: self._built(running[name]) for name in self.kept["order"] if name in running}
        made = CameraSet(self.site.camera, algorithms, strides=strides)
        if "set" in self.kept:
            made.restore(self.kept["set"], {name: self._built(version) for name, version in before.items()})
        for name in [name for name, swap in swaps.items() if swap["warm"]]:
            before[name], running[name] = running[name], swaps.pop(name)["version"]
            made.replace(name, self._built(running[name]), probation=PROBATION)
        turn = made.turn(view, budget_ms=budget_ms, costs_ms=costs_ms)
        for name, why in turn.taken_back.items():
            self.kept["refused"][name], running[name] = running[name], before.pop(name)
            self.news.append(News("taken_back", name, self.kept["refused"][name][0], running[name][0], why))
        self.kept["set"] = made.state()
        for name in [name for name in before if "trial" not in self.kept["set"]["algorithms"][name]]:
            del before[name]
        return turn

    def tend(self, now: datetime, load_s: Mapping[str, float]) -> None:
        """Look whether exchanges under way have become warm. `load_s`: seconds that versions take to load on scenes, by label."""
        for name, swap in list(self.kept["swaps"].items()):
            if not swap["warm"]:
                swap["load_s"] = load_s.get(swap["version"][0], 0.0)
                self._tend(name, swap, now)

    def overdue(self, name: str, now: datetime) -> None:
        """The time for an exchange is over: one that is not warm by now is given up."""
        swap = self.kept["swaps"].get(name)
        if swap is None or swap["warm"]:
            return
        self._tend(name, swap, now)
        if name in self.kept["swaps"] and not swap["warm"]:
            self._refuse(name, swap["version"], "", late=True)

    def _tend(self, name: str, swap: dict[str, Any], now: datetime) -> None:
        label, own = swap["version"]
        asked = datetime.fromisoformat(swap["asked"])
        if not swap["pixels"]:
            if (now - asked).total_seconds() >= swap["load_s"] - 1e-6 and self._loads(name, swap["version"], now):
                swap["warm"] = True
            return
        run = loading(label, self.site, own, self.worker, asked)
        if run.over and run.error is not None:
            self._refuse(name, swap["version"], said(run.error))
        elif run.over:
            swap["warm"] = True

    def _loads(self, name: str, version: Version, warm_at: datetime | None = None) -> bool:
        """Whether a version can be made, and sees a synthetic scene; if not, it is refused."""
        try:
            algorithm = self._built(version)
            if warm_at is not None:
                warm_up(algorithm, self.worker, self.site.camera, warm_at, pixels=False)
        except Exception as error:  # an algorithm may raise anything, and none may stop the others
            self._refuse(name, version, said(error))
            return False
        return True

    def _refuse(self, name: str, version: Version, why: str, *, late: bool = False) -> None:
        self.kept["swaps"].pop(name, None)
        self.kept["refused"][name] = version
        self.news.append(News("not_loaded", name, version[0], (self.kept["running"].get(name) or [None])[0], why, late))

    def _built(self, version: Version) -> Any:
        return built(version[0], self.site, version[1])


def version_of(label: str, own: Mapping[str, Mapping[str, Any]]) -> Version:
    """A version with the store's settings that concern it."""
    concerned = {key: own[key] for key in (label.partition("@")[0], label) if key in own}
    return [label, orjson.dumps(concerned, option=orjson.OPT_SORT_KEYS).decode()]


def said(error: BaseException) -> str:
    """Why a version failed, as a part of a sentence."""
    return str(error).rstrip(".") if isinstance(error, VisionError) else detail(error)
