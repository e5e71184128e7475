"""BACnet/IP: bytes on the wire, priority array and relinquish, changes of value, discovery, words for what fails."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.hvac.bacnet_hvac import BacnetHvac
from storeloom.hardware_adapters.hvac.bacnet_hvac_twin import BacnetHvacTwin
from storeloom.hardware_adapters.lighting.bacnet_lighting import BacnetLighting
from storeloom.hardware_adapters.lighting.bacnet_lighting_twin import BacnetLightingTwin
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.sensor.bacnet_sensor import BacnetSensor
from storeloom.hardware_adapters.sensor.bacnet_sensor_twin import BacnetSensorTwin

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def lamps() -> Iterator[BacnetLightingTwin]:
    with BacnetLightingTwin() as twin:
        yield twin


def lit(twin: BacnetLightingTwin) -> tuple[BacnetLighting, Rig]:
    driver = BacnetLighting("unit-1", BacnetLighting.Config(**twin.settings()))
    rig = Rig(driver)
    assert rig.wait_for(lambda: driver.link is not None, 5.0)
    return driver, rig


def test_reading_a_property_is_the_standards_own_example() -> None:
    """ASHRAE 135, annex F.3.5: ReadProperty of the present value of analog input 5: service 0C, then 0C 00000005, 19 55."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        device.settimeout(5.0)
        place = f"127.0.0.1:{device.getsockname()[1]}"
        driver = BacnetSensor("s", BacnetSensor.Config(address=place, timeout_s=0.3, sensors=[{"object": "analog-input,5"}]))
        asking = threading.Thread(target=driver.check_health)
        asking.start()
        asked = device.recv(1500)
        asking.join()
    assert asked[0] == 0x81 and asked[1] == 0x0A and int.from_bytes(asked[2:4], "big") == len(asked)  # annex J, Original-Unicast-NPDU
    assert asked[4:6] == b"\x01\x04" and asked[6] & 0xF0 == 0x00  # NPDU version 1, reply expected; BACnet-Confirmed-Request-PDU
    assert asked[-8:] == bytes.fromhex("0C 0C 00 00 00 05 19 55")


def test_a_level_is_written_at_its_priority_and_given_back(lamps: BacnetLightingTwin) -> None:
    driver, rig = lit(lamps)
    try:
        soon = (driver.now() + timedelta(seconds=0.5)).isoformat()
        [told] = driver.command("light.set", {"group": "unit-1", "level_pct": 80, "priority": "safety", "until": soon, "cmd": "c1"}, AT)
        assert (told.stream, told.data["cmd"]) == ("device.status", "c1")
        driver.command("light.set", {"group": "unit-1", "level_pct": 10, "priority": "comfort", "cmd": "c2"}, AT)
        assert lamps.value("analog-output,1") == 80.0  # priority 5 wins over 14
        assert rig.wait_for(lambda: [one["priority"] for one in lamps.took()] == [5, 14], 5.0)
        assert rig.wait_for(lambda: lamps.value("analog-output,1") == 10.0, 5.0)
        assert rig.wait_for(lambda: [one["priority"] for one in lamps.took()] == [5, 14, 5], 5.0)
    finally:
        assert rig.close(5.0)


def test_a_command_alone_has_a_connection_of_its_own_until_its_level_is_given_back(lamps: BacnetLightingTwin) -> None:
    driver = BacnetLighting("unit-1", BacnetLighting.Config(**lamps.settings()))
    soon = (driver.now() + timedelta(seconds=0.3)).isoformat()
    driver.command("light.set", {"group": "unit-1", "level_pct": 80, "priority": "safety", "until": soon}, AT)
    until = time.monotonic() + 5.0
    while len(lamps.took()) < 2 and time.monotonic() < until:  # the twin notes a write once it has answered it
        time.sleep(0.01)
    assert [(one["value"], one["priority"]) for one in lamps.took()] == [("80.0", 5), ("30.0", 5)] and driver.link is None


