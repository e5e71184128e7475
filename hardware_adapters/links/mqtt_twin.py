"""For twins of devices behind a broker: the broker, a wire to it that goes wrong, and the device's own connection.

The broker is Eclipse Mosquitto where it is installed (MQTT 5.0 and 3.1.1), else amqtt in this process (MQTT 3.1.1 alone).
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import orjson

from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.links.wire_twin import WIRE_FAULTS, WireTwin

START_S = 10.0
FLOOD = 100
HERE_S = 0.4
STATUS = "store/driver"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def mosquitto() -> str | None:
    """The program's path where it is installed."""
    return shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


class Broker:
    """A broker on a free port of the loopback; `lines` are added to Mosquitto's settings. `restart` forgets sessions and what it kept."""

    def __init__(self, lines: Sequence[str] = (), builtin: bool = False) -> None:
        self.port = 0
        self._lines, self._program = lines, None if builtin else mosquitto()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._amqtt: _Amqtt | None = None

    def start(self) -> None:
        """Be there for connections. RuntimeError when it does not come up."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            self.port = self.port or free_port()
            self._launch()
            if self._answers():
                return
            self.stop()
            self.port = 0
        raise RuntimeError(f"no MQTT broker came up within {START_S:g} s")

    def _launch(self) -> None:
        if self._program is None:
            self._amqtt = _Amqtt(self.port)
            return
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="broker-")
        file = Path(self._folder.name) / "mosquitto.conf"
        own = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence false", "max_queued_messages 10000"]
        given = {line.split()[0] for line in self._lines}
        file.write_text(
            "\n".join([*(line for line in own if line.split()[0] not in given), *self._lines, ""]).replace("PORT", str(self.port))
        )
        self._process = subprocess.Popen(
            [self._program, "-c", str(file)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _answers(self) -> bool:
        until = time.monotonic() + START_S / 3
        while time.monotonic() < until and (self._process is None or self._process.poll() is None):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                return True
        return False

    def restart(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._amqtt is not None:
            self._amqtt.close()
            self._amqtt = None

    def close(self) -> None:
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


class _Amqtt:
    """amqtt's broker, in an event loop in a thread of its own."""

    def __init__(self, port: int) -> None:
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)  # both tell of each client that goes away
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)  # amqtt leaves a task to fail for each client that breaks off
        self._thread = threading.Thread(target=self._loop.run_forever, name="amqtt", daemon=True)
        self._thread.start()
        self._broker = asyncio.run_coroutine_threadsafe(self._start(port), self._loop).result(START_S)

    async def _start(self, port: int) -> Any:
        from amqtt.broker import Broker as AmqttBroker

        settings = {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        broker = AmqttBroker(settings)
        await broker.start()
        return broker

    def close(self) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self._broker.shutdown(), self._loop).result(START_S)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


class MqttTwin(WireTwin):
    """A device behind a broker. A subclass gives `listens`, `told`, `act` and what it adds to `faults` and to `settings`.

    `say` publishes as the device does, honouring `duplicate`, `stale`, `checksum` (a broken form) and `flood`; `odd`, `busy` and `fail` are
    the subclass's. All faults of the wire are played between driver and broker.
    """

    faults: ClassVar[tuple[str, ...]] = (*WIRE_FAULTS, "reboot", "duplicate", "stale", "checksum", "flood")
    at_once = 50
    builtin_broker: ClassVar[bool] = False

    def __init__(self) -> None:
        self._broker = Broker(builtin=self.builtin_broker)
        self._client: Any = None
        self._last: dict[str, bytes] = {}
        self._driver_here = threading.Event()
        self.lock = threading.RLock()

    @abstractmethod
    def listens(self) -> Sequence[str]:
        """Topic filters of the device's commands."""

    @abstractmethod
    def told(self, topic: str, payload: bytes) -> None:
        """A command came; called in the connection's thread."""

    def booted(self) -> None:
        """What the device does when it is up: called on each connection of its own."""

    def will(self) -> tuple[str, bytes] | None:
        """Topic and payload of the device's last will, which the broker keeps; None where it leaves none."""
        return None

    def serve(self) -> int:
        self._broker.start()
        return self._broker.port

    def start(self) -> None:
        super().start()
        self._connect()

    def _connect(self) -> None:
        from paho.mqtt.client import Client, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion

        ready = threading.Event()

        def connected(client: Client, *_: object) -> None:
            client.subscribe([(topic, 1) for topic in (*self.listens(), STATUS)])

        def subscribed(*_: object) -> None:
            ready.set()
            self.booted()

        client = self._client = Client(CallbackAPIVersion.VERSION2, client_id="twin", clean_session=False, protocol=MQTTv311)
        client.reconnect_delay_set(1, 1)
        will = self.will()
        if will is not None:
            client.will_set(*will, 1, retain=True)
        client.on_connect, client.on_subscribe = connected, subscribed
        client.on_message = lambda _, __, one: self._came(one.topic, bytes(one.payload))
        client.connect("127.0.0.1", self._broker.port, 30)
        client.loop_start()
        if not ready.wait(START_S):
            raise RuntimeError("the twin's device does not get through to its broker")

    def _came(self, topic: str, payload: bytes) -> None:
        if topic != STATUS:
            self.told(topic, payload)
        elif payload == b"online":
            self._driver_here.set()
        else:
            self._driver_here.clear()

    def await_driver(self) -> None:
        """Give a driver that is about to connect a moment, so that what is not kept by the broker reaches it."""
        self._driver_here.wait(HERE_S)

    def settings(self) -> Mapping[str, Any]:
        return {"address": f"mqtt://127.0.0.1:{self.port}", "keepalive_s": 1, "timeout_s": 0.5, "status_topic": STATUS}

    def say(self, topic: str, payload: Mapping[str, Any] | bytes | str, *, retain: bool = False) -> None:
        """Publish as the device does. A mapping goes as JSON."""
        given = orjson.dumps(payload) if isinstance(payload, Mapping) else payload.encode() if isinstance(payload, str) else payload
        before, self._last[topic] = self._last.get(topic), given
        if self.fault == "stale" and before is not None:
            self._client.publish(topic, before, 1, retain=retain)
        content = given[: len(given) // 2] if self.fault == "checksum" else given
        for _ in range({"duplicate": 2, "flood": FLOOD}.get(self.fault, 1)):
            self._client.publish(topic, content, 1, retain=retain)

    def reboot(self) -> None:
        with self.lock:
            self.forget()
        self._leave()
        self._broker.restart()
        self._connect()

    def forget(self) -> None:
        """Lose what the device held in memory."""

    def act(self, number: int) -> Sequence[Said]:
        return ()

    def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def shut(self) -> None:
        self._leave()
        self._broker.close()
