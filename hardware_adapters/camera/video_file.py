"""A recording in place of a camera: a video file or animated GIF, handed in picture by picture as `camera.frame`.

A recording carries no date, so the time of its first picture is set; the others follow at the file's rate or at one given. It plays once,
as fast as it is taken, and ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.events import Fact, parse_time
from storeloom.core.kernel.schemas import show


class VideoFile(Adapter):
    zh, en = "录像文件", "Recorded footage"
    purpose_zh = "以录像文件代替摄像头，按帧输出画面，用于试运行与复盘。"
    feeds = ("camera.frame",)

    class Config(SolutionConfig):
        path: str = setting("", "Video file", "录像文件", effect="restart")
        start: str = setting("2026-01-01T00:00:00Z", "Time of the first picture", "首帧时间", effect="restart")
        every_nth: int = setting(1, "Hand in every nth picture", "每隔几帧取一帧", effect="restart", ge=1)
        fps: float | None = setting(None, "Pictures a second (empty: the file's)", "帧率（空：按文件）", unit="1/s", effect="restart", gt=0)

    def facts(self) -> Iterator[Fact]:
        """`camera.frame` with `seq` from 0 and `pixels` the BGR picture (height x width x 3, uint8), which only this process can use.

        InputFault names a file that is missing, empty or no footage at once, and one that is cut off after its last good picture.
        """
        start = self._start()
        if not self.config.path:
            raise _refused("config.path", {"en": "no path is set", "zh": "未设置路径"}, "Set path to a video file.")
        try:
            from storeloom.workers.vision.errors import FootageError
            from storeloom.workers.vision.files import frames
        except ImportError as error:
            raise InputFault(Finding("SL-INP-03", {"what": "video_file", "extra": "vision"})) from error
        every: int = self.config.every_nth
        try:
            for frame in frames(self.config.path, step=every):
                seconds = frame.seq / self.config.fps if self.config.fps else frame.t_s
                height, width = frame.image.shape[:2]
                data = {"camera": self.device, "seq": frame.seq // every, "width": width, "height": height, "pixels": frame.image}
                yield Fact(start + timedelta(seconds=seconds), "camera.frame", self.device, data)
        except FootageError as error:
            reason = error.what.rstrip(".")
            raise _refused(error.path, {"en": reason, "zh": f"录像读取失败（{reason}）"}, error.remedy) from error

    def _start(self) -> datetime:
        try:
            return parse_time(self.config.start)
        except ValueError as error:
            allowed = {"en": "a time with its zone such as 2026-03-02T10:00:00Z", "zh": "带时区的时间，如 2026-03-02T10:00:00Z"}
            args = {"got": show(self.config.start), "allowed": allowed, "remedy_en": "", "remedy_zh": ""}
            raise InputFault(Finding("SL-CFG-03", args, path="config.start")) from error


def _refused(file: str, reason: Mapping[str, str], remedy: str) -> InputFault:
    return InputFault(Finding("SL-INP-01", {"file": file, "reason": reason, "remedy": remedy}, file=file))
