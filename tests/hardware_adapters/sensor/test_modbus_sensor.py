"""Sensors on one gateway: a unit that is dead holds up no other."""

from __future__ import annotations

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin
from storeloom.hardware_adapters.sensor.modbus_sensor import ModbusSensor

pytest.importorskip("pymodbus")
SOON_S, DEAD = 10.0, 2


class Gateway(ModbusTwin):
    """Unit 2 never answers."""

    def _packet(self, sending: bool, data: bytes) -> bytes:
        return b"" if sending and data[6] == DEAD else super()._packet(sending, data)


def test_a_dead_unit_on_a_gateway_leaves_the_others_online() -> None:
    points = [{"address": 0, "sensor": "t"}]
    with Gateway() as twin:
        rigs = {
            unit: Rig(ModbusSensor(f"u{unit}", ModbusSensor.Config(**twin.settings(), unit_id=unit, points=points)))
            for unit in (1, DEAD, 3)
        }
        try:
            assert rigs[DEAD].wait_for(lambda: rigs[DEAD].state() == "offline", SOON_S)
            before = {unit: len(rig.facts) for unit, rig in rigs.items()}
            assert all(rigs[unit].wait_for(lambda u=unit: len(rigs[u].facts) >= before[u] + 10, SOON_S) for unit in (1, 3))
        finally:
            ended = [rig.close(SOON_S) for rig in rigs.values()]
    assert ended == [True] * 3
    for unit in (1, 3):
        assert [one.data["state"] for one in rigs[unit].facts if one.stream == "device.status"] == ["online"]
    status = next(one.data for one in rigs[DEAD].facts)
    assert (status["state"], status["code"]) == ("offline", "timeout")
    assert "did not answer in time" in status["text"]
