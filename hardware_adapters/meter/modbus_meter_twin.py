"""The virtual twin of a three-phase electricity meter on Modbus (SunSpec model 203 behind a common model)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin, Store
from storeloom.hardware_adapters.links.sunspec import END, MARK
from storeloom.hardware_adapters.links.twin import Said

COMMON_LENGTH, LENGTH = 4, 105
MODEL = 2 + 2 + COMMON_LENGTH
POWER, POWER_EXPONENT, TOTAL, TOTAL_EXPONENT = MODEL + 18, MODEL + 22, MODEL + 46, MODEL + 54


class ModbusMeterTwin(ModbusTwin):
    def __init__(self) -> None:
        super().__init__()
        self.wh = 1_234_567_0

    def start_values(self) -> Store:
        words = [*MARK, 1, COMMON_LENGTH, *[0] * COMMON_LENGTH, 203, LENGTH]
        words += [0] * (MODEL + 2 + LENGTH - len(words)) + [END, 0]
        words[POWER], words[POWER_EXPONENT], words[TOTAL_EXPONENT] = 4_200, 0, 1
        words[TOTAL : TOTAL + 2] = divmod(self.wh // 10, 65536)
        return {("holding", place): word for place, word in enumerate(words)}

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "map": "sunspec_meter"}

    def act(self, number: int) -> Sequence[Said]:
        """Another kilowatt-hour and some, at a power of its own."""
        self.wh += 1_250
        watts = 1_500 + number
        self.set("holding", TOTAL, *divmod(self.wh // 10, 65536))
        self.set("holding", POWER, watts)
        total = self.wh // 10 * 10 / 1000
        return [Said("meter.reading", {"meter": "unit-1", "kind": "electricity", "total": total, "unit": "kWh", "power_kw": watts / 1000})]
