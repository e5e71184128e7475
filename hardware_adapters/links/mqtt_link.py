"""One connection to an MQTT broker (OASIS MQTT 5.0, 2019; 3.1.1, 2014), on Eclipse Paho. Drivers use it through `links.mqtt`."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

    from storeloom.hardware_adapters.links.mqtt_client import Plain

RECEIVE = 1000
QUEUED = 1000
GOODBYE_S = 1.0
CONNECT = -1
UNSUPPORTED, REFUSED_FROM = 0x84, 0x80
ONLINE, OFFLINE = "online", "offline"


class BadMessage(Exception):
    """A message that makes no sense; `words` say why."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.words: Mapping[str, str] = {"en": en, "zh": zh}


class Message(NamedTuple):
    """A message that came in. `retained`: it had lain with the broker; `again`: it may have come before."""

    topic: str
    payload: bytes
    retained: bool = False
    again: bool = False

    def text(self, encoding: str = "utf-8") -> str:
        try:
            return self.payload.decode(encoding)
        except UnicodeDecodeError as error:
            raise BadMessage(f"{self.topic}: no text in {encoding}", f"{self.topic}：不是 {encoding} 文本") from error

    def json(self) -> Any:
        try:
            return orjson.loads(self.payload)
        except orjson.JSONDecodeError as error:
            raise BadMessage(f"{self.topic}: no JSON ({error})", f"{self.topic}：不是 JSON（{error}）") from error

    def json_object(self) -> dict[str, Any]:
        found = self.json()
        if not isinstance(found, dict):
            raise BadMessage(f"{self.topic}: a JSON object is wanted", f"{self.topic}：应为 JSON 对象")
        return found

    def part(self, topic_filter: str, number: int = 0) -> str:
        """What stands in the topic for the `number`-th `+` of a filter."""
        wild = [place for place, word in enumerate(topic_filter.split("/")) if word == "+"]
        return self.topic.split("/")[wild[number]]

    def key(self) -> str:
        """Tells this content on this topic from another; for what bears a time or a number of its own."""
        return hashlib.sha256(self.topic.encode() + b"\0" + self.payload).hexdigest()[:24]


