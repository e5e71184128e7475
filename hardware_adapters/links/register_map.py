"""Register maps: what stands where in a Modbus device, in the words of its manual, and how to read it in the fewest requests."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.modbus import MOST_BITS, Kind, ModbusConfig, Refused, Span

Type = Literal["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
Order = Literal["big", "little"]
SHAPES: Mapping[Type, tuple[str, int]] = {
    "int16": (">h", 1),
    "uint16": (">H", 1),
    "int32": (">i", 2),
    "uint32": (">I", 2),
    "int64": (">q", 4),
    "uint64": (">Q", 4),
    "float32": (">f", 2),
    "float64": (">d", 4),
}
Settings = TypeVar("Settings", bound=SolutionConfig)
BITS: tuple[Kind, ...] = ("coil", "discrete")
DIGITS = 9
LARGEST_EXPONENT = 10


class Register(SolutionConfig):
    """One value of a device. Value = raw * scale + offset; where `scale_at` is given also times ten to the power that stands there."""

    address: int = setting(0, "Address", "地址", effect="restart", ge=0, le=65536)
    kind: Kind = setting("holding", "Kind of register", "寄存器类别", effect="restart")
    type: Type = setting("int16", "Type", "数据类型", effect="restart")
    word_order: Order = setting("big", "Order of the words (big: highest first)", "字顺序（big：高字在前）", effect="restart")
    byte_order: Order = setting("big", "Order of the bytes in a word (big: highest first)", "字节顺序（big：高字节在前）", effect="restart")
    bit: int | None = setting(
        None,
        "Bit of the register, 0 the lowest; empty: all of it",
        "寄存器中的位（0 为最低位），留空取整个值",
        effect="restart",
        ge=0,
        le=15,
    )
    scale: float = setting(1.0, "Factor", "系数", effect="restart")
    offset: float = setting(0.0, "Added after the factor", "乘系数后再加的值", effect="restart")
    scale_at: int | None = setting(
        None, "Address of a power of ten for it (SunSpec)", "十的幂次所在地址（SunSpec）", effect="restart", ge=0, le=65536
    )
    missing: list[int] = setting(list, "Raw values that stand for none", "表示无数据的原始值", effect="restart")

    @property
    def count(self) -> int:
        return 1 if self.kind in BITS or self.bit is not None else SHAPES[self.type][1]

    def value(self, words: Sequence[int]) -> float | None:
        """The value of raw words (bits where the kind is one), before the power of ten; None where it stands for none."""
        if self.kind in BITS:
            return float(words[0])
        if self.bit is not None:
            return float(words[0] >> self.bit & 1)
        raw = struct.unpack(SHAPES[self.type][0], self._ordered(words))[0]
        if raw in self.missing or not math.isfinite(raw):
            return None
        return round(float(raw * self.scale + self.offset), DIGITS)

    def words(self, value: float, exponent: int = 0) -> list[int]:
        """The words that stand for a value. DeviceError where it does not fit."""
        if self.kind in BITS or self.bit is not None:
            return [int(bool(value))]
        shape, count = SHAPES[self.type]
        raw = (value - self.offset) / (self.scale or 1.0) / 10.0**exponent
        try:
            packed = struct.pack(shape, raw if self.type.startswith("float") else round(raw))
        except (struct.error, OverflowError, ValueError) as error:
            raise DeviceError(Code.ILLEGAL, f"{value:g} does not fit into {self.type}", f"{value:g} 超出 {self.type} 的范围") from error
        ordered = self._ordered(struct.unpack(f">{count}H", packed))
        return list(struct.unpack(f">{count}H", ordered))

    def _ordered(self, words: Sequence[int]) -> bytes:
        """Words to bytes, or back: the same change of places either way."""
        told = words if self.word_order == "big" else words[::-1]
        return struct.pack(f"{'>' if self.byte_order == 'big' else '<'}{len(told)}H", *told)


class Bounded(Register):
    """A value with what it can be."""

    low: float | None = setting(None, "Lowest value that can be, in the stream's unit", "可能的最小值（标准单位）", effect="restart")
    high: float | None = setting(None, "Highest value that can be, in the stream's unit", "可能的最大值（标准单位）", effect="restart")

    def can_be(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


Values = Mapping[str, float | Refused | None]


class _Part(NamedTuple):
    """Where in the answers a value lies: span, first word, how many; and its power of ten's span and word."""

    register: Register
    span: int
    first: int
    exponent: tuple[int, int] | None


