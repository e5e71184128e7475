"""The algorithms of one camera, most important first: each shared stage once a frame, each algorithm at its own rate, within a budget of
computing time, none able to stop the others.

What an algorithm costs is measured, or stated by who gives the frame: a run on scenes states all its costs, for what a
machine needs to work on a scene says nothing of pictures and would make the outcome depend on the machine.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from storeloom.workers.vision.algorithms.base import Algorithm, Reading, State
from storeloom.workers.vision.algorithms.privacy import Privacy, PrivacyForm
from storeloom.workers.vision.errors import FrameError, VisionError
from storeloom.workers.vision.view import View

if TYPE_CHECKING:
    from storeloom.workers.vision.detect import Image

FAILURES = 3
DETECTOR = "detector"
NEWEST = 0.2
FADES = 0.98
WITHIN_S = 300.0
EARLY_S = 1e-6
LONGEST_S = 30 * 86400.0
Words = Mapping[str, str]

TEXTS: dict[str, Words] = {
    "failed": {
        "en": "{name} failed on a frame ({detail}); {left} more within {minutes:g} minutes and it is switched off.",
        "zh": "{name} 处理画面时出错（{detail}）；{minutes:g} 分钟内再出错 {left} 次将被停用。",
    },
    "off": {
        "en": "{name} is switched off on camera {camera}: {failures} failures within {minutes:g} minutes, the last one {detail}. "
        "The other algorithms go on. Replace it or switch it on again.",
        "zh": "{name} 已在摄像机 {camera} 上停用：{minutes:g} 分钟内出错 {failures} 次，最后一次为 {detail}。"
        "其他算法不受影响。请更换或重新启用。",
    },
}


class CameraSetError(VisionError):
    """A change to a camera's algorithms, or a snapshot, that cannot be made."""


@dataclass(frozen=True)
class Standing:
    """How one algorithm does: frames looked at, its last failures, mean milliseconds a look, and what is wrong in words."""

    name: str
    algorithm: str
    on: bool
    looks: int
    failures: int
    mean_ms: float
    words: Words | None


@dataclass(frozen=True)
class Snapshot:
    """A picture that may leave the engine: BGR uint8, why it was taken, and when it must be deleted. `hidden` names the classes made
    unrecognisable."""

    camera: str
    time: datetime
    picture: Image
    purpose: str
    delete_by: datetime
    hidden: tuple[str, ...]


