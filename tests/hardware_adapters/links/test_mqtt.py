"""MQTT for drivers: bytes on the wire against the standard, acknowledgement after storing, sessions, wills, logins, TLS."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message, MqttConfig, MqttDriver, matches
from storeloom.hardware_adapters.links.mqtt_twin import Broker, mosquitto
from storeloom.hardware_adapters.links.wire_twin import Wire

needs_mosquitto = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")


class Probe(MqttDriver):
    kind = "sensor"
    zh = en = "probe"

    def topics(self) -> Mapping[str, int]:
        return {"a/+": 1}

    def heard(self, message: Message) -> Iterator[Fact]:
        yield Fact(self.now(), "probe", self.device, {"text": message.text()}, key=message.key())


def probe(port: int, secrets: Mapping[str, str] | None = None, **settings: Any) -> Probe:
    driver = Probe("p1", MqttConfig(**{"address": f"mqtt://127.0.0.1:{port}", "timeout_s": 2.0, **settings}))
    driver.context = AdapterContext(secrets=secrets or {})
    return driver


def texts(rig: Rig) -> list[str]:
    return [one.data["text"] for one in rig.facts if one.stream == "probe"]


class Peer:
    """A broker's side by hand: reads packets as bytes, and sends what it is told."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(5.0)
        self.port = int(self._listener.getsockname()[1])

    def accept(self) -> None:
        self.line, _ = self._listener.accept()
        self.line.settimeout(5.0)

    def packet(self) -> bytes:
        head = self._take(2)
        return head + self._take(head[1])

    def _take(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            more = self.line.recv(count - len(got))
            assert more, "the driver closed the connection"
            got += more
        return got

    def close(self) -> None:
        self.line.close()
        self._listener.close()


def answered(peer: Peer, version: int) -> tuple[bytes, bytes]:
    """Take CONNECT and SUBSCRIBE and agree to both."""
    peer.accept()
    connect = peer.packet()
    peer.line.sendall(b"\x20\x03\x00\x00\x00" if version == 5 else b"\x20\x02\x00\x00")
    subscribe = peer.packet()
    peer.line.sendall(b"\x90\x04" + subscribe[2:4] + b"\x00\x01" if version == 5 else b"\x90\x03" + subscribe[2:4] + b"\x01")
    return connect, subscribe


def test_connect_and_subscribe_as_mqtt_5_has_them() -> None:
    peer = Peer()
    driver = probe(peer.port, keepalive_s=60, session_h=1.0, client_id="c")
    rig = Rig(driver)
    connect, subscribe = answered(peer, 5)
    # MQTT 5.0, 3.1: name, version 5, no clean start (flags 0), keep alive 60; session expiry 3600 s (0x11), receive maximum 1000 (0x21)
    assert connect == b"\x10\x16" + b"\x00\x04MQTT" + b"\x05\x00\x00\x3c" + b"\x08\x11\x00\x00\x0e\x10\x21\x03\xe8" + b"\x00\x01c"
    # 3.8: packet id, no properties, filter, options (QoS 1)
    assert subscribe[:2] + subscribe[4:] == b"\x82\x09" + b"\x00" + b"\x00\x03a/+" + b"\x01"
    assert rig.wait_for(lambda: rig.state() == "online", 5)
    threading.Thread(target=rig.close, args=(5.0,)).start()
    assert peer.packet() == b"\xe0\x00"  # 3.14: DISCONNECT, normal
    peer.close()


def test_a_broker_that_closes_on_version_5_is_spoken_to_in_3_1_1() -> None:
    peer = Peer()
    rig = Rig(probe(peer.port, client_id="c", keepalive_s=60))
    peer.accept()
    assert peer.packet()[8] == 5
    peer.line.close()
    connect, subscribe = answered(peer, 4)
    # MQTT 3.1.1, 3.1: level 4, no clean session
    assert connect == b"\x10\x0d" + b"\x00\x04MQTT" + b"\x04\x00\x00\x3c" + b"\x00\x01c"
    assert subscribe[:2] + subscribe[4:] == b"\x82\x08" + b"\x00\x03a/+" + b"\x01"
    rig.close(5.0)
    peer.close()


def test_a_message_is_acknowledged_only_once_it_is_stored() -> None:
    class Slow:
        stored: bool | None = None

        def wait(self, timeout_s: float | None = None) -> bool | None:
            return self.stored

    peer, receipt = Peer(), Slow()
    driver = probe(peer.port, keepalive_s=60, protocol="3.1.1")
    facts = driver.facts()
    came: list[Fact] = []

    def run() -> None:
        given: Slow | None = None
        while True:
            try:
                fact = facts.send(given)
            except StopIteration:
                return
            came.append(fact)
            given = receipt if fact.stream == "probe" else None

    thread = threading.Thread(target=run)
    thread.start()
    answered(peer, 4)
    peer.line.sendall(b"\x32\x09\x00\x03a/b\x00\x07hi")  # PUBLISH, QoS 1, packet 7
    until = time.monotonic() + 5
    while not any(one.stream == "probe" for one in came) and time.monotonic() < until:
        time.sleep(0.01)
    peer.line.settimeout(0.3)
    with pytest.raises(TimeoutError):
        peer.packet()
    receipt.stored = True
    peer.line.settimeout(5.0)
    assert peer.packet() == b"\x40\x02\x00\x07"  # PUBACK of packet 7
    driver.close()
    thread.join(5)
    peer.close()


def test_what_is_no_mqtt_ends_the_connection_and_no_more() -> None:
    peer = Peer()
    rig = Rig(probe(peer.port))
    answered(peer, 5)
    assert rig.wait_for(lambda: rig.state() == "online", 5)
    peer.line.sendall(b"\x32\x05\x00\xff\x00\x00\x00")  # a topic longer than its packet
    assert rig.wait_for(lambda: rig.state() == "offline", 5)
    answered(peer, 5)
    assert rig.wait_for(lambda: rig.state() == "online", 5)
    assert rig.faults == []
    rig.close(5.0)
    peer.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    one = Broker()
    one.start()
    yield one
    one.close()


@needs_mosquitto
def test_messages_that_came_while_the_driver_was_away_come_later(broker: Broker) -> None:
    rig = Rig(probe(broker.port))
    assert rig.wait_for(lambda: rig.state() == "online", 5)
    rig.close(5.0)
    other = probe(broker.port, client_id="other")
    other.publish("a/b", "meanwhile")
    other.close()
    again = Rig(probe(broker.port))
    assert again.wait_for(lambda: texts(again) == ["meanwhile"], 5)
    again.close(5.0)


@needs_mosquitto
def test_a_message_that_was_not_stored_comes_again(broker: Broker) -> None:
    class Never:
        def wait(self, timeout_s: float | None = None) -> None:
            return None

    driver = probe(broker.port)
    facts = driver.facts()
    assert next(facts).data["state"] == "online"
    driver_link = threading.Thread(target=lambda: probe(broker.port, client_id="other").publish("a/b", "once"))
    driver_link.start()
    assert next(facts).data["text"] == "once"
    driver_link.join(5)
    driver.close()
    with pytest.raises(StopIteration):
        facts.send(Never())
    again = Rig(probe(broker.port))
    assert again.wait_for(lambda: texts(again) == ["once"], 5)
    again.close(5.0)


@needs_mosquitto
def test_the_will_tells_that_a_driver_was_lost(broker: Broker) -> None:
    class Watcher(Probe):
        def topics(self) -> Mapping[str, int]:
            return {"status/p1": 1}

    wire = Wire(broker.port)
    rig = Rig(probe(wire.port, status_topic="status/p1", client_id="p1"))
    watch = Rig(Watcher("w", MqttConfig(address=f"mqtt://127.0.0.1:{broker.port}")))
    assert watch.wait_for(lambda: texts(watch)[-1:] == ["online"], 5)
    wire.play("refuse")
    assert watch.wait_for(lambda: texts(watch)[-1:] == ["offline"], 5)
    wire.play("")
    assert watch.wait_for(lambda: texts(watch)[-1:] == ["online"], 10)
    rig.close(5.0)
    assert watch.wait_for(lambda: texts(watch)[-1:] == ["offline"], 5)
    watch.close(5.0)
    wire.close()


@needs_mosquitto
def test_login_by_secret_and_its_refusal_in_words(tmp_path: Path) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(tmp_path / "users"), "shop", "s3cret"], check=True)
    (tmp_path / "acl").write_text("user shop\ntopic read other/#\n")
    for file in tmp_path.iterdir():
        file.chmod(0o644)
    tmp_path.chmod(0o755)
    broker = Broker(("allow_anonymous false", f"password_file {tmp_path}/users", "user root"))
    broker.start()
    try:
        assert probe(broker.port, {"pw": "s3cret"}, user="shop", password="pw").check_health().ok
        health = probe(broker.port, {"pw": "wr0ng"}, user="shop", password="pw").check_health()
        assert not health.ok
        assert health.words["en"] == f"mqtt://127.0.0.1:{broker.port} refuses user, password or certificate"
        assert health.words["zh"] == f"mqtt://127.0.0.1:{broker.port} 拒绝该用户名、密码或证书"
        old = probe(broker.port, {"pw": "wr0ng"}, user="shop", password="pw", protocol="3.1.1").check_health()
        assert old.words == health.words
        with pytest.raises(LookupError, match="the store has no secret 'pw'"):
            probe(broker.port, {}, user="shop", password="pw").check_health()
    finally:
        broker.close()


