"""The driver beside its twin, and beside a vehicle that no one here wrote (vda5050-sdk over a broker)."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.mqtt_twin import Broker
from storeloom.hardware_adapters.robot.vda5050 import Vda5050
from storeloom.hardware_adapters.robot.vda5050_twin import BASE, Vda5050Twin

SOON_S = 20.0


@pytest.fixture
def twin() -> Iterator[Vda5050Twin]:
    with Vda5050Twin() as one:
        yield one


@pytest.fixture
def rig(twin: Vda5050Twin) -> Iterator[Rig]:
    one = Rig(Vda5050("unit-1", Vda5050.Config(**twin.settings())))
    until(lambda: one.state() == "online")
    yield one
    assert one.close(5.0)


def until(look: Callable[[], Any]) -> None:
    end = time.monotonic() + SOON_S
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)


def go(order: str, *nodes: tuple[str, float], update: int = 0, **more: Any) -> dict[str, Any]:
    return {"robot": "unit-1", "order": order, "update": update, "nodes": [{"node": name, "x": x, "y": 0.0} for name, x in nodes], **more}


def observed(rig: Rig) -> list[dict[str, Any]]:
    return [one.data for one in rig.facts if one.stream == "robot.observation"]


def refused(rig: Rig, data: dict[str, Any]) -> DeviceError:
    raised = rig.send("robot.go", data, 5.0)
    assert isinstance(raised, DeviceError), raised
    return raised


def test_it_drives_an_order_to_its_end_and_tells_where_it_is(rig: Rig, twin: Vda5050Twin) -> None:
    assert rig.send("robot.go", go("o1", ("a", 0.0), ("b", 0.4), ("c", 0.8), cmd="c1"), 5.0) is None
    until(lambda: observed(rig)[-1]["values"]["last_node"] == "c")
    last = observed(rig)[-1]
    assert (last["order"], last["x"], last["values"]["nodes_left"], last["values"]["driving"]) == ("o1", 0.8, 0, False)
    assert [one["cmd"] for one in (fact.data for fact in rig.facts) if "cmd" in one] == ["c1"]
    assert rig.send("robot.go", go("o1", ("a", 0.0), ("b", 0.4), ("c", 0.8), cmd="c1"), 5.0) is None
    assert twin.took() == [{"order": "o1", "update": 0}] and twin.wrong == []


def test_the_horizon_waits_until_an_update_releases_it(rig: Rig, twin: Vda5050Twin) -> None:
    order = go("o1", ("a", 0.0), ("b", 0.4), ("c", 0.8))
    order["nodes"][2]["released"] = False
    assert rig.send("robot.go", order, 5.0) is None
    until(lambda: observed(rig)[-1]["values"]["last_node"] == "b")
    assert observed(rig)[-1]["values"]["nodes_left"] == 1
    busy = refused(rig, go("o2", ("b", 0.4)))
    assert (busy.code, busy.words["en"]) == (Code.BUSY, "the robot is still at order o1")
    assert rig.send("robot.go", go("o1", ("b", 0.4), ("c", 0.8), update=1), 5.0) is None
    until(lambda: observed(rig)[-1]["values"]["last_node"] == "c")
    assert observed(rig)[-1]["values"]["update"] == 1 and twin.wrong == []


def test_a_refusal_is_told_in_the_robots_words_and_its_state_is_degraded(rig: Rig) -> None:
    error = refused(rig, go("o1", ("far", 50.0)))
    assert error.code == Code.FAILURE
    assert error.words["en"] == "unit-1 refuses it: noRouteError: node far is not where the robot stands"
    until(lambda: rig.state() == "degraded")
    assert rig.send("robot.go", go("o1", ("a", 0.0)), 5.0) is None
    until(lambda: rig.state() == "online")


def test_it_pauses_goes_on_and_cancels(rig: Rig, twin: Vda5050Twin) -> None:
    assert rig.send("robot.go", go("p", update=0, pause=True, cmd="p1"), 5.0) is None
    assert rig.send("robot.go", go("o1", ("a", 0.0), ("b", 0.4)), 5.0) is None
    time.sleep(0.2)
    assert observed(rig)[-1]["values"]["nodes_left"] == 2 and observed(rig)[-1]["values"]["paused"]
    assert rig.send("robot.go", go("o1", cancel=True, cmd="x"), 5.0) is None
    assert rig.send("robot.go", go("o1", cancel=True, cmd="x"), 5.0) is None
    assert rig.send("robot.go", go("p", update=0, pause=False, cmd="p2"), 5.0) is None
    assert twin.took() == [{"pause": True}, {"order": "o1", "update": 0}, {"cancel": "o1"}, {"pause": False}]


def test_it_takes_no_orders_by_hand_and_none_while_it_is_away(rig: Rig, twin: Vda5050Twin) -> None:
    twin.mode = "MANUAL"
    twin.tell()
    until(lambda: rig.state() == "degraded")
    assert refused(rig, go("o1", ("a", 0.0))).words["zh"] == "机器人处于 manual 模式，不接受订单"
    twin.say(f"{BASE}/connection", twin._message("connection", {"connectionState": "CONNECTIONBROKEN"}), retain=True)
    until(lambda: rig.state() == "offline")
    away = refused(rig, go("o1", ("a", 0.0)))
    assert (away.code, away.words["en"]) == (Code.OFFLINE, "the robot lost its connection")


def test_a_message_against_the_schema_is_told(rig: Rig, twin: Vda5050Twin) -> None:
    twin.say(f"{BASE}/state", twin._message("state", {"orderId": 7}))
    until(lambda: any(one.data.get("code") == "bad_message" for one in rig.facts if one.stream == "device.status"))
    status = next(one.data for one in rig.facts if one.data.get("code") == "bad_message")
    assert status["state"] == "degraded" and "not as VDA 5050 has it" in status["text"]


def test_a_robot_that_died_is_found_by_its_last_will(rig: Rig, twin: Vda5050Twin) -> None:
    line = twin._client.socket()
    line.shutdown(2)
    until(lambda: any(one.data.get("code") == "connection_broken" for one in rig.facts if one.stream == "device.status"))
    until(lambda: rig.state() == "online")


def test_a_search_of_the_broker_finds_robots(twin: Vda5050Twin) -> None:
    found = list(Vda5050.discover(f"mqtt://127.0.0.1:{twin.port}", 0.5))
    assert [(one.settings["manufacturer"], one.settings["serial_number"]) for one in found] == [("acme", "agv-7")]
    with pytest.raises(ValueError, match="a broker is wanted"):
        list(Vda5050.discover("10.0.0.0/28", 0.1))


class Vehicle:
    """A vehicle of vda5050-sdk, in an event loop of its own; what comes for it is checked against the published schemas."""

    def __init__(self, port: int) -> None:
        from vda5050.client.agv.client import VehicleClient
        from vda5050.client.agv.executor import OrderExecutor
        from vda5050.config import VehicleConfig

        config = VehicleConfig(
            broker_url=f"mqtt://127.0.0.1:{port}",
            manufacturer="gitee",
            serial_number="unit-1",
            protocol_version="2.0.0",
            state_interval=0.3,
            validate_messages=True,
        )
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.client = VehicleClient(config)
        self.orders: list[Any] = []

        async def drive(order: Any) -> None:
            self.orders.append(order)
            await OrderExecutor(self.client.publisher, node_delay=0.05).run(order)

        self.client.on_order(drive)

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def start(self) -> None:
        from vda5050.model.state import BatteryState

        async def begin() -> None:
            await self.client.connect()
            self.client.publisher.update_position(x=0.0, y=0.0, theta=0.0, map_id="map")
            self.client.publisher.set_battery(BatteryState(battery_charge=77.0, charging=False))
            await self.client.publish_state()

        self.call(begin())

    def close(self) -> None:
        self.call(self.client.disconnect())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def test_a_vehicle_that_no_one_here_wrote_takes_its_orders() -> None:
    pytest.importorskip("vda5050", reason="vda5050-sdk is absent")
    pytest.importorskip("aiomqtt", reason="aiomqtt is absent")
    broker = Broker()
    broker.start()
    vehicle = Vehicle(broker.port)
    rig = Rig(Vda5050("unit-1", Vda5050.Config(address=f"mqtt://127.0.0.1:{broker.port}", accept_s=4.0)))
    try:
        vehicle.start()
        until(lambda: rig.state() == "online")
        until(lambda: observed(rig) and observed(rig)[-1]["battery_pct"] == 77.0)
        assert rig.send("robot.go", go("o1", ("a", 0.0), ("b", 1.0), cmd="c1"), 6.0) is None
        until(lambda: observed(rig)[-1]["values"]["last_node"] == "b")
        assert [(one.order_id, [node.node_id for node in one.nodes]) for one in vehicle.orders] == [("o1", ["a", "b"])]
        error = refused(rig, go("o2", ("far", 90.0)))
        assert error.code == Code.FAILURE and "orderError" in error.words["en"]
        assert orjson.dumps(observed(rig)[-1])
    finally:
        assert rig.close(5.0)
        vehicle.close()
        broker.close()
