"""A model's replacement while frames flow: where it stands, in words, and what counts as a failing model.

A model on trial runs in a thread of its own, so that one that hangs costs its camera no more than the limit and no frame. Python cannot
stop such a thread: it keeps its core and its model until its call returns or the process ends.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from storeloom.workers.vision.errors import FrameError, VisionError
from storeloom.workers.vision.things import Detection

State = Literal["loading", "live", "kept", "rolled_back"]
Words = Mapping[str, str]
OVER: tuple[State, ...] = ("kept", "rolled_back")
LOAD_S = 60.0
TIMES_SLOWER = 10
NEVER_LATE_S = 0.05
UNTIMED_S = 10.0
MOST_OBJECTS = 1000
MOST_ON_BLANK = 20

TEXTS: dict[str, Words] = {
    "loading": {
        "en": "{model} is being loaded for {cameras}; the model in use goes on.",
        "zh": "正在为{cameras}加载模型 {model}，现用模型继续工作。",
    },
    "live": {
        "en": "{model} sees the frames of {cameras}, on trial for {probation} frames.",
        "zh": "模型 {model} 已接管{cameras}的画面，试用 {probation} 帧。",
    },
    "proved": {
        "en": "{model} saw its first {probation} frames of {cameras} soundly; it is kept when it has done so in every process.",
        "zh": "模型 {model} 在{cameras}上的前 {probation} 帧均正常，待所有进程均通过后保留。",
    },
    "kept": {
        "en": "{model} is kept on {cameras}: its first {probation} frames were sound.",
        "zh": "模型 {model} 已在{cameras}上保留：前 {probation} 帧均正常。",
    },
    "rolled_back": {
        "en": "{model} was taken back from {cameras}: {fault} The model before it goes on.",
        "zh": "模型 {model} 已从{cameras}撤回：{fault}原模型继续工作。",
    },
    "camera": {"en": "camera {camera}", "zh": "摄像机 {camera} "},
    "all": {"en": "all cameras", "zh": "全部摄像机"},
    "not_loaded": {"en": "it cannot be loaded or run ({detail}).", "zh": "无法加载或运行（{detail}）。"},
    "load_late": {"en": "it was not ready within {limit_s:g} s.", "zh": "{limit_s:g} 秒内未就绪。"},
    "labels": {"en": "it does not know these classes: {missing}.", "zh": "缺少以下类别：{missing}。"},
    "raised": {"en": "it failed on a frame ({detail}).", "zh": "处理画面时出错（{detail}）。"},
    "slow": {
        "en": "two frames running took it more than {limit_ms:.0f} ms each; the model before it takes {usual}.",
        "zh": "连续两帧均超过 {limit_ms:.0f} 毫秒；原模型耗时{usual}。",
    },
    "stuck": {
        "en": "it was still busy with a frame when the next one came, past {limit_ms:.0f} ms; the model before it takes {usual}.",
        "zh": "下一帧到来时仍在处理上一帧，已超过 {limit_ms:.0f} 毫秒的上限；原模型耗时{usual}。",
    },
    "usual": {"en": "{usual_ms:.1f} ms", "zh": " {usual_ms:.1f} 毫秒"},
    "untimed": {"en": "a time not yet measured", "zh": "尚未测得"},
    "flood": {"en": "it reports {count} objects in one frame, more than {most}.", "zh": "一帧报告 {count} 个物体，超过 {most} 个。"},
    "blank": {"en": "it sees {count} objects in a blank picture.", "zh": "在空白画面中看到 {count} 个物体。"},
    "score": {"en": "it gives a score of {score}, which is not from 0 to 1.", "zh": "给出的置信度为 {score}，不在 0 到 1 之间。"},
    "box": {"en": "it gives a box {box}, which is not in shares of the picture.", "zh": "给出的框 {box} 不是画面比例。"},
    "class": {"en": "it reports the class '{cls}', which it does not list.", "zh": "报告了其未列出的类别“{cls}”。"},
    "in_process": {"en": "in {process} {fault}", "zh": "在{process}中，{fault}"},
    "store": {"en": "the store process", "zh": "门店进程"},
    "own": {"en": "the process of {instance}", "zh": "{instance} 的进程"},
    "elsewhere": {"en": "{process} took it back.", "zh": "{process}已将其撤回。"},
    "few": {
        "en": "{process} saw only {frames} of {probation} frames within {limit_s:g} s.",
        "zh": "{process}在 {limit_s:g} 秒内只看到 {frames} 帧，不足 {probation} 帧。",
    },
    "restarted": {"en": "the store restarted while it was on trial.", "zh": "试用期间门店已重启。"},
    "changed": {
        "en": "its network is another: its SHA-256 begins with {found}, that of the one kept with {wanted}",
        "zh": "其网络文件已更换：SHA-256 以 {found} 开头，保留时为 {wanted}",
    },
    "chosen": {"en": "other models were chosen.", "zh": "已选用其他模型。"},
    "forgotten": {"en": "the camera was taken away.", "zh": "该摄像机已移除。"},
    "unknown": {"en": "There is no camera '{camera}' with frames.", "zh": "没有正在送来画面的摄像机“{camera}”。"},
    "unknown_fix": {"en": "Cameras: {known}.", "zh": "现有摄像机：{known}。"},
    "busy": {"en": "A model is being replaced on {cameras} already ({state}).", "zh": "{cameras}正在更换模型（{state}）。"},
    "busy_fix": {"en": "Wait until that swap is kept or rolled back.", "zh": "请等该次更换被保留或撤回。"},
}


def words(text: str, **args: object) -> Words:
    """A text of TEXTS in both languages; an argument that is itself such words is put in language by language."""
    return {
        lang: template.format(**{key: value[lang] if isinstance(value, Mapping) else value for key, value in args.items()})
        for lang, template in TEXTS[text].items()
    }


class SwapError(VisionError):
    """A swap that cannot be begun. `words` and `fix` say in en and zh why and what to do."""

    def __init__(self, why: Words, fix: Words, path: str) -> None:
        super().__init__(why["en"], path, fix["en"], zh=why["zh"])
        self.fix = fix


class UnsoundModelError(Exception):
    """A model that does not do what a detector must; `words` in en and zh complete "it was taken back: ..."."""

    def __init__(self, why: Words) -> None:
        super().__init__(why["en"])
        self.words = why


class Swap:
    """One replacement of the model of `camera` (None: of all cameras), from `loading` over `live` to `kept` or `rolled_back`.

    `reason` says in en and zh where it stands and why; `frames` counts the sound frames of the new model so far, over all its cameras. One
    that others `hold` is `proved` after its probation, and stays on trial until they settle it.
    """

    def __init__(self, camera: str | None, model: str, probation: int, *, hold: bool = False) -> None:
        self.camera = camera
        self.model = model
        self.probation = probation
        self.hold = hold
        self.proved = False
        self.frames = 0
        self.state: State = "loading"
        self.fault: Words | None = None
        self.reason: Words = self._told("loading")
        self._moved = threading.Condition()

    @property
    def cameras(self) -> Words:
        """Which cameras it is about, in en and zh."""
        return words("all") if self.camera is None else words("camera", camera=self.camera)

    def wait(self, timeout_s: float, until: Collection[State] = OVER) -> State:
        """The state once it is one of `until` (or it is over), at the latest after `timeout_s`."""
        with self._moved:
            self._moved.wait_for(lambda: self.state in until or self.state in OVER, timeout_s)
            return self.state

    def as_json(self) -> dict[str, Any]:
        """For a status page or an operator's answer."""
        found = {"camera": self.camera, "model": self.model, "state": self.state, "reason": dict(self.reason)}
        return found | {"frames": self.frames, "probation": self.probation}

    def move(self, state: State, fault: Words | None = None) -> None:
        """Go on to `state`; for the detectors' use."""
        with self._moved:
            self.state = state
            self.fault = fault
            self.reason = self._told(state, fault)
            self._moved.notify_all()

    def prove(self) -> None:
        """Its probation went well; for the detectors' use."""
        with self._moved:
            self.proved = True
            self.reason = self._told("proved")

    def _told(self, state: State | Literal["proved"], fault: Words | None = None) -> Words:
        return words(state, model=self.model, cameras=self.cameras, probation=self.probation, fault=fault if fault is not None else "")


