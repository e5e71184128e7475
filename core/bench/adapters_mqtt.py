"""Part of area `adapters`: MQTT messages through a driver into the store's log, beside the bare client.

Both drain sessions in which the broker has kept the same messages, so that nothing but the reader's own pace counts. The bare client
acknowledges as it reads and does nothing else; the driver's messages are put into the stream's form, taken in by the store's queue, checked
against the stream's schema, made durable, and only then acknowledged.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson

from storeloom.core.bench.harness import Result
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.runtime.inputs import Inputs
from storeloom.core.runtime.intake import Bounds, Feeder, Intake, bounds, policies
from storeloom.core.runtime.live import BATCH
from storeloom.core.runtime.log import StoreLog
from storeloom.hardware_adapters.links.mqtt_twin import Broker, mosquitto
from storeloom.hardware_adapters.sensor.mqtt_sensor import MqttSensor

MESSAGES, ROUNDS, SENSORS = 5_000, 7, 40
LIMIT_S, STREAM = 120.0, "sensor.reading"
KEEPS = ("max_queued_messages 0",)
Reader = Callable[[int, int], float]


def measure(messages: int = MESSAGES, rounds: int = ROUNDS) -> list[Result]:
    """Messages a second through a driver to its stream as a ratio of the bare client's, and both rates. InputFault without Mosquitto."""
    if mosquitto() is None:
        reason = {"en": "the broker Mosquitto is not installed", "zh": "未安装消息服务器 Mosquitto"}
        raise InputFault(
            Finding("SL-INP-01", {"file": "mosquitto", "reason": reason, "remedy": "Install the system's package 'mosquitto'."})
        )
    seconds: dict[Reader, list[float]] = {_bare: [], _ours: []}
    with _broker() as port:
        for reader in seconds:
            reader(port, 0)
        for number in range(rounds):
            _publish(port, messages)
            for reader in list(seconds)[:: -1 if number % 2 else 1]:
                seconds[reader].append(reader(port, messages))
    bare_s, ours_s = seconds[_bare], seconds[_ours]
    ratio = statistics.median(bare / ours for bare, ours in zip(bare_s, ours_s, strict=True))
    against = f"paho client alone, QoS 1, {messages} messages kept by Mosquitto; acknowledged once durable"
    return [
        Result("mqtt_against_bare", ratio, "ratio", ">= 0.6", against, rounds),
        Result("mqtt_through", messages / statistics.median(ours_s), "messages/s", "", "MQTT sensor driver to the store's log", rounds),
        Result("mqtt_bare", messages / statistics.median(bare_s), "messages/s", "", "paho client alone", rounds),
    ]


@contextmanager
def _broker() -> Iterator[int]:
    broker = Broker(KEEPS)
    broker.start()
    try:
        yield broker.port
    finally:
        broker.close()


def _publish(port: int, messages: int) -> None:
    """Readings of some sensors, as Zigbee2MQTT sends them."""
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        sent = None
        for number in range(messages):
            document = {"temperature": 4.0 + number % 100 / 100, "battery": 87, "linkquality": 120, "number": number}
            sent = client.publish(f"zigbee2mqtt/probe-{number % SENSORS}", orjson.dumps(document), 1)
            if number % 1000 == 999:
                sent.wait_for_publish(LIMIT_S)
        if sent is not None:
            sent.wait_for_publish(LIMIT_S)
    finally:
        client.disconnect()
        client.loop_stop()


def _bare(port: int, messages: int) -> float:
    """Seconds in which the client alone reads so many."""
    from paho.mqtt.client import Client, MQTTv5
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    ready, done, count = threading.Event(), threading.Event(), 0

    def came(*_: object) -> None:
        nonlocal count
        count += 1
        if count == messages:
            done.set()

    client = Client(CallbackAPIVersion.VERSION2, client_id="bare", protocol=MQTTv5)
    client.on_message = came
    client.on_connect = lambda one, *_: one.subscribe("zigbee2mqtt/+", 1)
    client.on_subscribe = lambda *_: ready.set()
    began = time.perf_counter()
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)
    client.loop_start()
    try:
        if not (ready.wait(LIMIT_S) and (messages == 0 or done.wait(LIMIT_S))):
            raise RuntimeError(f"the messages did not come through within {LIMIT_S:g} s")
        return time.perf_counter() - began
    finally:
        client.disconnect()
        client.loop_stop()


def _ours(port: int, messages: int) -> float:
    """Seconds from the start of the driver until the log has so many of its facts."""
    driver = MqttSensor("gateway", MqttSensor.Config(address=f"mqtt://127.0.0.1:{port}"))
    with tempfile.TemporaryDirectory() as folder:
        log = StoreLog(Path(folder) / "store.db", store="bench")
        intake = Intake(policies({}), lambda: datetime.now(UTC))
        feeder = Feeder(driver, intake)
        within, inputs, found = bounds({}), Inputs(), 0
        began = time.perf_counter()
        feeder.start()
        try:
            until = time.monotonic() + LIMIT_S
            while found < messages or driver.watch.standing is None:
                found += store_once(intake, log, inputs, within)
                if time.monotonic() > until:
                    raise RuntimeError(f"the messages did not come through within {LIMIT_S:g} s")
            seconds = time.perf_counter() - began
        finally:
            feeder.stop(10.0)
            intake.close()
            log.close()
    return seconds


def store_once(intake: Intake, log: StoreLog, inputs: Inputs, within: dict[str, Bounds]) -> int:
    """Once round of a store's loop, as far as the log; the readings among it."""
    arrivals = intake.take(BATCH, 0.1)
    events = [intake.admit(arrival, "bench", within[arrival.stream]) for arrival in arrivals]
    taken = [(arrival, event) for arrival, event in zip(arrivals, events, strict=True) if event is not None]
    for _, event in taken:
        inputs.check(event)
    intake.settle([arrival for arrival, _ in taken], log.accept([event for _, event in taken]))
    return sum(event.stream == STREAM for _, event in taken)