@lru_cache(maxsize=4096)
def matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic falls under a filter with `+` and `#` (MQTT 5.0, 4.7)."""
    from paho.mqtt.client import topic_matches_sub

    return topic_matches_sub(topic_filter, topic)


@dataclass(frozen=True)
class Login:
    """What a connection needs; `will` is the topic on which the broker says `offline` when it is lost."""

    host: str
    port: int
    tls: bool
    client_id: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    key_password: str = field(default="", repr=False)
    keepalive_s: int = 30
    timeout_s: float = 5.0
    session_s: int = 86400
    will: str = ""

    @property
    def place(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


class _Awaited:
    """Packets by id whose answer is awaited: the reason code each was answered with. An answer may come before it is asked for."""

    def __init__(self) -> None:
        self._answers: dict[int, int] = {}
        self._gone: set[int] = set()
        self._changed = threading.Condition()
        self.lost: DeviceError | None = None

    def came(self, packet: int, reason: int) -> None:
        with self._changed:
            if packet in self._gone:
                self._gone.discard(packet)
                return
            self._answers[packet] = reason
            self._changed.notify_all()

    def lose(self, error: DeviceError) -> None:
        with self._changed:
            self.lost = self.lost or error
            self._changed.notify_all()

    def ended(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.lost is not None, seconds)

    def wait(self, packet: int, seconds: float) -> int | None:
        """The reason code; None when none came in time. DeviceError when the connection was lost."""
        with self._changed:
            self._changed.wait_for(lambda: packet in self._answers or self.lost is not None, seconds)
            if packet in self._answers:
                return self._answers.pop(packet)
            if self.lost is not None:
                raise self.lost
            self._gone.add(packet)
            return None


Take = Callable[["MqttLink", Message, Callable[[], None]], None]


class MqttLink:
    """One connection to a broker. `take` gets each message and what acknowledges it, in the connection's thread.

    `open` connects, subscribes and waits for the broker's consent to both; `check` raises once the connection is lost. `version` is the
    protocol's, `resumed` whether the broker had kept the session.
    """

    def __init__(self, login: Login, topics: Mapping[str, int], take: Take) -> None:
        self.login, self.topics, self._take = login, topics, take
        self.version, self.resumed = "", False
        self._client: Client | None = None
        self._awaited = _Awaited()
        self.closing = threading.Event()

    def open(self, versions: Iterable[str]) -> None:
        """Connect with the first of these versions that the broker speaks. DeviceError or OSError."""
        first, *more = versions
        try:
            self._open(first)
        except _PerhapsOlder as perhaps:
            self.close()
            self.closing.clear()
            if not more:
                raise perhaps.error from None
            self.open(more)
        except BaseException:
            self.close()
            raise

    def _open(self, version: str) -> None:
        login, self.version, self._awaited = self.login, version, _Awaited()
        client = self._client = self._make(version)
        until = time.monotonic() + login.timeout_s
        try:
            client.connect(login.host, login.port, login.keepalive_s, **self._session(version))
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "TLS"
            en, zh = f"{login.place} and this side agree on no TLS: {reason}", f"与 {login.place} 的 TLS 握手失败：{reason}"
            raise DeviceError(Code.FAILURE, en, zh) from error
        except OSError as error:
            raise of_os(error, login.place) from error
        client.loop_start()
        try:
            reason = self._awaited.wait(CONNECT, max(0.01, until - time.monotonic()))
        except DeviceError as error:
            raise _PerhapsOlder(error) from None
        if reason is None:
            raise _PerhapsOlder(of_os(TimeoutError(), login.place))
        if reason >= REFUSED_FROM:
            raise self._refused(reason)
        if self.topics:
            self._subscribe(client)
        if login.will:
            self.publish(login.will, ONLINE, retain=True)

    def _subscribe(self, client: Client) -> None:
        _, packet = client.subscribe(list(self.topics.items()))
        reason = None if packet is None else self._awaited.wait(packet, self.login.timeout_s)
        if reason is None:
            raise of_os(TimeoutError(), self.login.place)
        if reason >= REFUSED_FROM:
            listed = ", ".join(self.topics)
            raise DeviceError(Code.FAILURE, f"the broker lets it not listen to {listed}", f"服务器不允许订阅 {listed}")

    def _make(self, version: str) -> Client:
        from paho.mqtt.client import MQTTv5, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion

        from storeloom.hardware_adapters.links.mqtt_client import ReadAheadClient

        login = self.login
        client = ReadAheadClient(
            CallbackAPIVersion.VERSION2,
            client_id=login.client_id,
            clean_session=None if version == "5" else login.session_s == 0,
            protocol=MQTTv5 if version == "5" else MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = login.timeout_s
        client.max_inflight_messages_set(RECEIVE)
        client.max_queued_messages_set(QUEUED)
        if login.user or login.password:
            client.username_pw_set(login.user, login.password or None)
        if login.tls:
            for file in filter(None, (login.ca_file, login.certificate_file, login.key_file)):
                if not Path(file).is_file():
                    raise of_os(FileNotFoundError(), file)
            client.tls_set(
                ca_certs=login.ca_file or None,
                certfile=login.certificate_file or None,
                keyfile=login.key_file or None,
                keyfile_password=login.key_password or None,
            )
        if login.will:
            client.will_set(login.will, OFFLINE, 1, retain=True)
        awaited = self._awaited
        client.on_connect = lambda _, __, flags, reason, ___: self._connected(awaited, flags.session_present, reason.value)
        client.on_disconnect = lambda _, __, flags, reason, ___: awaited.lose(self._lost(str(reason)))
        client.on_subscribe = lambda _, __, packet, reasons, ___: awaited.came(packet, max(one.value for one in reasons))
        client.on_publish = lambda _, __, packet, reason, ___: awaited.came(packet, reason.value)
        client.on_plain = self._came
        client.on_message = lambda _, __, one: self._came(one)
        client.loop_forever = self._surely(client.loop_forever, awaited)  # type: ignore[method-assign]
        return client

    def _session(self, version: str) -> dict[str, Any]:
        if version != "5":
            return {}
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self.login.session_s
        properties.ReceiveMaximum = RECEIVE
        return {"clean_start": self.login.session_s == 0, "properties": properties}

    def _came(self, one: Plain | MQTTMessage) -> None:
        try:
            message = Message(one.topic, bytes(one.payload), one.retain, one.dup)
        except UnicodeDecodeError:
            self._awaited.lose(DeviceError(Code.FAILURE, "the broker sends a topic that is no text", "服务器发来无法识别的主题"))
            return
        awaited, packet, qos = self._awaited, one.mid, one.qos
        self._take(self, message, lambda: self._acknowledge(awaited, packet, qos))

    def _acknowledge(self, awaited: _Awaited, packet: int, qos: int) -> None:
        """Once its connection is gone this does nothing: the broker sends the message again on the next."""
        client = self._client
        if client is not None and awaited is self._awaited and awaited.lost is None:
            client.ack(packet, qos)

    def _surely(self, loop: Callable[..., Any], awaited: _Awaited) -> Callable[..., Any]:
        """Paho's loop raises out of its thread at what it cannot decode, and then tells nobody."""

        def run(*args: Any, **named: Any) -> Any:
            try:
                return loop(*args, **named)
            except Exception as error:
                awaited.lose(self._lost(f"no MQTT: {type(error).__name__}"))

        return run

    def _connected(self, awaited: _Awaited, resumed: bool, reason: int) -> None:
        self.resumed = resumed
        awaited.came(CONNECT, reason)

    def _lost(self, reason: str) -> DeviceError:
        return DeviceError(
            Code.OFFLINE, f"the connection to {self.login.place} was lost ({reason})", f"与 {self.login.place} 的连接中断（{reason}）"
        )

    def _refused(self, reason: int) -> Exception:
        place = self.login.place
        if reason == UNSUPPORTED:
            return _PerhapsOlder(
                DeviceError(Code.ILLEGAL, f"{place} does not speak MQTT {self.version}", f"{place} 不支持 MQTT {self.version}")
            )
        if reason in (0x86, 0x87, 0x8C):
            return DeviceError(Code.FAILURE, f"{place} refuses user, password or certificate", f"{place} 拒绝该用户名、密码或证书")
        if reason in (0x88, 0x89, 0x97):
            return DeviceError(Code.BUSY, f"{place} is busy (MQTT code {reason:#x})", f"{place} 繁忙（MQTT 代码 {reason:#x}）")
        return DeviceError(
            Code.FAILURE, f"{place} refuses the connection (MQTT code {reason:#x})", f"{place} 拒绝连接（MQTT 代码 {reason:#x}）"
        )

    def check(self) -> None:
        """DeviceError once the connection is lost."""
        if self._awaited.lost is not None:
            raise self._awaited.lost

    def publish(self, topic: str, payload: bytes | str, qos: Literal[0, 1] = 1, *, retain: bool = False) -> None:
        """Send, and with QoS 1 wait until the broker has it. DeviceError when it refuses, is lost or does not answer in time."""
        self.check()
        if self._client is None:
            raise DeviceError(Code.CLOSED, f"{self.login.place} is not connected", f"未连接到 {self.login.place}")
        sent = self._client.publish(topic, payload, qos, retain=retain)
        if sent.rc == 15:
            raise DeviceError(Code.BUSY, f"{QUEUED} messages wait for {self.login.place}", f"已有 {QUEUED} 条消息等待 {self.login.place}")
        reason = self._awaited.wait(sent.mid, self.login.timeout_s)
        if reason is None:
            raise of_os(TimeoutError(), self.login.place)
        if reason >= REFUSED_FROM:
            raise DeviceError(
                Code.FAILURE, f"the broker refuses {topic} (MQTT code {reason:#x})", f"服务器拒绝 {topic}（MQTT 代码 {reason:#x}）"
            )

    def close(self) -> None:
        """Say good-bye and end the connection's thread. May be called twice."""
        client, self._client = self._client, None
        if client is None:
            return
        self.closing.set()
        line = client.socket()
        if self.login.will and self._awaited.lost is None:
            client.publish(self.login.will, OFFLINE, 1, retain=True)
        client.disconnect()
        if isinstance(line, socket.socket) and not self._awaited.ended(GOODBYE_S):
            with suppress(OSError):  # it went away meanwhile
                line.shutdown(socket.SHUT_RDWR)
        client.loop_stop()
        del client.loop_forever  # it holds the client, whose sockets are to go now
        if line is not None:
            line.close()


class _PerhapsOlder(Exception):
    """The broker may know only an older version: it says so, closes the connection, or is at a loss and says nothing."""

    def __init__(self, error: DeviceError) -> None:
        super().__init__(str(error))
        self.error = error
