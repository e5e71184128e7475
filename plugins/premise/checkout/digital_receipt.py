"""Digital receipt and e-invoice: for customers who want no paper a signed receipt on the phone, for accountants one correct e-invoice per
sale with tax by rate.

A link is receipt, total and last day, signed with HMAC-SHA256 by the secret that `link_key` names. It goes to a member who chose digital
receipts (a tag of the words receipt and digital or paper, as `receipt:digital`, or the profile's field `receipt`), is printed, or shown
as a code on the till's display.

The invoice service is reached as message.send of purpose `tax`. Its message is the invoice's key, so resending never issues twice; a second
request while one is under way or issued brings nothing new. A return before the request shrinks the amount, one after it brings a red
invoice under the return's own receipt, in proportion to what was invoiced. Titles and tax ids are dropped once invoiced.
"""

import base64
import hashlib
import hmac
import re
from datetime import timedelta
from typing import Annotated, Literal, get_args

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.pricing.invoice import TaxedAmount, credit_code_valid, invoiceable, reversed_part, split_tax

Channel = Literal["mini_program", "official_account", "work_chat", "app_push", "sms", "email", "voice", "webhook"]
Method = Literal["cash", "card", "qr", "wallet", "stored_value", "points", "coupon", "credit"]
Rate = Annotated[float, Field(ge=0, le=100)]
Wait = Annotated[int, Field(ge=1, le=1440)]
PAPER_HEAD_M, PAPER_LINE_M = 0.12, 0.008
ISSUED = ("sent", "delivered", "read")