def test_a_repeated_command_writes_nothing_again(lamps: BacnetLightingTwin) -> None:
    driver, rig = lit(lamps)
    try:
        for _ in range(3):
            [told] = driver.command("light.set", {"group": "unit-1", "level_pct": 80, "cmd": "c1"}, AT)
        assert told.data["cmd"] == "c1" and rig.wait_for(lambda: bool(lamps.took()), 5.0)
        driver.command("light.set", {"group": "unit-1", "level_pct": 60, "cmd": "c2"}, AT)
        assert rig.wait_for(lambda: len(lamps.took()) == 2, 5.0)
        assert [(one["value"], one["priority"]) for one in lamps.took()] == [("80.0", 16), ("60.0", 16)]
    finally:
        assert rig.close(5.0)


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        ({"group": "g9", "level_pct": 1}, Code.NO_EXIST, "there is no group g9"),
        ({"group": "unit-1", "level_pct": 101}, Code.ILLEGAL, "a level is 0 to 100 %, not 101"),
        ({"group": "unit-1", "level_pct": 50}, Code.TIMEOUT, "127.0.0.1:9 did not answer in time"),
    ],
)
def test_what_cannot_be_set_is_refused(data: dict[str, Any], code: Code, words: str) -> None:
    with pytest.raises(DeviceError) as caught:
        BacnetLighting("unit-1", BacnetLighting.Config(address="127.0.0.1:9", timeout_s=0.2)).command("light.set", data, AT)
    assert (caught.value.code, caught.value.words["en"]) == (code, words)


def test_mode_and_set_point_of_an_air_unit() -> None:
    with BacnetHvacTwin() as twin:
        driver = BacnetHvac("unit-1", BacnetHvac.Config(**twin.settings()))
        rig = Rig(driver)
        try:
            assert rig.wait_for(lambda: driver.status().get("figures", {}).get("room_c") == 21.5, 5.0)
            driver.command("hvac.set", {"unit": "unit-1", "mode": "heat", "setpoint_c": 19.5}, AT)
            assert rig.wait_for(lambda: driver.status()["figures"] == {"setpoint_c": 19.5, "mode": 2.0, "room_c": 21.5}, 5.0)
            for data, words in (
                ({"mode": "defrost"}, "no mode defrost"),
                ({"fan_pct": 10}, "no fan"),
                ({"setpoint_c": 60}, "5 to 40, not 60"),
            ):
                with pytest.raises(DeviceError, match=words):
                    driver.command("hvac.set", {"unit": "unit-1", **data}, AT)
        finally:
            assert rig.close(5.0)


def test_a_change_comes_by_subscription_long_before_the_next_poll() -> None:
    with BacnetSensorTwin() as twin:
        settings = {**twin.settings(), "poll_s": 600.0, "report_s": 600.0, "timeout_s": 2.0}
        rig = Rig(BacnetSensor("s", BacnetSensor.Config(**settings)))
        try:
            values = lambda: [one.data["value"] for one in rig.facts if one.data.get("sensor") == "cold-1"]  # noqa: E731
            assert rig.wait_for(lambda: values() == [4.0], 10.0)
            time.sleep(0.3)
            twin.put("analog-input,1", 7.5)
            assert rig.wait_for(lambda: values() == [4.0, 7.5], 10.0)
        finally:
            assert rig.close(5.0)


def test_an_object_that_is_not_there_is_told_and_the_others_are_read() -> None:
    with BacnetSensorTwin() as twin:
        sensors = [{"sensor": "a"}, {"object": "analog-input,9", "sensor": "b"}]
        rig = Rig(BacnetSensor("s", BacnetSensor.Config(**{**twin.settings(), "sensors": sensors, "cov": False})))
        try:
            assert rig.wait_for(lambda: rig.state() == "degraded" and any(one.data.get("sensor") == "a" for one in rig.facts), 5.0)
            [told] = [one.data["text"] for one in rig.facts if one.data.get("state") == "degraded"]
            assert told == "no sound value of analog-input,9"
        finally:
            assert rig.close(5.0)


