"""Electronic invoices over signed HTTP: an invoice is asked for once, the service says when it is issued or why it is not.

`message.send` of purpose `tax` is `POST COMMAND_PATH` of `{"type": "invoice.issue", "timestamp", "data": {"invoice", "template",
"params"}}`, the message's id as idempotency key: asked again, no second invoice is issued. The answer's `status`, or a signed webhook of
type `message.outcome`, says what became of it: `sent` once it is accepted, `delivered` once it is issued, `failed` with a `reason`. What
the buyer is called and taxed by goes out in `params` and comes back in no fact. Other messages are left to messaging devices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.signed import SignedConfig, SignedDriver

STATUSES = {"accepted": "sent", "pending": "sent", "sent": "sent", "issued": "delivered", "delivered": "delivered", "failed": "failed"}


class SignedInvoice(SignedDriver):
    zh, en = "电子发票（签名 HTTP）", "Electronic invoices over signed HTTP"
    purpose_zh = "通过签名 HTTP 申请开具电子发票（含红字发票），以应答或 Webhook 取得开具结果；重复申请不会重复开具。"
    kind = "tax"
    feeds = ("message.outcome", "device.status")
    takes = ("message.send",)
    twin = "storeloom.hardware_adapters.tax.signed_invoice_twin:SignedInvoiceTwin"

    class Config(SignedConfig):
        command_path: str = setting("/invoices", "Path of invoices", "发票接口路径", effect="restart", pattern=r"^(/[^\s?#]*)?$")

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool:
        return bool(data["purpose"] == "tax")

    def do(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        invoice = {"invoice": data["message"], "template": data.get("template", ""), "params": data.get("params", {})}
        found = self.submit("invoice.issue", invoice, at, data["message"])
        status = STATUSES.get(str(found.get("status", "accepted")))
        if status is None:
            raise DeviceError(Code.FAILURE, "the service answers with no state that is known", "发票服务返回了未知状态")
        reason = {"reason": self.client.clean(str(found["reason"]))} if status == "failed" and found.get("reason") else {}
        outcome = {"message": data["message"], "status": status, "channel": data["channel"], **reason}
        return [Fact(self.now(), "message.outcome", self.device, outcome, at, f"{data['message']}|{status}")]

    def taken(self, stream: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"channel": "webhook", **data, "status": STATUSES.get(str(data.get("status")), data.get("status"))}
