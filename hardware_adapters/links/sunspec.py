"""Finding a SunSpec model in a Modbus device (SunSpec Device Information Model Specification 1.1: `SunS`, then models by id and length)."""

from __future__ import annotations

from collections.abc import Collection

from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.modbus import Refused, Span, Station

BEGINNINGS = (40000, 0, 50000)
MARK = [0x5375, 0x6E53]
END, MOST_MODELS = 0xFFFF, 100


def model_at(station: Station, models: Collection[int]) -> int:
    """The address of the id register of the first model that is among `models`. DeviceError where there is none."""
    for beginning in BEGINNINGS:
        try:
            if station.read_one(Span("holding", beginning, 2)) == MARK:
                return _walk(station, beginning + 2, models)
        except Refused:
            continue
    raise DeviceError(Code.NO_EXIST, "it bears no SunSpec models", "设备不支持 SunSpec 信息模型")


def _walk(station: Station, address: int, models: Collection[int]) -> int:
    seen: list[int] = []
    while len(seen) < MOST_MODELS and address < 65534:
        model, length = station.read_one(Span("holding", address, 2))
        if model in models:
            return address
        if model == END:
            break
        seen.append(model)
        address += 2 + length
    wanted, has = ", ".join(map(str, models)), ", ".join(map(str, seen)) or "-"
    raise DeviceError(Code.NO_EXIST, f"it has no SunSpec model {wanted} (it has {has})", f"设备没有 SunSpec 模型 {wanted}（现有 {has}）")
