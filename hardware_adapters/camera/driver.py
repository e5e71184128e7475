"""What all camera drivers share: settings that solutions read from a camera, frames of a live source, and how the camera does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from importlib.util import find_spec
from threading import Event as Flag
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StringConstraints

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.camera.watch import Watch

if TYPE_CHECKING:
    from storeloom.workers.vision.grab.address import Address
    from storeloom.workers.vision.grab.faults import GrabError
    from storeloom.workers.vision.grab.source import Grabbed, GrabSettings, Source

READ_S = 0.5
LOOK = timedelta(seconds=1)
Share = Annotated[float, Field(ge=0, le=1)]
Point = tuple[Share, Share]
Colour = Annotated[str, StringConstraints(pattern=r"^(#[0-9a-fA-F]{6}|[a-z]+)$")]


class CameraConfig(SolutionConfig):
    """Settings of a camera that solutions read, whatever its driver is."""

    uniform: list[Colour] = setting(list, "Colours of the staff's uniform before this camera", "本摄像头画面中的工装颜色", effect="restart")
    dress: dict[str, list[Colour]] = setting(
        dict, "Colours of what is to be worn, by item (hat, mask ...)", "着装物品的颜色（按 hat、mask 等）", effect="restart"
    )
    shop: str = setting("", "Catalogue of the goods before this camera", "本摄像头所用的商品识别库", effect="restart")
    gate: str = setting("", "Gate or door that it looks at", "所对准的门禁", effect="restart", widget="device")
    line: tuple[Point, Point] | None = setting(
        None, "Door line on its picture", "画面中的门线", effect="restart", widget="line", help_en="In shares of the picture.",
        help_zh="以画面宽高的比例表示。",
    )  # fmt: skip


class CameraDriver(Adapter):
    """A driver whose frames come from one `Source`. `camera.frame` counts on over all its openings."""

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._watch = Watch()
        self._closing = Flag()
        self._source: Source | None = None
        self._seq = 0

    def live_facts(self, where: Address, settings: GrabSettings) -> Iterator[Fact]:
        """`camera.frame` of the newest frames, in the store's time, and `device.status`, until the source ends or the driver is closed.

        InputFault for a file that cannot be read.
        """
        from storeloom.workers.vision.grab.faults import GrabError
        from storeloom.workers.vision.grab.source import Source

        self._watch.begin()
        with Source(where, settings) as source:
            self._source = source
            looked: datetime | None = None
            while not self._closing.is_set():
                try:
                    grabbed = source.read(READ_S)
                except GrabError as error:
                    yield from self.told_of(error)
                    raise self.no_pictures(error) from error
                now = self.now()
                if grabbed is not None:
                    yield self.frame(grabbed, now)
                status = source.status() if grabbed is None or looked is None or now - looked >= LOOK else None
                if status is None:
                    continue
                looked = now
                report = self._watch.look(status, now)
                if report is not None:
                    yield Fact(now, "device.status", self.device, report.as_data(self.device, self.context.language))
                if status.state in ("ended", "closed"):
                    return

    def frame(self, grabbed: Grabbed, now: datetime) -> Fact:
        """A frame taken now."""
        height, width = grabbed.image.shape[:2]
        data = {"camera": self.device, "seq": self._seq, "width": width, "height": height, "pixels": grabbed.image}
        self._seq += 1
        return Fact(now, "camera.frame", self.device, data)

    def told_of(self, error: GrabError) -> Iterator[Fact]:
        """The fact that the camera is offline, where it is time to tell it."""
        now = self.now()
        report = self._watch.fail(error.fault, now)
        if report is not None:
            yield Fact(now, "device.status", self.device, report.as_data(self.device, self.context.language))

    def no_pictures(self, error: GrabError) -> InputFault:
        """Why a live camera gives nothing, for the operator."""
        args = {"device": self.device, "source": error.path, "reason": bare(error.words), "remedy": error.fix}
        return InputFault(Finding("SL-INP-08", args, path=f"devices.{self.device}.settings"))

    def need_vision(self, what: str) -> None:
        """InputFault where OpenCV, which decodes in a process of its own, is not installed."""
        if find_spec("cv2") is None or find_spec("numpy") is None:
            raise InputFault(Finding("SL-INP-03", {"what": what, "extra": "vision"}))

    def status(self) -> Mapping[str, Any]:
        report = self._watch.report
        return {} if report is None else report.as_status()

    def close(self) -> None:
        self._closing.set()
        if self._source is not None:
            self._source.close()


def bare(words: Mapping[str, str]) -> dict[str, str]:
    """A reason without its full stop, as findings put it in."""
    return {lang: text.rstrip(".。") for lang, text in words.items()}
