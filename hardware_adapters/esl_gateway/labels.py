"""What the drivers of label gateways share: which image each label is to show, what is under way, and what has to be sent again.

A command counts as carried out once the gateway has the image; the label's own answer comes later as `label.ack`. At most `in_flight`
labels are under way at a time. A label that does not answer within `ack_s`, or fails, gets its image again, and no other does; after
`tries` in all it is told `offline` or `failed`. A newer command for a label takes the place of an older one that waits for its answer: that
one is never sent again. What a label says of its battery, its radio and its firmware comes as a `device.status` of the label.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.esl_gateway.render import Colours, Fonts, Look, picture
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.recent import Recent
from storeloom.hardware_adapters.links.watch import DeviceWatch

REMEMBERED = 2000
STATES = ("shown", "failed", "offline")
LOW = {"en": "its battery is low", "zh": "电池电量低"}
GONE = {"en": "the label does not answer", "zh": "价签无应答"}


class LabelType(SolutionConfig):
    """What labels of a kind can show."""

    labels: str = setting("*", "Labels (pattern with * and ?)", "价签编号（可用 * 与 ?）")
    width_px: int = setting(296, "Width", "宽度", unit="px", ge=16, le=2000)
    height_px: int = setting(128, "Height", "高度", unit="px", ge=16, le=2000)
    colours: Colours = setting("bwr", "Inks: black, white, red, yellow", "墨色：黑、白、红、黄")


class LabelSettings(SolutionConfig):
    """Labels and how they are written; for drivers of any protocol."""

    types: list[LabelType] = setting(
        lambda: [LabelType()], "Kinds of labels, the first that fits counts", "价签型号（取首个匹配）", min_length=1
    )
    font_file: str = setting("", "Font file with Chinese; empty: the system's", "含中文的字体文件，留空则用系统字体", effect="restart")
    currency_sign: str = setting("¥", "Currency sign", "货币符号")
    currency_digits: int = setting(2, "Digits of the minor unit", "货币小数位数", ge=0, le=4)
    in_flight: int = setting(200, "Labels under way at a time", "同时更新的价签数", ge=1, le=10_000)
    ack_s: float = setting(30.0, "Time for a label's answer", "价签应答时限", unit="s", gt=0, le=3600)
    tries: int = setting(4, "Tries for a label", "每个价签的尝试次数", ge=1, le=20)
    low_battery_pct: float = setting(15.0, "Battery that counts as low", "低电量阈值", unit="%", ge=0, le=100)


@dataclass
class Update:
    """One image on its way: `body` is what the gateway gets; `due` (monotonic) is when it is sent again."""

    label: str
    cmd: str
    version: str
    body: dict[str, Any]
    tries: int = 1
    due: float = 0.0
    last: str = "offline"
    code: str = ""


class LabelBook:
    """The labels of one gateway. `send` hands an update to it and raises DeviceError where that fails; called without the lock held."""

    def __init__(self, device: str, config: LabelSettings, send: Callable[[Update], None]) -> None:
        self.device, self.config, self.language = device, config, "en"
        self._send = send
        self._fonts = Fonts(config.font_file)
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._open: dict[str, Update] = {}
        self._done: Recent[str, dict[str, Any]] = Recent(REMEMBERED)
        self._watches: dict[str, DeviceWatch] = {}

    @property
    def open(self) -> int:
        """How many labels are under way."""
        return len(self._open)

    def serves(self, data: Mapping[str, Any]) -> bool | None:
        """False for a label of no kind that is set here."""
        known = any(fnmatchcase(str(data["label"]), one.labels) for one in self.config.types)
        return None if known or not (data["fields"] or data.get("image")) else False

    def command(self, data: Mapping[str, Any], now: datetime, wait_s: float) -> list[Fact]:
        """Send an image; the answer at once where the command was carried out before. DeviceError BUSY when none came free in time."""
        label, cmd = str(data["label"]), str(data.get("cmd") or f"{data['label']}|{data['version']}")
        with self._changed:
            if cmd in self._done:
                return [Fact(now, "label.ack", self.device, self._done[cmd], key=f"{cmd}|again")]
            known = self._open.get(label)
        if known is not None and known.cmd == cmd:
            return []
        update = Update(label, cmd, str(data["version"]), self._body(data, cmd))
        with self._changed:
            room = lambda: label in self._open or len(self._open) < self.config.in_flight  # noqa: E731
            if not self._changed.wait_for(room, wait_s):
                count = self.config.in_flight
                raise DeviceError(Code.BUSY, f"{count} labels are under way already", f"已有 {count} 个价签正在更新")
            self._open[label] = update
            update.due = time.monotonic() + self.config.ack_s
        try:
            with self._sending:
                self._send(update)
        except BaseException:
            self._drop(update)
            raise
        return []

    def _body(self, data: Mapping[str, Any], cmd: str) -> dict[str, Any]:
        body: dict[str, Any] = {"id": cmd, "version": str(data["version"])}
        body |= {key: data[key] for key in ("from", "flash", "full") if key in data}
        if data["fields"] or data.get("image"):
            one = next((one for one in self.config.types if fnmatchcase(str(data["label"]), one.labels)), None)
            if one is None:
                en, zh = f"no kind of label is set for {data['label']}", f"未配置价签 {data['label']} 的型号"
                raise DeviceError(Code.NO_EXIST, en, zh)
            look = Look(one.width_px, one.height_px, one.colours, self.config.currency_sign, self.config.currency_digits)
            shown = picture(data["fields"], look, self._fonts, gtin=str(data.get("gtin", "")), image=str(data.get("image", "")))
            planes = {ink: base64.b64encode(plane).decode() for ink, plane in shown.planes.items()}
            body |= {"width": look.width, "height": look.height, "colours": look.colours, "planes": planes, "hash": shown.hash}
        return body

    def _drop(self, update: Update) -> None:
        with self._changed:
            if self._open.get(update.label) is update:
                del self._open[update.label]
                self._changed.notify_all()

    def answer(self, told: Mapping[str, Any], now: datetime) -> Iterator[Fact]:
        """What a label answered: label, id, version, state and what else it says. Nothing for an answer that came before."""
        label, cmd, state = str(told["label"]), str(told.get("id", "")), str(told["state"])
        yield from self.condition(label, told, now)
        with self._changed:
            update = self._open.get(label)
            current = update is not None and update.cmd == cmd
            if self._done.get(cmd, {}).get("state") == state:
                return
        if update is not None and current and state != "shown" and update.tries < self.config.tries:
            update.last, update.code = state, str(told.get("code", ""))
            update.due = min(update.due, time.monotonic() + self.config.ack_s / 4)
            return
        data: dict[str, Any] = {"label": label, "version": str(told.get("version", "")), "state": state}
        data |= {"cmd": cmd} if cmd else {}
        data |= {key: str(told[key]) for key in ("hash", "code") if told.get(key)}
        data |= {key: float(told[key]) for key in ("battery_pct", "rssi_dbm") if isinstance(told.get(key), (int, float))}
        yield self._finished(update if current else None, cmd, data, now)

    def _finished(self, update: Update | None, cmd: str, data: dict[str, Any], now: datetime) -> Fact:
        with self._changed:
            if cmd:
                self._done[cmd] = data
        if update is not None:
            self._drop(update)
        return Fact(now, "label.ack", self.device, data, key=cmd or None)

    def condition(self, label: str, told: Mapping[str, Any], now: datetime) -> Iterator[Fact]:
        """A label's battery, radio and firmware."""
        figures: dict[str, float | str] = {
            key: float(told[key]) for key in ("battery_pct", "rssi_dbm") if isinstance(told.get(key), (int, float))
        }
        low = "battery_pct" in figures and float(figures["battery_pct"]) < self.config.low_battery_pct
        firmware = str(told.get("firmware", ""))
        yield from self._note(
            label, "degraded" if low else "online", now, figures, firmware, "battery_low" if low else "", LOW if low else {}
        )

    def _note(
        self,
        label: str,
        state: Any,
        now: datetime,
        figures: Mapping[str, float | str] | None,
        firmware: str,
        code: str,
        words: Mapping[str, str],
    ) -> Iterator[Fact]:
        watch = self._watches.get(label)
        if watch is None:
            watch = self._watches[label] = DeviceWatch(label, "esl_gateway", self.language)
        fact = watch.note(state, now, code=code, words=words or {"en": "", "zh": ""}, figures=figures, firmware=firmware)
        if fact is not None:
            yield Fact(now, fact.stream, self.device, fact.data)

    def overdue(self, now: datetime) -> Iterator[Fact]:
        """Send again what has not been answered; the facts of labels that are given up. DeviceError where the gateway cannot be reached."""
        at = time.monotonic()
        with self._changed:
            late = [one for one in self._open.values() if one.due <= at]
        for update in late:
            with self._sending:  # nothing older goes out behind what is newer
                if self._open.get(update.label) is not update:
                    continue
                if update.tries < self.config.tries:
                    self._send(update)
                    update.tries += 1
                    update.due = time.monotonic() + self.config.ack_s
                    continue
            if update.last == "offline":
                yield from self._note(update.label, "offline", now, None, "", "offline", GONE)
            data = {"label": update.label, "version": update.version, "state": update.last, "cmd": update.cmd}
            data |= {"code": update.code} if update.code else {}
            self._drop(update)
            yield Fact(now, "label.ack", self.device, data, key=f"{update.cmd}|given_up")
