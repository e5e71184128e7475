"""What is under way to a gateway's labels: order, cap, retries of only what failed, the newest image, answers told once."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from storeloom.core.bench.adapters_labels import measure
from storeloom.core.kernel import schemas
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.esl_gateway.labels import LabelBook, LabelSettings, Update
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.mqtt_twin import mosquitto

pytest.importorskip("PIL", reason="Pillow is not installed")
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Gateway:
    def __init__(self, **settings: Any) -> None:
        self.sent: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.refuses = False
        self.book = LabelBook("gw", LabelSettings(**{"ack_s": 0.05, "tries": 3, "currency_sign": "", **settings}), self._send)

    def _send(self, update: Update) -> None:
        if self.refuses:
            raise DeviceError(Code.OFFLINE, "away", "离线")
        self.sent.append((update.label, update.version))
        self.bodies.append(update.body)

    def give(self, label: str, version: str, wait_s: float = 0.05, **more: Any) -> list[Fact]:
        data = {"label": label, "version": version, "template": "standard", "fields": {"price": 990}, "cmd": f"{label}{version}", **more}
        return self.book.command(data, NOW, wait_s)

    def ack(self, label: str, version: str, state: str = "shown", **more: Any) -> list[dict[str, Any]]:
        told = {"label": label, "id": f"{label}{version}", "version": version, "state": state, **more}
        return self.fits(list(self.book.answer(told, NOW)))

    def overdue(self) -> list[dict[str, Any]]:
        time.sleep(0.06)
        return self.fits(list(self.book.overdue(NOW)))

    @staticmethod
    def fits(facts: list[Fact]) -> list[dict[str, Any]]:
        assert [schemas.first_error(schemas.stream_file(one.stream), one.data) for one in facts] == [None] * len(facts)
        return [one.data for one in facts]


def test_only_what_is_not_answered_is_sent_again() -> None:
    gateway = Gateway()
    for label in "abc":
        gateway.give(label, "1")
    gateway.ack("a", "1")
    gateway.ack("c", "1")
    assert gateway.overdue() == []
    assert gateway.sent == [("a", "1"), ("b", "1"), ("c", "1"), ("b", "1")]
    gateway.ack("b", "1")
    assert gateway.overdue() == [] and len(gateway.sent) == 4 and gateway.book.open == 0


def test_a_label_is_given_up_after_its_tries_and_told_offline() -> None:
    gateway = Gateway(tries=2)
    gateway.give("a", "1")
    assert gateway.overdue() == []
    status, ack = gateway.overdue()
    assert (status["device"], status["state"], status["code"]) == ("a", "offline", "offline")
    assert ack == {"label": "a", "version": "1", "state": "offline", "cmd": "a1"}
    assert gateway.sent == [("a", "1")] * 2 and gateway.book.open == 0


def test_a_label_that_fails_is_tried_again_sooner_and_told_failed_at_last() -> None:
    gateway = Gateway(tries=2)
    gateway.give("a", "1")
    gateway.ack("a", "1", "failed", code="radio")
    assert gateway.overdue() == [] and len(gateway.sent) == 2
    assert gateway.ack("a", "1", "failed", code="radio") == [
        {"label": "a", "version": "1", "state": "failed", "cmd": "a1", "code": "radio"}
    ]


def test_the_newest_image_takes_the_place_of_one_that_waits() -> None:
    gateway = Gateway()
    gateway.give("a", "1")
    gateway.give("a", "2")
    gateway.overdue()
    gateway.overdue()
    assert gateway.sent == [("a", "1"), ("a", "2"), ("a", "2"), ("a", "2")]
    assert gateway.ack("a", "1")[-1]["version"] == "1"
    assert gateway.book.open == 1
    gateway.ack("a", "2")
    assert gateway.book.open == 0


def test_at_most_so_many_are_under_way() -> None:
    gateway = Gateway(in_flight=2)
    gateway.give("a", "1")
    gateway.give("b", "1")
    with pytest.raises(DeviceError) as caught:
        gateway.give("c", "1")
    assert caught.value.code is Code.BUSY and caught.value.words["zh"] == "已有 2 个价签正在更新"
    gateway.give("a", "2")
    threading.Timer(0.05, gateway.ack, ("b", "1")).start()
    gateway.give("c", "1", wait_s=5.0)
    assert gateway.sent[-1] == ("c", "1")


def test_a_command_that_comes_again_has_no_second_effect() -> None:
    gateway = Gateway()
    gateway.give("a", "1")
    assert gateway.give("a", "1") == [] and len(gateway.sent) == 1
    ack = gateway.ack("a", "1", hash="beef")[-1]
    assert [one.data for one in gateway.give("a", "1")] == [ack] and len(gateway.sent) == 1
    assert gateway.ack("a", "1", hash="beef") == []


def test_what_the_gateway_does_not_take_is_not_under_way() -> None:
    gateway = Gateway()
    gateway.refuses = True
    with pytest.raises(DeviceError, match="away"):
        gateway.give("a", "1")
    assert gateway.book.open == 0
    gateway.refuses = False
    gateway.give("a", "1")
    assert gateway.sent == [("a", "1")]


def test_battery_radio_and_firmware_become_the_labels_status_once() -> None:
    gateway = Gateway()
    gateway.give("a", "1")
    status, ack = gateway.ack("a", "1", battery_pct=9, rssi_dbm=-70, firmware="2.4")
    assert (status["state"], status["code"], status["firmware"]) == ("degraded", "battery_low", "2.4")
    assert status["metrics"] == {"battery_pct": 9.0, "rssi_dbm": -70.0}
    assert (ack["battery_pct"], ack["rssi_dbm"], ack["cmd"]) == (9.0, -70.0, "a1")
    gateway.give("a", "2")
    assert [one.get("state") for one in gateway.ack("a", "2", battery_pct=9, rssi_dbm=-60, firmware="2.4")] == ["shown"]
    gateway.give("a", "3")
    assert [one["state"] for one in gateway.ack("a", "3", battery_pct=90, firmware="2.5")] == ["online", "shown"]


def test_kinds_of_labels_and_a_flash_without_a_picture() -> None:
    types = [{"labels": "S-*", "width_px": 152, "height_px": 152, "colours": "bw"}, {"labels": "L-*"}]
    gateway = Gateway(types=types)
    gateway.give("S-1", "1")
    gateway.give("L-1", "1")
    assert [(one["width"], one["height"], list(one["planes"])) for one in gateway.bodies] == [
        (152, 152, ["black"]),
        (296, 128, ["black", "red"]),
    ]
    with pytest.raises(DeviceError, match="no kind of label is set for X-1"):
        gateway.give("X-1", "1")
    gateway.give("L-1", "2", fields={}, flash="green")
    assert gateway.bodies[-1] == {"id": "L-12", "version": "2", "flash": "green"}


@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
def test_labels_come_right_through_a_gateway_that_loses_some() -> None:
    right, messages, _ = measure(300, ack_s=1.0)
    assert right.value == 1.0
    assert messages.value < 1.5
