"""A camera: a network stream, given or asked for by ONVIF, a USB camera, or a video file that is played as if it were one.

Each has a process of its own, so that one that hangs or breaks holds up no other. The newest frame is handed in and older ones are left
out; a stream that stalls or breaks off is opened again after ever longer waits. Pixels stay in the store's memory and are never logged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from storeloom.core.kernel.adapter import Found, Health
from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.errors import LANGUAGES, InputFault
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.camera.driver import READ_S, CameraConfig, CameraDriver, bare

if TYPE_CHECKING:
    from storeloom.workers.vision.grab.address import Address
    from storeloom.workers.vision.grab.source import GrabSettings

RATE_S, START_S = 1.0, 5.0  # START_S: for the process that decodes to begin
NO_FRAME = {"en": "no frame came in time", "zh": "规定时间内没有画面"}


class StreamConfig(SolutionConfig):
    """Settings of a camera's stream: where it comes from, how it is opened and how often it is looked at."""

    source: str = setting(
        "",
        "Source: rtsp://HOST/PATH (rtsps, rtmp, rtmps, http, https), usb:0, /dev/video0, or a video file",
        "来源：rtsp://主机/路径（或 rtsps、rtmp、rtmps、http、https）、usb:0、/dev/video0 或视频文件",
        effect="restart",
        help_en="Where the camera wants user and password elsewhere in the address, write {user} and {password} there.",
        help_zh="若用户名和密码须写在地址其他位置，请在该处写 {user} 与 {password}。",
    )
    onvif: str = setting(
        "",
        "ONVIF camera that says where its stream is, in place of a source: HOST or http://HOST:PORT",
        "由 ONVIF 摄像头给出视频流地址（代替来源）：主机 或 http://主机:端口",
        effect="restart",
    )
    profile: str = setting("", "ONVIF profile, name or token; empty: the first", "ONVIF 配置名或标识，留空取第一个", effect="restart")
    user: str = setting("", "User name", "用户名", effect="restart")
    password: str = setting("", "Secret with the password", "密码所在的密钥名", effect="restart", widget="secret")
    fps: float = setting(5.0, "Frames a second at most", "每秒最多帧数", unit="1/s", effect="restart", gt=0, le=120)
    open_s: float = setting(5.0, "Time to open the stream", "打开视频流的时限", unit="s", effect="restart", gt=0, le=120)
    stall_s: float = setting(5.0, "Longest time without a frame", "无画面的最长时间", unit="s", effect="restart", gt=0, le=600)
    longest_wait_s: float = setting(
        30.0, "Longest wait before it is opened again", "重连的最长等待", unit="s", effect="restart", ge=1, le=3600
    )
    hardware: bool = setting(True, "Decode by hardware where there is some", "有硬件解码时使用硬件解码", effect="restart")


class Camera(CameraDriver):
    zh, en = "摄像头", "Camera"
    purpose_zh = "接入网络摄像头（RTSP、RTMP、HTTP、MJPEG）、USB 摄像头或循环播放的视频文件，输出最新画面与设备状态；断线自动重连。"
    feeds = ("camera.frame", "device.status")
    discovers = "the networks of this host, as *, or a text in the camera's address, name or model"

    class Config(StreamConfig, CameraConfig):
        pass

    def facts(self) -> Iterator[Fact]:
        """`camera.frame` (`seq` from 0, `pixels` BGR, height x width x 3, uint8) and `device.status`, until closed.

        InputFault for an address that names nothing or holds a password, and for a file that cannot be read.
        """
        self.need_vision("camera")
        from storeloom.workers.vision.grab.faults import GrabError
        from storeloom.workers.vision.grab.source import LOGIN_WAIT_S

        try:
            where = self._address()
        except GrabError as error:
            yield from self.told_of(error)
            if error.fault.code == "login_refused" and self._closing.wait(LOGIN_WAIT_S):
                return
            raise self.no_pictures(error) from error
        yield from self.live_facts(where, self._grab_settings())

    def check_health(self) -> Health:
        """Open it and take a frame, within the times that it has for that; its size, and the frames of a second."""
        try:
            self.need_vision("camera")
        except InputFault as absent:
            finding = absent.findings[0]
            return Health(False, {lang: finding.text(lang) for lang in LANGUAGES}, {"code": "no_service"})
        from storeloom.workers.vision.grab.faults import GrabError
        from storeloom.workers.vision.grab.source import Source

        config = self.config
        try:
            with Source(self._address(), self._grab_settings()) as source:
                until, seen = time.monotonic() + START_S + config.open_s + config.stall_s, False
                while not (seen := source.read(READ_S) is not None) and source.status().fault is None and time.monotonic() < until:
                    continue
                if not seen:
                    fault = source.status().fault
                    words = NO_FRAME if fault is None else fault.words
                    return Health(False, bare(words), {"code": "timeout" if fault is None else fault.code})
                began, first = time.monotonic(), source.status().grabbed
                self._closing.wait(RATE_S)
                status, lasted_s = source.status(), time.monotonic() - began
        except GrabError as error:
            return Health(False, bare(error.words), {"code": error.fault.code})
        facts: dict[str, str | float | bool] = {"size": f"{status.width}x{status.height}"}
        facts["fps"] = round((status.grabbed - first) / lasted_s, 1)
        return Health(True, facts=facts | ({"fps_stated": round(status.fps, 1)} if status.fps else {}))

    def _grab_settings(self) -> GrabSettings:
        from storeloom.workers.vision.grab.source import GrabSettings

        config = self.config
        return GrabSettings(
            open_s=config.open_s,
            stall_s=config.stall_s,
            longest_wait_s=config.longest_wait_s,
            fps=config.fps,
            hardware=config.hardware,
            as_live=True,
            loop=True,
        )

    def _address(self) -> Address:
        from storeloom.workers.vision.grab.address import address
        from storeloom.workers.vision.grab.faults import Fault, GrabError

        config = self.config
        password = self.secret(config.password) if config.password else ""
        if config.onvif and not config.source:
            from storeloom.hardware_adapters.camera.onvif import stream_address

            return address(stream_address(config.onvif, config.user, password, config.profile, config.open_s)).with_login(
                config.user, password
            )
        where = address(config.source)
        if where.has_password:
            raise GrabError(Fault("password_in_address"), where.shown)
        return where.with_login(config.user, password)

    @classmethod
    def discover(cls, where: str, seconds: float) -> Iterator[Found]:
        """By WS-Discovery."""
        from storeloom.hardware_adapters.camera.onvif import search

        return search(where, seconds)
