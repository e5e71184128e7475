"""A payment service over signed HTTP: an amount is asked for once, its result comes by answer, webhook or poll.

`payment.request` is `POST PAYMENTS_PATH` with the payment's id as idempotency key: asked again after a broken connection, the service
collects nothing more. Its answer, a signed webhook (`type: payment.result`) and, while a payment is open, `GET PAYMENTS_PATH/ID` say what
became of it: `status` as in the stream or in one of the common words (`succeeded`, `failed`, `processing` ...), and where it has them
`time`, `method`, `amount`, `ref`, `code`, `payer` (a token), `attempt`, `fee`. What is open is asked after by the next driver too, after a
kill.

Payers and cards are tokens of the service. Whatever looks like a card number is refused, out and in, and stands in no log or error. Such a
service's webhook amounts and currencies are taken as they are told; whether they fit the sale is for the store's solutions to say.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact, parse_time
from storeloom.hardware_adapters.links.card_numbers import holds_card_number
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.kept import Kept
from storeloom.hardware_adapters.links.recent import Recent
from storeloom.hardware_adapters.links.signed import NO_CARDS, SignedConfig, SignedDriver, declared, misfit

OPEN = ("asked", "pending", "unknown")
WORDS = {
    "succeeded": "approved",
    "success": "approved",
    "paid": "approved",
    "captured": "approved",
    "failed": "declined",
    "failure": "declined",
    "refused": "declined",
    "expired": "declined",
    "processing": "pending",
    "created": "pending",
    "requires_action": "pending",
    "canceled": "reversed",
    "cancelled": "reversed",
    "voided": "reversed",
    "refund": "refunded",
}
ABOUT = ("method", "amount", "currency", "receipt", "order", "session", "till")
KEPT = 1000


class SignedPayment(SignedDriver):
    zh, en = "支付服务（签名 HTTP）", "Payment service over signed HTTP"
    purpose_zh = "通过签名 HTTP 发起收款，以应答、Webhook 或轮询取得结果；只使用令牌，疑似银行卡号一律拒绝。"
    kind = "payment"
    feeds = ("payment.result", "device.status")
    takes = ("payment.request",)
    twin = "storeloom.hardware_adapters.payment.signed_payment_twin:SignedPaymentTwin"
    no_cards = True

    class Config(SignedConfig):
        command_path: str = setting("/payments", "Path of payments", "支付接口路径", effect="restart", pattern=r"^(/[^\s?#]*)?$")
        look_s: float = setting(3.0, "Time between looks at open payments", "未决支付的轮询间隔", unit="s", effect="restart", gt=0, le=3600)
        provider: str = setting("", "Name of the service in results", "结果中的支付服务名称", effect="restart")
        method: str = setting("qr", "Way of paying where a request names none", "请求未指明时的支付方式", effect="restart", min_length=1)
        statuses: dict[str, str] = setting(dict, "Service's words to the stream's states", "服务方状态对应的标准状态", effect="restart")

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._open: Kept[dict[str, Any]] = Kept(self, "open", KEPT)
        self._last: Kept[list[Any]] = Kept(self, "last", KEPT)
        self._on_the_way: Recent[str, Fact] = Recent(KEPT)
        self._books = threading.Lock()

    def do(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        payment = str(data["payment"])
        if holds_card_number(data):
            raise DeviceError(Code.ILLEGAL, *NO_CARDS)
        asked = {"method": self.config.method, **{key: value for key, value in data.items() if key != "cmd"}}
        if "expires" in data and parse_time(data["expires"]) <= at:
            return [self._result({"status": "declined", "code": "expired", "hard": True, "time": data["expires"]}, asked)]
        with self._books:
            self._open[payment] = asked
        fact = self._result(self.submit("payment.request", asked, at, payment), asked)
        self.stored(fact)
        return [fact]

    def look(self) -> Iterator[Fact]:
        """Ask after each open payment; where none is open, whether the service is there."""
        with self._books:
            waiting = list(self._open.items())
        if not waiting:
            yield from super().look()
        for payment, asked in waiting:
            path = f"{self.config.command_path}/{quote(payment, safe='')}"
            answer = self.client.call("GET", path, what="payment", also=(404,), at=self.now())
            if answer.status == 404:  # it never came to the service; the command that asks for it is still to be given
                continue
            found = answer.json_object()
            if holds_card_number(found):
                raise DeviceError(Code.ILLEGAL, *NO_CARDS)
            yield from self.told(self._result(found, asked))

    def taken(self, stream: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._books:
            asked = self._open.get(str(data.get("payment")), {})
        about = {key: asked[key] for key in ABOUT if key in asked}
        return {"method": self.config.method, **about, **self._in_words(data)}

    def told(self, fact: Fact) -> Iterable[Fact]:
        """A state is told once, by whichever way it comes first; until it is stored the same fact again, which the store takes for one."""
        payment = fact.data["payment"]
        with self._books:
            if self._last.get(payment) == _said(fact):
                return []
            before = self._on_the_way.get(payment)
            if before is None or _said(before) != _said(fact):
                self._on_the_way[payment] = before = fact
            return [before]

    def stored(self, fact: Fact) -> None:
        payment = fact.data.get("payment")
        if fact.stream != "payment.result" or payment is None:
            return
        with self._books:
            if self._last.get(payment) != _said(fact):
                self._last[payment] = _said(fact)
            self._on_the_way.pop(payment, None)
            if fact.data["status"] not in OPEN:
                self._open.pop(payment, None)

    def _in_words(self, found: Mapping[str, Any]) -> dict[str, Any]:
        word = str(found.get("status", ""))
        status = self.config.statuses.get(word) or WORDS.get(word.lower(), word.lower())
        provider = {"provider": self.config.provider} if self.config.provider and "provider" not in found else {}
        return {**found, **provider, "status": status}

    def _result(self, found: Mapping[str, Any], asked: Mapping[str, Any]) -> Fact:
        """The result in an answer. DeviceError where it makes none, or is about another payment."""
        payment = str(asked["payment"])
        if str(found.get("payment", payment)) != payment:
            raise DeviceError(Code.FAILURE, "the service answers about another payment", "支付服务返回了另一笔支付的结果")
        about = {key: asked[key] for key in ABOUT if key in asked}
        data = declared("payment.result", {**about, **self._in_words(found), "payment": payment})
        wrong = misfit("payment.result", data)
        if wrong:
            raise DeviceError(Code.FAILURE, f"the service's answer makes no result at {wrong}", f"支付服务的应答无法识别：{wrong}")
        time = _time(found)
        key = "|".join(str(data.get(name, "")) for name in ("payment", "status", "attempt", "ref"))
        return Fact(self.now(), "payment.result", self.device, data, time, key)


def _said(fact: Fact) -> list[Any]:
    return [fact.data.get(key) for key in ("status", "attempt", "ref", "amount")]


def _time(found: Mapping[str, Any]) -> datetime | None:
    try:
        return parse_time(str(found["time"])) if "time" in found else None
    except ValueError:
        raise DeviceError(Code.FAILURE, "the service's answer has no time with a zone", "支付服务应答中的时间没有时区") from None
