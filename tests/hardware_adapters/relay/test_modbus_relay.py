"""Relays on Modbus: switched for a time and back, safe after a loss, repeats without a second effect."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.links.errors import DeviceError
from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin
from storeloom.hardware_adapters.relay.modbus_relay import ModbusRelay

pytest.importorskip("pymodbus")
SOON_S = 5.0


@contextmanager
def at_work(twin: ModbusTwin, **settings: Any) -> Iterator[tuple[ModbusRelay, Rig]]:
    driver = ModbusRelay("valve", ModbusRelay.Config(**twin.settings(), **settings))
    rig = Rig(driver)
    try:
        assert rig.wait_for(lambda: rig.state() == "online", SOON_S)
        yield driver, rig
    finally:
        rig.close(SOON_S)


def switch(rig: Rig, on: bool, **more: Any) -> None:
    assert rig.send("relay.set", {"relay": "valve", "on": on, **more}, SOON_S) is None


def test_on_for_a_time_then_back() -> None:
    with ModbusTwin() as twin, at_work(twin) as (_, rig):
        switch(rig, True, seconds=0.3, cmd="c1")
        assert twin.read("coil", 0) == [1]
        assert rig.wait_for(lambda: twin.read("coil", 0) == [0], SOON_S)
        assert [one["values"] for one in twin.took()] == [[1], [0]]


def test_a_repeat_is_answered_and_has_no_second_effect() -> None:
    with ModbusTwin() as twin, at_work(twin) as (_, rig):
        switch(rig, True, cmd="c1")
        switch(rig, False, cmd="c2")
        switch(rig, True, cmd="c1")
        assert twin.read("coil", 0) == [0]
        answers = [one.data["cmd"] for one in rig.facts if one.data.get("cmd")]
        assert answers == ["c1", "c2", "c1"]


def test_what_is_to_go_back_goes_back_when_the_driver_ends() -> None:
    with ModbusTwin() as twin:
        with at_work(twin) as (_, rig):
            switch(rig, True, seconds=600)
        assert twin.read("coil", 0) == [0]


def test_what_is_to_go_back_goes_back_once_the_device_is_there_again() -> None:
    with ModbusTwin() as twin, at_work(twin) as (_, rig):
        switch(rig, True, seconds=0.2)
        twin.play("vanish")
        assert rig.wait_for(lambda: rig.state() == "offline", SOON_S)
        time.sleep(0.2)
        assert twin.read("coil", 0) == [1]
        twin.mend()
        assert rig.wait_for(lambda: twin.read("coil", 0) == [0], 15.0)


def test_the_safe_state_after_a_loss_and_at_the_end() -> None:
    relays = [{"after_loss": "off"}]
    with ModbusTwin() as twin:
        with at_work(twin, relays=relays) as (_, rig):
            switch(rig, True)
            twin.play("refuse")
            assert rig.wait_for(lambda: rig.state() == "offline", SOON_S)
            assert twin.read("coil", 0) == [1]
            twin.mend()
            assert rig.wait_for(lambda: twin.read("coil", 0) == [0], 15.0)
            switch(rig, True)
        assert twin.read("coil", 0) == [0]


def test_a_normally_closed_contact_and_a_bit_of_a_register() -> None:
    relays = [{"relay": "valve", "inverted": True, "kind": "holding", "bit": 2, "address": 4}]
    with ModbusTwin() as twin, at_work(twin, relays=relays) as (_, rig):
        twin.set("holding", 4, 0xF0)
        switch(rig, False)
        assert twin.read("holding", 4) == [0xF4]
        assert rig.wait_for(lambda: rig.adapter.status()["figures"].get("on") == 0.0, SOON_S)


def test_a_command_for_another_relay_is_refused() -> None:
    with ModbusTwin() as twin, at_work(twin) as (_, rig):
        pump = {"relay": "pump", "on": True, "cmd": "c1"}
        assert [rig.adapter.serves("relay.set", one) for one in (pump, {**pump, "relay": "valve"})] == [False, True]
        assert str(rig.send("relay.set", pump, SOON_S)) == "this relay.set is for another device"
        assert twin.took() == []
        assert not [one for one in rig.facts if one.data.get("cmd")]


def test_a_refused_command_says_why() -> None:
    with ModbusTwin() as twin, at_work(twin) as (_, rig):
        twin.play("busy")
        raised = rig.send("relay.set", {"relay": "valve", "on": True}, SOON_S)
        assert isinstance(raised, DeviceError)
        assert raised.words["zh"] == "设备忙（Modbus 异常码 6）"
        assert rig.wait_for(lambda: rig.state() == "degraded", SOON_S)


def test_a_command_while_nothing_runs_connects_for_the_moment_and_ends_what_it_began() -> None:
    with ModbusTwin() as twin:
        driver = ModbusRelay("valve", ModbusRelay.Config(**twin.settings()))
        answers = list(driver.command("relay.set", {"relay": "valve", "on": True, "seconds": 0.2, "cmd": "c1"}, driver.now()))
        assert [one["values"] for one in twin.took()] == [[1], [0]]
        assert [one.data["cmd"] for one in answers] == ["c1"]


def test_many_commands_put_off_no_reading() -> None:
    with ModbusTwin() as twin:
        settings = {**twin.settings(), "poll_s": 1.0}
        rig = Rig(ModbusRelay("valve", ModbusRelay.Config(**settings)))
        try:
            assert rig.wait_for(lambda: rig.state() == "online", SOON_S)
            for number in range(30):
                switch(rig, number % 2 == 0, cmd=f"c{number}")
            assert rig.wait_for(lambda: rig.facts[-1].data.get("metrics") == {"on": 0.0}, SOON_S)
            twin.set("coil", 0, 1)
            assert rig.wait_for(lambda: rig.facts[-1].data.get("metrics") == {"on": 1.0}, SOON_S)
        finally:
            rig.close(SOON_S)
