"""What drivers of serial scales share: asking for weights, units, telling only what has changed, presetting the tare.

A driver is a `ScaleDriver` with `greet`, `weigh` and `preset_tare`. While a scale gives no weight (in motion, overloaded, below zero) its
`scale.reading` bears the last weight known with `stable` false, and `overload` where it is; a scale that stays over or under its range is
`degraded`. With `fixture` and `slot` set it is a weighing shelf, which tells stable weights as `shelf.weight` instead.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.driver import Facts
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.serial_line import SerialConfig, SerialDriver, SerialLine

# Grams in a unit, by the units' abbreviations; the pound and its ounce are the international ones of 1959.
GRAMS: Mapping[str, Decimal] = {
    "g": Decimal(1),
    "kg": Decimal(1000),
    "mg": Decimal("0.001"),
    "t": Decimal(1_000_000),
    "lb": Decimal("453.59237"),
    "oz": Decimal("28.349523125"),
}
RANGE_WORDS = {
    "overload": {"en": "more weight than the scale can take", "zh": "超出最大称量"},
    "underload": {"en": "less weight than zero: the pan is missing or the scale is not zeroed", "zh": "低于零点：秤盘缺失或未置零"},
}


class ScaleConfig(SerialConfig):
    """Settings of every serial scale."""

    poll_s: float = setting(0.2, "Weights are asked for every", "取数间隔", unit="s", effect="restart", ge=0.05, le=60)
    change_g: float = setting(1.0, "Smallest change that is told", "最小上报变化", unit="g", effect="restart", ge=0, le=10_000)
    again_s: float = setting(
        0.0,
        "Told again without a change after; 0: never",
        "无变化时重复上报的间隔，0 为不重复",
        unit="s",
        effect="restart",
        ge=0,
        le=86_400,
    )
    fixture: str = setting("", "Fixture, where it weighs a shelf", "货架编号（用于货架称重）", effect="restart")
    slot: str = setting("", "Slot, where it weighs a shelf", "货位编号（用于货架称重）", effect="restart")
    gtin: str = setting("", "Goods on the shelf", "货位商品条码", effect="restart")
    piece_g: float = setting(
        0.0, "Weight of a piece; 0: not counted", "单件重量，0 为不计数", unit="g", effect="restart", ge=0, le=1_000_000
    )


@dataclass(frozen=True)
class Weighing:
    """A scale's answer, grams; `net_g` None where it gave no weight, `outside` is `overload`, `underload` or empty."""

    net_g: float | None
    stable: bool
    tare_g: float | None = None
    zero: bool | None = None
    outside: str = ""


def grams(number: str, unit: str) -> float:
    """A weight as written by a scale. ValueError for what is no number or no known unit."""
    factor = GRAMS.get(unit.lower())
    if factor is None:
        raise ValueError(f"{unit!r} is none of {', '.join(GRAMS)}")
    try:
        return float(Decimal(number) * factor)
    except ArithmeticError as error:
        raise ValueError(f"{number!r} is no number") from error


class ScaleDriver(SerialDriver):
    """Base of serial scales."""

    kind = "scale"
    feeds = ("scale.reading", "shelf.weight", "label.ack", "device.status")
    takes = ("label.update",)
    first_wait_s: ClassVar[float] = 0.2
    longest_wait_s: ClassVar[float] = 5.0

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.streams = False  # whether the scale sends weights by itself
        self._known: float | None = None
        self._told: tuple[float, bool, str] | None = None
        self._told_at = 0.0
        self._shelf_g: float | None = None

    @abstractmethod
    def greet(self, line: SerialLine) -> Mapping[str, str]:
        """Make sure that a scale of this protocol is there; what it says of itself. DeviceError where it is not."""

    @abstractmethod
    def weigh(self, line: SerialLine) -> Weighing:
        """Ask for a weight."""

    @abstractmethod
    def preset_tare(self, line: SerialLine, tare_g: float) -> None:
        """Set the tare, 0 to clear it; DeviceError where the scale does not take it."""

    def session(self, link: SerialLine) -> Facts:
        with self.exchange:
            about = self.greet(link)
        yield from self.tell("online", firmware=about.get("firmware", ""))
        self._told = None
        while not self.stopping.is_set():
            began = time.monotonic()
            with self.exchange:
                found = self.weigh(link)
            yield from self._standing(found)
            yield from self._reading(found)
            if not self.streams:
                self.stopping.wait(max(0.0, self.config.poll_s - (time.monotonic() - began)))

    def _standing(self, found: Weighing) -> Iterator[Fact]:
        if found.outside:
            yield from self.tell("degraded", code=found.outside, words=RANGE_WORDS[found.outside])
        elif found.net_g is not None:
            yield from self.tell("online")

    def _reading(self, found: Weighing) -> Iterator[Fact]:
        """The fact of a weight, where something has changed or it is time to tell again."""
        weight = found.net_g if found.net_g is not None else self._known
        if weight is None:
            return
        self._known = weight
        now, state = time.monotonic(), (found.stable, found.outside)
        same = self._told is not None and self._told[1:] == state and abs(weight - self._told[0]) < max(self.config.change_g, 1e-9)
        if same and (not self.config.again_s or now - self._told_at < self.config.again_s):
            return
        self._told, self._told_at = (weight, *state), now
        if self.config.fixture:
            yield from self._on_shelf(weight, found)
            return
        data: dict[str, Any] = {"scale": self.device, "weight_g": weight, "stable": found.stable}
        if found.tare_g is not None:
            data |= {"tare_g": found.tare_g, "gross_g": round(weight + found.tare_g, 6)}
        if found.zero is not None:
            data["zero"] = found.zero
        if found.outside == "overload":
            data["overload"] = True
        yield Fact(self.now(), "scale.reading", self.device, data)

    def _on_shelf(self, weight: float, found: Weighing) -> Iterator[Fact]:
        if not found.stable or found.net_g is None:
            return
        config, before = self.config, self._shelf_g
        self._shelf_g = weight
        delta = 0.0 if before is None else round(weight - before, 6)
        data: dict[str, Any] = {"fixture": config.fixture, "slot": config.slot, "weight_g": weight, "delta_g": delta, "stable": True}
        if config.gtin:
            data["gtin"] = config.gtin
        if config.piece_g:
            data["qty"] = max(0, round(weight / config.piece_g))
        yield Fact(self.now(), "shelf.weight", self.device, data)

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool | None:
        """A label is this scale's where it bears its id; one without a tare is none's."""
        return True if data["label"] == self.device else None if "tare_g" in data["fields"] else False

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        """`label.update` with `tare_g` among its fields presets the tare. To set it again to the same changes nothing."""
        tare = data["fields"].get("tare_g")
        if isinstance(tare, bool) or not isinstance(tare, (int, float)) or tare < 0:
            en = f"this scale takes only tare_g, a number of grams from 0; got {', '.join(data['fields']) or 'nothing'}"
            zh = f"本秤仅支持设置 tare_g（不小于 0 的克数），收到：{'、'.join(data['fields']) or '无'}"
            raise DeviceError(Code.ILLEGAL, en, zh)
        with self.lined() as line:
            self.preset_tare(line, float(tare))
        answer = {"label": data["label"], "version": data["version"], "state": "shown"}
        if data.get("cmd"):
            answer["cmd"] = data["cmd"]
        return [Fact(self.now(), "label.ack", self.device, answer)]

    def identity(self, link: SerialLine) -> Mapping[str, str | float | bool]:
        with self.exchange:
            return dict(self.greet(link))
