"""Bots of work chats: a webhook that posts into one group. One engine; the drivers say how address, signature, body and answer look.

The webhook's key is a secret, in the address that the service wants it in; it stands in no error. These services know no idempotency key:
where an answer is lost the message may come twice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from storeloom.core.kernel.contract import setting
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.http_client import Peer
from storeloom.hardware_adapters.links.http_driver import HttpConfig, HttpDriver
from storeloom.hardware_adapters.messaging.outgoing import Cannot, Outgoing, OutgoingConfig


class BotConfig(OutgoingConfig, HttpConfig):
    """The bot's key, and what every way out has."""

    key: str = setting("", "Secret with the webhook's key", "机器人 Webhook 密钥所在的密钥名", effect="restart", widget="secret")
    signing_key: str = setting("", "Secret that signs messages", "机器人加签密钥所在的密钥名", effect="restart", widget="secret")


def service(address: str) -> Any:
    """The setting `address` of a bot whose service is there."""
    return setting(address, "Address", "服务地址", effect="restart", pattern=r"^https?://[^/@\s?#]+(/[^\s?#]*)?$")


class Post(NamedTuple):
    """A request of a bot: path, query, body."""

    path: str
    query: Mapping[str, str]
    content: Mapping[str, Any]


class BotDriver(Outgoing, HttpDriver):
    """Base of the bots. `meanings` are the service's error codes; one that is not known is a failure."""

    own_channels = ("work_chat", "webhook")
    most_bytes: ClassVar[int]
    code_names: ClassVar[tuple[str, ...]] = ("errcode",)
    word_names: ClassVar[tuple[str, ...]] = ("errmsg",)
    meanings: ClassVar[Mapping[int, tuple[Code, str, str]]] = {}

    @abstractmethod
    def post(self, text: str, phone: str, key: str, signing_key: str, at: datetime) -> Post:
        """The request that posts a text; `phone` is whom to mention, empty for nobody."""

    def peer(self) -> Peer:
        return replace(super().peer(), hidden=(self.told_secret(self.config.key), self.told_secret(self.config.signing_key)))

    def send(self, data: Mapping[str, Any], text: str, at: datetime) -> Mapping[str, Any]:
        if not text:
            raise Cannot("no_text")
        if len(text.encode()) > self.most_bytes:
            raise Cannot("too_long")
        config, phone = self.config, self.contacts.of(data["to"], "phone")
        if not config.key:
            raise DeviceError(Code.ILLEGAL, "no secret with the webhook's key is set", "未设置机器人 Webhook 密钥")
        post = self.post(text, phone, self.told_secret(config.key), self.told_secret(config.signing_key), self.now())
        self.pace.take()
        answer = self.client.call("POST", post.path, what="message", params=post.query, content=post.content, hidden=(phone,))
        found = answer.json_object()
        code = next((found[name] for name in self.code_names if name in found), None)
        if code == 0:
            return {}
        if not isinstance(code, int):
            raise DeviceError(Code.FAILURE, f"{answer.place} answers without a code", f"{answer.place} 的应答没有返回码")
        meaning, en, zh = self.meanings.get(code, (Code.FAILURE, "the bot refuses", "机器人拒绝发送"))
        words = next((str(found[name]) for name in self.word_names if name in found), "")
        reason = self.client.clean(words, (phone,))
        raise DeviceError(meaning, f"{en} ({code}: {reason})", f"{zh}（{code}：{reason}）")


def base64_hmac(key: bytes, content: bytes) -> str:
    """HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
