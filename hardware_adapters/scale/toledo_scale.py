"""Checkout scales that speak Mettler-Toledo's 8217 protocol (DIVA Service Manual 72191202, section 6.1.4), as most makers' do.

The host sends single letters without an end: `W` asks for the weight, `Z` zeroes, `T` with five digits presets the tare, `C` clears it.
The scale answers STX, the weight with its decimal point and `N` where it is net, CR; or STX `?`, a status byte, CR: bit 0 in motion, 1 over
capacity, 2 under zero, 3 outside the zero range, 4 at zero, 5 net, 6 always 1. Unless set otherwise the line has 7 bits and even parity.
The weight's unit is not sent, so it is a setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.serial_line import SerialLine
from storeloom.hardware_adapters.scale.weighing import GRAMS, ScaleConfig, ScaleDriver, Weighing, grams

END = b"\r"
MOTION, OVER, UNDER, AT_ZERO, ALWAYS = 0x01, 0x02, 0x04, 0x10, 0x40
WEIGHT = re.compile(rb"\x02 ?(\d{2,3}\.\d{2,3})(N?)\r$")
STATUS = re.compile(rb"\x02\?([\x00-\xff])\r$", re.DOTALL)
TARE_STEP = {"kg": Decimal("0.001"), "lb": Decimal("0.01")}


class ToledoScale(ScaleDriver):
    zh, en = "收银秤（8217 协议）", "Checkout scale (8217)"
    purpose_zh = "通过串口或网络串口读取支持 8217 协议的收银秤：重量、稳定、超载与预置皮重。"
    capabilities = ("tare", "stable", "overload")
    twin = "storeloom.hardware_adapters.scale.toledo_scale_twin:ToledoScaleTwin"

    class Config(ScaleConfig):
        data_bits: Literal[7, 8] = setting(7, "Data bits", "数据位", effect="restart")
        parity: Literal["none", "even", "odd", "mark", "space"] = setting("even", "Parity", "校验", effect="restart")
        unit: Literal["kg", "lb"] = setting("kg", "Unit of its weights", "重量单位", effect="restart")

    def greet(self, line: SerialLine) -> Mapping[str, str]:
        line.drop_input()
        self.weigh(line)
        return {}

    def weigh(self, line: SerialLine) -> Weighing:
        answer = ask(line, b"W")
        status = STATUS.match(answer)
        if status is None:
            known = WEIGHT.match(answer)
            if known is None:
                raise unreadable(answer)
            weight = grams(known[1].decode(), self.config.unit)
            return Weighing(weight, True, None, None if known[2] else weight == 0)
        bits = status_bits(status[1])
        outside = "overload" if bits & OVER else "underload" if bits & UNDER else ""
        return Weighing(None, False, None, None, outside)

    def preset_tare(self, line: SerialLine, tare_g: float) -> None:
        steps = Decimal(str(tare_g)) / GRAMS[self.config.unit] / TARE_STEP[self.config.unit]
        value = int(steps.to_integral_value())
        if value > 99_999:
            raise DeviceError(Code.ILLEGAL, f"a tare of {tare_g:g} g does not fit the scale", f"皮重 {tare_g:g} 克超出可设范围")
        answer = ask(line, b"C" if value == 0 else b"T%05d" % value)
        status = STATUS.match(answer)
        if status is None:
            raise unreadable(answer)
        if status_bits(status[1]) & MOTION:
            raise DeviceError(Code.BUSY, "the scale is in motion and takes no tare", "称重未稳定，无法设置皮重")


def ask(line: SerialLine, command: bytes) -> bytes:
    """The answer to a command, from its STX to its CR; what stands before the STX is no part of it."""
    line.drop_input()
    line.write(command)
    answer = line.read_until(END)
    return answer[max(0, answer.rfind(b"\x02")) :]


def status_bits(byte: bytes) -> int:
    """The bits of a status byte, its parity bit left out. DeviceError where bit 6 is not set."""
    bits = byte[0] & 0x7F
    if not bits & ALWAYS:
        raise unreadable(byte)
    return bits


def unreadable(answer: bytes) -> DeviceError:
    en, zh = f"the scale answers what is none of the 8217 protocol: {answer[:40]!r}", f"电子秤应答不符合 8217 协议：{answer[:40]!r}"
    return DeviceError(Code.FAILURE, en, zh)
