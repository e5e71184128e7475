"""Signed webhooks both ways: what a service tells comes in, what the store says goes out, in one form.

The form is the payload that Standard Webhooks 1.0.0 recommends, `{"type": ..., "timestamp": RFC 3339, "data": {...}}`: `type` is a stream
(or the service's own word for it, set in `types`), `data` its fields, `id` beside them what tells repeats where the signature has none.
Only fields that the stream declares are taken in: names, phone numbers and addresses that a platform sends along stay out of the log. What
goes out bears the command's id as idempotency key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

import orjson

from storeloom.core.kernel import schemas
from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact, parse_time, rfc3339
from storeloom.hardware_adapters.links.card_numbers import holds_card_number
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.http_driver import HookConfig, HttpDriver
from storeloom.hardware_adapters.links.http_listener import Incoming, Refused

NO_CARDS = ("it holds what looks like a card number", "其中含有疑似银行卡号的内容")


class SignedConfig(HookConfig):
    """And how its messages are called."""

    command_path: str = setting("/events", "Path to which messages go", "消息提交路径", effect="restart", pattern=r"^(/[^\s?#]*)?$")
    types: dict[str, str] = setting(dict, "Service's type to the stream that it is", "服务方消息类型对应的数据流", effect="restart")


class SignedDriver(HttpDriver):
    """Base of drivers of such services. One whose `no_cards` is set refuses what looks like a card number, in and out."""

    no_cards: ClassVar[bool] = False

    def heard(self, incoming: Incoming) -> Iterable[Fact]:
        content = incoming.content
        if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
            raise Refused("an object with type, timestamp and data is wanted", "应为含 type、timestamp 与 data 的对象")
        if self.no_cards and holds_card_number(content):
            raise Refused(*NO_CARDS)
        stream = self.config.types.get(str(content.get("type")), str(content.get("type")))
        if stream not in self.feeds or stream == "device.status":
            raise Refused(f"no type of this service: {stream[:60]}", f"不支持的消息类型：{stream[:60]}")
        try:
            time = parse_time(str(content.get("timestamp")))
        except ValueError:
            raise Refused("timestamp is no RFC 3339 time with a zone", "timestamp 不是带时区的 RFC 3339 时间") from None
        data = declared(stream, self.taken(stream, content["data"]))
        wrong = misfit(stream, data)
        if wrong:
            raise Refused(f"{stream} does not fit its form at {wrong}", f"{stream} 不符合格式：{wrong}")
        return self.told(Fact(self.now(), stream, self.device, data, time, str(content.get("id") or incoming.id)))

    def taken(self, stream: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data as the stream has it, where the service has other words."""
        return data

    def told(self, fact: Fact) -> Iterable[Fact]:
        """What is handed on of a fact that came in."""
        return [fact]

    def do(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        self.submit(stream, {key: value for key, value in data.items() if key != "cmd"}, at, str(data.get("cmd", "")))
        return ()

    def submit(
        self, kind: str, data: Mapping[str, Any], at: datetime, key: str = "", path: str | None = None, hidden: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Send a message; what the service answers, empty where it says nothing. DeviceError where it does not take it."""
        if self.no_cards and holds_card_number(data):
            raise DeviceError(Code.ILLEGAL, *NO_CARDS)
        content = {"type": kind, "timestamp": rfc3339(at), "data": dict(data)}
        name = key or hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
        where = self.config.command_path if path is None else path
        answer = self.client.call("POST", where, what=kind, content=content, key=name, at=self.now(), hidden=hidden)
        found = answer.json_object() if answer.body.strip() else {}
        if self.no_cards and holds_card_number(found):
            raise DeviceError(Code.ILLEGAL, *NO_CARDS)
        return found


def misfit(stream: str, data: Mapping[str, Any]) -> str:
    """Where data does not fit a stream, and by which rule, empty where it does; never what stands there."""
    compiled = schemas.validator(schemas.stream_file(stream))
    if compiled.is_valid(data):
        return ""
    error = next(iter(compiled.iter_errors(data)))
    rule = str(error.schema_path[-1]) if error.schema_path else ""
    place = ".".join(map(str, error.instance_path)) or "data"
    return f"{place} ({error.message if rule == 'required' else rule})"


def declared(stream: str, data: Any) -> dict[str, Any]:
    """The fields of data that the stream's schema declares, at every depth."""
    kept: dict[str, Any] = _declared(schemas.load(schemas.stream_file(stream)), data)
    return kept


def _declared(schema: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, Mapping) and "properties" in schema:
        return {key: _declared(schema["properties"][key], one) for key, one in value.items() if key in schema["properties"]}
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return [_declared(schema["items"], one) for one in value]
    return value