class Run:
    """A call in a daemon thread of its own: its value, or what it raised, and the seconds it took."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.seconds = 0.0
        self._done = threading.Event()
        threading.Thread(target=self._go, args=(call,), name="model-trial", daemon=True).start()

    @property
    def over(self) -> bool:
        return self._done.is_set()

    def wait(self, limit_s: float) -> bool:
        """Whether it is over within `limit_s`."""
        return self._done.wait(limit_s)

    def _go(self, call: Callable[[], Any]) -> None:
        start = time.perf_counter()
        try:
            self.value = call()
        except BaseException as error:  # a model's SystemExit must not pass for an answer
            self.error = error.with_traceback(None)  # whose frames would hold the model in memory
        self.seconds = time.perf_counter() - start
        self._done.set()


def check_found(found: Sequence[Detection], classes: Collection[str] | None) -> None:
    """UnsoundModelError for what no detector may report: a flood, a score outside 0..1, a box far out of the picture, a class that it
    does not list (`classes`; None: not known)."""
    if len(found) > MOST_OBJECTS:
        raise UnsoundModelError(words("flood", count=len(found), most=MOST_OBJECTS))
    for thing in found:
        if not 0 <= thing.score <= 1:
            raise UnsoundModelError(words("score", score=thing.score))
        x, y, width, height = thing.box
        inside = all(math.isfinite(v) for v in thing.box) and -1 <= x <= 2 and -1 <= y <= 2 and 0 <= width <= 2 and 0 <= height <= 2
        if not inside:
            raise UnsoundModelError(words("box", box=[float(v) for v in thing.box]))
        if classes is not None and thing.cls not in classes:
            raise UnsoundModelError(words("class", cls=thing.cls))


def check_blank(found: Sequence[Detection]) -> None:
    """UnsoundModelError where a model sees many objects in a picture of one colour."""
    if len(found) > MOST_ON_BLANK:
        raise UnsoundModelError(words("blank", count=len(found)))


def blank_picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A grey picture to run a new model on before it sees a camera's."""
    return np.full((360, 640, 3), 114, np.uint8)


def detail(error: BaseException) -> Words:
    """An exception as a part of a sentence: known faults in the reader's language, what others raise in quotes, as it is."""
    if isinstance(error, VisionError):
        return {"en": error.words["en"].rstrip("."), "zh": error.words["zh"].rstrip("。")}
    text = f"{type(error).__name__}: {error}".rstrip(": .")
    return {"en": f"'{text}'", "zh": f"“{text}”"}


def why_failed(error: BaseException, text: Literal["not_loaded", "raised"]) -> Words:
    """The fault of a model that raised `error`."""
    return error.words if isinstance(error, UnsoundModelError) else words(text, detail=detail(error))


def blames_frame(error: BaseException | None) -> bool:
    """Whether an error may be the frame's fault; it is, if the old model raises it too."""
    return isinstance(error, FrameError)
