"""Cart screens behind a broker: shown by number, resumed after a restart of the screen, found away by their last will."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.cart.mqtt_cart import MqttCart
from storeloom.hardware_adapters.cart.mqtt_cart_twin import MqttCartTwin
from storeloom.hardware_adapters.links.errors import Code, DeviceError

SOON_S = 6.0


@pytest.fixture
def twin() -> Iterator[MqttCartTwin]:
    with MqttCartTwin() as one:
        yield one


@pytest.fixture
def rig(twin: MqttCartTwin) -> Iterator[Rig]:
    one = Rig(MqttCart("carts", MqttCart.Config(**twin.settings())))
    assert one.wait_for(lambda: state(one) == "online", SOON_S)
    yield one
    assert one.close(5.0)


def state(rig: Rig) -> str | None:
    told = [one.data for one in rig.facts if one.stream == "device.status" and one.data["device"] == "unit-1"]
    return told[-1]["state"] if told else None


def show(number: int, **more: Any) -> dict[str, Any]:
    return {"cart": "unit-1", "session": "s", "screen": f"offer-{number}", "cmd": f"c{number}", **more}


def test_a_command_is_carried_out_once_and_shown_again_to_a_screen_that_lost_it(rig: Rig, twin: MqttCartTwin) -> None:
    assert rig.send("cart.show", show(1), SOON_S) is None
    assert rig.send("cart.show", show(1), SOON_S) is None
    assert twin.took() == [{"cmd": "c1", "screen": "offer-1"}]
    twin.screen.forget()
    twin.booted()
    assert rig.wait_for(lambda: twin.screen.last == 1, SOON_S), "the screen has it again"
    assert twin.took() == [{"cmd": "c1", "screen": "offer-1"}]


def test_a_screen_that_cannot_says_why(rig: Rig, twin: MqttCartTwin) -> None:
    twin.play("fail")
    raised = rig.send("cart.show", show(1), SOON_S)
    assert isinstance(raised, DeviceError) and raised.words["en"] == "screen unit-1 cannot show it: no room"
    twin.mend()
    assert rig.send("cart.show", show(1), SOON_S) is None


def test_a_screen_that_died_is_found_by_its_last_will(rig: Rig, twin: MqttCartTwin) -> None:
    twin._client.socket().shutdown(2)
    assert rig.wait_for(lambda: any(one.data.get("code") == "offline" for one in rig.facts), SOON_S)
    twin.say(twin.topic("state"), {"state": "offline"}, retain=True)
    time.sleep(0.1)
    unknown = rig.send("cart.show", {**show(2), "cart": "unit-9"}, SOON_S)
    assert isinstance(unknown, DeviceError) and unknown.code == Code.OFFLINE


def test_an_event_keeps_its_number_and_time(rig: Rig, twin: MqttCartTwin) -> None:
    twin.play("duplicate")
    twin.act(3)
    assert rig.wait_for(lambda: sum(one.stream == "cart.event" for one in rig.facts) == 2, SOON_S)
    first, second = (one for one in rig.facts if one.stream == "cart.event")
    assert (first.key, first.time) == (second.key, second.time) == ("unit-1|boot-0|1", first.time)
    assert first.data["weight_g"] == 253.0
