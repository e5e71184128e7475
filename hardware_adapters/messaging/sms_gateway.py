"""A gateway for text messages over signed HTTP: messages out, delivery receipts and answers in by signed webhook.

`message.send` is `POST COMMAND_PATH` of `{"type": "message.send", "timestamp", "data": {"message", "to", "text"}}`, or with `template` and
`params` in place of the text, the message's id as idempotency key; `to` is a phone number out of the file of contacts (column `phone`),
written as the gateway wants it. The gateway answers with an object that may hold `status` and `cost`. Receipts are webhooks of type
`message.outcome`; the number in them is put back into the id of whom the message was for, also after
a restart, or left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.kept import Kept
from storeloom.hardware_adapters.links.signed import SignedConfig, SignedDriver
from storeloom.hardware_adapters.messaging.outgoing import Cannot, Outgoing, OutgoingConfig

REMEMBERED = 2000
STATUSES = ("sent", "delivered", "read", "clicked", "replied", "failed", "unsubscribed")
NUMBER = re.compile(r"\+?\d{5,15}")


class SmsGateway(Outgoing, SignedDriver):
    zh, en = "短信网关（签名 HTTP）", "Text message gateway over signed HTTP"
    purpose_zh = "通过签名 HTTP 发送短信，以 Webhook 接收送达回执与上行回复；手机号由门店联系人文件查得，不进入事件日志。"
    twin = "storeloom.hardware_adapters.messaging.sms_gateway_twin:SmsGatewayTwin"
    own_channels = ("sms",)

    class Config(OutgoingConfig, SignedConfig):
        command_path: str = setting("/messages", "Path to which messages go", "消息提交路径", effect="restart", pattern=r"^(/[^\s?#]*)?$")
        longest: int = setting(500, "Longest text", "短信最大长度", unit="characters", effect="restart", ge=1, le=5000)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._for: Kept[list[str]] = Kept(self, "sent", REMEMBERED)

    def send(self, data: Mapping[str, Any], text: str, at: datetime) -> Mapping[str, Any]:
        phone = re.sub(r"[\s()-]", "", self.contacts.of(data["to"], "phone"))
        if not NUMBER.fullmatch(phone):
            raise Cannot("no_address")
        if len(text) > self.config.longest:
            raise Cannot("too_long")
        if not text and not data.get("template"):
            raise Cannot("no_text")
        content = {"template": data["template"], "params": data.get("params", {})} if not text else {"text": text}
        self._for[data["message"]] = [data["to"], data["channel"]]
        self.pace.take()
        found = self.submit("message.send", {"message": data["message"], "to": phone, **content}, at, data["message"], hidden=(phone,))
        status = found.get("status", "sent")
        cost = {"cost": found["cost"]} if isinstance(found.get("cost"), int) else {}
        return {"status": status if status in STATUSES else "sent", **cost}

    def taken(self, stream: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        to, channel = self._for.get(str(data.get("message")), ["", "sms"])
        kept = {key: value for key, value in data.items() if key != "to"}
        return {"channel": channel, **kept, **({"to": to} if to else {})}
