"""The bench of Modbus registers: what it prints, with the stated limits, and the bare client's share beside it."""

from __future__ import annotations

import pytest

pytest.importorskip("pymodbus")


def test_the_share_of_a_core_and_the_readings_are_told_with_their_limits() -> None:
    from storeloom.core.bench.adapters_modbus import measure

    found = measure(1.0)
    assert [(one.name, one.unit, one.goal) for one in found] == [
        ("modbus_500_registers", "% of a core", "<= 5"),
        ("modbus_readings", "1/s", ">= 475"),
        ("modbus_bare", "% of a core", ""),
    ]
    assert all(one.value > 0 for one in found)
    assert "10 devices of 50 registers on one gateway" in found[0].against
