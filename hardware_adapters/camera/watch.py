"""How a camera does, from what its source counts: online, degraded, offline, and why; told when it changes, once a minute at most."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from storeloom.core.kernel.events import rfc3339

if TYPE_CHECKING:
    from storeloom.workers.vision.grab.faults import Fault
    from storeloom.workers.vision.grab.source import Status

State = Literal["online", "degraded", "offline"]
TELL = timedelta(minutes=1)
SAMPLE, WINDOW, RATE_OVER = timedelta(seconds=1), timedelta(minutes=5), timedelta(seconds=10)
OFTEN, BAD_SHARE, FEW_BAD = 3, 0.05, 10
OPENING = {"en": "It is being opened.", "zh": "正在打开。"}
ENDED = {"en": "The recording has ended.", "zh": "录像已播放完毕。"}
BARE = {"en": "", "zh": ""}


@dataclass(frozen=True)
class Report:
    """A camera's state since `since`, why in both languages, and its figures."""

    state: State
    code: str
    words: Mapping[str, str]
    since: datetime
    figures: Mapping[str, float | str] = field(default_factory=dict)

    def as_status(self) -> dict[str, Any]:
        """As `Adapter.status` gives it."""
        return {"state": self.state, "text": dict(self.words), "figures": dict(self.figures)}

    def as_data(self, device: str, language: str) -> dict[str, Any]:
        """As the data of `device.status`."""
        numbers = {name: value for name, value in self.figures.items() if not isinstance(value, str)}
        data = {"device": device, "kind": "camera", "state": self.state, "since": rfc3339(self.since), "metrics": numbers}
        return data | ({"code": self.code, "text": self.words.get(language, self.words["en"])} if self.code else {})


@dataclass(frozen=True)
class _Sample:
    at: datetime
    grabbed: int
    bad: int
    reconnects: int


class Watch:
    """Judges a source's status again and again; counts go on over sources that follow each other."""

    def __init__(self) -> None:
        self.report: Report | None = None
        self._samples: deque[_Sample] = deque()
        self._told: Report | None = None
        self._told_at: datetime | None = None
        self._frames_at_fault = 0

    def begin(self) -> None:
        """A new source counts from 0."""
        self._samples.clear()
        self._frames_at_fault = 0

    def look(self, status: Status, now: datetime) -> Report | None:
        """Take note of the status at a time; the report that is to be told, None where there is nothing to tell."""
        if not self._samples or now - self._samples[-1].at >= SAMPLE:
            self._samples.append(_Sample(now, status.grabbed, status.bad, status.reconnects))
        while now - self._samples[0].at > WINDOW:
            self._samples.popleft()
        state, code, words = self._judge(status)
        return self._note(state, code, words, self._figures(status, now), now)

    def fail(self, fault: Fault, now: datetime) -> Report | None:
        """The source cannot be read at all."""
        return self._note("offline", fault.code, fault.words, {}, now)

    def _judge(self, status: Status) -> tuple[State, str, Mapping[str, str]]:
        if status.fault is not None:
            self._frames_at_fault = status.grabbed
            return "offline", status.fault.code, status.fault.words
        if status.state == "ended":
            return "offline", "ended", ENDED
        if status.grabbed <= self._frames_at_fault:
            if self.report is not None and self.report.state == "offline":
                return "offline", self.report.code, self.report.words
            return "offline", "opening", OPENING
        first = self._samples[0]
        bad, good = status.bad - first.bad, status.grabbed - first.grabbed
        if bad >= FEW_BAD and bad > BAD_SHARE * (bad + good):
            return "degraded", "bad_frames", _bad(bad, bad + good)
        again = status.reconnects - first.reconnects
        if again >= OFTEN:
            return "degraded", "unsteady", _unsteady(again)
        return "online", "", BARE

    def _figures(self, status: Status, now: datetime) -> dict[str, float | str]:
        first = next((one for one in self._samples if now - one.at <= RATE_OVER), self._samples[-1])
        seconds = (now - first.at).total_seconds()
        return {
            "fps": round((status.grabbed - first.grabbed) / seconds, 1) if seconds > 0 else 0.0,
            "dropped": status.dropped,
            "bad": status.bad,
            "reconnects": status.reconnects,
            "decode_ms": round(status.decode_ms, 2),
            "hardware": status.hardware,
            "size": f"{status.width}x{status.height}",
        }

    def _note(self, state: State, code: str, words: Mapping[str, str], figures: Mapping[str, float | str], now: datetime) -> Report | None:
        before = self.report
        same = before is not None and (before.state, before.code) == (state, code)
        self.report = Report(state, code, words, before.since if before is not None and same else now, figures)
        if code == "opening" or (self._told is not None and (self._told.state, self._told.code) == (state, code)):
            return None
        if self._told_at is not None and now - self._told_at < TELL:
            return None
        self._told, self._told_at = self.report, now
        return self.report


def _bad(bad: int, all_frames: int) -> dict[str, str]:
    return {
        "en": f"{bad} of {all_frames} frames in the last 5 min could not be decoded; check its network and its encoding.",
        "zh": f"最近 5 分钟 {all_frames} 帧中有 {bad} 帧无法解码；请检查网络与编码设置。",
    }


def _unsteady(again: int) -> dict[str, str]:
    return {
        "en": f"It broke off and was opened again {again} times in the last 5 min; check its power and network.",
        "zh": f"最近 5 分钟内中断并重新打开 {again} 次；请检查电源与网络。",
    }
