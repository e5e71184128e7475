"""What all messaging drivers share: which messages are theirs, the text, whom it goes to, how fast, and what became of it.

A store may have several ways out; each serves the messages of its channels. A message that cannot go for good (nobody
of that name, too long, no text) is answered with `message.outcome` failed, and why in one word; one that may go later is a DeviceError, and
the store tries again.
"""

from __future__ import annotations

import string
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact, parse_time
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.service import ServiceDriver
from storeloom.hardware_adapters.messaging.contacts import Contacts

Channel = Literal["mini_program", "official_account", "work_chat", "app_push", "sms", "email", "voice", "webhook"]


class OutgoingConfig(SolutionConfig):
    """Settings of every way out."""

    channels: list[Channel] = setting(list, "Channels that it serves; empty: its own", "服务的渠道，留空为默认渠道", effect="restart")
    audience: list[str] = setting(list, "Only messages to these; empty: to all", "仅发给这些对象，留空不限", effect="restart")
    contacts_file: str = setting(
        "",
        "File with phone numbers and addresses by id",
        "联系方式文件（编号对应手机号、邮箱等）",
        effect="restart",
        help_en="CSV with the columns id, phone, email, or JSON; it stays in the store.",
        help_zh="含 id、phone、email 列的 CSV 或 JSON，仅保存在门店。",
    )
    templates: dict[str, str] = setting(
        dict,
        "Template to its text, with ${name} for a parameter",
        "模板编号对应的正文，参数写作 ${名称}",
        effect="restart",
    )


class Cannot(Exception):
    """A message cannot go for good; the reason is one word for `message.outcome`."""


class Pace:
    """At most so many in so many seconds, for each of `limits`, counted over the last seconds."""

    def __init__(self, limits: Sequence[tuple[int, float]]) -> None:
        self._limits = limits
        self._gone: deque[float] = deque(maxlen=max((count for count, _ in limits), default=1))
        self._lock = threading.Lock()

    def take(self) -> None:
        """Count one. DeviceError where it would be too many, and when there is room again."""
        with self._lock:
            now = time.monotonic()
            for count, seconds in self._limits:
                if len(self._gone) >= count and now - self._gone[-count] < seconds:
                    left = max(1, round(seconds - (now - self._gone[-count])))
                    en = f"at most {count} messages in {seconds:g} s; room again in {left} s"
                    raise DeviceError(Code.BUSY, en, f"每 {seconds:g} 秒最多 {count} 条消息，{left} 秒后可继续")
            self._gone.append(now)


class Outgoing(ServiceDriver):
    """Part of every messaging driver: `send` is its own, `message.send` of its channels comes to it."""

    kind = "messaging"
    feeds = ("message.outcome", "device.status")
    takes = ("message.send",)
    own_channels: ClassVar[tuple[str, ...]] = ()
    limits: ClassVar[tuple[tuple[int, float], ...]] = ()

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.contacts = Contacts(config.contacts_file)
        self.pace = Pace(self.limits)

    @abstractmethod
    def send(self, data: Mapping[str, Any], text: str, at: datetime) -> Mapping[str, Any]:
        """Let a message go; what is known of it at once (`status`, `cost` ...). Cannot, or DeviceError."""

    def do(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        if "not_before" in data and parse_time(data["not_before"]) > at:
            raise DeviceError(Code.BUSY, "the message is not to go yet", "消息尚未到发送时间")
        try:
            found = self.send(data, self.text(data), at)
        except Cannot as reason:
            found = {"status": "failed", "reason": str(reason)}
        about = {key: data[key] for key in ("message", "channel", "to")}
        return [Fact(self.now(), "message.outcome", self.device, {**about, "status": "sent", **found}, at, f"{data['message']}|sent")]

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool:
        """Whether a message is this driver's: of its channels, and to its audience; invoices are another's."""
        config = self.config
        ours = data["channel"] in (config.channels or self.own_channels) and data["purpose"] != "tax"
        return ours and (not config.audience or data["to"] in config.audience)

    def text(self, data: Mapping[str, Any]) -> str:
        """The message's own text, else its template's with the parameters put in."""
        if data.get("text"):
            return str(data["text"])
        template = self.config.templates.get(data.get("template", ""))
        if template is None:
            return ""
        return string.Template(template).safe_substitute({key: str(value) for key, value in data.get("params", {}).items()})
