"""Scales and balances that speak MT-SICS, levels 0 and 1 (METTLER TOLEDO Standard Interface Command Set, reference manual 11780711).

Commands and answers are lines of ASCII that end with CR LF. `SI` gives the weight at once, `SIR` again and again: `S S` stable, `S D`
dynamic, `S +` over and `S -` under the range, `S I` not now. `T` tares, `TA` presets, `TAC` clears the tare; `Z` zeroes; `I2`, `I3` and
`I4` tell model, software and serial number. A scale of level 0 knows no tare. Many makers besides Mettler-Toledo speak it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.serial_line import SerialLine
from storeloom.hardware_adapters.scale.weighing import GRAMS, ScaleConfig, ScaleDriver, Weighing, grams

END = b"\r\n"
TARE_S = 2.0
WEIGHT = re.compile(r"^S ([SD]) +([+-]? *\d+(?:\.\d*)?) +(\w+)$")
TARE = re.compile(r"^TA? [AS] +([+-]? *\d+(?:\.\d*)?) +(\w+)$")
ABOUT = re.compile(r'^I\d+ [AB](?: \d+)? "?(.*?)"?$')
ERRORS = {"ES": "does not know the command", "ET": "got a garbled command", "EL": "cannot carry the command out"}
ERRORS_ZH = {"ES": "不识别该指令", "ET": "收到的指令有误", "EL": "无法执行该指令"}
REFUSED = {
    "I": ("busy: the weight does not settle or another command runs", "忙：重量未稳定或正在执行其他指令"),
    "+": ("above its range", "超出上限"),
    "-": ("below its range", "低于下限"),
    "L": ("the value is not allowed", "参数不被接受"),
}


class SicsScale(ScaleDriver):
    zh, en = "电子秤（MT-SICS）", "Scale (MT-SICS)"
    purpose_zh = "通过串口或网络串口读取支持 MT-SICS 协议的电子秤：重量、稳定、超载、去皮与置零。"
    capabilities = ("tare", "zero", "stable", "overload", "stream")
    twin = "storeloom.hardware_adapters.scale.sics_scale_twin:SicsScaleTwin"

    class Config(ScaleConfig):
        mode: Literal["poll", "stream"] = setting(
            "poll",
            "Ask for each weight, or have the scale send them (SIR)",
            "逐次取数（poll）或由秤连续发送（stream，SIR）",
            effect="restart",
        )
        zero_at_start: bool = setting(False, "Zero it when the line opens", "连接时置零", effect="restart")

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._unit = "g"
        self._tare_g: float | None = None
        self._level_1 = True
        self._tare_at = 0.0
        self.streams = config.mode == "stream"

    def greet(self, line: SerialLine) -> Mapping[str, str]:
        line.write(b"@" + END)  # ends what an earlier host had begun; answered by I4
        line.drop_input()
        serial = said(ask(line, "I4"))
        about = {"serial": serial}
        for name, command in (("model", "I2"), ("firmware", "I3")):
            try:
                about[name] = said(ask(line, command))
            except DeviceError as error:
                if error.code is not Code.ILLEGAL:
                    raise
        self._level_1, self._tare_at = True, 0.0
        if self.config.zero_at_start:
            refuse(ask(line, "Z"), "Z A")
        if self.streams:
            line.write(b"SIR" + END)
        return {name: text for name, text in about.items() if text}

    def weigh(self, line: SerialLine) -> Weighing:
        if self._level_1 and time.monotonic() - self._tare_at > TARE_S:
            self._ask_tare(line)
        answer = ask(line, "" if self.streams else "SI", "S")
        if answer in ("S +", "S -"):
            return Weighing(None, False, self._tare_g, None, "overload" if answer == "S +" else "underload")
        if answer == "S I":
            return Weighing(None, False, self._tare_g)
        known = WEIGHT.match(answer)
        if known is None:
            raise unreadable(answer)
        weight = self._grams(known[2], known[3])
        self._unit = known[3].lower()
        stable = known[1] == "S"
        return Weighing(weight, stable, self._tare_g, weight == 0 if stable else None)

    def preset_tare(self, line: SerialLine, tare_g: float) -> None:
        if tare_g == 0:
            refuse(ask(line, "TAC"), "TAC A")
            self._tare_g = 0.0
            return
        value = (Decimal(str(tare_g)) / GRAMS[self._unit]).quantize(Decimal("1E-6")).normalize()
        self._tare(ask(line, f"TA {value:f} {self._unit}"))

    def _ask_tare(self, line: SerialLine) -> None:
        self._tare_at = time.monotonic()
        try:
            self._tare(ask(line, "TA"))
        except DeviceError as error:
            if error.code is Code.ILLEGAL:
                self._level_1 = False  # a scale of level 0
            elif error.code is not Code.BUSY:
                raise

    def _tare(self, answer: str) -> None:
        known = TARE.match(answer)
        if known is None:
            refuse(answer, "TA A")
            raise unreadable(answer)
        self._tare_g = self._grams(known[1], known[2])

    def _grams(self, number: str, unit: str) -> float:
        try:
            return grams(number.replace(" ", ""), unit)
        except ValueError as error:
            raise unreadable(f"{number} {unit}") from error


def ask(line: SerialLine, command: str, word: str = "") -> str:
    """The answer to a command; `word` is what it begins with, by default the command's own first word. Nothing is sent for an empty one.

    DeviceError: ILLEGAL for a command that the scale does not know, FAILURE where it cannot or the line is garbled, TIMEOUT.
    """
    wanted = word or command.split(" ")[0]
    if command:
        line.drop_input()
        line.write(command.encode("ascii") + END)
    until = time.monotonic() + line.timeout_s
    garbled = ""
    while True:
        try:
            text = line.read_until(END, max(0.0, until - time.monotonic())).decode("ascii", "replace").strip()
        except DeviceError as error:
            raise unreadable(garbled) if garbled and error.code is Code.TIMEOUT else error from error
        if text in ERRORS:
            code = Code.ILLEGAL if text == "ES" else Code.FAILURE
            raise DeviceError(code, f"the scale {ERRORS[text]} {command}", f"电子秤{ERRORS_ZH[text]} {command}")
        first = text.split(" ")[0]
        if first == wanted:
            return text
        garbled = garbled if first in ("S", "I2", "I3", "I4", "TA", "TAC", "T", "Z", "") else text


def said(answer: str) -> str:
    """The text of an answer about the scale itself."""
    known = ABOUT.match(answer)
    if known is None:
        refuse(answer, "I A")
        raise unreadable(answer)
    return known[1].strip()


def refuse(answer: str, wanted: str) -> None:
    """DeviceError where an answer is not the one wanted but a refusal."""
    if answer == wanted:
        return
    reason = REFUSED.get(answer.split(" ")[-1])
    if reason is not None:
        code = Code.BUSY if answer.endswith("I") else Code.FAILURE
        raise DeviceError(code, f"the scale refuses: {reason[0]}", f"电子秤拒绝：{reason[1]}")


def unreadable(answer: str) -> DeviceError:
    en, zh = f"the scale answers what is no MT-SICS: {answer[:40]!r}", f"电子秤应答不符合 MT-SICS：{answer[:40]!r}"
    return DeviceError(Code.FAILURE, en, zh)
