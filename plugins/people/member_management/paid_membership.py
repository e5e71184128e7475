"""Paid membership: grants the plan's rights, counts what each member really saves, makes good the guarantee, foresees who will not renew.

A term's days are store days; what is due on a day is done at its first minute. The first monthly pack comes with the start. A member price
counts where the line was sold at it (table `prices`, kind member, against the base price of that time); an online order counts once, its
receipt brings nothing more. A delivery is free when the order bears no fee.

An `opt_out` ends the renewal; within `cancel_days`, and as long as nothing was used, it cancels the term, unless its values name the
renewal alone (`renewal: false`). A renewal is charged at the end of the last day by `payment.request` (the row's `payment.result` asked),
again on days 1 and 3; rights run on meanwhile. A request without any answer by day 4 has failed. The guarantee of a term is settled at its
last day's end, whether or not it is renewed. The row names no stream for the coupons of a cancelled term: `coupon.state` voids them.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.workers.gs1 import item_key
from storeloom.workers.loyalty import plan
from storeloom.workers.loyalty.coupon_copies import copy_for
from storeloom.workers.pricing.money import round_money
from storeloom.workers.pricing.prices import rows_by_item

SCHEME, RISK = "paid_membership", "renewal_risk"
RETRY_DAYS = (1, 3)
GIVE_UP_DAY = 4
ORDER_KEPT = timedelta(days=30)
RECEIPT_KEPT = timedelta(days=400)
SEND_AT = "09:00"
RIGHTS = {"prices": ("member prices", "会员价"), "deliveries": ("free delivery", "免费配送"), "coupons": ("plan coupons", "权益券")}


class PaidMembership(Solution):
    number = 36
    zh, en = "付费会员权益", "Paid membership"
    purpose_zh = "为付费会员发放权益，核算真实省下的钱，到期兑现保障，并预判谁不会续费。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("segment.assign", "coupon.issue", "coupon.state", "points.change", "message.send", "order.status", "payment.request",
                "insight.report")  # fmt: skip
    adapters = ("messaging", "payment?")
    reads = ("members", "prices", "coupons")
    kpis = {
        "plan_members": kpi("count", "Members with a plan", "付费会员数"),
        "renewal_rate": kpi("%", "Terms renewed at their end", "续费率"),
        "savings_to_fee": kpi("%", "Savings of ended terms to their fees", "省回率"),
        "guarantee_cost": kpi("minor", "Cost of the guarantee", "保障成本"),
    }

    class Config(SolutionConfig):
        fee: int = setting(19_900, "Price of a term", "会费", unit="minor", ge=0, le=1_000_000,
            help_en="A service order of this total buys the plan.", help_zh="总额等于会费的服务订单即购买会籍。")  # fmt: skip
        term_days: int = setting(365, "Length of a term", "会籍天数", unit="d", ge=30, le=730,
            help_en="The day of payment is the first.", help_zh="付款当日为首日。")  # fmt: skip
        monthly_pack: list[str] = setting(lambda: ["plan_a", "plan_b"], "Monthly coupons", "每月券包", unit="coupon id",
            help_en="On the start's day of each month.", help_zh="每月与开通日同号发放。")  # fmt: skip
        delivery_value: int = setting(300, "Worth of a free delivery", "免费配送折算", unit="minor", ge=0, le=10_000,
            help_en="Counted in the savings.", help_zh="计入省钱账。")  # fmt: skip
        guarantee: bool = setting(True, "What was not saved comes back", "省不回补差",
            help_en="As points at the term's end.", help_zh="到期以积分返还差额。")  # fmt: skip
        point_value: int = setting(1, "Worth of a point in the guarantee", "保障积分价值", unit="minor", ge=1, le=1000,
            help_en="Points are rounded up.", help_zh="积分向上取整。")  # fmt: skip
        cancel_days: int = setting(7, "Full refund within", "无理由退款天数", unit="d", ge=0, le=30,
            help_en="If nothing was used.", help_zh="且未使用任何权益。")  # fmt: skip
        renew_notice_days: int = setting(5, "Notice before renewal", "续费提醒提前天数", unit="d", ge=5, le=30,
            help_en="Before the last day.", help_zh="以最后一日前推。")  # fmt: skip
        risk_at: float = setting(60, "Risk is judged at", "风险判断时点", unit="%", ge=20, le=90,
            help_en="Part of the term that has gone by.", help_zh="会籍已过比例。")  # fmt: skip
        risk_below: float = setting(50, "At risk with savings below", "风险省回率", unit="%", ge=0, le=100,
            help_en="Savings as a share of the fee.", help_zh="省钱占会费比例。")  # fmt: skip

    # Buying

    @on("order.placed?")
    def order(self, event):
        member, order = event.get("member"), event["order"]
        if not member or event.get("draft"):
            return
        if event["kind"] == "service" and event["total"] == self.config.fee:
            paid = self.state.pop(f"early:{order}", None)
            self.state.setdefault(f"order:{order}", {"member": member, "started": False})
            self.timers.set("order", order, self.now + ORDER_KEPT)
            if paid:
                yield from self._buy(order, date.fromisoformat(paid["day"]))
            return
        term = self._term(member, self._day(event))
        if term is None or f"receipt:{order}" in self.state:
            return
        delivered = event["kind"] == "delivery" and not event.get("delivery_fee")
        self._remember(order, member, term, self._save_lines(event, term))
        if delivered:
            self._save(term, "deliveries", self.config.delivery_value)

    @on("payment.result")
    def payment(self, event):
        if event["status"] in ("approved", "declined", "reversed") and event["payment"].startswith("renew-"):
            yield from self._renewal_answer(event)
        elif event["status"] == "approved" and event.get("order"):
            day = self._day(event)
            if f"order:{event['order']}" in self.state:
                yield from self._buy(event["order"], day)
            elif event["amount"] == self.config.fee:
                self.state[f"early:{event['order']}"] = {"day": day.isoformat()}
                self.timers.set("order", event["order"], self.now + ORDER_KEPT)

    @timer("order")
    def order_old(self, due):
        self.state.pop(f"order:{due.key}", None)
        self.state.pop(f"early:{due.key}", None)

    def _buy(self, order, day):
        bought = self.state[f"order:{order}"]
        if bought["started"]:
            return
        bought["started"] = True
        book = self.state.setdefault(f"member:{bought['member']}", {"term": None, "queue": []})
        if book["term"]:
            book["queue"] = [*book["queue"], order]
            yield out("order.status", order=order, status="confirmed")
            return
        yield from self._start(bought["member"], book, order, day)

    def _start(self, member, book, order, day):
        """A term from a day on, with its alarms, its rights and its first pack."""
        last = plan.last_day(day, self.config.term_days)
        count = self.state.setdefault("active", {"members": 0})
        if book["term"] is None:
            count["members"] += 1
        self.kpi.set("plan_members", count["members"])
        book["term"] = {"start": day.isoformat(), "last": last.isoformat(), "fee": self.config.fee, "order": order, "renew": True,
                        "notice": False, "used": False, "prices": 0, "deliveries": 0, "coupons": 0, "due": None, "copies": []}  # fmt: skip
        self._at("end", member, last + timedelta(days=1))
        self._at("notice", member, last - timedelta(days=self.config.renew_notice_days))
        self._at("risk", member, plan.risk_day(day, self.config.term_days, self.config.risk_at))
        yield out("order.status", order=order, status="done")
        yield out("segment.assign", scheme=SCHEME, segment="plan", member=member, valid_to=self._midnight(last + timedelta(days=1)))
        yield from self._pack(member, book["term"], day)

    def _at(self, name, member, day):
        self.timers.set(name, member, max(self._midnight(day), self.now))

    def _midnight(self, day):
        return self.store.hours.midnight(day)

    # Rights

    def _pack(self, member, term, day):
        for template in self.config.monthly_pack:
            row = {"template": template, **(self.tables.coupons.get(template) or {})}
            coupon = f"plan-{member}-{day:%Y%m%d}-{template}"
            self.state[f"coupon:{coupon}"] = {"member": member, "start": term["start"]}
            term["copies"] = [*term["copies"], coupon]
            yield out("coupon.issue", copy_for(row, coupon, member, self.now, self.store.hours), campaign=SCHEME)
        following = plan.next_month_day(date.fromisoformat(term["start"]), day)
        if following <= date.fromisoformat(term["last"]):
            self._at("pack", member, following)

    @timer("pack")
    def pack(self, due):
        term = self.state[f"member:{due.key}"]["term"]
        if term:
            yield from self._pack(due.key, term, self.store.hours.store_day(due.time))

    # Savings

    @on("pos.sale")
    def sale(self, event):
        if event["kind"] == "return" and event.get("original"):
            self._returned(event, event["original"])
            return
        if event["kind"] == "void":
            self._voided(event.get("original") or event["receipt"])
            return
        orders = [one for paid in event.get("payments", ()) if f"receipt:{(one := paid.get('ref'))}" in self.state]
        if event["kind"] == "sale" and event.get("member") and not orders and f"receipt:{event['receipt']}" not in self.state:
            term = self._term(event["member"], self._day(event))
            if term:
                self._remember(event["receipt"], event["member"], term, self._save_lines(event, term))
        elif event["kind"] == "sale" and orders:
            self.state.setdefault(f"receipt:{event['receipt']}", {"same": orders[0]})

    def _save_lines(self, event, term):
        """Books what the lines saved by member prices; by item, the saving and the quantity."""
        rows = self.tables.prices.derived("items", rows_by_item)
        saved = {}
        for line in event.get("lines", ()):
            item = item_key(line["gtin"])
            saving = plan.line_saving(line, plan.prices_at(rows.get(item, ()), event.time, self.store.hours.zone))
            if saving > 0:
                one = saved.setdefault(item, {"saving": 0, "qty": 0})
                one["saving"] += round_money(saving)
                one["qty"] += float(plan.measure(line))
        if saved:
            self._save(term, "prices", sum(one["saving"] for one in saved.values()))
        return saved

    def _remember(self, receipt, member, term, saved):
        self.state[f"receipt:{receipt}"] = {"member": member, "start": term["start"], "saved": saved, "returns": []}
        self.timers.set("receipt", receipt, self.now + RECEIPT_KEPT)

    @timer("receipt")
    def receipt_old(self, due):
        self.state.pop(f"receipt:{due.key}", None)

    def _save(self, term, what, amount):
        term[what] += amount
        term["used"] = True

    def _returned(self, event, original):
        """What comes back has saved nothing."""
        original = self.state.get(f"receipt:{original}", {}).get("same", original)
        sold = self.state.get(f"receipt:{original}")
        if sold is None or event["receipt"] in sold["returns"]:
            return
        sold["returns"].append(event["receipt"])
        term = self.state[f"member:{sold['member']}"]["term"]
        for line in event.get("lines", ()):
            one = sold["saved"].get(item_key(line["gtin"]))
            if one and one["qty"] > 0:
                share = min(1, float(-plan.measure(line)) / one["qty"])
                off = round(one["saving"] * share)
                one["saving"] -= off
                one["qty"] *= 1 - share
                if term and term["start"] == sold["start"]:
                    term["prices"] -= off

    def _voided(self, original):
        sold = self.state.pop(f"receipt:{original}", {})
        term = self.state.get(f"member:{sold.get('member')}", {}).get("term")
        if term and sold.get("saved") and term["start"] == sold["start"]:
            term["prices"] -= sum(one["saving"] for one in sold["saved"].values())

    @on("coupon.redeemed?")
    def redeemed(self, event):
        issued = self.state.get(f"coupon:{event['coupon']}")
        member = issued["member"] if issued else event.get("member") if event["template"] in self.config.monthly_pack else None
        term = self._term(member, self._day(event)) if member else None
        if term and not (issued and issued["start"] != term["start"]) and f"redeemed:{event['coupon']}" not in self.state:
            self.state[f"redeemed:{event['coupon']}"] = {"member": member}
            self.timers.set("redeemed", event["coupon"], self.now + RECEIPT_KEPT)
            self._save(term, "coupons", event["amount"])

    @timer("redeemed")
    def redeemed_old(self, due):
        self.state.pop(f"redeemed:{due.key}", None)

    def _term(self, member, day):
        """The member's term if it holds the day."""
        term = (self.state.get(f"member:{member}") or {}).get("term")
        return term if term and (term["start"] <= day.isoformat() <= term["last"] or term["due"]) else None

    def _savings(self, term):
        return term["prices"] + term["deliveries"] + term["coupons"]

    # Towards the end

    @timer("risk")
    def risk(self, due):
        """Little saved by now: the member is told what the plan still holds."""
        member, term = due.key, self.state[f"member:{due.key}"]["term"]
        if not term or not term["fee"]:
            return
        share = 100 * self._savings(term) / term["fee"]
        if share >= self.config.risk_below:
            return
        unused = [right for right in RIGHTS if not term[right]]
        names = [self.say(*RIGHTS[right]) for right in unused]
        yield out("segment.assign", scheme=RISK, segment="at_risk", member=member, score=round(share, 1))
        text = self.say(f"Your plan still holds: {', '.join(names)}", f"还可使用：{'、'.join(names)}")
        yield from self._message(due.time, member, "use", text, {"savings": self._savings(term), "unused": unused})

    @timer("notice")
    def notice(self, due):
        member, book = due.key, self.state[f"member:{due.key}"]
        term = book["term"]
        if not term or not term["renew"] or book["queue"]:
            return
        saved, last = self._savings(term), term["last"]
        text = self.say(f"You saved {saved}. Your plan renews after {last}.", f"已为您省{saved}分，{last}后自动续费。")
        sent = list(self._message(due.time, member, "renewal", text, {"savings": saved, "last": last, "fee": self.config.fee}))
        term["notice"] = bool(sent)
        yield from sent

    def _message(self, at, member, what, text, params):
        row = self.tables.members.get(member) or {}
        if row.get("left"):
            return
        channel = next(iter((row.get("consents") or {}).get("messaging") or row.get("channels") or ()), "mini_program")
        day = self.store.hours.store_day(at)
        yield out("message.send", message=f"plan-{what}-{member}-{day}", channel=channel, to=member, purpose="service", text=text,
                  template=what, params=params, not_before=self.store.hours.at(day, SEND_AT))  # fmt: skip

    @on("member.event?")
    def doing(self, event):
        values, book = event.get("values") or {}, self.state.get(f"member:{event.get('member')}")
        if event["kind"] != "opt_out" or values.get("purpose") or not book or not book["term"]:
            return
        term, day = book["term"], self._day(event)
        early = (day - date.fromisoformat(term["start"])).days <= self.config.cancel_days
        if early and not term["used"] and "renewal" not in values:
            yield from self._cancel(event["member"], book, day)
        else:
            term["renew"] = False

    def _cancel(self, member, book, day):
        term = book["term"]
        yield out("order.status", order=term["order"], status="refunded", amount=term["fee"])
        for coupon in term["copies"]:
            yield out("coupon.state", coupon=coupon, code=coupon, member=member, status="void", ref={"order": term["order"]})
        yield from self._over(member, book, day)

    @timer("end")
    def end(self, due):
        """The guarantee, then the next term: one that was bought already, or a renewal."""
        member, book = due.key, self.state[f"member:{due.key}"]
        term, saved, day = book["term"], self._savings(book["term"]), self.store.hours.store_day(due.time)
        self.kpi.share("savings_to_fee", saved, term["fee"])
        points = plan.guarantee_points(term["fee"], saved, self.config.point_value) if self.config.guarantee else 0
        if points:
            self.kpi.add("guarantee_cost", points * self.config.point_value)
            yield out("points.change", member=member, delta=points, reason="adjust", source=SCHEME, ref={"order": term["order"]})
        renews = not book["queue"] and term["renew"] and term["notice"]
        self.kpi.share("renewal_rate", bool(book["queue"]), 1)
        if not renews:
            yield from self._over(member, book, day)
            return
        term["due"] = day.isoformat()
        yield self._charge(member, term, 0)
        for after in (*RETRY_DAYS, GIVE_UP_DAY):
            self._at("retry", f"{member}|{after}", day + timedelta(days=after))

    def _charge(self, member, term, after):
        term["asked"] = f"renew-{member}-{term['due']}-{after}"
        return out("payment.request", payment=term["asked"], amount=self.config.fee, order=term["order"])

    @timer("retry")
    def retry(self, due):
        member, _, after = due.key.rpartition("|")
        book = self.state[f"member:{member}"]
        if not book["term"] or not book["term"]["due"]:
            return
        if int(after) == GIVE_UP_DAY or not book["term"]["renew"]:
            yield from self._over(member, book, self.store.hours.store_day(due.time))
        else:
            yield self._charge(member, book["term"], int(after))

    def _renewal_answer(self, event):
        """Approved: a new term from the day after the last; the last attempt declined: the end."""
        name, _, after = event["payment"].rpartition("-")
        member = name.removeprefix("renew-")[:-11]
        book = self.state.get(f"member:{member}")
        term = book and book["term"]
        if not term or not term["due"] or name != f"renew-{member}-{term['due']}":
            return
        if event["status"] == "approved":
            self._no_retries(member)
            self.kpi.share("renewal_rate", 1, 0)
            yield from self._start(member, book, term["order"], date.fromisoformat(term["due"]))
        elif int(after) == RETRY_DAYS[-1]:
            yield from self._over(member, book, self._day(event))

    def _no_retries(self, member):
        for after in (*RETRY_DAYS, GIVE_UP_DAY):
            self.timers.cancel("retry", f"{member}|{after}")

    def _over(self, member, book, day):
        """The term is done; the next one begins if it was bought."""
        self._no_retries(member)
        for name in ("end", "notice", "risk", "pack"):
            self.timers.cancel(name, member)
        for coupon in book["term"]["copies"]:
            self.state.pop(f"coupon:{coupon}", None)
        if book["queue"]:
            order, *book["queue"] = book["queue"]
            yield from self._start(member, book, order, day)
            return
        book["term"] = None
        count = self.state["active"]
        count["members"] -= 1
        self.kpi.set("plan_members", count["members"])
        yield out("segment.assign", scheme=SCHEME, segment="none", previous="plan", member=member)

    # Words

    def _day(self, event):
        return self.store.hours.store_day(event.time)

    @every("1d", at="00:00")
    def month(self, due):
        """On the first: who has a plan, and what they have saved of their fees so far."""
        today = self.store.hours.store_day(due.time)
        books = [self.state[key]["term"] for key in sorted(self.state) if key.startswith("member:")] if today.day == 1 else []
        terms = [term for term in books if term]
        if not terms:
            return
        first = (today - timedelta(days=1)).replace(day=1)
        figures = {
            "plan_members": {"value": len(terms), "unit": "count"},
            "savings": {"value": sum(map(self._savings, terms)), "unit": "minor"},
            "fees": {"value": sum(term["fee"] for term in terms), "unit": "minor"},
        }
        period = {"from": self._midnight(first), "to": due.time}
        yield out("insight.report", period, report=f"plan:{first:%Y-%m}", kind="paid_plan", version=1, figures=figures)