class Plan:
    """Registers by name, and the spans that hold them. `base` is added to each address (a SunSpec model's begin)."""

    def __init__(self, registers: Mapping[str, Register], config: ModbusConfig, base: int = 0) -> None:
        self.registers = registers
        self._shift = base - config.count_from
        wanted = [self._at(one.kind, one.address, one.count) for one in registers.values()]
        wanted += [self._at(one.kind, one.scale_at, 1) for one in registers.values() if one.scale_at is not None]
        self.spans = joined(wanted, config.most_registers, config.gap)
        self._parts = {name: self._part(one) for name, one in registers.items()}

    def address(self, register: Register) -> int:
        """Its address on the wire."""
        return register.address + self._shift

    def values(self, answers: Sequence[list[int] | list[bool] | Refused]) -> dict[str, float | Refused | None]:
        """The value of each name: None where the device says that it has none, Refused where it did not let it be read."""
        return {name: _value(part, answers) for name, part in self._parts.items()}

    def exponent_span(self, register: Register) -> Span | None:
        """Where its power of ten stands, None where it has none."""
        return None if register.scale_at is None else self._at(register.kind, register.scale_at, 1)

    def _at(self, kind: Kind, address: int, count: int) -> Span:
        start = address + self._shift
        if start < 0 or start + count > 65536:
            en = f"there is no register {address}, counted from {-self._shift if self._shift < 0 else 0}"
            raise DeviceError(Code.ILLEGAL, en, f"寄存器地址 {address} 超出范围")
        return Span(kind, start, count)

    def _part(self, register: Register) -> _Part:
        span, first = self._place(self._at(register.kind, register.address, register.count))
        exponent = self.exponent_span(register)
        return _Part(register, span, first, None if exponent is None else self._place(exponent))

    def _place(self, wanted: Span) -> tuple[int, int]:
        for number, span in enumerate(self.spans):
            if span.kind == wanted.kind and span.address <= wanted.address and wanted.address + wanted.count <= span.address + span.count:
                return number, wanted.address - span.address
        raise AssertionError(wanted)


def joined(wanted: Iterable[Span], most: int, gap: int) -> list[Span]:
    """The fewest spans that hold all that is wanted: neighbours together, up to `gap` unwanted between them, no value cut in two.

    `most` bounds the registers of one; one wanted value that is longer has a span of its own. Of bits as many as the protocol takes.
    """
    spans: list[Span] = []
    for one in sorted(set(wanted)):
        last = spans[-1] if spans else None
        limit = MOST_BITS if one.kind in BITS else most
        if last is not None and last.kind == one.kind and one.address <= last.address + last.count + gap:
            end = max(last.address + last.count, one.address + one.count)
            if end - last.address <= limit:
                spans[-1] = Span(last.kind, last.address, end - last.address)
                continue
        spans.append(one)
    return spans


def _value(part: _Part, answers: Sequence[list[int] | list[bool] | Refused]) -> float | Refused | None:
    answer = answers[part.span]
    if isinstance(answer, Refused):
        return answer
    value = part.register.value(answer[part.first : part.first + part.register.count])
    if value is None or part.exponent is None:
        return value
    powers = answers[part.exponent[0]]
    if isinstance(powers, Refused):
        return powers
    exponent = signed(powers[part.exponent[1]])
    return round(value * 10.0**exponent, DIGITS) if abs(exponent) <= LARGEST_EXPONENT else None


def signed(word: int) -> int:
    """A register as a number with a sign."""
    return word - 65536 if word & 0x8000 else word


def with_map(config: Settings, folder: Path) -> Settings:
    """A config whose `points`, where it gives none, are those of the published map that its `map` names, with the settings of that device.

    What the config itself sets goes before the map's.
    """
    if getattr(config, "points", None):
        return config
    own = {name: value for name, value in config.model_dump(exclude_unset=True).items() if name != "points"}
    return type(config).model_validate({**preset(folder, config.map)["settings"], **own})  # type: ignore[attr-defined]


def preset(folder: Path, name: str) -> dict[str, Any]:
    """A published register map of this package: `title`, `source`, `settings` and what else its driver knows.

    FileNotFoundError where there is none of this name.
    """
    read: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return read