@dataclass(frozen=True)
class Turn:
    """One frame: what each name that ran read; the names skipped to keep the budget, or failed; the cost in milliseconds that was
    foreseen; who was taken back for which error (`taken_back`), and who was switched off, with why in words."""

    found: dict[str, list[Reading]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    taken_back: dict[str, str] = field(default_factory=dict)
    switched_off: dict[str, Words] = field(default_factory=dict)
    cost_ms: float = 0.0
    late: bool = False

    @property
    def ran(self) -> tuple[str, ...]:
        return tuple(self.found)

    @property
    def readings(self) -> list[Reading]:
        return [reading for readings in self.found.values() for reading in readings]


@dataclass
class Trial:
    """What a new algorithm took the place of, and the runs that it still has to pass."""

    algorithm: Algorithm[Any]
    state: State
    due_s: float | None
    left: int


@dataclass
class Runner:
    """An algorithm at work."""

    algorithm: Algorithm[Any]
    state: State = field(default_factory=dict)
    due_s: float | None = None
    trial: Trial | None = None
    on: bool = True
    looks: int = 0
    spent_s: float = 0.0
    failures: deque[float] = field(default_factory=lambda: deque(maxlen=FAILURES))
    words: Words | None = None

    def is_due(self, t_s: float) -> bool:
        return self.on and (self.due_s is None or t_s >= self.due_s - EARLY_S)

    def plan(self, t_s: float) -> None:
        """Set the next look one period after the last due time, or after this frame where frames come more rarely."""
        period_s = self.algorithm.every_s
        self.due_s = t_s + period_s if self.due_s is None or t_s - self.due_s >= period_s else self.due_s + period_s


class CameraSet:
    """The algorithms of one camera, by names of the integrator's choice, most important first. Frames and changes may come from different
    threads; a change takes effect between two frames.

    `strides`: a name runs on the frames whose number its stride divides, 1 where it is not named. The privacy blur of snapshots always
    runs, as `privacy` says. `late` counts the frames that were left out because they were not newer than the one before.
    """

    def __init__(
        self,
        camera: str,
        algorithms: Mapping[str, Algorithm[Any]] | None = None,
        privacy: PrivacyForm | None = None,
        strides: Mapping[str, int] | None = None,
    ) -> None:
        self.camera, self.late = camera, 0
        self._strides = dict(strides or {})
        self._costs_ms: dict[str, float] = {}
        self._runners = {name: Runner(algorithm) for name, algorithm in (algorithms or {}).items()}
        self._privacy = Privacy(privacy)
        self._hidden: State = {}
        self._latest_s: float | None = None
        self._lock = threading.Lock()

    def look(self, view: View) -> list[Reading]:
        """What the algorithms that are due read in a frame, in their order. Raises as `turn`."""
        return self.turn(view).readings

    def rest(self) -> list[Reading]:
        """What has not been told because its window is still open, up to the last frame: for footage that has ended there."""
        with self._lock:
            if self._latest_s is None:
                return []
            running = [runner for runner in self._runners.values() if runner.on]
            return [told for runner in running for told in runner.algorithm.rest(self.camera, self._latest_s, runner.state)]

    def turn(self, view: View, *, budget_ms: float | None = None, costs_ms: Mapping[str, float] | None = None) -> Turn:
        """One frame worked through, in the order of the algorithms.

        Where the shared pass (`detector`) and the algorithms that are due cost more than `budget_ms` together, algorithms are left out from
        the end of the list, never the detector. `costs_ms` states costs by name; those of a scene that it does not name are none, those of
        pixels are measured. A frame that is not newer than the one before is left out. Raises what detection raises, for then no algorithm
        can say anything; what an algorithm raises within its probation brings back the one before it, which then looks at that frame; later
        it switches off that one, after three failures within five minutes of frame time. FrameError for the frame of another camera.
        """
        if view.camera != self.camera:
            raise FrameError(f"The frame is of camera {view.camera}, not {self.camera}.", "camera.frame.camera", "Give it to its own set.")
        with self._lock:
            t_s = view.t_s
            if self._latest_s is not None and t_s <= self._latest_s:
                self.late += 1
                return Turn(late=True)
            due = [name for name, r in self._runners.items() if r.is_due(t_s) and view.seq % self._strides.get(name, 1) == 0]
            detects = self._tracked() or any("detections" in self._runners[name].algorithm.needs for name in due)
            if detects:
                began = time.perf_counter()
                fresh = not view.observed
                self._hidden, _ = self._privacy.look(view, self._hidden)
                if fresh:
                    self._measure(DETECTOR, view, began)
            self._latest_s = t_s
            due, skipped, cost_ms = self._within(due, detects, budget_ms, costs_ms or {}, view)
            turn = Turn(skipped=skipped, cost_ms=cost_ms)
            for name in due:
                self._runners[name].plan(t_s)
                self._run(name, view, turn)
            return turn

    def add(self, name: str, algorithm: Algorithm[Any]) -> None:
        """Run one algorithm more; CameraSetError for a name in use."""
        with self._lock:
            if name in self._runners:
                raise CameraSetError(f"There is an algorithm '{name}' already.", "name", "Replace it, or choose another name.")
            self._runners[name] = Runner(algorithm)

    def remove(self, name: str) -> None:
        """End an algorithm and forget its state; CameraSetError for an unknown name."""
        with self._lock:
            self._known(name)
            del self._runners[name]

    def replace(self, name: str, algorithm: Algorithm[Any], *, probation: int = 0) -> bool:
        """Put another algorithm, or the same with other settings, in the place of one; it is switched on.

        A failure within its first `probation` runs puts the old one back, with the state that it had. Returns whether the new one goes on
        with the old one's state: it does where it is of the same class or says that it can take it over. CameraSetError for an unknown
        name; an error of `takes_over` leaves the old one in place.
        """
        with self._lock:
            old = self._known(name)
            state = type(algorithm).takes_over(type(old.algorithm), old.state)
            due_s = old.due_s if state is not None and algorithm.every_s == old.algorithm.every_s else None
            trial = Trial(old.algorithm, old.state, old.due_s, probation) if probation else None
            self._runners[name] = Runner(algorithm, {} if state is None else state, due_s, trial)
            return state is not None

    def switch_on(self, name: str) -> None:
        """Run an algorithm again that was switched off, with the state it had; CameraSetError for an unknown name."""
        with self._lock:
            runner = self._known(name)
            runner.on, runner.words = True, None
            runner.failures.clear()

    def standings(self) -> list[Standing]:
        """How each algorithm does, in the order in which they were added."""
        with self._lock:
            return [
                Standing(
                    name,
                    type(r.algorithm).__name__,
                    r.on,
                    r.looks,
                    len(r.failures),
                    1000 * r.spent_s / r.looks if r.looks else 0.0,
                    r.words,
                )
                for name, r in self._runners.items()
            ]

    def state(self) -> dict[str, Any]:
        """All that the set remembers, as JSON; `restore` goes on from it."""
        with self._lock:
            return {
                "latest_s": self._latest_s,
                "costs_ms": dict(self._costs_ms),
                "algorithms": {name: _kept(runner) for name, runner in self._runners.items()},
            }

    def restore(self, kept: Mapping[str, Any], before: Mapping[str, Algorithm[Any]] | None = None) -> list[str]:
        """Go on from a kept state; returns the names that begin anew because they are new or of another class.

        `before` are the algorithms that those on probation took the place of; without them their probation is over.
        """
        with self._lock:
            self._latest_s, self._costs_ms = kept["latest_s"], dict(kept.get("costs_ms", {}))
            anew = []
            for name, runner in self._runners.items():
                entry = kept["algorithms"].get(name)
                if entry is None or entry["class"] != type(runner.algorithm).__name__:
                    anew.append(name)
                    continue
                runner.state, runner.due_s = dict(entry["state"]), entry["due_s"]
                runner.on = entry.get("on", True)
                runner.failures.extend(entry.get("failures", ()))
                old, trial = (before or {}).get(name), entry.get("trial")
                runner.trial = Trial(old, trial["state"], trial["due_s"], trial["left"]) if old is not None and trial else None
            return anew

    def snapshot(self, view: View, *, purpose: str, retention_s: float, show_people: str = "") -> Snapshot:
        """A frame as a picture that may be shown or kept, people and faces hidden wherever they are or were within the last second.

        Hidden are those whom the detector finds; one it misses for longer than that is seen, so keep what need not be kept out of view.
        `retention_s` (at most 30 days) says how long it may be kept. Only with the ground on which people may be seen in `show_people` are
        they not hidden. CameraSetError without a purpose or a retention time; FrameError for a frame without pixels or of another camera.
        """
        if not purpose.strip():
            raise CameraSetError("A snapshot needs a purpose.", "purpose", "Say what it is for.")
        if not 0 < retention_s <= LONGEST_S:
            what = f"A snapshot cannot be kept for {retention_s:g} s."
            raise CameraSetError(what, "retention_s", f"Say for how long it is kept: above 0 s, at most {LONGEST_S:g} s.")
        if view.camera != self.camera:
            raise FrameError(f"The frame is of camera {view.camera}, not {self.camera}.", "camera.frame.camera", "Give it to its own set.")
        with self._lock:
            picture = self._privacy.hide(view, self._hidden)
        hidden: Sequence[str] = self._privacy.settings.classes
        if show_people.strip() and view.pixels is not None:
            picture, hidden, purpose = view.pixels.copy(), (), f"{purpose} ({show_people.strip()})"
        return Snapshot(self.camera, view.time, picture, purpose, view.time + timedelta(seconds=retention_s), tuple(hidden))

    def _tracked(self) -> bool:
        return any(runner.on and "tracks" in runner.algorithm.needs for runner in self._runners.values())

    def _within(
        self, due: list[str], detects: bool, budget_ms: float | None, stated: Mapping[str, float], view: View
    ) -> tuple[list[str], list[str], float]:
        """Those of `due` that run, those left out, and the cost foreseen. A measured cost fades while it leaves its algorithm out, so that
        it is tried again."""
        known = stated if view.pixels is None else {**self._costs_ms, **stated}
        costs = {name: known.get(name, 0.0) for name in due}
        total = sum(costs.values()) + (known.get(DETECTOR, 0.0) if detects else 0.0)
        running = list(due)
        while budget_ms is not None and running and total > budget_ms + 1e-9:
            total -= costs[running.pop()]
        skipped = due[len(running) :]
        for name in skipped:
            if name in self._costs_ms:
                self._costs_ms[name] *= FADES
        return running, skipped, total

    def _measure(self, name: str, view: View, began: float) -> None:
        """Take the time since `began` into the cost, which rises slowly and falls at once. The first look, which may load a model, and the
        time of a scene say nothing."""
        if view.pixels is not None:
            spent_ms = 1000 * (time.perf_counter() - began) if name in self._costs_ms else 0.0
            known_ms = self._costs_ms.get(name) or spent_ms
            self._costs_ms[name] = round(min(spent_ms, (1 - NEWEST) * known_ms + NEWEST * spent_ms), 3)

    def _run(self, name: str, view: View, turn: Turn) -> None:
        runner = self._runners[name]
        began = time.perf_counter()
        try:
            runner.state, readings = runner.algorithm.look(view, runner.state)
        except Exception as error:
            if runner.trial is None:
                self._note(name, runner, error, view.t_s)
                turn.failed.append(name)
                if not runner.on and runner.words is not None:
                    turn.switched_off[name] = runner.words
                return
            turn.taken_back[name] = detail(error)
            old = runner.trial
            self._runners[name] = Runner(old.algorithm, old.state, old.due_s)
            self._runners[name].plan(view.t_s)
            self._run(name, view, turn)
            return
        finally:
            runner.looks += 1
            runner.spent_s += time.perf_counter() - began
            self._measure(name, view, began)
        turn.found[name] = readings
        if runner.trial is not None:
            runner.trial.left -= 1
            runner.trial = runner.trial if runner.trial.left else None

    def _note(self, name: str, runner: Runner, error: Exception, t_s: float) -> None:
        """Count a failure; the third within five minutes switches the algorithm off."""
        while runner.failures and t_s - runner.failures[0] > WITHIN_S:
            runner.failures.popleft()
        runner.failures.append(t_s)
        runner.on = len(runner.failures) < FAILURES
        said = {
            "name": name,
            "camera": self.camera,
            "detail": detail(error),
            "failures": len(runner.failures),
            "left": FAILURES - len(runner.failures),
            "minutes": WITHIN_S / 60,
        }
        runner.words = {lang: text.format(**said) for lang, text in TEXTS["failed" if runner.on else "off"].items()}

    def _known(self, name: str) -> Runner:
        if name not in self._runners:
            raise CameraSetError(f"There is no algorithm '{name}'.", "name", f"Running: {', '.join(self._runners) or '-'}.")
        return self._runners[name]


def detail(error: BaseException) -> str:
    """An exception as a part of a sentence."""
    return f"{type(error).__name__}: {error}".rstrip(".: ")


def _kept(runner: Runner) -> dict[str, Any]:
    """A runner as JSON."""
    kept: dict[str, Any] = {"class": type(runner.algorithm).__name__, "state": runner.state, "due_s": runner.due_s}
    kept |= {"on": runner.on, "failures": list(runner.failures)}
    old = runner.trial
    return kept if old is None else kept | {"trial": {"state": old.state, "due_s": old.due_s, "left": old.left}}
