"""A camera that reads codes: a fixed camera over a counter, a kiosk's or a till's own one; decoded by ZXing-C++.

Its pictures stay in this driver: nothing of them is handed on or kept but the codes. A code in view is one code for as long as it stays
there (`repeat_s` after it was last seen). Streams, USB cameras and their faults are those of the driver `camera`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.camera.camera import Camera, StreamConfig
from storeloom.hardware_adapters.camera.driver import READ_S, bare
from storeloom.hardware_adapters.links.watch import DeviceWatch
from storeloom.hardware_adapters.scanner.codes import CodeConfig, CodeReader

Format = Literal["EAN13", "EAN8", "UPCA", "Code128", "Code39", "Code93", "ITF", "DataBar", "DataBarExp", "DataMatrix", "QRCode", "PDF417"]
USUAL: tuple[Format, ...] = ("EAN13", "EAN8", "UPCA", "Code128", "DataBar", "DataBarExp", "DataMatrix", "QRCode")


class CameraScanner(Camera):
    zh, en = "摄像头扫码", "Camera scanner"
    purpose_zh = "用网络、USB 摄像头读取画面中的条码与二维码，解析 GS1 内容；画面不外传、不留存。"
    feeds = ("scanner.code", "device.status")
    twin = "storeloom.hardware_adapters.scanner.camera_scanner_twin:CameraScannerTwin"

    class Config(StreamConfig, CodeConfig):
        formats: list[Format] = setting(lambda: list(USUAL), "Codes to look for", "识别的码制", effect="restart", min_length=1)
        repeat_s: float = setting(
            3.0, "The same code within this time is one", "相同条码视为一次的时间", unit="s", effect="restart", ge=0, le=3600
        )

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._reader = CodeReader(device, config)
        self._standing = DeviceWatch(device, "scanner")

    def facts(self) -> Iterator[Fact]:
        """`scanner.code` and `device.status`, until closed. InputFault as the driver `camera` raises it, and where ZXing-C++ is missing."""
        self.need_vision("scanner")
        if find_spec("zxingcpp") is None:
            raise InputFault(Finding("SL-INP-03", {"what": "scanner", "extra": "vision"}))
        from storeloom.workers.vision.grab.faults import GrabError
        from storeloom.workers.vision.grab.source import Source

        self._standing.language = self.context.language
        self._watch.begin()
        try:
            with Source(self._address(), self._grab_settings()) as source:
                self._source = source
                while not self._closing.is_set():
                    grabbed = source.read(READ_S)
                    self._watch.look(source.status(), self.now())
                    yield from self._told()
                    if grabbed is not None:
                        yield from self._codes(grabbed.image)
        except GrabError as error:
            self._watch.fail(error.fault, self.now())
            yield from self._told()
            raise self.no_pictures(error) from error

    def _told(self) -> Iterator[Fact]:
        """The fact of a change in how the camera does. A camera's own driver tells it later, after a minute's calm."""
        report = self._watch.report
        if report is not None and report.code != "opening":
            words = bare(report.words)
            fact = self._standing.note(report.state, self.now(), code=report.code, words=words, figures=report.figures)
            if fact is not None:
                yield fact

    def status(self) -> Mapping[str, Any]:
        return self._standing.as_status()

    def _codes(self, pixels: Any) -> Iterator[Fact]:
        for text, mark in codes_in(pixels, self.config.formats):
            try:
                fact = self._reader.fact(text, self.now(), mark)
            except ValueError:  # binary content, which is no code of a store
                continue
            if fact is not None:
                yield fact


def codes_in(pixels: Any, formats: list[Format]) -> list[tuple[str, str]]:
    """Text and AIM identifier of the codes in a picture (grey, or BGR height x width x 3, uint8)."""
    import zxingcpp

    wanted = zxingcpp.barcode_formats_from_str("|".join(formats))
    found = zxingcpp.read_barcodes(pixels, formats=wanted, text_mode=zxingcpp.TextMode.Plain)
    return [(one.text, one.symbology_identifier) for one in found if one.valid]
