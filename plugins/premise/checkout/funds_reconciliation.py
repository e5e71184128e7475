"""Store funds reconciliation: for finance: matches every tender of every till with the provider's answer and the money that arrived, finds
paid-without-sale and fee errors, and keeps cash drawers honest.

Sides belong together by payment id, by provider and reference, or by receipt; what is left at the cutoff by till, amount and time. Points,
coupons and stored value without a provider are no money to match, nor is what was paid online. A payment is settled on `settled_on`, else
on the money day on which the line came. A refund under an id of its own pairs with its own return; any other nets its original.

A money day is reported at its cutoff; a later line of it re-issues the report, those of five seconds together. What still may be settled
is `waiting` and no part of the rate. Without a new float after a count, the counted cash is what the drawer opens with.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.checkout import reconcile
from storeloom.workers.checkout.card_numbers import without_card

BY_PROVIDER = ("card", "qr", "wallet", "credit")
ALERTED = {"sale_not_paid": "high", "amount_diff": "high", "fee_diff": "warn", "not_settled": "high"}
CLASSES = ("matched", "settled_late", "waiting", "amount_diff", "fee_diff", "sale_not_paid", "paid_no_sale", "not_settled")
PAYMENT = ("payment", "provider", "ref", "paid", "till")
BETWEEN, KEPT_DAYS = timedelta(seconds=5), 7
Fee = Annotated[float, Field(ge=0, le=10000)]


class FundsReconciliation(Solution):
    number = 180
    zh, en = "门店资金对账", "Store funds reconciliation"
    purpose_zh = "逐笔核对每台收银的支付、渠道应答与到账资金，找出有付无单与手续费差错，并管好现金钱箱。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("insight.report", "alert.raise", "task.create", "score.report")
    adapters = ("pos?", "payment?")
    reads = ("staff",)
    kpis = {
        "matched_rate": kpi("%", "Tenders matched", "对平率"),
        "unmatched_value": kpi("minor", "Unmatched value", "未对平金额"),
        "fee_overcharge": kpi("minor", "Fees overcharged", "多收手续费"),
        "cash_short": kpi("minor", "Cash short", "现金短款"),
    }
    kinds = {
        "funds_reconciliation": ("Money day reconciled", "资金日对账"),
        "paid_no_sale": ("Paid without sale: refund or ring", "有付无单：退款或补单"),
        "sale_not_paid": ("Sale without payment", "有单无付"),
        "amount_diff": ("Amounts differ", "金额不符"),
        "fee_diff": ("Fee differs", "手续费不符"),
        "not_settled": ("Payment not settled", "未到账"),
        "cash_short": ("Drawer short", "钱箱短款"),
        "cash_over": ("Drawer over", "钱箱长款"),
        "cash_review": ("Review a cashier's shortages", "复核收银员短款"),
    }

    class Config(SolutionConfig):
        fees_bp: dict[str, Fee] = setting({}, "Agreed fees", "约定费率", unit="bp",
            help_en="Provider to fee; one not listed is not checked for fees.", help_zh="渠道对应费率；未列出的不核对手续费。")  # fmt: skip
        fee_tol: int = setting(1, "Fee difference that is rounding", "手续费尾差", unit="minor", ge=0, le=100,
            help_en="Up to it a fee is right.", help_zh="不超过此值视为相符。")  # fmt: skip
        time_tol_s: int = setting(120, "Distance in time", "匹配时间差", unit="s", ge=0, le=3600,
            help_en="For a match without reference.", help_zh="用于无参考号的匹配。")  # fmt: skip
        carry_days: int = setting(3, "Wait for settlement", "等待到账天数", unit="d", ge=0, le=14,
            help_en="How long an unmatched item waits.", help_zh="未到账项目的等待天数。")  # fmt: skip
        cash_tol: int = setting(500, "Over or short let pass", "现金允差", unit="minor", ge=0, le=100000,
            help_en="Beyond it an alert is raised.", help_zh="超过则告警。")  # fmt: skip
        cusum_k: int = setting(300, "Slack of the shortage chart", "短款图余量", unit="minor", ge=0, le=10000,
            help_en="Of each count.", help_zh="每次清点扣除。")  # fmt: skip
        cusum_h: int = setting(2000, "Level that is looked into", "短款图阈值", unit="minor", ge=100, le=100000,
            help_en="A cashier's shortages are reviewed.", help_zh="达到后复核该收银员。")  # fmt: skip
        cutoff: str = setting("23:30", "End of the money day", "资金日截止", widget="time", pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
            help_en="Store time.", help_zh="门店时间。")  # fmt: skip

    # --- what a receipt says ---

    @on("pos.sale")
    def sold(self, event):
        mark = f"seen:sale|{event['receipt']}|{event['kind']}"
        if event["kind"] == "training" or mark in self.state:
            return
        self._see(mark)
        self._await(self._money_day(event.time).isoformat())
        sign = -1 if event["kind"] == "void" and event.get("total", 0) > 0 else 1
        if sign < 0 and f"seen:sale|{event.get('original') or event['receipt']}|sale" not in self.state:
            return
        cash = sign * reconcile.cash_of(event["payments"])
        drawer = self._drawer(event["till"])
        drawer["refunds" if cash < 0 else "kept"] += abs(cash)
        for payment in event["payments"] if event["channel"] != "online" else ():
            named = payment.get("payment") or payment.get("provider") or payment.get("ref")
            if payment["method"] in BY_PROVIDER or (payment["method"] != "cash" and named):
                self._tender(event, payment, sign * payment["amount"])

    def _tender(self, event, payment, amount):
        original = event.get("original") or (event["receipt"] if event["kind"] == "void" else None)
        keys = self._keys(payment)
        name = self._find(keys)
        if name is None and original and amount < 0:
            name = next((one for one in self._of_receipt(original) if self.state[one]["sale"]), None)
        name = name or next((one for one in self._of_receipt(event["receipt"]) if self._lacks(one, "sale", amount)), None)
        name = name or self._new(event.time)
        case = self.state[name]
        case["sale"] = (case["sale"] or 0) + amount
        case |= {"till": case["till"] or event["till"], "sale_at": case["sale_at"] or event.time.timestamp()}
        self._file(name, keys, case, payment, event["receipt"])

    # --- what the provider says ---

    @on("payment.result")
    def answered(self, event):
        status, provider, ref = event["status"], event.get("provider"), without_card(event.get("ref"))
        if status not in ("approved", "settled", "reversed", "refunded"):
            return
        mark = f"seen:{provider}|{ref}|{status}" if ref else f"seen:{event['payment']}|{status}|{event['amount']}"
        if mark in self.state:
            return
        self._see(mark)
        keys, amount = self._keys(event.data), event["amount"]
        name, back = self._find(keys), status in ("reversed", "refunded")
        side = "settled" if status == "settled" else "paid"
        if name and not back and amount > 0 and self.state[name][side] is not None:
            if not ref or ref == self.state[name]["ref"]:
                return
            name = None
        if back:
            yield from self._back(name, event, keys)
            return
        name = name or next((one for one in self._of_receipt(event.get("receipt")) if self._lacks(one, side, amount)), None)
        name = name or self._new(event.time)
        case = self.state[name]
        case[side] = (case[side] or 0) + amount
        if side == "paid":
            case["paid_at"] = event.time.timestamp()
        else:
            case["fee"] += event.get("fee") or 0
            case["settled_day"] = str(event.get("settled_on") or self._money_day(event.time))[:10]
        case["till"] = case["till"] or event.get("till")
        self._file(name, keys, case, event.data, event.get("receipt"))

    def _back(self, name, event, keys):
        """What went back nets its original; a refund of its own stands beside its return."""
        amount = abs(event["amount"])
        if name and self.state[name]["paid"]:
            case = self.state[name]
            case["paid"] -= min(amount or case["paid"], case["paid"]) if case["paid"] > 0 else 0
            self._touched(name)
        elif event["status"] == "refunded" and amount:
            name = name or self._new(event.time)
            self.state[name] |= {"paid": -amount, "paid_at": event.time.timestamp(), "till": self.state[name]["till"] or event.get("till")}
            self._file(name, keys, self.state[name], event.data, event.get("receipt"))
        return ()

    # --- cases ---

    def _keys(self, data):
        keys = [f"key:{data['payment']}"] if data.get("payment") else []
        ref = without_card(data.get("ref"))
        return [*keys, f"key:{data['provider']}|{ref}"] if data.get("provider") and ref else keys

    def _find(self, keys):
        """By its reference first: a provider may charge one payment twice."""
        return next((self.state[key] for key in reversed(keys) if key in self.state and self.state[key] in self.state), None)

    def _of_receipt(self, receipt):
        return [name for name in self.state.get(f"receipt:{receipt}", []) if name in self.state] if receipt else []

    def _lacks(self, name, side, amount):
        other = "paid" if side == "sale" else "sale"
        return self.state[name][side] is None and self.state[name][other] in (None, amount)

    def _new(self, at):
        self.state["cases"] = self.state.get("cases", 0) + 1
        name = f"case:{self._money_day(at)}:{self.state['cases']:06d}"
        self.state[name] = reconcile.new_case(self._money_day(at).isoformat())
        return name

    def _file(self, name, keys, case, data, receipt):
        for key in keys:
            self.state.setdefault(key, name)
        for field in ("payment", "provider", "ref"):
            case[field] = case[field] or without_card(data.get(field))
        if receipt and name not in self.state.setdefault(f"receipt:{receipt}", []):
            self.state[f"receipt:{receipt}"].append(name)
        case["receipt"] = case["receipt"] or receipt
        self._touched(name)

    def _touched(self, name):
        """A late line: the report of its day is issued again, once for all lines of this instant."""
        day = self.state[name]["day"]
        if (known := self.state.get(f"report:{day}")) and self.timers.get("again", day) is None:
            self.timers.set("again", day, max(self.now, parse_time(known["at"]) + BETWEEN))
        self._await(day)

    def _await(self, day):
        """The report of a money day that saw anything."""
        if f"report:{day}" not in self.state and self.timers.get("cutoff", day) is None:
            self.timers.set("cutoff", day, max(self.now, self.store.hours.at(date.fromisoformat(day), self.config.cutoff)))

    def _money_day(self, at):
        local = self.store.hours.local(at)
        past = at > self.store.hours.at(local.date(), self.config.cutoff)
        return local.date() + timedelta(days=int(past))

    def _see(self, mark):
        self.state[mark] = plain(self.now)

    # --- the report ---

    @timer("cutoff")
    def day_over(self, due):
        yield from self._report(due.key)
        again = self.store.hours.at(date.fromisoformat(due.key) + timedelta(days=self.config.carry_days), self.config.cutoff)
        self.timers.set("expire", due.key, max(again, self.now + timedelta(seconds=1)))
        self._forget()

    @timer("expire")
    def carried(self, due):
        if f"report:{due.key}" not in self.state:  # forgotten meanwhile
            return
        self.state[f"report:{due.key}"]["expired"] = True
        if any(self.state[name]["told"] == "waiting" for name in self._cases(due.key)):
            yield from self._report(due.key)

    @timer("again")
    def late_line(self, due):
        yield from self._report(due.key)

    def _cases(self, day):
        return [name for name in sorted(self.state) if name.startswith(f"case:{day}:")]

    def _pair(self, names):
        cases = {name: self.state[name] for name in names}
        sales = {
            name: case for name, case in cases.items() if case["sale"] is not None and case["paid"] is None and case["settled"] is None
        }
        paid = {name: case for name, case in cases.items() if case["sale"] is None and case["paid"] is not None and case["till"]}
        for sale, payment in reconcile.pairs(sales, paid, self.config.time_tol_s):
            reconcile.join(self.state[sale], self.state[payment])
            for key in self._keys(self.state[payment]):
                self.state[key] = sale
            del self.state[payment]

    def _report(self, day):
        known = self.state.setdefault(f"report:{day}", {"version": 0, "expired": False, "told": [0, 0, 0, 0]})
        known |= {"version": known["version"] + 1, "at": plain(self.now)}
        self._pair(self._cases(day))
        rows, counts, sums = [], dict.fromkeys(CLASSES, 0), {"unmatched": 0, "over": 0}
        for name in self._cases(day):
            case = self.state[name]
            verdict = reconcile.classify(case, self.config.fees_bp, self.config.fee_tol, expired=known["expired"])
            if verdict.name == "netted":
                continue
            counts[verdict.name] += 1
            if verdict.name == "fee_diff":
                sums["over"] += max(0, verdict.value)
            elif verdict.name not in ("waiting", *reconcile.GOOD):
                sums["unmatched"] += abs(verdict.value)
            row = {"class": verdict.name, "value": verdict.value, "amount": case["sale"] if case["sale"] is not None else case["paid"]}
            shown = ("receipt", "payment", "provider", "ref", "till", "sale", "paid", "settled", "fee")
            rows.append(row | {field: case[field] for field in shown if case[field] is not None})
            yield from self._told(name, case, verdict)
        yield self._issue(day, known, rows, counts, sums)

    def _issue(self, day, known, rows, counts, sums):
        total = sum(counts.values()) - counts["waiting"]
        told, now = known["told"], [counts["matched"], total, sums["unmatched"], sums["over"]]
        self.kpi.share("matched_rate", now[0] - told[0], now[1] - told[1])
        self.kpi.add("unmatched_value", now[2] - told[2])
        self.kpi.add("fee_overcharge", now[3] - told[3])
        known["told"] = now
        rate = 100 * counts["matched"] / total if total else None
        figures = {name: {"value": count, "unit": "count"} for name, count in counts.items()}
        money = {"unmatched_value": sums["unmatched"], "fee_overcharge": sums["over"], "cash_short": self.state.get(f"short:{day}", 0)}
        figures |= {name: {"value": value, "unit": "minor"} for name, value in money.items()}
        figures |= {"matched_rate": {"value": rate, "unit": "%"}} if rate is not None else {}
        ends = self.store.hours.at(date.fromisoformat(day), self.config.cutoff)
        starts = self.store.hours.at(date.fromisoformat(day) - timedelta(days=1), self.config.cutoff)
        return out("insight.report", {"from": starts, "to": ends}, report=f"funds:{day}", kind="funds_reconciliation",
                   version=known["version"], figures=figures, rows=rows)  # fmt: skip

    def _told(self, name, case, verdict):
        """One task for money without a sale, one alert for what is wrong; cleared when a late line puts it right."""
        before, case["told"] = case["told"], verdict.name
        subject = case["receipt"] or case["payment"] or name
        text = f"{self.say(*self.kinds[verdict.name])}: {subject}, {verdict.value}" if verdict.name in self.kinds else ""
        if verdict.name == "paid_no_sale" and before != "paid_no_sale":
            yield out("task.create", task=f"paid_no_sale:{name}", kind="paid_no_sale", title=text, priority=2, role="finance",
                      values={field: case[field] for field in PAYMENT if case[field] is not None})  # fmt: skip
        if case["alerted"] and verdict.name != before:
            yield self._alert(name, case["alerted"], "info", "cleared", subject, self.say("settled", "已对平"), case, 0)
            case["alerted"] = False
        if verdict.name in ALERTED and verdict.name != before:
            case["alerted"] = verdict.name
            yield self._alert(name, verdict.name, ALERTED[verdict.name], "open", subject, text, case, verdict.value)

    def _alert(self, name, kind, severity, state, subject, text, case, value):
        return out("alert.raise", alert=f"{kind}:{name}", kind=kind, severity=severity, state=state, subject=subject, till=case["till"],
                   text=text, value=value, unit="minor")  # fmt: skip

    def _forget(self):
        kept = timedelta(days=self.config.carry_days + KEPT_DAYS)
        old = (self.store.hours.store_day(self.now) - kept).isoformat()
        for name in list(self.state):
            kind, _, rest = name.partition(":")
            seen_long_ago = kind == "seen" and self.now - parse_time(self.state[name]) > kept
            if seen_long_ago or (kind in ("case", "report", "short") and rest[:10] < old):
                del self.state[name]
        for name in [name for name in self.state if name.startswith("key:") and self.state[name] not in self.state]:
            del self.state[name]
        for name in [name for name in self.state if name.startswith("receipt:") and not self._of_receipt(name[8:])]:
            del self.state[name]

    # --- cash ---

    def _drawer(self, till):
        fresh = {"float": None, "left": 0, "kept": 0, "refunds": 0, "drops": 0, "counted_at": None}
        return self.state.setdefault(f"drawer:{till}", fresh)

    @on("pos.exception")
    def drawer(self, event):
        drawer, amount = self._drawer(event["till"]), event.get("amount") or 0
        self._await(self._money_day(event.time).isoformat())
        if event["kind"] == "drawer_float":
            drawer["float"] = (drawer["float"] or 0) + amount
        elif event["kind"] == "drawer_drop":
            drawer["drops"] += abs(amount)
        elif event["kind"] == "drawer_count" and drawer["counted_at"] != plain(event.time):
            yield from self._counted(event, drawer, amount)

    def _counted(self, event, drawer, counted):
        till, cashier = event["till"], event.get("cashier")
        opening = drawer["left"] if drawer["float"] is None else drawer["float"]
        expected = reconcile.Drawer(opening, drawer["kept"], drawer["refunds"], drawer["drops"]).expected
        difference, since = counted - expected, drawer["counted_at"] or self.store.hours.midnight(self.store.hours.store_day(event.time))
        drawer |= {"float": None, "left": counted, "kept": 0, "refunds": 0, "drops": 0, "counted_at": plain(event.time)}
        day = self._money_day(event.time).isoformat()
        self.state[f"short:{day}"] = self.state.get(f"short:{day}", 0) + max(0, -difference)
        self.kpi.add("cash_short", max(0, -difference))
        if abs(difference) > self.config.cash_tol:
            kind = "cash_short" if difference < 0 else "cash_over"
            text = f"{self.say(*self.kinds[kind])}: {till}, {abs(difference)}"
            yield out("alert.raise", alert=f"{kind}:{till}:{plain(event.time)}", kind=kind, severity="warn", state="open",
                      subject=cashier or till, till=till, text=text, value=difference, limit=self.config.cash_tol,
                      unit="minor")  # fmt: skip
        if cashier is None:
            return
        charts = self.state.setdefault("charts", {})
        charts[cashier] = reconcile.shortage_chart(charts.get(cashier, 0), -difference, self.config.cusum_k)
        parts = [("expected", expected), ("counted", counted), ("difference", difference)]
        yield out("score.report", {"from": since, "to": event.time}, scheme="cash_drawer", subject_kind="staff", subject=cashier,
                  score=charts[cashier], parts=[{"name": name, "value": value, "unit": "minor"} for name, value in parts])  # fmt: skip
        if charts[cashier] >= self.config.cusum_h:
            level, charts[cashier] = charts[cashier], 0
            person = self.tables.staff.get(cashier) or {}
            title = f"{self.say(*self.kinds['cash_review'])}: {person.get('name') or cashier}"
            yield out("task.create", task=f"cash_review:{cashier}:{plain(event.time)}", kind="cash_review", title=title, priority=2,
                      staff=person.get("manager"), role="manager", values={"cashier": cashier, "level": level})  # fmt: skip
