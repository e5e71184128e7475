"""MQTT for drivers: version 5.0, or 3.1.1 where the broker speaks nothing newer (OASIS MQTT 5.0, 2019; 3.1.1, 2014); on Eclipse Paho.

A driver is an `MqttDriver` whose `Config` is an `MqttConfig`. It gives

- `topics()`: what it listens to, filter to QoS (0 or 1);
- `heard(message)`: the facts in a message, called in order of arrival in the connection's own thread. `message.json()`, `json_object()`
  and `text()` give its content, `message.part(filter, n)` what stood for the n-th `+`, `message.key()` a key for content that bears a time
  or number of its own. `BadMessage` says that it makes no sense: the device is `degraded` until a good one comes;
- `command(...)`: sends with `self.publish(topic, payload)`, which returns once the broker has it (PUBACK) and raises DeviceError where
  that fails; from any thread, also while `facts` does not run (then it connects for the moment).

Optional: `arrived(link)` once a connection stands, in the driver's thread; `idle()` every 0.2 s there, which may give facts; `put(fact)`
hands a fact in from another thread.

The rest is done here. A message is acknowledged to the broker only when the last of its facts is stored; at most `RECEIVE` wait for that.
The broker keeps the session while the driver is away, so that what is sent with QoS 1 meanwhile comes later. Topics are subscribed to on
each connection. With `status_topic` the driver says `online` there and leaves `offline` as its last will. A device with an
`availability_topic` is offline while it says so there. A lost connection is found by keep-alives and made again by `LinkDriver`.
A twin builds on `links.mqtt_twin`.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.driver import Facts, SharedLinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.inbox import LOOK_S, Inbox
from storeloom.hardware_adapters.links.mqtt_link import RECEIVE, BadMessage, Login, Message, MqttLink, matches

__all__ = ["RECEIVE", "BadMessage", "Message", "MqttConfig", "MqttDriver", "MqttLink", "matches"]
PORTS = {"mqtt": 1883, "mqtts": 8883}
AWAY = {"code": "offline", "words": {"en": "the device says that it is away", "zh": "设备报告离线"}}


class MqttConfig(SolutionConfig):
    """The broker and how to log in to it. Nothing but the address is needed."""

    address: str = setting(
        "mqtt://127.0.0.1:1883",
        "Broker: mqtt://HOST:1883, or mqtts://HOST:8883 with TLS",
        "消息服务器：mqtt://主机:1883，或使用 TLS 的 mqtts://主机:8883",
        effect="restart",
        pattern=r"^mqtts?://[^/@\s]+$",
    )
    user: str = setting("", "User name", "用户名", effect="restart")
    password: str = setting("", "Secret with the password", "密码所在的密钥名", effect="restart", widget="secret")
    client_id: str = setting(
        "",
        "Client id, of its own in the broker; empty: from the device's id",
        "客户端标识（服务器内唯一），留空则取设备号",
        effect="restart",
    )
    protocol: Literal["auto", "5", "3.1.1"] = setting("auto", "MQTT version", "MQTT 版本", effect="restart")
    ca_file: str = setting(
        "", "File with the certificate authority; empty: the system's", "CA 证书文件，留空则用系统证书", effect="restart"
    )
    certificate_file: str = setting("", "File with the client certificate", "客户端证书文件", effect="restart")
    key_file: str = setting("", "File with the client certificate's key", "客户端证书私钥文件", effect="restart")
    key_password: str = setting("", "Secret with the key's password", "私钥口令所在的密钥名", effect="restart", widget="secret")
    keepalive_s: int = setting(30, "Longest silence before the broker is asked", "保活间隔", unit="s", effect="restart", ge=1, le=3600)
    timeout_s: float = setting(5.0, "Time for an answer", "应答时限", unit="s", effect="restart", gt=0, le=60)
    session_h: float = setting(
        24.0, "Time that the broker keeps messages while away", "离线消息保留时长", unit="h", effect="restart", ge=0, le=720
    )
    status_topic: str = setting("", "Topic that says whether this driver is there", "本驱动的在线状态主题", effect="restart")
    availability_topic: str = setting("", "Topic on which the device says whether it is there", "设备在线状态主题", effect="restart")
    available_text: str = setting("online", "What it says when it is", "在线时的内容", effect="restart")
    unavailable_text: str = setting("offline", "What it says when it is not", "离线时的内容", effect="restart")


class MqttDriver(SharedLinkDriver[MqttLink]):
    """Base of drivers that speak over a broker."""

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.inbox = Inbox(2 * RECEIVE)
        self._next_look = 0.0
        self._version = ""
        self._away = False
        self._bad = False

    @abstractmethod
    def topics(self) -> Mapping[str, int]:
        """What it listens to: topic filter to QoS."""

    @abstractmethod
    def heard(self, message: Message) -> Iterable[Fact]:
        """The facts in a message; BadMessage where it makes no sense."""

    def arrived(self, link: MqttLink) -> None:
        """What to do once a connection stands."""

    def idle(self) -> Iterable[Fact]:
        """Looked in on between facts, about every 0.2 s: what has become due, and the facts that come of it."""
        return ()

    def put(self, fact: Fact) -> None:
        """Hand in a fact from another thread than the driver's. DeviceError when the store does not keep up."""
        if not self.inbox.put(fact, None, self.config.timeout_s):
            raise DeviceError(Code.BUSY, "the store takes in no more facts", "门店暂时无法接收更多数据")

    def publish(self, topic: str, payload: bytes | str, qos: Literal[0, 1] = 1, *, retain: bool = False) -> None:
        """Send; with QoS 1 the broker has it when this returns. DeviceError where that fails."""
        with self.linked() as link:
            link.publish(topic, payload, qos, retain=retain)

    @contextmanager
    def connect(self) -> Iterator[MqttLink]:
        config = self.config
        wanted = ("5", "3.1.1") if config.protocol == "auto" else (config.protocol,)
        topics = {name: qos for name, qos in self.topics().items() if name}
        if config.availability_topic:
            topics[config.availability_topic] = 1
        link = MqttLink(self._login(), topics, self._take)
        known, self._version = self._version, ""
        link.open((known,) if known else wanted)
        self._version = link.version
        try:
            yield link
        finally:
            link.close()

    def session(self, link: MqttLink) -> Facts:
        self._bad = False
        with self.holding(link):
            self.arrived(link)
            yield from self.inbox.flow(self.stopping, lambda: self._look(link))

    def _look(self, link: MqttLink) -> None:
        link.check()
        due = time.monotonic() >= self._next_look
        if due:
            self._next_look = time.monotonic() + LOOK_S
        self.inbox.tell(self.idle() if due else ())

    def identity(self, link: MqttLink) -> Mapping[str, str | float | bool]:
        return {"protocol": f"MQTT {link.version}"}

    def tell(self, state: Any, **more: Any) -> Iterator[Fact]:
        if state == "online" and self._away:
            state, more = "offline", {**more, **AWAY}
        yield from super().tell(state, **more)

    def _login(self) -> Login:
        config, found = self.config, urlsplit(self.config.address)
        try:
            host, port = found.hostname or "", found.port or PORTS[found.scheme]
        except ValueError as error:
            raise DeviceError(Code.ILLEGAL, f"{config.address}: no such port", f"{config.address}：端口无效") from error
        return Login(
            host,
            port,
            found.scheme == "mqtts",
            config.client_id or f"storeloom-{self.device}",
            config.user,
            self.secret(config.password) if config.password else "",
            config.ca_file,
            config.certificate_file,
            config.key_file,
            self.secret(config.key_password) if config.key_password else "",
            config.keepalive_s,
            config.timeout_s,
            round(config.session_h * 3600),
            config.status_topic,
        )

    def _take(self, link: MqttLink, message: Message, acknowledge: Callable[[], None]) -> None:
        """A message's facts into the inbox, in the connection's thread; acknowledged with the last of them."""
        try:
            facts = self._facts_of(message)
        except Exception as error:  # a driver's own fault: raised where its facts are taken
            self.inbox.fail(error)
            return
        for fact in facts[:-1]:
            self._put(link, fact, None)
        if facts:
            self._put(link, facts[-1], lambda _: acknowledge())
        else:
            acknowledge()

    def _facts_of(self, message: Message) -> list[Fact]:
        """What was given before a message turned out to make no sense is kept."""
        facts: list[Fact] = []
        try:
            facts.extend(self._availability(message) if message.topic == self.config.availability_topic else self.heard(message))
        except BadMessage as bad:
            self._bad = True
            return [*facts, *self.tell("degraded", code="bad_message", words=bad.words)]
        if self._bad:
            self._bad = False
            facts += self.tell("online")
        return facts

    def _availability(self, message: Message) -> Iterator[Fact]:
        text = message.text().strip()
        if text.startswith("{"):
            text = str(message.json_object().get("state", ""))
        if text not in (self.config.available_text, self.config.unavailable_text):
            raise BadMessage(f"{message.topic}: neither here nor away: {text[:40]}", f"{message.topic}：无法识别的在线状态 {text[:40]}")
        self._away = text == self.config.unavailable_text
        yield from self.tell("online")

    def _put(self, link: MqttLink, fact: Fact, stored: Callable[[bool], None] | None) -> None:
        """Wait for room; once the connection is to end the broker gives the message again."""
        while not link.closing.is_set() and not self.inbox.put(fact, stored, 0.1):
            continue
