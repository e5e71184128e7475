"""What a pool is told to do for a camera and what it hands back, as data that goes over a wire.

Jobs are read from `{"cameras": [...]}`, checked by `jobs.schema.json` and then by the algorithms themselves; all that is wrong is told at
once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.vision import algorithms
from storeloom.workers.vision.algorithms.base import Algorithm
from storeloom.workers.vision.errors import ModelError, VisionError
from storeloom.workers.vision.grab.address import Address, address
from storeloom.workers.vision.grab.faults import GrabError
from storeloom.workers.vision.models import DEFAULT_DETECTOR, Model, load
from storeloom.workers.vision.models.faults import ModelFault
from storeloom.workers.vision.pool.forms import Place, form_findings, nowhere, path_of, show

SCHEMA = Path(__file__).with_name("jobs.schema.json")
START = "2026-01-01T00:00:00Z"
Play = Literal["free", "real_time"]
State = Literal["online", "degraded", "offline", "fault"]
NO_REMEDY = {"remedy_en": "", "remedy_zh": ""}
MOST_NAMED = 8


class JobFault(VisionError):
    """Jobs that cannot be done; `findings` holds all that is wrong with them, in zh and en."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        what = " ".join(f"{finding.path}: {finding.text()}" if finding.path else finding.text() for finding in self.findings)
        super().__init__(what, str(self.findings[0].file or "jobs"), " ".join(dict.fromkeys(f.fix() for f in self.findings if f.fix())))


@dataclass(frozen=True)
class AlgorithmJob:
    """One algorithm of the catalogue with its settings."""

    algorithm: str
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def make(self) -> Algorithm[Any]:
        """The algorithm; raises as `algorithms.make`."""
        return algorithms.make(self.algorithm, self.settings)


@dataclass(frozen=True)
class CameraJob:
    """One camera: where its frames come from, what looks at them, with which detector, and how it gives way.

    `fps` caps the frames looked at a second. Priority 1 is the most important; in an overload the camera with the largest number gives way
    first: its rate is lowered to `least_fps`, then it is suspended. `start` and `pace` are a recording's: read frame by frame (`free`, and
    then it never gives way, for it has time), or played as a camera would send it, at the time it is now (`real_time`).
    """

    camera: str
    address: str = field(repr=False)
    algorithms: Mapping[str, AlgorithmJob]
    model: str = ""
    fps: float | None = None
    least_fps: float = 1.0
    priority: int = 5
    start: str = START
    pace: Play = "free"

    @property
    def source(self) -> Address:
        return address(self.address)

    @property
    def live(self) -> bool:
        """Whether frames come at a rate of their own and are lost when nobody takes them."""
        return self.pace == "real_time" or self.source.live

    def as_json(self) -> dict[str, Any]:
        """As it is read; addresses and settings may hold secrets."""
        looking = {name: {"algorithm": one.algorithm, "settings": dict(one.settings)} for name, one in self.algorithms.items()}
        plain = {key: getattr(self, key) for key in ("camera", "address", "model", "fps", "least_fps", "priority", "start", "pace")}
        return plain | {"algorithms": looking}


@dataclass(frozen=True)
class Noted:
    """A reading, the number and time of the frame that brought it, and its place among that frame's readings."""

    seq: int
    index: int
    time: datetime
    stream: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Counts:
    """Of the frames of a report: looked at; left out because the rate was lowered; lost by the source (overtaken, or without pixels); of
    those looked at, the ones on which detection failed."""

    frames: int = 0
    skipped: int = 0
    lost: int = 0
    failed: int = 0

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = self.as_json(), other.as_json()
        return Counts(**{key: mine[key] + theirs[key] for key in mine})

    def as_json(self) -> dict[str, int]:
        return {"frames": self.frames, "skipped": self.skipped, "lost": self.lost, "failed": self.failed}


@dataclass(frozen=True)
class Report:
    """A camera's frames `first` to `seq` (inclusive): what was read in them, and how many there were; `time` is the last one's.

    The last report of a recording may hold no frame (`first` is one past `seq`) but windows that were still open.
    """

    camera: str
    first: int
    seq: int
    time: datetime
    readings: tuple[Noted, ...]
    counts: Counts

    def as_json(self) -> dict[str, Any]:
        readings = [
            {"seq": r.seq, "index": r.index, "time": rfc3339(r.time), "stream": r.stream, "data": dict(r.data)} for r in self.readings
        ]
        span = {"camera": self.camera, "first": self.first, "seq": self.seq, "time": rfc3339(self.time)}
        return span | {"readings": readings, "counts": self.counts.as_json()}


