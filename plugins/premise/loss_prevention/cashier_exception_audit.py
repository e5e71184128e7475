"""Cashier exception audit: ranks cashiers whose voids, returns, overrides and drawer openings stand out from their peers beyond chance, and
catches the classic fraud patterns with receipt times for the video.

A figure is a reason to look at the recording, never a verdict: each cashier, kind and window brings one case, closed by two reviewers who
are not the cashier, and only what both confirm counts as loss. The case's answers come as `task.done`. Till and staff numbers only.

A void or return counts once whether the till tells it as an exception, as a receipt of that kind, or both. Training receipts count
nowhere, and what was keyed in them is taken out again.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.insight.exceptions import compare_rate

TYPES = ("void_line", "void_receipt", "return", "price_override", "discount", "no_sale")
VOIDS = ("void_line", "void_receipt")
OPENED_AFTER_VOID = timedelta(seconds=120)
HUGGING_RETURNS = 3
REVIEWERS = 2


class CashierExceptionAudit(Solution):
    number = 163
    zh, en = "收银异常稽核", "Cashier exception audit"
    purpose_zh = "找出作废、退货、改价与开钱箱显著高于同事且非偶然的收银员，捕捉典型舞弊手法，并给出小票时间以便调看录像。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("score.report", "alert.raise", "task.create")
    reads = ("staff",)
    kpis = {
        "cashiers_flagged": kpi("count", "Cashiers flagged", "被标记收银员数"),
        "flag_precision": kpi("%", "Cases confirmed on review", "复核确认率"),
        "loss_confirmed": kpi("minor", "Loss confirmed", "确认损失"),
        "return_without_receipt_rate": kpi("%", "Returns without receipt", "无小票退货率"),
    }
    kinds = {
        "void_line": ("Line voids beyond peers", "删行异常偏多"),
        "void_receipt": ("Receipt voids beyond peers", "整单作废异常偏多"),
        "return": ("Returns beyond peers", "退货异常偏多"),
        "price_override": ("Price overrides beyond peers", "改价异常偏多"),
        "discount": ("Discounts beyond peers", "手工折扣异常偏多"),
        "no_sale": ("Drawer openings beyond peers", "无销售开箱异常偏多"),
        "cash_void": ("Receipt voided after cash", "收现后作废"),
        "void_no_sale": ("Drawer opened after a void", "作废后开钱箱"),
        "late_return": ("Return without receipt near closing", "临近打烊无小票退货"),
        "limit_hugging": ("Returns just under the limit", "退货紧贴授权限额"),
        "points_farming": ("One member on many receipts", "同一会员频繁积分"),
    }

    class Config(SolutionConfig):
        window_days: int = setting(28, "Days looked back", "回看天数", unit="d", ge=7, le=92,
            help_en="Store days that rates are taken over; also the life of a case.",
            help_zh="计算发生率的营业天数，也是一个案件的有效期。")  # fmt: skip
        prior_receipts: int = setting(1000, "Strength of the peers' rate", "同事水平的权重", unit="receipts", ge=0, le=20000,
            help_en="Receipts at the peers' rate that are added to each cashier's own.",
            help_zh="给每位收银员加上的、按同事水平计的小票数。")  # fmt: skip
        ratio_limit: float = setting(2.0, "Ratio that flags", "标记倍数", ge=1.1, le=10,
            help_en="Shrunk rate over the peers' rate.", help_zh="收缩后发生率与同事发生率之比。")  # fmt: skip
        p_limit: float = setting(0.001, "Chance below which it is none", "偶然概率上限", ge=0.000001, le=0.05,
            help_en="Poisson probability of so many events at the peers' rate.", help_zh="按同事水平出现如此多次的泊松概率。")  # fmt: skip
        min_receipts: int = setting(200, "Receipts needed for a judgement", "最少小票数", unit="receipts", ge=20, le=5000,
            help_en="Cashiers with fewer in the window are not judged.", help_zh="窗口内小票更少者不作评判。")  # fmt: skip
        limit_hug_pct: float = setting(5, "Hugging the limit", "紧贴限额范围", unit="%", ge=1, le=20,
            help_en="Three returns a day this little under the cashier's authorisation limit.",
            help_zh="一天内三笔退货低于本人授权限额不超过此比例。")  # fmt: skip
        member_repeat: int = setting(5, "Receipts of one member", "同一会员小票数", unit="receipts", ge=2, le=50,
            help_en="One member on so many receipts of one cashier in a day.",
            help_zh="同一会员一天内在同一收银员处的小票数。")  # fmt: skip
        after_tender_s: int = setting(120, "Void after cash within", "收现后作废时限", unit="s", ge=10, le=900,
            help_en="A receipt voided so soon after cash was tendered.", help_zh="收取现金后在此时限内作废整单。")  # fmt: skip
        close_window_min: int = setting(15, "Last minutes before closing", "打烊前时段", unit="min", ge=0, le=120,
            help_en="Returns without receipt are watched in them; 0 watches none.",
            help_zh="此时段内的无小票退货会告警；0 表示不看。")  # fmt: skip

    @on("pos.sale")
    def receipt(self, event):
        kind, cashier, number = event["kind"], event.get("cashier"), event["receipt"]
        if kind == "training":
            note = self._note(number, event)
            note["training"] = True
            self._strike(number, note)
            return
        if any(p.get("method") == "cash" and p["amount"] > 0 for p in event.get("payments", ())):
            note = self._note(number, event) | {"cash_at": plain(event.time), "cashier": cashier, "till": event.get("till")}
            self.state[f"receipt|{number}"] = note
            yield from self._cash_void(number, note, event)
        if cashier is None:
            return
        self._day(cashier, event.time)["receipts"] += 1
        if kind == "sale" and event.get("member"):
            yield from self._member_seen(cashier, event)
        elif kind == "return":
            yield from self._exception(event, "return", number, abs(event.get("total", 0)))
        elif kind == "void":
            yield from self._exception(event, "void_receipt", event.get("original") or number, None)

    @on("pos.exception")
    def exception(self, event):
        amount = event.get("amount")
        number = (event["kind"] in VOIDS and event.get("original")) or event.get("receipt")
        if event["kind"] in TYPES:
            yield from self._exception(event, event["kind"], number, None if amount is None else abs(amount))

    @on("task.done?")
    def reviewed(self, event):
        key = self.state.get(f"task|{event['task']}")
        if key is None or event["state"] not in ("done", "approved", "rejected"):
            return
        case = self.state[key]
        cashier, kind, reviews = case["cashier"], case["kind"], case["reviews"]
        if event["staff"] == cashier or event["staff"] in reviews or len(reviews) == REVIEWERS:
            return
        values = event.get("values") or {}
        loss = values.get("loss", 0)
        confirmed = event["state"] == "approved" or (event["state"] == "done" and bool(values.get("confirmed", loss > 0)))
        reviews[event["staff"]] = {"confirmed": confirmed, "loss": loss}
        if len(reviews) < REVIEWERS:
            return
        agreed = all(review["confirmed"] for review in reviews.values())
        self.kpi.share("flag_precision", int(agreed), 1)
        if agreed:
            self.kpi.add("loss_confirmed", max(review["loss"] for review in reviews.values()))
        for alert in case["alerts"]:
            yield self._clear(alert, kind, cashier)
        case["alerts"] = []

    @every("1d", at="close")
    def judge(self, due):
        today = self.store.hours.ended_day(due.time)
        since = today - timedelta(days=self.config.window_days - 1)
        totals = self._totals(since)
        self._forget(since, today)
        judged = {c: self._compare(c, totals) for c in sorted(totals) if totals[c]["receipts"] >= self.config.min_receipts}
        judged = {c: rates for c, rates in judged.items() if rates}
        order = sorted(judged, key=lambda c: (-max(rate.ratio for rate in judged[c].values()), c))
        for rank, cashier in enumerate(order, 1):
            rates = judged[cashier]
            flagged = [k for k, rate in rates.items() if rate.stands_out(self.config.ratio_limit, self.config.p_limit)]
            parts = [{"name": k, "value": rate.ratio, "unit": "ratio"} for k, rate in rates.items()]
            parts += [{"name": f"{k}_chance", "value": rate.tail, "unit": "p"} for k, rate in rates.items()]
            yield out("score.report", {"from": self.store.hours.midnight(since), "to": due.time}, scheme="cashier_exceptions",
                subject_kind="staff", subject=cashier, score=max(rate.ratio for rate in rates.values()), parts=parts, rank=rank,
                of=len(order), labels={"state": "flagged" if flagged else "normal"}, notes=[self.kinds[k][0] for k in flagged])  # fmt: skip
            yield from self._flag(cashier, flagged, rates, totals[cashier]["events"])
        for cashier in [key.removeprefix("flags|") for key in self.state if key.startswith("flags|")]:
            if cashier not in judged:
                yield from self._flag(cashier, [], {}, {})

    def _flag(self, cashier, flagged, rates, events):
        before = self.state.pop(f"flags|{cashier}", [])
        if flagged:
            self.state[f"flags|{cashier}"] = flagged
        if flagged and not before:
            self.kpi.add("cashiers_flagged")
        for kind in flagged:
            if kind not in before:
                measure = {"value": rates[kind].ratio, "limit": self.config.ratio_limit}
                yield from self._case(cashier, kind, f"{kind}-{cashier}", events[kind], **measure)
        for kind in before:
            case = self.state.get(f"case|{cashier}|{kind}", {"alerts": []})
            if kind not in flagged and f"{kind}-{cashier}" in case["alerts"]:
                case["alerts"].remove(f"{kind}-{cashier}")
                yield self._clear(f"{kind}-{cashier}", kind, cashier)

    def _compare(self, cashier, totals):
        """Each type's rate beside that of all other cashiers; empty when there are none."""
        own, peers = totals[cashier], [total for other, total in totals.items() if other != cashier]
        peer_receipts = sum(total["receipts"] for total in peers)
        if not peer_receipts:
            return {}
        return {
            kind: compare_rate(len(own["events"].get(kind, ())), own["receipts"],
                sum(len(total["events"].get(kind, ())) for total in peers), peer_receipts, self.config.prior_receipts)
            for kind in TYPES
        }  # fmt: skip

    def _exception(self, event, kind, number, amount):
        note = self._note(number, event) if number else {}
        cashier = event.get("cashier") or note.get("cashier")
        told_twice = note.setdefault("told", {}).setdefault(kind, event.stream) != event.stream
        if cashier is None or note.get("training") or told_twice:
            return
        note.setdefault("cashier", cashier)
        seen = {"receipt": number, "time": plain(event.time), "till": event.get("till")}
        day = self._day(cashier, event.time)
        day["events"].setdefault(kind, []).append(seen)
        note.setdefault("on", {})[cashier] = self.store.hours.store_day(event.time).isoformat()
        if kind == "void_receipt":
            note["void"] = {**seen, "cashier": cashier}
            yield from self._cash_void(number, note, event)
        if kind in VOIDS or kind == "no_sale":
            yield from self._opened_after_void(cashier, day, kind, seen, event)
        if kind == "return":
            yield from self._returned(cashier, day, seen, amount, event)

    def _cash_void(self, number, note, event):
        if "cash_at" not in note or "void" not in note:
            return
        void, gap = note["void"], parse_time(note["void"]["time"]) - parse_time(note["cash_at"])
        if timedelta(0) <= gap <= timedelta(seconds=self.config.after_tender_s):
            cash = {"receipt": number, "time": note["cash_at"], "till": note.get("till")}
            yield from self._case(void["cashier"], "cash_void", f"cash_void-{number}", [cash, void], event,
                value=gap.total_seconds(), limit=self.config.after_tender_s, unit="s")  # fmt: skip

    def _opened_after_void(self, cashier, day, kind, seen, event):
        """Every drawer opening that follows a void at the same till, in whichever order the two were reported."""
        events = day["events"]
        voids = [void for one in VOIDS for void in events.get(one, ())] if kind == "no_sale" else [seen]
        openings = [seen] if kind == "no_sale" else events.get("no_sale", ())
        for opening in openings:
            for void in voids:
                gap = parse_time(opening["time"]) - parse_time(void["time"])
                alert = f"void_no_sale-{cashier}-{opening['time']}"
                if opening["till"] == void["till"] and timedelta(0) <= gap <= OPENED_AFTER_VOID and alert not in day["alerted"]:
                    day["alerted"].append(alert)
                    yield from self._case(cashier, "void_no_sale", alert, [void, opening], event,
                        value=gap.total_seconds(), limit=OPENED_AFTER_VOID.total_seconds(), unit="s")  # fmt: skip

    def _returned(self, cashier, day, seen, amount, event):
        self.kpi.share("return_without_receipt_rate", int(not event.get("original")), 1)
        if not event.get("original") and self._closes_soon(event.time):
            key = seen["receipt"] or f"{cashier}-{seen['time']}"
            yield from self._case(cashier, "late_return", f"late_return-{key}", [seen], event, value=amount, unit="minor")
        limit = (self.tables.staff.get(cashier) or {}).get("authorisation_limit") or 0
        if amount and limit * (1 - self.config.limit_hug_pct / 100) <= amount <= limit:
            day["hugging"].append(seen)
            if len(day["hugging"]) == HUGGING_RETURNS:
                key = f"limit_hugging-{cashier}-{self.store.hours.store_day(event.time)}"
                yield from self._case(cashier, "limit_hugging", key, day["hugging"], event, value=amount, limit=limit, unit="minor")

    def _closes_soon(self, time):
        hours = self.store.hours.span(time)
        soon = hours is not None and hours[1] - time <= timedelta(minutes=self.config.close_window_min)
        return soon and not self.store.hours.is_open(hours[1])

    def _member_seen(self, cashier, event):
        receipts = self._day(cashier, event.time)["members"].setdefault(event["member"], [])
        if any(seen["receipt"] == event["receipt"] for seen in receipts):
            return
        receipts.append({"receipt": event["receipt"], "time": plain(event.time), "till": event.get("till")})
        if len(receipts) == self.config.member_repeat:
            key = f"points_farming-{cashier}-{event['member']}-{self.store.hours.store_day(event.time)}"
            yield from self._case(cashier, "points_farming", key, receipts, event, value=len(receipts), limit=self.config.member_repeat)

    def _case(self, cashier, kind, alert, evidence, event=None, **measure):
        """An alert, and the one task of this cashier, kind and window."""
        zh_en = self.kinds[kind]
        title = self.say(f"{zh_en[0]}: {cashier}", f"{zh_en[1]}：{cashier}")
        yield out("alert.raise", alert=alert, kind=kind, severity="high", state="open", subject=cashier,
            till=event.get("till") if event else None, text=title, ref=event.ref if event else None, **measure)  # fmt: skip
        key, today = f"case|{cashier}|{kind}", self.store.hours.store_day(self.now)
        case = self.state.get(key)
        if case and today - date.fromisoformat(case["opened"]) < timedelta(days=self.config.window_days):
            case["alerts"].append(alert)
            return
        if case:
            del self.state[f"task|{case['task']}"]
        task = f"case-{cashier}-{kind}-{today}"
        self.state[f"task|{task}"] = key
        self.state[key] = {"task": task, "cashier": cashier, "kind": kind, "opened": today.isoformat(), "alerts": [alert], "reviews": {}}
        items = [{"note": " ".join(filter(None, (seen["receipt"], seen["time"], seen["till"])))} for seen in evidence]
        receipts = [{k: seen[k] for k in ("receipt", "time", "till") if seen.get(k)} for seen in evidence]
        yield out("task.create", task=task, kind=kind, title=title, priority=2, role="auditor", items=items,
            ref=event.ref if event else None, values={"cashier": cashier, "reviewers": REVIEWERS, "receipts": receipts})  # fmt: skip

    def _clear(self, alert, kind, cashier):
        text = self.say(f"{self.kinds[kind][0]}: {cashier}, closed", f"{self.kinds[kind][1]}：{cashier}，已关闭")
        return out("alert.raise", alert=alert, kind=kind, severity="high", state="cleared", subject=cashier, text=text)

    def _day(self, cashier, time):
        empty = {"receipts": 0, "events": {}, "members": {}, "hugging": [], "alerted": []}
        return self.state.setdefault(f"day|{self.store.hours.store_day(time)}|{cashier}", empty)

    def _note(self, number, event):
        return self.state.setdefault(f"receipt|{number}", {"day": self.store.hours.store_day(event.time).isoformat()})

    def _strike(self, number, note):
        """Take out what was keyed in a training receipt before it was known to be one."""
        for cashier, day in note.pop("on", {}).items():
            events = self.state[f"day|{day}|{cashier}"]["events"]
            for kind in events:
                events[kind] = [seen for seen in events[kind] if seen["receipt"] != number]

    def _totals(self, since):
        totals = {}
        for key in self.state:
            if key.startswith("day|") and key.split("|")[1] >= since.isoformat():
                cashier = key.split("|", 2)[2]
                total = totals.setdefault(cashier, {"receipts": 0, "events": {}})
                total["receipts"] += self.state[key]["receipts"]
                for kind, seen in self.state[key]["events"].items():
                    total["events"].setdefault(kind, []).extend(seen)
        return totals

    def _forget(self, since, today):
        for key in list(self.state):
            old_day = key.startswith("day|") and key.split("|")[1] < since.isoformat()
            if old_day or (key.startswith("receipt|") and self.state[key]["day"] < today.isoformat()):
                del self.state[key]