class ManySensors(BacnetSensorTwin):
    """Forty thermometers, the first in Fahrenheit, and what it does with ReadPropertyMultiple."""

    multiple = "answers"

    def __init__(self) -> None:
        super().__init__()
        self.asked = {"one": 0, "many": 0}

    def objects(self) -> list[Any]:
        from bacpypes3.local.analog import AnalogInputObject

        units = {1: "degreesFahrenheit", 2: "degreesKelvin", 3: "pascals", 4: "noUnits"}
        made = []
        for number in range(1, 41):
            about = {"objectName": f"t{number}", "presentValue": 41.0, "units": units.get(number, "degreesCelsius"), "covIncrement": 0.1}
            made.append(AnalogInputObject(objectIdentifier=("analog-input", number), **about))
        return made

    async def boot(self) -> None:
        from bacpypes3.errors import UnrecognizedService

        await super().boot()
        twin, app = self, self._app
        one, many = app.do_ReadPropertyRequest, app.do_ReadPropertyMultipleRequest

        async def read(apdu: Any) -> None:
            twin.asked["one"] += 1
            await one(apdu)

        async def read_many(apdu: Any) -> None:
            twin.asked["many"] += 1
            if twin.multiple == "refuses":
                raise UnrecognizedService
            if twin.multiple == "answers":
                await many(apdu)

        app.do_ReadPropertyRequest, app.do_ReadPropertyMultipleRequest = read, read_many

    def settings(self) -> dict[str, Any]:
        sensors = [{"sensor": f"t{number}", "object": f"analog-input,{number}"} for number in range(1, 42)]
        sensors.append({"sensor": "own", "object": "analog-input,1", "scale": 2.0})
        return {**super().settings(), "sensors": sensors, "cov": False, "poll_s": 600.0, "report_s": 600.0}


@pytest.mark.parametrize(
    ("multiple", "asked"),
    # 41 objects: 20, 20 and 1 for values and as many for units, and the first reading that finds out whether it is there
    [("answers", {"one": 1 + 2, "many": 4}), ("refuses", {"one": 1 + 82, "many": 1}), ("is silent", {"one": 2 + 82, "many": 1})],
)
def test_many_are_read_at_once_where_the_device_can(multiple: str, asked: dict[str, int]) -> None:
    with ManySensors() as twin:
        twin.multiple = multiple
        rig = Rig(BacnetSensor("s", BacnetSensor.Config(**twin.settings())))
        try:
            assert rig.wait_for(lambda: sum(one.stream == "sensor.reading" for one in rig.facts) == 40, 10.0)
        finally:
            assert rig.close(5.0)
    told = {one.data["sensor"]: one.data["value"] for one in rig.facts if one.stream == "sensor.reading"}
    # 41 F are 5 C, 41 K are -232.15 C; no unit is as the config says; what has a scale is not looked at
    assert [round(told[one], 6) for one in ("t1", "t2", "t4", "t5", "t40", "own")] == [5.0, -232.15, 41.0, 41.0, 41.0, 82.0]
    assert set(told) == {"own", *(f"t{number}" for number in range(1, 41))} - {"t3"}
    [why] = [one.data["text"] for one in rig.facts if one.data.get("state") == "degraded"]
    assert why == "no sound value of analog-input,3; analog-input,41" and twin.asked == asked


def test_a_set_point_is_written_in_the_units_own_degrees() -> None:
    class Fahrenheit(BacnetHvacTwin):
        def objects(self) -> list[Any]:
            one, *others = super().objects()
            one.units = "degreesFahrenheit"
            return [one, *others]

    with Fahrenheit() as twin:
        driver = BacnetHvac("unit-1", BacnetHvac.Config(**twin.settings()))
        driver.command("hvac.set", {"unit": "unit-1", "setpoint_c": 20.0}, AT)
        assert twin.value("analog-value,1") == 68.0
        twin.found("analog-value,1").units = "percent"
        with pytest.raises(DeviceError, match="analog-value,1 does not count in C"):
            BacnetHvac("unit-1", BacnetHvac.Config(**twin.settings())).command("hvac.set", {"unit": "unit-1", "setpoint_c": 20.0}, AT)


def test_a_device_answers_who_is(lamps: BacnetLightingTwin) -> None:
    [found] = BacnetLighting.discover(lamps.settings()["address"], 0.5)
    assert found.settings == {"address": lamps.settings()["address"]} and found.facts == {"device": "599", "vendor": "999"}
    with pytest.raises(ValueError, match="is no IPv4 address"):
        list(BacnetLighting.discover("everywhere", 0.1))


def test_it_says_what_it_is(lamps: BacnetLightingTwin) -> None:
    assert BacnetLighting("u", BacnetLighting.Config(**lamps.settings())).check_health().ok
