"""Payment router: for chains with several payment providers: one request from any till, sent by the cheapest healthy way, with no double
charge when an answer goes missing.

A till's `payment.request` has no provider; the one that goes on to a provider's adapter has. Amount 0 asks for the state, a negative one
reverses or refunds. The adapter answers with `payment.result` and its provider; an answer that names none of ours is the live attempt's.
Each id has one live attempt at most: the next provider is tried only once the one before has declined or has confirmed that it reversed. A
reversal that stays unanswered is sent again after each of the query delays, then alerted; the payment stays unknown.

A refund is a request with a negative amount under the id of its payment, or with that id as `original`, or with its receipt; refunds never
exceed the payment. A provider whose device (by its id) is offline or faulty is not used. A reference that is a card number is dropped.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.checkout import card_numbers, routing

FORWARDED = ("method", "receipt", "order", "session", "till", "expires")
FINAL = ("approved", "declined", "refunded")
Method = Literal["cash", "card", "qr", "wallet", "stored_value", "points", "coupon", "credit"]
Delay = Annotated[int, Field(ge=1, le=120)]


class Provider(SolutionConfig):
    id: str = setting(..., "Provider", "支付渠道", min_length=1)
    methods: list[Method] = setting([], "Methods, all when empty", "支付方式，空为全部")
    fee_bp: float = setting(0, "Fee", "费率", unit="bp", ge=0, le=10000)
    ceiling: int | None = setting(None, "Largest amount", "单笔上限", unit="minor", ge=0)


class PaymentRouter(Solution):
    number = 179
    zh, en = "聚合支付路由", "Payment router"
    purpose_zh = "收银统一发起支付，自动走最便宜且健康的渠道；应答丢失也绝不重复扣款。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("payment.request", "payment.result", "alert.raise", "score.report")
    adapters = ("payment",)
    kpis = {
        "approval_rate": kpi("%", "Payments approved", "支付成功率"),
        "fee_rate": kpi("bp", "Fee rate", "综合费率"),
        "unknown_outcomes": kpi("count", "Outcomes unknown", "结果不明次数"),
        "latency_p95": kpi("ms", "Time of an approval, 19 in 20", "成功耗时九五位"),
    }
    kinds = {
        "late_approval": ("Approval after a reversal, refunded", "冲正后到账，已退款"),
        "provider_resting": ("Payment provider at rest", "支付渠道熔断"),
        "outcome_unknown": ("Outcome of a payment unknown", "支付结果不明"),
    }

    class Config(SolutionConfig):
        providers: list[Provider] = setting([], "Ways to pay", "支付渠道",
            help_en="Empty uses the bound adapters at fee 0.", help_zh="留空则使用已绑定的适配器，费率为 0。")  # fmt: skip
        retry_penalty: int = setting(200, "Cost of a failed attempt", "失败成本", unit="minor", ge=0, le=10000,
            help_en="In till time.", help_zh="收银时间的折算。")  # fmt: skip
        success_ewma: float = setting(0.05, "Weight of the newest attempt", "最新结果权重", ge=0.005, le=0.5,
            help_en="In the success rate of a provider.", help_zh="用于渠道成功率。")  # fmt: skip
        timeout_s: int = setting(10, "No answer for so long", "超时", unit="s", ge=2, le=60,
            help_en="Then it starts asking.", help_zh="超时后开始查询。")  # fmt: skip
        query_delays_s: list[Delay] = setting([5, 10, 20], "Waits before each query", "查询间隔", unit="s",
            help_en="After the last one the attempt is reversed.", help_zh="最后一次之后发起冲正。")  # fmt: skip
        breaker_fails: int = setting(5, "Failures that rest a provider", "熔断次数", ge=2, le=50,
            help_en="Technical failures in a row.", help_zh="连续技术失败次数。")  # fmt: skip
        cool_off_s: int = setting(60, "Rest", "熔断时长", unit="s", ge=5, le=3600,
            help_en="Before one probe payment; doubled when that fails.", help_zh="之后放行一笔试探；失败则加倍。")  # fmt: skip
        max_attempts: int = setting(2, "Providers tried", "最多尝试渠道数", ge=1, le=5,
            help_en="Per payment.", help_zh="每笔支付。")  # fmt: skip

    # --- requests ---

    @on("payment.request")
    def asked(self, event):
        if event.get("provider"):
            return
        key, amount = f"pay:{event['payment']}", event["amount"]
        if amount < 0:
            yield from self._refund(event)
        elif key in self.state:
            yield self._tell(event["payment"], self.state[key])
        elif amount > 0:
            pay = {name: event[name] for name in FORWARDED if event.get(name) is not None}
            self.state[key] = pay | {"amount": amount, "status": "pending", "attempts": [], "refunds": {}, "at": plain(self.now)}
            yield from self._next(event["payment"], self.state[key])

    def _next(self, payment, pay):
        """Try the cheapest of those that are left; without one the payment is declined."""
        providers, tried = self._providers(), [one["provider"] for one in pay["attempts"]]
        health = {one["id"]: self._health(one["id"]) for one in providers}
        found = routing.ranked(providers, health, method=pay.get("method"), amount=pay["amount"], penalty=self.config.retry_penalty,
                               now=self.now, without=tried)  # fmt: skip
        if not found or len(tried) >= self.config.max_attempts:
            yield self._final(payment, pay, "declined", code=None if tried else "no_provider")
            return
        routing.sent(health[found[0]], payment)
        pay["attempts"].append({"provider": found[0], "status": "live", "sent": plain(self.now)})
        self._day(found[0])["attempts"] += 1
        self.timers.set("timeout", payment, self.now + timedelta(seconds=self.config.timeout_s))
        yield self._order(payment, pay, found[0], pay["amount"])
        yield self._tell(payment, pay)

    def _order(self, payment, pay, provider, amount):
        fields = {name: pay[name] for name in FORWARDED if name in pay}
        return out("payment.request", payment=payment, amount=amount, provider=provider, **fields)

    def _tell(self, payment, pay, **more):
        last = pay["attempts"][-1] if pay["attempts"] else {}
        return out("payment.result", payment=payment, status=pay["status"], method=pay.get("method") or "other", amount=pay["amount"],
                   receipt=pay.get("receipt"), order=pay.get("order"), session=pay.get("session"), till=pay.get("till"),
                   provider=last.get("provider"), attempt=len(pay["attempts"]) or None, ref=pay.get("ref"), code=pay.get("code"),
                   hard=pay.get("hard"), **more)  # fmt: skip

    def _final(self, payment, pay, status, **more):
        self.timers.cancel("timeout", payment)
        self.timers.cancel("query", payment)
        pay |= {"status": status, **{name: value for name, value in more.items() if value is not None}}
        self.kpi.share("approval_rate", int(status == "approved"), 1)
        return self._tell(payment, pay)

    # --- answers ---

    @on("payment.result")
    def answered(self, event):
        pay = self.state.get(f"pay:{event['payment']}")
        if pay is None or event["status"] in ("asked", "settled", "pending", "unknown"):
            return
        known = [one["id"] for one in self._providers()]
        named = next((one for one in (event.get("provider"), event.source) if one in known), None)
        named = named or (pay["attempts"][-1]["provider"] if pay["attempts"] else None)
        attempt = next((one for one in pay["attempts"] if one["provider"] == named), None)
        if attempt is None:
            return
        if event["status"] == "approved":
            yield from self._approved(event, pay, attempt)
        elif event["status"] == "declined" and attempt["status"] == "live":
            yield from self._declined(event, pay, attempt)
        elif event["status"] == "reversed" and attempt["status"] == "reversing":
            attempt["status"] = "reversed"
            self.timers.cancel("query", event["payment"])
            yield from self._next(event["payment"], pay)
        elif event["status"] in ("refunded", "reversed") and pay["status"] == "approved":
            yield from self._refunded(pay, event)

    def _approved(self, event, pay, attempt):
        payment, provider, health = event["payment"], attempt["provider"], self._health(attempt["provider"])
        if attempt["status"] == "live":
            attempt["status"] = "approved"
            routing.succeeded(health, self.config.success_ewma)
            self._day(provider)["approved"] += 1
            latency_ms = round((self.now - parse_time(attempt["sent"])).total_seconds() * 1000)
            self.kpi.sample("latency_p95", latency_ms, "p95")
            fee_bp = next((one.get("fee_bp") or 0 for one in self._providers() if one["id"] == provider), 0)
            self.kpi.share("fee_rate", pay["amount"] * fee_bp, pay["amount"])
            ref = card_numbers.without_card(event.get("ref"))
            told = self._final(payment, pay, "approved", ref=ref)
            yield out("payment.result", **told.data, latency_ms=latency_ms)
        elif attempt["status"] in ("reversed", "declined"):
            attempt["status"] = "late"
            yield self._order(payment, pay, provider, -pay["amount"])
            text = self.say(
                f"{provider} approved {payment} after it was given up; refunded", f"{provider} 在放弃后批准了 {payment}，已退款"
            )
            yield self._alert(f"late:{payment}:{provider}", "late_approval", "high", payment, text, pay, pay["amount"])

    def _declined(self, event, pay, attempt):
        """A hard decline is final; any other is the provider's failure, and the next one is tried."""
        payment, provider = event["payment"], attempt["provider"]
        self.timers.cancel("timeout", payment)
        self.timers.cancel("query", payment)
        attempt["status"] = "declined"
        if event.get("hard"):
            routing.succeeded(self._health(provider), self.config.success_ewma, hard_decline=True)
            yield self._final(payment, pay, "declined", hard=True, code=event.get("code"))
            return
        pay["code"] = event.get("code")
        yield from self._failure(payment, provider)
        yield from self._next(payment, pay)

    def _failure(self, payment, provider):
        config, health = self.config, self._health(provider)
        self._day(provider)["failed"] += 1
        if routing.failed(health, payment, config.success_ewma, config.breaker_fails, config.cool_off_s, self.now):
            text = self.say(f"{provider} rests until {health['until']}", f"{provider} 熔断至 {health['until']}")
            yield self._alert(f"rest:{provider}", "provider_resting", "warn", provider, text, {}, health["rest_s"], "s")

    # --- silence ---

    @timer("timeout")
    def silent(self, due):
        self.timers.set("query", due.key, due.time + timedelta(seconds=self._delay(0)), {"step": 0})

    def _delay(self, step):
        delays = self.config.query_delays_s
        return delays[min(step, len(delays) - 1)] if delays else 0

    @timer("query")
    def query(self, due):
        """Ask; after the last question take the payment back, and again until that is confirmed."""
        pay, step, delays = self.state[f"pay:{due.key}"], due.data["step"], self.config.query_delays_s
        attempt = pay["attempts"][-1]
        if attempt["status"] == "live" and delays:
            yield self._order(due.key, pay, attempt["provider"], 0)
        if step + 1 < len(delays):
            self.timers.set("query", due.key, due.time + timedelta(seconds=delays[step + 1]), {"step": step + 1})
            if attempt["status"] == "live":
                return
        elif attempt["status"] == "reversing":
            text = self.say(f"Neither paid nor reversed: {due.key}", f"既未确认支付也未冲正：{due.key}")
            yield self._alert(f"unknown:{due.key}", "outcome_unknown", "high", due.key, text, pay, pay["amount"])
        if attempt["status"] == "live":
            attempt["status"], pay["status"] = "reversing", "unknown"
            self.kpi.add("unknown_outcomes")
            self.timers.set("query", due.key, due.time + timedelta(seconds=self._delay(0) or self.config.timeout_s), {"step": 0})
            yield from self._failure(due.key, attempt["provider"])
            yield self._tell(due.key, pay)
        yield self._order(due.key, pay, attempt["provider"], -pay["amount"])

    # --- refunds ---

    def _refund(self, event):
        """By the provider that took the money, never more than it took."""
        payment = event["payment"]
        original = next((one for one in (event.get("original"), payment) if one and f"pay:{one}" in self.state), None)
        original = original or self._by_receipt(event.get("receipt"), -event["amount"])
        pay = self.state.get(f"pay:{original}")
        paid_by = next((one["provider"] for one in pay["attempts"] if one["status"] == "approved"), None) if pay else None
        mark, amount = f"{payment}|{event['amount']}", -event["amount"]
        told = {"payment": payment, "method": event.get("method") or (pay or {}).get("method") or "other", "amount": event["amount"],
                "receipt": event.get("receipt"), "till": event.get("till"), "provider": paid_by}  # fmt: skip
        if paid_by is None or (
            mark not in pay["refunds"] and sum(one["amount"] for one in pay["refunds"].values()) + amount > pay["amount"]
        ):
            yield out("payment.result", status="declined", hard=True, code="no_original" if paid_by is None else "over_original", **told)
        elif mark in pay["refunds"]:
            yield out("payment.result", status=pay["refunds"][mark]["status"], **told)
        else:
            pay["refunds"][mark] = {"amount": amount, "status": "pending", "told": {k: v for k, v in told.items() if v is not None}}
            yield self._order(original, pay, paid_by, -amount)
            yield out("payment.result", status="pending", **told)

    def _by_receipt(self, receipt, amount):
        found = [key for key in sorted(self.state) if receipt and key.startswith("pay:") and self.state[key].get("receipt") == receipt]
        paid = (key for key in found if self.state[key]["status"] == "approved" and amount <= self.state[key]["amount"])
        return next(paid, "").removeprefix("pay:") or None

    def _refunded(self, pay, event):
        """The oldest refund of this amount that still waits."""
        amount = abs(event["amount"])
        for one in pay["refunds"].values():
            if one["status"] == "pending" and amount in (0, one["amount"]):
                one["status"] = "refunded"
                yield out("payment.result", status="refunded", **one["told"])
                return

    # --- providers ---

    @on("device.status?")
    def device(self, event):
        if event["device"] in [one["id"] for one in self._providers()]:
            self._health(event["device"])["offline"] = event["state"] in ("offline", "fault", "nonconforming")

    def _providers(self):
        listed = [one.model_dump() for one in self.config.providers]
        return listed or [{"id": one.id} for one in self.devices.get("payment", ())]

    def _health(self, provider):
        return self.state.setdefault(f"health:{provider}", routing.new_health())

    def _day(self, provider):
        return self.state.setdefault("day", {}).setdefault(provider, {"attempts": 0, "approved": 0, "failed": 0})

    @every("1d", at="close")
    def report(self, due):
        for provider, row in sorted(self.state.pop("day", {}).items()):
            parts = [{"name": name, "value": value} for name, value in row.items()]
            yield out("score.report", {"from": due.time - timedelta(days=1), "to": due.time}, scheme="payment_provider",
                      subject_kind="device", subject=provider, score=100 * self._health(provider)["success"], parts=parts)  # fmt: skip
        stale = due.time - timedelta(days=92)
        for key in [key for key in self.state if key.startswith("pay:") and self.state[key]["status"] in FINAL]:
            if parse_time(self.state[key]["at"]) < stale:
                del self.state[key]

    def _alert(self, alert, kind, severity, subject, text, pay, value, unit="minor"):
        return out("alert.raise", alert=alert, kind=kind, severity=severity, state="open", subject=subject, text=text, till=pay.get("till"),
                   value=value, unit=unit)  # fmt: skip
