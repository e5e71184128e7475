"""A gateway of electronic shelf labels with an HTTP interface.

`PUT ADDRESS/labels/LABEL` takes the JSON object that `mqtt_labels` describes, and answers 202 once the gateway has it; the same `id` again
has no second effect. `GET ADDRESS/acks?after=N` gives `acks`, a list of answers each with `seq`, `label` and what `mqtt_labels` describes,
and `reports`, a list of labels' conditions; the gateway forgets what is numbered up to N: it is asked for more only once these are stored.
`GET ADDRESS/status` gives `model` and `firmware`. 401 and 403 refuse the token, 429 and 503 ask for patience.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from storeloom.core.kernel.adapter import Receipt
from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.esl_gateway.labels import STATES, LabelBook, LabelSettings, Update
from storeloom.hardware_adapters.links.driver import Facts, SharedLinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os

if TYPE_CHECKING:
    from httpx import Client

BUSY, REFUSED = (429, 503), (401, 403)
BAD = {"en": "the gateway gives an answer that is none", "zh": "网关返回无效应答"}


class HttpLabels(SharedLinkDriver["Client"]):
    zh, en = "HTTP 价签网关", "Shelf-label gateway over HTTP"
    purpose_zh = "把价签画面按尺寸与墨色绘制后经 HTTP 下发，轮询逐签确认、电量、信号与固件；只重发失败的价签，新画面取代旧画面。"
    kind = "esl_gateway"
    feeds = ("label.ack", "device.status")
    takes = ("label.update",)
    capabilities = ("bw", "bwr", "bwry", "flash")
    twin = "storeloom.hardware_adapters.esl_gateway.http_labels_twin:HttpLabelsTwin"

    class Config(LabelSettings):
        address: str = setting(
            "http://127.0.0.1:8080", "Address of the gateway", "网关地址", effect="restart", pattern=r"^https?://[^@\s]+$"
        )
        token: str = setting("", "Secret with the bearer token", "访问令牌所在的密钥名", effect="restart", widget="secret")
        ca_file: str = setting(
            "", "File with the certificate authority; empty: the system's", "CA 证书文件，留空则用系统证书", effect="restart"
        )
        poll_s: float = setting(1.0, "Time between questions for answers", "查询间隔", unit="s", effect="restart", gt=0, le=60)
        timeout_s: float = setting(5.0, "Time for an answer", "应答时限", unit="s", effect="restart", gt=0, le=60)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.book = LabelBook(device, config, self._send)
        self._after: int | None = None
        self._told: Mapping[str, Any] = {}

    @contextmanager
    def connect(self) -> Iterator[Client]:
        import httpx

        config = self.config
        headers = {"Authorization": f"Bearer {self.secret(config.token)}"} if config.token else {}
        trust = ssl.create_default_context(cafile=config.ca_file or None) if config.address.startswith("https:") else False
        with httpx.Client(base_url=config.address, headers=headers, timeout=config.timeout_s, verify=trust, trust_env=False) as client:
            self._told = self._ask(client, "GET", "/status")
            yield client

    def identity(self, link: Client) -> Mapping[str, str | float | bool]:
        return {key: str(self._told[key]) for key in ("model", "firmware") if key in self._told}

    def session(self, link: Client) -> Facts:
        self.book.language = self.context.language
        with self.holding(link):
            while not self.stopping.is_set():
                more = yield from self._answers(link)
                yield from self.book.overdue(self.now())
                self.stopping.wait(0.0 if more else self.config.poll_s)

    def _answers(self, client: Client) -> Any:
        """What the gateway has to say; whether there was something. It is confirmed with the next question once it is stored."""
        told = self._ask(client, "GET", "/acks" if self._after is None else f"/acks?after={self._after}")
        acks, receipts = told.get("acks", []), []
        good = [one for one in (*told.get("reports", []), *acks) if _sensible(one)]
        if len(good) < len(acks) + len(told.get("reports", [])):
            yield from self.tell("degraded", code="bad_message", words=BAD)
        elif good:
            yield from self.tell("online")
        for one in good:
            facts = self.book.answer(one, self.now()) if "seq" in one else self.book.condition(str(one["label"]), one, self.now())
            for fact in facts:
                receipt: Receipt | None = yield fact
                receipts += [receipt] if receipt is not None else []
        for receipt in receipts:
            while receipt.wait(0.2) is None:
                if self.stopping.is_set():
                    return False
        numbers = (one.get("seq") for one in acks if isinstance(one, dict))
        self._after = max((one for one in numbers if isinstance(one, int)), default=self._after)
        return bool(acks)

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool | None:
        return True if data["label"] == self.device else self.book.serves(data)

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        return self.book.command(data, self.now(), self.config.timeout_s)

    def _send(self, update: Update) -> None:
        link = self.link
        with self.for_the_moment() if link is None else nullcontext(link) as client:
            self._ask(client, "PUT", f"/labels/{quote(update.label, safe='')}", update.body)

    def _ask(self, client: Client, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The gateway's answer. DeviceError where there is none or it refuses."""
        import httpx

        place = self.config.address
        try:
            answer = client.request(method, path, content=None if body is None else orjson.dumps(body))
        except httpx.TimeoutException as error:
            raise of_os(TimeoutError(), place) from error
        except httpx.ConnectError as error:
            raise of_os(ConnectionRefusedError(), place) from error
        except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: the client was closed meanwhile
            raise of_os(ConnectionResetError(), place) from error
        if answer.status_code >= 400:
            raise _refused(place, answer.status_code)
        try:
            told = orjson.loads(answer.content or b"{}")
        except orjson.JSONDecodeError as error:
            raise DeviceError(Code.FAILURE, f"{place} answers with no JSON", f"{place} 的应答不是 JSON") from error
        if not isinstance(told, dict):
            raise DeviceError(Code.FAILURE, f"{place} answers with no JSON object", f"{place} 的应答不是 JSON 对象")
        return told


def _sensible(told: Any) -> bool:
    """Whether it is a label's answer, or its condition."""
    return isinstance(told, dict) and "label" in told and ("seq" not in told or told.get("state") in STATES)


def _refused(place: str, status: int) -> DeviceError:
    if status in BUSY:
        return DeviceError(Code.BUSY, f"{place} is busy (HTTP {status})", f"{place} 繁忙（HTTP {status}）")
    if status in REFUSED:
        return DeviceError(Code.FAILURE, f"{place} refuses the token (HTTP {status})", f"{place} 拒绝该令牌（HTTP {status}）")
    if status == 404:
        return DeviceError(Code.NO_EXIST, f"{place} knows no such label (HTTP 404)", f"{place} 没有该价签（HTTP 404）")
    return DeviceError(Code.FAILURE, f"{place} cannot (HTTP {status})", f"{place} 无法执行（HTTP {status}）")
