"""Why a source gives no frames, in English and Chinese, with the next step in both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from storeloom.workers.vision.errors import FootageError


class Words(NamedTuple):
    """What is wrong and what to do about it."""

    en: str
    zh: str
    fix_en: str
    fix_zh: str


CHECK_LINE = ("Check the camera's power and network.", "请检查摄像头的电源与网络。")
CHECK_LINE_OR_DISK = (
    "Check the camera's power and network, or the disk that the file lies on.",
    "请检查摄像头的电源与网络，或文件所在磁盘。",
)
CHECK_FILE = (
    "Give a video file that OpenCV can read (MP4, AVI, MKV, GIF) and copy it again if it was cut off.",
    "请提供 OpenCV 可读取的视频文件（MP4、AVI、MKV、GIF）；若文件被截断，请重新复制。",
)
COPY_AGAIN = ("Copy the file again from its source.", "请从来源重新复制该文件。")
WRITTEN = ("Give a video file, rtsp://HOST/PATH or usb:NUMBER.", "请填写视频文件、rtsp://主机/路径 或 usb:编号。")
CHECK_ADDRESS = ("Check the camera's address, user, password and network.", "请检查摄像头的地址、用户名、密码与网络。")

TEXTS: Mapping[str, Words] = {
    "no_source": Words("No source is given.", "未填写来源。", *WRITTEN),
    "usb_name": Words("{got} names no USB camera.", "{got} 不是 USB 摄像头。", *WRITTEN),
    "scheme": Words("A stream of {got} cannot be opened; known: {known}.", "无法打开 {got} 类视频流；可用：{known}。", *WRITTEN),
    "malformed": Words("The address is malformed.", "地址格式有误。", *WRITTEN),
    "at_sign": Words(
        "An '@' stands behind the host, so where the password ends cannot be told.",
        "主机之后出现“@”，无法判断密码到何处为止。",
        "Write it as %40.",
        "请写作 %40。",
    ),
    "password_in_address": Words(
        "A password stands in the camera's address.",
        "摄像头地址中写有密码。",
        "Put it into secrets.json, name that secret as password, and take it out of the address.",
        "请将密码写入 secrets.json，在 password 填写该密钥名，并从地址中删除密码。",
    ),
    "no_file": Words(
        "There is no such file.", "文件不存在。", "Check the path, or bind another camera source.", "请检查路径，或更换视频来源。"
    ),
    "empty_file": Words(
        "The file is empty (0 bytes).",
        "文件为空（0 字节）。",
        "Record it again, or copy it again from its source.",
        "请重新录制，或从来源重新复制。",
    ),
    "no_footage": Words("The file cannot be read as footage.", "该文件无法作为录像读取。", *CHECK_FILE),
    "no_frames": Words("It states {stated} frames at {fps:g} a second.", "文件自述 {stated} 帧、每秒 {fps:g} 帧。", *CHECK_FILE),
    "cut_off": Words(
        "The footage is cut off or damaged: {good} frames can be read, it states {stated}.",
        "录像被截断或已损坏：可读取 {good} 帧，文件自述 {stated} 帧。",
        *COPY_AGAIN,
    ),
    "usb_absent": Words(
        "The USB camera cannot be opened.",
        "无法打开 USB 摄像头。",
        "Check that the camera is plugged in and that this account may use it.",
        "请确认摄像头已插好，且本账户有权使用。",
    ),
    "not_opened": Words("The stream cannot be opened.", "无法打开视频流。", *CHECK_ADDRESS),
    "login_refused": Words(
        "The camera refuses the user or the password.",
        "摄像头拒绝了用户名或密码。",
        "Check the user and the password's secret. It is tried again rarely, for many cameras lock out who fails often.",
        "请检查用户名与密码密钥。因多数摄像头会锁定频繁出错的登录，系统仅偶尔重试。",
    ),
    "no_stream": Words(
        "The camera has no stream of this path.",
        "摄像头没有该路径的视频流。",
        "Look up the path of the stream in the camera's manual.",
        "请在摄像头手册中查找视频流路径。",
    ),
    "no_profile": Words(
        "The camera has no ONVIF profile {got}; it has: {known}.",
        "摄像头没有 ONVIF 配置 {got}；现有：{known}。",
        "Name one of them as profile, or leave it empty for the first.",
        "请在 profile 填写其中之一，或留空取第一个。",
    ),
    "onvif": Words(
        "The camera does not say by ONVIF where its stream is.",
        "摄像头未通过 ONVIF 给出视频流地址。",
        "See that ONVIF is switched on in the camera and its user may use it, or give the stream's address as source.",
        "请确认摄像头已启用 ONVIF 且该用户有权使用，或在 source 直接填写视频流地址。",
    ),
    "nobody_listens": Words("Nothing listens at the address.", "该地址无人监听。", *CHECK_ADDRESS),
    "no_host": Words(
        "The camera's name is not known in this network.",
        "网络中找不到摄像头的主机名。",
        "Check the name, or give its number.",
        "请检查主机名，或改用 IP 地址。",
    ),
    "no_route": Words("The camera cannot be reached.", "无法连通摄像头。", *CHECK_LINE),
    "broke_off": Words("The stream broke off after {good} frames.", "视频流在 {good} 帧后中断。", *CHECK_LINE),
    "stalled": Words("No frame came for {limit_s:g} s.", "{limit_s:g} 秒内没有画面。", *CHECK_LINE_OR_DISK),
    "no_answer": Words("It did not open within {limit_s:g} s.", "{limit_s:g} 秒内未能打开。", *CHECK_LINE_OR_DISK),
    "process_ended": Words(
        "The grabbing process ended with {status}.",
        "取帧进程以 {status} 结束。",
        "See whether the decoder of this machine bears this encoding.",
        "请确认本机解码器支持该编码。",
    ),
}


@dataclass(frozen=True)
class Fault:
    """Why a source stopped: a key of TEXTS and what its words name."""

    code: str
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> dict[str, str]:
        """What is wrong, in `en` and `zh`."""
        text = TEXTS[self.code]
        return {"en": text.en.format(**self.args), "zh": text.zh.format(**self.args)}

    @property
    def fix(self) -> dict[str, str]:
        """The next step, in `en` and `zh`."""
        return {"en": TEXTS[self.code].fix_en, "zh": TEXTS[self.code].fix_zh}


class GrabError(FootageError):
    """A source that cannot be read; `words` and `fix` say in en and zh why and what to do."""

    def __init__(self, fault: Fault, path: str) -> None:
        super().__init__(fault.words["en"], path, fault.fix["en"])
        self.fault = fault
        self.words = fault.words
        self.fix = fault.fix
