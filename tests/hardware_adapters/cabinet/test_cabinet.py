"""Cabinets, lockers, vending machines: raw doors, weights and tags become events; commands and their answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel import schemas
from storeloom.hardware_adapters.cabinet.cabinet_twin import CabinetTwin, VendingTwin
from storeloom.hardware_adapters.cabinet.driver import CabinetConfig, CabinetDriver, gtin_of
from storeloom.hardware_adapters.cabinet.mqtt_cabinet import MqttCabinet
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message
from storeloom.hardware_adapters.locker.mqtt_locker import MqttLocker
from storeloom.hardware_adapters.vending.mqtt_vending import MqttVending

MILK = "6901234567892"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Heard:
    def __init__(self, **settings: Any) -> None:
        self.driver: CabinetDriver = MqttCabinet("cab", CabinetConfig(**settings))

    def __call__(self, place: str, payload: Any) -> list[dict[str, Any]]:
        raw = payload.encode() if isinstance(payload, str) else orjson.dumps(payload)
        facts = list(self.driver.heard(Message(f"cabinet/{place}", raw)))
        assert [schemas.first_error(schemas.stream_file(one.stream), one.data) for one in facts] == [None] * len(facts)
        return [{key: value for key, value in one.data.items() if key not in ("seq", "cabinet", "since")} for one in facts]


def test_a_weight_that_changes_tells_what_was_taken_and_put_back() -> None:
    heard = Heard(goods=[{"cell": "1", "gtin": MILK, "weight_g": 260.0}])
    heard("event", {"kind": "opened", "seq": 1, "session": "s9", "cell": "1"})
    assert heard("weight/1", 1040.0) == [{"kind": "stock", "cell": "1", "items": [{"gtin": MILK, "qty": 4}], "weight_g": 1040.0}]
    assert heard("weight/1", {"weight_g": 700, "stable": False}) == []
    took = {"kind": "pick", "cell": "1", "session": "s9", "items": [{"gtin": MILK, "qty": 2}], "weight_g": -522.0}
    assert heard("weight/1", {"weight_g": 518.0, "stable": True}) == [took]
    assert heard("weight/1", 521.0) == []  # drift
    assert [(one["kind"], one["items"]) for one in heard("weight/1", 781.0)] == [("put", [{"gtin": MILK, "qty": 1}])]
    assert heard("weight/1", 901.0) == [{"kind": "alarm", "cell": "1", "session": "s9", "weight_g": 120.0}]  # something else lies there
    assert heard("weight/2", 50) == []


def test_tags_inside_tell_what_was_taken_and_put_in() -> None:
    heard = Heard()
    tag = lambda serial: f"urn:epc:id:sgtin:6901234.056789.{serial}"  # noqa: E731
    gtin = gtin_of(tag(1))
    assert heard("tags/1", {"epcs": [tag(1), tag(2)]}) == [{"kind": "stock", "cell": "1", "items": [{"gtin": gtin, "qty": 2}]}]
    assert heard("tags/1", {"epcs": [tag(2), tag(3)]}) == [
        {"kind": "pick", "cell": "1", "items": [{"gtin": gtin, "qty": 1}]},
        {"kind": "put", "cell": "1", "items": [{"gtin": gtin, "qty": 1}]},
    ]
    assert heard("tags/1", {"epcs": [tag(3), tag(2)]}) == []
    assert [one["kind"] for one in heard("tags/1", {"epcs": []})] == ["pick"]


def test_an_sgtin_is_the_gtin_of_the_standards_own_example() -> None:
    # GS1 EPC TDS 2.0: (01) 80614141123458 (21) 6789 is urn:epc:id:sgtin:0614141.812345.6789
    assert gtin_of("urn:epc:id:sgtin:0614141.812345.6789") == "80614141123458"
    for bad in ("urn:epc:id:sscc:0614141.1234567890", "urn:epc:id:sgtin:0614141.81234.1", "3034257BF7194E4000001A85"):
        with pytest.raises(BadMessage, match="no SGTIN"):
            gtin_of(bad)


def test_doors_locks_and_errors() -> None:
    heard = Heard()
    heard("event", {"kind": "opened", "seq": 1, "session": "s1", "cell": "3"})
    assert heard("door/3", "open") == [{"kind": "opened", "cell": "3", "session": "s1"}]
    assert heard("door/3", {"state": "closed"}) == [{"kind": "closed", "cell": "3", "session": "s1"}]
    status = heard("state", {"doors": {"1": "open", "2": "closed"}, "locks": {"1": "unlocked"}, "temperature_c": 4.5, "firmware": "7"})[0]
    assert (status["state"], status["firmware"]) == ("online", "7")
    assert status["metrics"] == {"doors_open": 1.0, "locks_unlocked": 1.0, "temperature_c": 4.5}
    fault = heard("state", {"error": "lock_stuck"})[0]
    assert (fault["state"], fault["code"], fault["text"]) == ("fault", "lock_stuck", "the controller reports lock_stuck")


def test_events_bear_the_controllers_time_and_number() -> None:
    driver = MqttCabinet("cab", CabinetConfig())
    told = {"kind": "timeout", "seq": 41, "time": "2026-03-02T18:00:00+08:00", "cell": "5", "id": "c1"}
    fact = next(iter(driver.heard(Message("cabinet/event", orjson.dumps(told)))))
    assert (fact.time, fact.key, fact.data["seq"], fact.data["cmd"]) == (NOW, "timeout|41", 41, "c1")


@pytest.mark.parametrize(
    ("place", "payload"),
    [
        ("event", {"kind": "melted", "seq": 1}),
        ("event", {"kind": "pick"}),
        ("event", {"kind": "pick", "seq": 1, "items": [{"gtin": "1"}]}),
        ("event", {"kind": "pick", "seq": 1, "time": "10:00"}),
        ("event", {"kind": "pick", "seq": 1, "weight_g": "heavy"}),
        ("door/1", "ajar"),
        ("weight/1", "heavy"),
        ("tags/1", {"epcs": 3}),
    ],
)
def test_what_makes_no_sense_is_told(place: str, payload: Any) -> None:
    with pytest.raises(BadMessage):
        Heard()(place, payload)


@pytest.fixture
def cabinet() -> Iterator[tuple[CabinetTwin, Rig]]:
    with CabinetTwin() as twin:
        rig = Rig(MqttCabinet("unit-1", MqttCabinet.Config(**twin.settings())))
        assert rig.wait_for(lambda: rig.state() == "online", 10)
        yield twin, rig
        rig.close(5.0)


def opening(**more: Any) -> dict[str, Any]:
    return {"cabinet": "unit-1", "session": "s1", "reason": "visit", "cell": "1", "cmd": "c1", **more}


def test_a_command_twice_opens_once_and_its_id_comes_back(cabinet: tuple[CabinetTwin, Rig]) -> None:
    twin, rig = cabinet
    for _ in range(2):
        rig.adapter.command("cabinet.open", opening(), NOW)
    assert list(twin.took()) == [{"cell": "1", "do": "open"}]
    assert rig.wait_for(lambda: any(one.data.get("cmd") == "c1" and one.data["kind"] == "opened" for one in rig.facts), 5)


@pytest.mark.parametrize(("fault", "code", "words"), [("busy", Code.BUSY, "未开启：busy"), ("fail", Code.FAILURE, "未开启：lock_stuck")])
def test_a_refusal_is_raised_in_words_and_can_be_tried_again(cabinet: tuple[CabinetTwin, Rig], fault: str, code: Code, words: str) -> None:
    twin, rig = cabinet
    twin.play(fault)
    with pytest.raises(DeviceError) as caught:
        rig.adapter.command("cabinet.open", opening(), NOW)
    assert (caught.value.code, caught.value.words["zh"]) == (code, words)
    twin.mend()
    rig.adapter.command("cabinet.open", opening(), NOW)
    assert len(twin.took()) == 1


def test_lockers_want_a_cell_and_vending_machines_vend() -> None:
    without = {key: value for key, value in opening().items() if key != "cell"}
    with pytest.raises(DeviceError, match="a cell must be named"):
        MqttLocker("l", MqttLocker.Config()).command("cabinet.open", without, NOW)
    with VendingTwin() as twin:
        driver = MqttVending("unit-1", MqttVending.Config(**twin.settings()))
        driver.command("cabinet.open", opening(), NOW)  # without `facts` it connects for the moment
        driver.close()
        assert list(twin.took()) == [{"cell": "1", "do": "vend"}]
