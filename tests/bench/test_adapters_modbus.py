"""The bench of Modbus registers: every reading of a second comes through, and the bare client's share is told beside it."""

from __future__ import annotations

import pytest

pytest.importorskip("pymodbus")


def test_each_register_is_read_each_second() -> None:
    from storeloom.core.bench.adapters_modbus import measure

    found = {one.name: one for one in measure(2.0)}
    assert set(found) == {"modbus_500_registers", "modbus_readings", "modbus_bare"}
    assert found["modbus_readings"].value >= 250
    assert found["modbus_500_registers"].value > found["modbus_bare"].value > 0