@dataclass(frozen=True)
class Told:
    """A change of how a camera is, for people: `code` is a stable word, `text` says it in en and zh, `number` counts a camera's."""

    camera: str
    number: int
    time: datetime
    state: State
    code: str
    text: Mapping[str, str]
    metrics: Mapping[str, float] = field(default_factory=dict)

    def as_status(self, lang: str) -> dict[str, Any]:
        """The data of a `device.status`."""
        known = {"device": self.camera, "kind": "camera", "state": self.state, "code": self.code, "text": self.text[lang]}
        return known | ({"metrics": dict(self.metrics)} if self.metrics else {})

    def as_json(self) -> dict[str, Any]:
        return {"time": rfc3339(self.time), "number": self.number, "status": self.as_status("en"), "text_zh": self.text["zh"]}


def told_of(error: BaseException) -> Mapping[str, str]:
    """What an error says, in en and zh where it knows both."""
    if isinstance(error, GrabError):
        return error.words
    said = str(error) if isinstance(error, VisionError) else f"{type(error).__name__}: {error}".rstrip(": .") + "."
    return {"en": said, "zh": said}


@cache
def schema() -> dict[str, Any]:
    """The schema of `{"cameras": [...]}`."""
    read: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return read


def jobs(raw: Any, *, place: Place = nowhere, recorded: bool = False) -> list[CameraJob]:
    """The jobs in data; JobFault with all that is wrong with them. `place` finds file and line of a key.

    `recorded` jobs are for recordings found elsewhere and need no address.
    """
    findings = list(form_findings(schema(), raw, place))
    if not findings:
        findings = list(_faults(raw["cameras"], place, recorded))
    if findings:
        raise JobFault(findings)
    return [_job(one) for one in raw["cameras"]]


def algorithm_jobs(raw: Any, camera: str) -> dict[str, AlgorithmJob]:
    """The algorithms of one camera from data, as they stand in a job; JobFault with all that is wrong with them."""
    return dict(jobs({"cameras": [{"camera": camera, "algorithms": raw}]}, recorded=True)[0].algorithms)


def detector_model(name: str) -> Model:
    """The model of a job; ModelFault where it is none."""
    path = Path(name or DEFAULT_DETECTOR)
    return load(path if path.is_dir() else name or DEFAULT_DETECTOR)


def _job(one: Mapping[str, Any]) -> CameraJob:
    looking = {name: AlgorithmJob(a["algorithm"], dict(a.get("settings", {}))) for name, a in one["algorithms"].items()}
    return CameraJob(**{"address": "", **one, "algorithms": looking})


def _faults(cameras: Sequence[Mapping[str, Any]], place: Place, recorded: bool) -> Iterator[Finding]:
    """What the schema cannot say."""
    seen: dict[str, int] = {}
    for k, one in enumerate(cameras):
        at: tuple[str | int, ...] = ("cameras", k)
        if one["camera"] in seen:
            words = {"en": f"The camera '{one['camera']}' has two jobs.", "zh": f"摄像机“{one['camera']}”有两个任务。"}
            yield _problem(words, {"en": "Keep one of them.", "zh": "请保留其一。"}, (*at, "camera"), place)
        seen[one["camera"]] = k
        fps, least = one.get("fps"), one.get("least_fps", 1.0)
        if fps is not None and "least_fps" in one and least > fps:
            words = {"en": f"least_fps = {least:g} is above fps = {fps:g}.", "zh": f"least_fps = {least:g} 大于 fps = {fps:g}。"}
            yield _problem(words, {"en": "Lower least_fps.", "zh": "请调小 least_fps。"}, (*at, "least_fps"), place)
        yield from _start_faults(one.get("start", START), (*at, "start"), place)
        yield from _address_faults(one.get("address"), (*at, "address"), place, recorded)
        unusable = list(_model_faults(one.get("model", ""), (*at, "model"), place))
        yield from unusable
        classes = None if unusable else detector_model(one.get("model", "")).card.classes
        for name, a in one["algorithms"].items():
            keys = (*at, "algorithms", name)
            faults = list(_algorithm_faults(a, keys, place))
            yield from faults
            if not faults and classes is not None:
                yield from _class_faults(a, classes, keys, place)


