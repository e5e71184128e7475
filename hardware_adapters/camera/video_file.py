"""A recording in place of a camera: a video file or animated GIF, handed in picture by picture as `camera.frame`.

In a live store it plays at its own rate, as of now, like a camera: pictures that nobody takes in time are left out. Where recorded input is
replayed it plays as fast as it is taken, and no picture is lost. It carries no date, so there the time of its first picture is set.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.events import Fact, parse_time
from storeloom.core.kernel.schemas import show
from storeloom.hardware_adapters.camera.driver import CameraConfig, CameraDriver, bare


class VideoFile(CameraDriver):
    zh, en = "录像文件", "Recorded footage"
    purpose_zh = "以录像文件代替摄像头，按帧输出画面，用于试运行、复盘与演示。"
    feeds = ("camera.frame", "device.status")

    class Config(CameraConfig):
        path: str = setting("", "Video file", "录像文件", effect="restart")
        start: str = setting("2026-01-01T00:00:00Z", "Time of the first picture, in a replay", "回放时的首帧时间", effect="restart")
        every_nth: int = setting(1, "Hand in every nth picture", "每隔几帧取一帧", effect="restart", ge=1)
        fps: float | None = setting(None, "Pictures a second (empty: the file's)", "帧率（空：按文件）", unit="1/s", effect="restart", gt=0)
        loop: bool = setting(False, "In a live store, play it again and again", "在运行中的门店循环播放", effect="restart")

    def facts(self) -> Iterator[Fact]:
        """`camera.frame` with `seq` from 0 and `pixels` the BGR picture (height x width x 3, uint8), which only this process can use.

        InputFault names a file that is missing, empty or no footage at once, and one that is cut off after its last good picture. A
        picture in the middle that cannot be decoded is passed over.
        """
        start = self._start()
        if not self.config.path:
            reason = {"en": "no path is set", "zh": "未设置路径"}
            raise InputFault(Finding("SL-INP-01", {"file": "", "reason": reason, "remedy": "Set path to a video file."}, file=""))
        self.need_vision("video_file")
        yield from self._recorded(start) if self.context.clock is None else self._live()

    def _live(self) -> Iterator[Fact]:
        from storeloom.workers.vision.grab.address import Address
        from storeloom.workers.vision.grab.source import GrabSettings

        config = self.config
        settings = GrabSettings(hardware=False, every=config.every_nth, as_live=True, rate=config.fps, loop=config.loop)
        yield from self.live_facts(Address("file", config.path, config.path), settings)

    def _recorded(self, start: datetime) -> Iterator[Fact]:
        from storeloom.workers.vision.grab.faults import GrabError
        from storeloom.workers.vision.grab.footage import frames

        every: int = self.config.every_nth
        try:
            for frame in frames(self.config.path, step=every):
                seconds = frame.seq / self.config.fps if self.config.fps else frame.t_s
                height, width = frame.image.shape[:2]
                data = {"camera": self.device, "seq": frame.seq // every, "width": width, "height": height, "pixels": frame.image}
                yield Fact(start + timedelta(seconds=seconds), "camera.frame", self.device, data)
        except GrabError as error:
            args = {"file": error.path, "reason": bare(error.words), "remedy": error.fix["en"]}
            raise InputFault(Finding("SL-INP-01", args, file=error.path)) from error

    def _start(self) -> datetime:
        try:
            return parse_time(self.config.start)
        except ValueError as error:
            allowed = {"en": "a time with its zone such as 2026-03-02T10:00:00Z", "zh": "带时区的时间，如 2026-03-02T10:00:00Z"}
            args = {"got": show(self.config.start), "allowed": allowed, "remedy_en": "", "remedy_zh": ""}
            raise InputFault(Finding("SL-CFG-03", args, path="config.start")) from error