class DigitalReceipt(Solution):
    number = 182
    zh, en = "电子小票与电子发票", "Digital receipt and e-invoice"
    purpose_zh = "顾客手机上的签名电子小票；按需为每笔销售开具一张按税率拆分的正确电子发票。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("message.send", "print.job", "display.show", "alert.raise", "insight.report")
    adapters = ("messaging", "tax?", "printer?", "display?")
    reads = ("products",)
    kpis = {
        "digital_share": kpi("%", "Receipts without paper", "无纸小票占比"),
        "paper_saved": kpi("m", "Paper saved", "节省纸张"),
        "invoices_issued": kpi("count", "Invoices issued", "已开发票数"),
        "invoice_first_try": kpi("%", "Invoices issued at the first try", "发票首次开具成功率"),
    }
    kinds = {"invoice_failed": ("Invoice not issued", "发票开具失败")}

    class Config(SolutionConfig):
        default_mode: Literal["digital", "paper", "ask"] = setting("ask", "Receipt without a stored choice", "未选择时的小票方式",
            help_en="digital: to the phone or as a code; paper: printed; ask: a code that the customer may take.",
            help_zh="digital：发到手机或显示二维码；paper：打印；ask：显示二维码由顾客自取。")  # fmt: skip
        link_days: int = setting(90, "Life of the receipt link", "小票链接有效期", unit="d", ge=1, le=1095,
            help_en="Counted from the sale.", help_zh="自销售时起计。")  # fmt: skip
        link_key: str = setting("receipt-link", "Key that signs links", "链接签名密钥", widget="secret", min_length=1,
            help_en="Name of the secret.", help_zh="密钥的名称。")  # fmt: skip
        invoice_days: int = setting(180, "Invoice may be asked for", "可申请开票期限", unit="d", ge=1, le=730,
            help_en="Counted from the sale.", help_zh="自销售时起计。")  # fmt: skip
        tax_rates: dict[str, Rate] = setting({"default": 13}, "Tax rate by product category", "按商品类别的税率", unit="%",
            help_en="`default` serves categories that are not named.", help_zh="未列出的类别使用 default。")  # fmt: skip
        no_invoice_methods: list[Method] = setting(["stored_value", "points", "coupon"], "Payment methods not invoiced", "不开票的支付方式",
            help_en="Tenders already invoiced or without money.", help_zh="已开过票或不含货币的支付。")  # fmt: skip
        invoice_channel: Channel = setting("webhook", "Channel of the tax service", "税务服务通道",
            help_en="Invoice requests go out on it.", help_zh="开票请求经此通道发出。")  # fmt: skip
        retry_min: list[Wait] = setting([1, 5, 30], "Waits before resending", "重发等待", unit="min",
            help_en="After a failed request to the tax service; then an alert.",
            help_zh="开票请求失败后依次等待；用尽则告警。")  # fmt: skip

    @on("member.profile?")
    def profile(self, event):
        mode = event.get("receipt") or next(filter(None, map(_receipt_mode, event.get("tags") or ())), None)
        allowed = event["consents"].get("messaging")
        wanted = [one for one in event.get("channels") or {} if allowed is None or one in allowed] or allowed or []
        channel = next((one for one in wanted if one in get_args(Channel)), None)
        key = f"choice|{event['member']}"
        if event.get("left") or not (mode or channel):
            self.state.pop(key, None)
        else:
            self.state[key] = {"mode": mode, "channel": channel}

    @on("pos.sale")
    def sold(self, event):
        kind, key = event["kind"], f"sale|{event['receipt']}"
        day = self.store.hours.store_day(event.time).isoformat()
        if kind == "void":
            yield from self._taken_back(event, event.get("original") or event["receipt"])
        if kind in ("void", "training") or key in self.state:
            return
        if kind == "return" and event.get("original"):
            yield from self._taken_back(event, event["original"])
        lines = [[line.get("gtin"), line["amount"], 0] for line in event["lines"]] if kind == "sale" else []
        self.state[key] = {"time": plain(event.time), "lines": lines, "other": self._not_invoiced(event), "invoice": None}
        if f"day|{day}" not in self.state:
            self.state.setdefault("days", []).append(day)
        self.state.setdefault(f"day|{day}", []).append(event["receipt"])
        yield from self._receipt(event)

    def _receipt(self, event):
        choice = self.state.get(f"choice|{event.get('member')}", {})
        mode, channel = choice.get("mode") or self.config.default_mode, choice.get("channel") or "app_push"
        until = event.time + timedelta(days=self.config.link_days)
        link = self._link(event["receipt"], event["total"], until)
        printer = self._device("printer", event["till"])
        digital = mode != "paper" or printer is None
        self.kpi.share("digital_share", int(digital), 1)
        self.kpi.add("paper_saved", digital * (PAPER_HEAD_M + PAPER_LINE_M * len(event["lines"])))
        day = self.state.setdefault("report", {"receipts": 0, "digital": 0, "issued": 0})
        day["receipts"] += 1
        day["digital"] += int(digital)
        params = {"receipt": event["receipt"], "total": event["total"], "link": link, "valid_until": plain(until)}
        if mode == "digital" and event.get("member"):
            yield out("message.send", message=f"receipt:{event['receipt']}", channel=channel, to=event["member"], purpose="service",
                template="receipt_link", params=params, text=self.say("Your receipt", "您的电子小票"))  # fmt: skip
        elif digital:
            yield out("display.show", display=self._device("display", event["till"]) or event["till"], lines=[link], till=event["till"])
        else:
            rows = [f"{line.get('gtin', '')}  {line.get('qty', 1)}  {line['amount']}" for line in event["lines"]]
            yield out("print.job", printer=printer, job=f"receipt:{event['receipt']}", kind="receipt", template="receipt", fields=params,
                lines=rows, ref=event.ref)  # fmt: skip

    def _link(self, receipt, total, until):
        """`receipt.total.last-second.signature`, readable by whoever has the key."""
        body = f"{receipt}.{total}.{int(until.timestamp())}"
        digest = hmac.new(self.secret(self.config.link_key).encode(), body.encode(), hashlib.sha256).digest()
        return f"{body}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"

    def _device(self, kind, till):
        devices = self.devices.get(kind, ())
        return next((one.id for one in devices if one.settings.get("till") == till), devices[0].id if devices else None)

    @on("member.event?")
    def asked(self, event):
        if event["kind"] != "invoice_request":
            return
        values = event.get("values") or {}
        receipt = str(values.get("receipt", ""))
        sale, title, tax_id = self.state.get(f"sale|{receipt}"), values.get("title"), values.get("tax_id")
        invoice = self.state.get(f"invoice|{receipt}")
        if invoice and invoice["state"] != "failed":
            return
        if sale is None or event.time - parse_time(sale["time"]) > timedelta(days=self.config.invoice_days):
            yield self._refused(event, receipt, self.say("no sale that may still be invoiced", "无可开票的销售"))
        elif not title or ((tax_id or values.get("company")) and not credit_code_valid(str(tax_id or ""))):
            yield self._refused(event, receipt, self.say("title or tax id is wrong", "抬头或税号有误"))
        else:
            lines = self._invoice_lines(sale)
            if not lines:
                yield self._refused(event, receipt, self.say("nothing is left to invoice", "没有可开票金额"))
                return
            sale["invoice"] = {"lines": lines, "returned_before": [back for _, _, back in sale["lines"]]}
            yield from self._issue(receipt, {"title": title, "tax_id": tax_id}, lines)

    def _invoice_lines(self, sale):
        left = [amount - back for _, amount, back in sale["lines"]]
        amounts = invoiceable(left, max(0, sale["other"]))
        lines = []
        for number, ((gtin, _, _), amount) in enumerate(zip(sale["lines"], amounts, strict=True), 1):
            category = (self.tables.products.get(gtin) or {}).get("category")
            rate = self.config.tax_rates.get(category, self.config.tax_rates["default"])
            if amount:
                lines.append({"line": number, "gtin": gtin, "rate": rate, **split_tax(amount, rate)._asdict()})
        return lines if sum(amounts) > 0 else []

    def _issue(self, receipt, buyer, lines, **more):
        sums = {name: sum(line[name] for line in lines) for name in ("net", "tax", "total")}
        params = {"receipt": receipt, **{k: v for k, v in buyer.items() if v}, **sums, "lines": lines, **more}
        alerted = self.state.get(f"invoice|{receipt}", {}).get("alerted", False)
        self.state[f"invoice|{receipt}"] = {"state": "asked", "tries": 1, "params": params, "alerted": alerted}
        yield self._request(receipt, params)

    def _request(self, receipt, params):
        return out("message.send", message=f"invoice:{receipt}", channel=self.config.invoice_channel, to="tax", purpose="tax",
            template="red_invoice" if "original" in params else "blue_invoice", params=params)  # fmt: skip

    def _refused(self, event, receipt, why):
        choice = self.state.get(f"choice|{event.get('member')}", {})
        return out("message.send", message=f"invoice-refused:{receipt}:{event.id}", channel=choice.get("channel") or "app_push",
            to=event.get("member") or event.get("visitor") or "", purpose="service", template="invoice_refused",
            params={"receipt": receipt, "reason": why}, text=why)  # fmt: skip

    @on("message.outcome?")
    def answered(self, event):
        receipt = event["message"].removeprefix("invoice:")
        invoice = self.state.get(f"invoice|{receipt}") if event["message"].startswith("invoice:") else None
        if invoice is None or invoice["state"] == "issued":
            return
        if event["status"] in ISSUED:
            yield from self._issued(receipt, invoice)
        elif event["status"] == "failed":
            retry_at = self.timers.get("retry", receipt)
            if retry_at and retry_at <= self.now:
                self.timers.cancel("retry", receipt)
                yield from self._resend(receipt, invoice)
            if invoice["state"] == "asked":
                yield from self._failed(receipt, invoice, event)

    def _failed(self, receipt, invoice, event):
        if invoice["tries"] <= len(self.config.retry_min):
            invoice["state"] = "waiting"
            self.timers.set("retry", receipt, self.now + timedelta(minutes=self.config.retry_min[invoice["tries"] - 1]))
            return
        invoice |= {"state": "failed", "alerted": True, "params": None}
        self.kpi.share("invoice_first_try", 0, 1)
        yield self._alert(receipt, "open", event.get("reason") or self.say("all tries failed", "多次尝试均失败"))

    @timer("retry")
    def retry(self, due):
        yield from self._resend(due.key, self.state[f"invoice|{due.key}"])

    def _resend(self, receipt, invoice):
        invoice |= {"state": "asked", "tries": invoice["tries"] + 1}
        yield self._request(receipt, invoice["params"])

    def _issued(self, receipt, invoice):
        self.timers.cancel("retry", receipt)
        if invoice["alerted"]:
            yield self._alert(receipt, "cleared", self.say("issued after all", "已补开"))
        else:
            self.kpi.share("invoice_first_try", int(invoice["tries"] == 1), 1)
        self.kpi.add("invoices_issued")
        self.state.setdefault("report", {"receipts": 0, "digital": 0, "issued": 0})["issued"] += 1
        invoice |= {"state": "issued", "params": None}

    def _alert(self, receipt, state, why):
        text = self.say(f"Invoice of {receipt}: {why}", f"小票 {receipt} 的发票：{why}")
        return out(
            "alert.raise", alert=f"invoice-{receipt}", kind="invoice_failed", severity="high", state=state, subject=receipt, text=text
        )

    def _taken_back(self, event, original):
        """A return or void of an earlier receipt: before the invoice it shrinks what is left, after it a red invoice goes out."""
        sale = self.state.get(f"sale|{original}")
        if sale is None:
            return
        if event["kind"] == "return":
            sale["other"] += self._not_invoiced(event)
        under_way = self.state.get(f"invoice|{original}", {"state": "failed"})["state"] != "failed"
        invoiced = {line["line"]: line for line in sale["invoice"]["lines"]} if under_way else {}
        red = []
        for number, sold, amount in _matched(sale["lines"], event):
            before, sold[2] = sold[2], sold[2] + amount
            if line := invoiced.get(number):
                shrunk = sale["invoice"]["returned_before"][number - 1]
                taxed = TaxedAmount(line["total"], line["net"], line["tax"])
                part = reversed_part(taxed, line["rate"], sold[1] - shrunk, before - shrunk, amount)
                red.append({**line, **{name: -value for name, value in part._asdict().items()}})
        if red:
            number = event["receipt"] if event["receipt"] != original else f"{original}:void"
            yield from self._issue(number, {}, red, original=original)

    def _not_invoiced(self, event):
        return sum(payment["amount"] for payment in event.get("payments", ()) if payment["method"] in self.config.no_invoice_methods)

    @every("1d", at="close")
    def report(self, due):
        day = self.state.pop("report", {"receipts": 0, "digital": 0, "issued": 0})
        figures = {name: {"value": value, "unit": "count"} for name, value in day.items()}
        yield out("insight.report", {"from": due.time - timedelta(days=1), "to": due.time},
            report=f"receipts-{self.store.hours.store_day(due.time)}", kind="digital_receipts", version=1, figures=figures)  # fmt: skip
        oldest = (self.store.hours.store_day(due.time) - timedelta(days=self.config.invoice_days + 1)).isoformat()
        for day in [day for day in self.state.get("days", []) if day < oldest]:
            self.state["days"].remove(day)
            for receipt in self.state.pop(f"day|{day}"):
                self.state.pop(f"sale|{receipt}", None)
                self.state.pop(f"invoice|{receipt}", None)


def _receipt_mode(tag):
    words = set(re.split(r"[^a-z]+", tag.lower()))
    return next((mode for mode in ("digital", "paper") if {mode, "receipt"} <= words), None)


def _matched(lines, event):
    """The sold lines that a return's lines (all lines for a void) take back: number from 1, the line, the amount."""
    if event["kind"] == "void":
        yield from ((number, line, line[1] - line[2]) for number, line in enumerate(lines, 1) if line[1] > line[2])
        return
    for back in event["lines"]:
        amount = -back["amount"]
        for number, line in enumerate(lines, 1):
            same = str(line[0]).zfill(14) == str(back.get("gtin")).zfill(14)
            part = min(amount, line[1] - line[2])
            if same and part > 0:
                yield number, line, part
                amount -= part


@hookimpl
def storeloom_config_problems(config, store):
    if "default" in config["tax_rates"]:
        return []
    return [Problem("tax_rates", "There is no rate for other categories", "缺少其他类别的税率", "Add default.", "请补充 default。")]
