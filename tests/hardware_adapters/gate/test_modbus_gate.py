"""Gates and barriers on Modbus: a pulse for each command, what the inputs tell, counters that come round."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.barrier.modbus_barrier import ModbusBarrier
from storeloom.hardware_adapters.gate.modbus_gate import ModbusGate
from storeloom.hardware_adapters.links.errors import DeviceError
from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin

pytest.importorskip("pymodbus")
SOON_S = 5.0


@contextmanager
def at_work(twin: ModbusTwin, driver: type[ModbusGate] | type[ModbusBarrier] = ModbusGate, **settings: Any) -> Iterator[Rig]:
    rig = Rig(driver("lane-1", driver.Config(**{**ModbusTwin.settings(twin), "pulse_s": 0.1, **settings})))
    try:
        assert rig.wait_for(lambda: rig.state() == "online", SOON_S)
        yield rig
    finally:
        rig.close(SOON_S)


def gate_states(rig: Rig) -> list[dict[str, Any]]:
    return [dict(one.data) for one in rig.facts if one.stream == "gate.state"]


def open_it(rig: Rig, **more: Any) -> Any:
    return rig.send("gate.open", {"gate": "lane-1", "reason": "visit", **more}, SOON_S)


def test_each_command_is_a_pulse_of_its_own() -> None:
    with ModbusTwin() as twin, at_work(twin) as rig:
        threads = [threading.Thread(target=open_it, args=(rig,), kwargs={"cmd": f"c{number}"}) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert rig.wait_for(lambda: [one["values"][0] for one in twin.took()] == [1, 0] * 3, SOON_S)
        assert open_it(rig, cmd="c1") is None
        assert len(twin.took()) == 6
    assert sorted(one["cmd"] for one in gate_states(rig)) == ["c0", "c1", "c1", "c2"]


def test_a_gate_without_inputs_answers_opened_one_with_inputs_granted() -> None:
    with ModbusTwin() as twin, at_work(twin) as rig:
        open_it(rig, cmd="c1", direction="in")
    assert gate_states(rig) == [{"gate": "lane-1", "kind": "opened", "direction": "in", "cmd": "c1"}]
    with ModbusTwin() as twin, at_work(twin, inputs=[{"means": "closed"}]) as rig:
        open_it(rig, cmd="c1")
        twin.set("discrete", 0, 1)
        assert rig.wait_for(lambda: gate_states(rig)[-1]["kind"] == "closed", SOON_S)
    kinds = [one["kind"] for one in gate_states(rig)]
    assert kinds == ["opened", "granted", "closed"]


def test_hold_keeps_it_open_until_the_next_command_without_it() -> None:
    with ModbusTwin() as twin, at_work(twin) as rig:
        open_it(rig, hold=True)
        assert [one["values"] for one in twin.took()] == [[1]]
        open_it(rig)
        assert rig.wait_for(lambda: twin.read("coil", 0) == [0], SOON_S)
    assert [one["kind"] for one in gate_states(rig)] == ["held", "opened"]


def test_a_way_has_its_own_coil() -> None:
    openers = [{"address": 3, "direction": "in"}, {"address": 4, "direction": "out"}]
    with ModbusTwin() as twin, at_work(twin, openers=openers[:1]) as rig:
        raised = open_it(rig, direction="out")
        assert isinstance(raised, DeviceError)
        assert "方向 out" in raised.words["zh"]
    with ModbusTwin() as twin, at_work(twin, openers=openers) as rig:
        open_it(rig, direction="out")
        assert twin.took()[0]["address"] == 4


def test_who_passes_is_counted_across_the_counters_end_and_a_lost_connection() -> None:
    inputs = [{"kind": "input", "type": "uint16", "means": "count", "direction": "in"}]
    with ModbusTwin() as twin:
        twin.set("input", 0, 65534)
        with at_work(twin, inputs=inputs) as rig:
            twin.set("input", 0, 1)
            assert rig.wait_for(lambda: bool(gate_states(rig)), SOON_S)
            twin.play("refuse")
            assert rig.wait_for(lambda: rig.state() == "offline", SOON_S)
            twin.set("input", 0, 4)
            twin.mend()
            assert rig.wait_for(lambda: len(gate_states(rig)) == 2, 15.0)
    assert gate_states(rig) == [{"gate": "lane-1", "kind": "passed", "direction": "in", "count": count} for count in (3, 3)]


def test_a_fault_of_the_controller_is_told_and_over_when_it_is_over() -> None:
    with ModbusTwin() as twin, at_work(twin, inputs=[{"means": "fault"}]) as rig:
        twin.set("discrete", 0, 1)
        assert rig.wait_for(lambda: rig.state() == "fault", SOON_S)
        assert [one["kind"] for one in gate_states(rig)] == ["fault"]
        twin.set("discrete", 0, 0)
        assert rig.wait_for(lambda: rig.state() == "online", SOON_S)


def test_a_barrier_tells_the_car_park() -> None:
    inputs = [{"means": "open"}, {"address": 1, "means": "passing", "direction": "out"}]
    with ModbusTwin() as twin, at_work(twin, ModbusBarrier, inputs=inputs, lane="south") as rig:
        twin.set("discrete", 0, 1)
        assert rig.wait_for(lambda: any(one.stream == "parking.event" for one in rig.facts), SOON_S)
        twin.set("discrete", 1, 1)
        assert rig.wait_for(lambda: sum(one.stream == "parking.event" for one in rig.facts) == 2, SOON_S)
    parking = [dict(one.data) for one in rig.facts if one.stream == "parking.event"]
    assert parking == [{"kind": "barrier_up", "lane": "south"}, {"kind": "exit", "lane": "south"}]


def test_a_pulse_whose_beginning_was_not_acknowledged_is_ended() -> None:
    with ModbusTwin() as twin, at_work(twin) as rig:
        twin.play("silent")
        assert isinstance(open_it(rig), DeviceError)
        twin.mend()
        assert rig.wait_for(lambda: rig.state() == "online" and twin.read("coil", 0) == [0], 15.0)


def test_a_credential_is_told_nowhere() -> None:
    with ModbusTwin() as twin, at_work(twin) as rig:
        open_it(rig, credential="04A2B3", cmd="c1")
    assert "04A2B3" not in str(rig.facts)