def certificates(folder: Path) -> None:
    """An authority, a broker's certificate for 127.0.0.1, and a client's."""
    run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)  # noqa: E731
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.crt")
    for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        (folder / f"{name}.ext").write_text(extension)
        run("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650", "-extfile", f"{name}.ext")
        run("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed)


@needs_mosquitto
def test_tls_with_an_authority_and_a_client_certificate(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificates(tmp_path)
    tls = [f"cafile {tmp_path}/ca.crt", f"certfile {tmp_path}/server.crt", f"keyfile {tmp_path}/server.key", "require_certificate true"]
    broker = Broker((*tls, "user root"))
    broker.start()
    try:
        ours: dict[str, Any] = {"ca_file": f"{tmp_path}/ca.crt", "address": f"mqtts://127.0.0.1:{broker.port}"}
        certificate = {"certificate_file": f"{tmp_path}/client.crt", "key_file": f"{tmp_path}/client.key"}
        assert probe(broker.port, **ours, **certificate).check_health().ok
        assert not probe(broker.port, **ours).check_health().ok
        stranger = probe(broker.port, address=ours["address"], **certificate).check_health()
        assert "agree on no TLS" in stranger.words["en"] and stranger.facts["code"] == "failure"
        missing = probe(broker.port, address=ours["address"], ca_file="/none/ca.crt").check_health()
        assert missing.words["en"] == "there is no /none/ca.crt"
    finally:
        broker.close()


@needs_mosquitto
def test_a_refused_subscription_and_a_refused_message_are_told(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic read other/#\n")
    tmp_path.chmod(0o755)
    broker = Broker((f"acl_file {tmp_path}/acl", "user root"))
    broker.start()
    try:
        driver = probe(broker.port)
        driver.topics = dict  # type: ignore[method-assign,assignment]
        with pytest.raises(DeviceError) as caught:
            driver.publish("a/b", "x")
        assert caught.value.code is Code.FAILURE
        assert caught.value.words["en"] == "the broker refuses a/b (MQTT code 0x87)"
    finally:
        broker.close()


@needs_mosquitto
def test_a_device_is_offline_while_it_says_so(broker: Broker) -> None:
    rig = Rig(probe(broker.port, availability_topic="gw/state"))
    assert rig.wait_for(lambda: rig.state() == "online", 5)
    rig.adapter.publish("gw/state", "offline", retain=True)  # type: ignore[attr-defined]
    assert rig.wait_for(lambda: rig.state() == "offline", 5)
    assert rig.facts[-1].data["text"] == "the device says that it is away"
    rig.adapter.publish("gw/state", '{"state": "online"}', retain=True)  # type: ignore[attr-defined]
    assert rig.wait_for(lambda: rig.state() == "online", 5)
    rig.adapter.publish("gw/state", "perhaps")  # type: ignore[attr-defined]
    assert rig.wait_for(lambda: rig.state() == "degraded", 5)
    rig.close(5.0)


@needs_mosquitto
def test_a_drivers_own_fault_is_raised_where_its_facts_are_taken(broker: Broker) -> None:
    class Broken(Probe):
        def heard(self, message: Message) -> Iterator[Fact]:
            raise ZeroDivisionError("its own")

    rig = Rig(Broken("p1", MqttConfig(address=f"mqtt://127.0.0.1:{broker.port}")))
    assert rig.wait_for(lambda: rig.state() == "online", 5)
    probe(broker.port, client_id="other").publish("a/b", "x")
    assert rig.wait_for(lambda: bool(rig.faults), 5)
    assert isinstance(rig.faults[0], ZeroDivisionError)
    rig.close(5.0)


def test_messages_that_make_no_sense_and_topics() -> None:
    for payload, words in ((b"{", "no JSON"), (b"[1]", "a JSON object is wanted")):
        with pytest.raises(BadMessage, match=words):
            Message("a/b", payload).json_object()
    with pytest.raises(BadMessage, match="no text in utf-8"):
        Message("a/b", b"\xc4\xe3").text()
    assert Message("a/b", "你".encode("gb18030")).text("gb18030") == "你"
    assert Message("a/x/b/y", b"").part("a/+/b/+", 1) == "y"
    assert matches("a/+/c", "a/b/c") and matches("a/#", "a/b/c") and not matches("a/+", "a/b/c")
    with pytest.raises(DeviceError, match="no such port"), probe(1, address="mqtt://127.0.0.1:99999").connect():
        pass


def test_the_broker_of_pypi_serves_where_mosquitto_is_missing() -> None:
    pytest.importorskip("amqtt")
    broker = Broker(builtin=True)
    broker.start()
    try:
        rig = Rig(probe(broker.port))
        assert rig.wait_for(lambda: rig.state() == "online", 10)
        rig.adapter.publish("a/b", "by amqtt")  # type: ignore[attr-defined]
        assert rig.wait_for(lambda: texts(rig) == ["by amqtt"], 5)
        rig.close(5.0)
        assert probe(broker.port).check_health().facts == {"protocol": "MQTT 3.1.1"}
        assert not probe(broker.port, protocol="5", timeout_s=0.5).check_health().ok
    finally:
        broker.close()