def _start_faults(start: str, keys: tuple[str | int, ...], place: Place) -> Iterator[Finding]:
    try:
        parse_time(start)
    except ValueError:
        allowed = {"en": "a time with its zone such as 2026-03-02T10:00:00Z", "zh": "带时区的时间，如 2026-03-02T10:00:00Z"}
        yield _finding("SL-CFG-03", {"got": show(start), "allowed": allowed, **NO_REMEDY}, keys, place)


def _address_faults(written: str | None, keys: tuple[str | int, ...], place: Place, recorded: bool) -> Iterator[Finding]:
    if written is None:
        if not recorded:
            yield _finding("SL-CFG-04", {"key": "address", "known": ["camera", "address", "algorithms"]}, keys[:-1], place)
        return
    try:
        address(written)
    except GrabError as error:
        yield _problem(error.words, error.fix, keys, place)


def _model_faults(model: str, keys: tuple[str | int, ...], place: Place) -> Iterator[Finding]:
    try:
        detector_model(model)
    except ModelFault as error:
        for one in error.findings:
            yield _finding(one.code, one.args, keys, place)
    except ModelError as error:
        yield _problem({"en": error.what, "zh": f"模型无法使用（{error.what.rstrip('.')}）。"}, _remedy(error), keys, place)


def _algorithm_faults(one: Mapping[str, Any], keys: tuple[str | int, ...], place: Place) -> Iterator[Finding]:
    """The algorithm's name, the form of its settings, then what it says of their values itself."""
    name, settings = one["algorithm"], one.get("settings", {})
    if name not in algorithms.CATALOGUE:
        known = ", ".join(algorithms.CATALOGUE)
        allowed = {"en": f"one of {known}", "zh": f"{known} 之一"}
        yield _finding("SL-CFG-03", {"got": show(name), "allowed": allowed, **NO_REMEDY}, (*keys, "algorithm"), place)
        return
    found = list(form_findings(algorithms.algorithm_class(name).schema(), settings, place, (*keys, "settings")))
    if found:
        yield from found
        return
    try:
        algorithms.make(name, settings)
    except VisionError as error:
        words = {"en": error.what, "zh": f"参数相互矛盾或无意义（{error.what.rstrip('.')}）。"}
        yield _problem(words, _remedy(error), (*keys, "settings", error.path), place)


def _class_faults(one: Mapping[str, Any], known: Sequence[str], keys: tuple[str | int, ...], place: Place) -> Iterator[Finding]:
    """An algorithm that looks for things of which its camera's detector knows none, and would see nothing for ever."""
    made = algorithms.make(one["algorithm"], one.get("settings", {}))
    settings = made.settings
    wanted = getattr(settings, "classes", (getattr(settings, "cls", "person"),))
    if not made.needs & {"tracks", "detections"} or set(wanted) & set(known):
        return
    words = {
        "en": f"It looks for {', '.join(wanted)}, which the camera's detector does not know.",
        "zh": f"它查找 {'、'.join(wanted)}，而该摄像机的检测模型不含此类别。",
    }
    some = ", ".join(known[:MOST_NAMED]) + (" ..." if len(known) > MOST_NAMED else "")
    remedy = {"en": f"Use another model, or one of its classes: {some}.", "zh": f"请更换模型，或使用其类别：{some}。"}
    yield _problem(words, remedy, (*keys, "algorithm"), place)


def _remedy(error: VisionError) -> Mapping[str, str]:
    return {"en": error.remedy, "zh": f"请更正（{error.remedy.rstrip('.')}）。"}


def _problem(words: Mapping[str, str], remedy: Mapping[str, str], keys: tuple[str | int, ...], place: Place) -> Finding:
    return _finding("SL-CFG-05", {"problem": words, "remedy": remedy}, keys, place)


def _finding(
    code: str, args: Mapping[str, Any], keys: tuple[str | int, ...], place: Callable[..., tuple[str | None, int | None]]
) -> Finding:
    file, line = place(*keys)
    return Finding(code, args, path=path_of(keys), file=file, line=line)
