"""Points ledger: one exact points account per member with lots, release, expiry and returns, and the liability that the books need.

Sales and paid online orders earn on what was spent after discounts and without the share that was paid in points; the receipt of an order
(its payment names it) earns nothing more, a cancelled order loses its points. Points that others grant (`points.change`) are released at
once, save those they call earned. A spend comes as a negative `points.change`; its points come back when the receipt is returned that its
`ref` names, or that was paid with just so many points on that day. A spend that is refused raises an alert and changes nothing; a change
whose `balance` is not what this ledger then holds is booked, and an alert tells that two books disagree.

Days are store days: points earned on the 15th with a week's wait may be spent from the first minute of the 22nd, and those that expire at a
month's end go in the first minute of the next. The liability stands in an `insight.report` on the first of each month.
"""

from datetime import date, timedelta
from fractions import Fraction

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.workers.loyalty import points

REMEMBER_RECEIPT_D = 365
TELL_BEFORE_D = (30, 7)
TELL_AT = "09:00"


class PointsLedger(Solution):
    number = 33
    zh, en = "积分账本与负债管理", "Points ledger and liability"
    purpose_zh = "为每位会员建立逐笔精确的积分账户（批次、解冻、到期、退货冲回），并在月末给出财务所需的积分负债。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("points.change", "points.balance", "message.send", "alert.raise", "insight.report")
    adapters = ("messaging?",)
    reads = ("members", "products")
    kpis = {
        "points_liability": kpi("minor", "Liability of open points", "积分负债"),
        "redemption_ratio": kpi("%", "Points spent of points earned", "积分使用率"),
        "expired_points": kpi("points", "Points expired", "过期积分"),
        "active_accounts": kpi("count", "Accounts with points", "有积分的账户数"),
    }
    kinds = {
        "spend_refused": ("A spend of points was refused", "积分消费被拒绝"),
        "below_min_balance": ("A return would drive an account below its limit", "退货将使积分低于下限"),
        "ledger_mismatch": ("An account does not add up", "积分账户不平"),
    }

    class Config(SolutionConfig):
        earn_rate: float = setting(
            1, "Points for each 100 minor units of net spend", "每100分净消费所得积分", unit="points", ge=0, le=100,
            help_en="Floored for each receipt.", help_zh="按小票向下取整。",
        )  # fmt: skip
        excluded: list[str] = setting(
            lambda: ["tobacco", "gift_card", "lottery"], "Categories that earn nothing", "不积分的品类",
            help_en="Categories or subcategories of the products table.", help_zh="商品表中的品类或子类。",
        )  # fmt: skip
        pending_days: int = setting(
            7, "Wait before earned points may be spent", "积分冻结天数", unit="d", ge=0, le=60,
            help_en="In store days; covers the time in which most returns come.", help_zh="按门店日计，覆盖大多数退货期。",
        )  # fmt: skip
        expire_months: int = setting(
            12, "Life of a lot", "积分有效期", unit="month", ge=1, le=60,
            help_en="To the end of that month.", help_zh="至到期月月末。",
        )  # fmt: skip
        daily_cap: int = setting(
            5000, "Most points earned by a member in a store day", "会员每日积分上限", unit="points", ge=1, le=1_000_000,
            help_en="Counts what sales earn, not gifts.", help_zh="仅计消费所得，不含赠送。",
        )  # fmt: skip
        point_value: int = setting(
            1, "Worth of a point when spent", "每积分抵现价值", unit="minor", ge=1, le=1000,
            help_en="For the liability.", help_zh="用于计算负债。",
        )  # fmt: skip
        breakage: float = setting(
            20, "Share expected to expire", "预计过期比例", unit="%", ge=0, le=80,
            help_en="Until the last 12 closed months of earning are known.", help_zh="直至已有12个完整到期的积分月份。",
        )  # fmt: skip
        min_balance: int = setting(
            -5000, "Lowest balance that returns may bring", "退货可致的最低余额", unit="points", ge=-1_000_000, le=0,
            help_en="What goes beyond is given up and raises an alert.", help_zh="超出部分放弃追回并告警。",
        )  # fmt: skip

    # Earning

    @on("pos.sale")
    def sale(self, event):
        orders = [order for payment in event.get("payments", ()) if f"receipt:{(order := payment.get('ref'))}" in self.state]
        if event["kind"] == "sale" and orders:
            self._keep_receipt(event["receipt"], {"order": orders[0]})
        elif event["kind"] == "sale" and event.get("member"):
            yield from self._earn_on(event, event["receipt"])
        elif event["kind"] == "return" and event.get("original"):
            yield from self._return(event, event["original"], -self._net(event["lines"]), -event["total"])
        elif event["kind"] == "void":
            yield from self._undo(event, event.get("original", event["receipt"]))

    @on("order.placed?")
    def order(self, event):
        if event.get("member") and event.get("paid") and not event.get("draft"):
            yield from self._earn_on(event, event["order"])

    @on("order.status?")
    def order_status(self, event):
        if event["status"] in ("cancelled", "refunded", "returned"):
            yield from self._undo(event, event["order"])

    def _keep_receipt(self, receipt, sold):
        self.state[f"receipt:{receipt}"] = sold
        self.timers.set("forget", receipt, self.now + timedelta(days=REMEMBER_RECEIPT_D))

    @timer("forget")
    def forget(self, due):
        del self.state[f"receipt:{due.key}"]

    def _earn_on(self, event, receipt):
        """A receipt's lot; remembered with its total, so that a return knows its share."""
        member = event["member"]
        if f"receipt:{receipt}" in self.state or (self.tables.members.get(member) or {}).get("left"):
            return
        paid_in_points = sum(payment["amount"] for payment in event.get("payments", ()) if payment["method"] == "points")
        net = max(0, self._net(event["lines"]) - paid_in_points)
        sold = {"member": member, "total": event["total"], "net": self._net(event["lines"]), "lot": net, "back": 0, "returns": []}
        self._keep_receipt(receipt, sold)
        day, account = self._day(event), self._account(member)
        if paid_in_points:
            points.spent_on(account, receipt, paid_in_points // self.config.point_value, day)
        granted = min(points.points_for(net, self.config.earn_rate), points.room_today(account, day, self.config.daily_cap))
        if granted:
            yield from self._grant(event, member, account, granted, receipt=receipt, net=net)

    def _net(self, lines):
        """Spend that earns: the amounts after discounts of all lines that are not excluded."""
        return sum(line["amount"] for line in lines if self._categories(line["gtin"]).isdisjoint(self.config.excluded))

    def _categories(self, gtin):
        product = self.tables.products.get(gtin) or {}
        return {product.get("category"), product.get("subcategory")}

    def _grant(self, event, member, account, granted, receipt=None, net=None):
        day = self._day(event)
        expires = points.month_end(day, self.config.expire_months)
        release = day + timedelta(days=self.config.pending_days)
        points.earn(account, granted, day=day, release=release, expires=expires, receipt=receipt, net=net)
        self._earned(day, granted)
        yield self._change(event, member, account, granted, "earn", expires=expires, receipt=receipt)
        yield self._told(member, account)

    def _earned(self, day, granted):
        self.kpi.share("redemption_ratio", 0, granted)
        cohort = self.state.setdefault("cohorts", {}).setdefault(day.isoformat()[:7], {"earned": 0, "expired": 0})
        cohort["earned"] += granted

    # Changes that others make

    @on("points.change")
    def change(self, event):
        member, delta, day = event["member"], event["delta"], self._day(event)
        account = self._account(member)
        if delta > 0:
            wait = self.config.pending_days if event["reason"] == "earn" else 0
            expires = date.fromisoformat(event["expires"]) if event.get("expires") else points.month_end(day, self.config.expire_months)
            points.earn(account, delta, day=day, release=day + timedelta(days=wait), expires=expires)
            self._earned(day, delta)
        elif points.spend(account, -delta, day, self._receipt(event)):
            self.kpi.share("redemption_ratio", -delta, 0)
        else:
            yield self._alert(event, "spend_refused", member, self.say("Too few released points", "可用积分不足"), -delta,
                              points.spendable(account, day))  # fmt: skip
            return
        yield self._told(member, account)
        claimed = event.get("balance")
        if claimed is not None and claimed != points.balance(account):
            yield self._mismatch(event, member, claimed, points.balance(account))

    def _mismatch(self, event, member, value, expected=None):
        return self._alert(event, "ledger_mismatch", member, self.say("Account does not add up", "积分账户不平"), value, expected)

    def _receipt(self, event):
        ref = event.get("ref", {})
        return ref.get("receipt") or ref.get("order") or ref.get("id")

    # Returns

    @on("pos.exception?")
    def exception(self, event):
        """A receipt voided after the sale earns nothing; a return comes with its own receipt as `pos.sale`."""
        if event["kind"] == "void_receipt" and event.get("receipt"):
            yield from self._undo(event, event["receipt"])

    def _undo(self, event, receipt):
        receipt = self._earning_receipt(receipt)
        sold = self.state.get(f"receipt:{receipt}")
        if sold:
            yield from self._return(event, receipt, sold["net"], sold["total"])

    def _earning_receipt(self, receipt):
        """The receipt that earned: the order's number where an order was paid, else the receipt's own."""
        return self.state.get(f"receipt:{receipt}", {}).get("order", receipt)

    def _return(self, event, original, net, total):
        """The points of what came back are reversed, and points that it was paid with come back."""
        original = self._earning_receipt(original)
        sold, receipt = self.state.get(f"receipt:{original}"), event.get("receipt", "")
        if sold is None or receipt in sold["returns"]:
            return
        sold["returns"].append(receipt)
        sold["back"] = min(sold["total"], sold["back"] + total)
        member, account = sold["member"], self._account(sold["member"])
        share = Fraction(sold["back"], sold["total"]) if sold["total"] else Fraction(1)
        counted = net * sold["lot"] // sold["net"] if share < 1 and sold["net"] else sold["lot"]
        taken, given_up = points.reverse(account, original, counted, self.config.earn_rate, self.config.min_balance)
        restored = points.give_back(account, original, share, self._day(event))
        if taken:
            yield self._change(event, member, account, -taken, "return", receipt=original)
        if restored:
            self.kpi.share("redemption_ratio", -restored, 0)
            yield self._change(event, member, account, restored, "return", receipt=original)
        if taken or restored:
            yield self._told(member, account)
        if given_up:
            text = self.say("Return goes beyond the lowest balance", "退货超出积分下限")
            yield self._alert(event, "below_min_balance", member, text, points.balance(account) - given_up, self.config.min_balance)

    # Nights

    @every("1d", at="00:00")
    def night(self, due):
        today, liable = self.store.hours.store_day(due.time), 0
        for key in sorted(key for key in self.state if key.startswith("account:")):
            member, account = key.partition(":")[2], self.state[key]
            yield from self._expire(member, account, today)
            yield from self._foretell(member, account, today)
            if not points.is_exact(account):
                yield self._mismatch(due, member, points.balance(account))
            liable += max(0, points.balance(account))
        closed = [tuple(cohort.values()) for month, cohort in sorted(self._cohorts().items()) if self._is_closed(month, today)]
        share = points.breakage(closed, self.config.breakage / 100)
        liability = points.liability(liable, self.config.point_value, share)
        self.kpi.set("points_liability", liability)
        if today.day == 1:
            yield self._month(due, today, liable, liability, share)

    def _expire(self, member, account, today):
        gone = points.expire(account, today)
        total = sum(expired for _, expired in gone)
        for cohort, expired in gone:
            self._cohorts()[cohort]["expired"] += expired
        if total:
            self.kpi.add("expired_points", total)
            yield self._change(None, member, account, -total, "expire")
            yield self._told(member, account)

    def _foretell(self, member, account, today):
        row = self.tables.members.get(member) or {}
        consents = row.get("consents", {})
        if not consents.get("marketing") or row.get("left"):
            return
        channel = next(iter(consents.get("messaging") or row.get("channels") or ()), "mini_program")
        for days in TELL_BEFORE_D:
            last = today + timedelta(days=days)
            if expiring := points.expiring(account, last):
                text = self.say(f"{expiring} points expire on {last}", f"您有{expiring}积分将于{last}到期")
                yield out("message.send", message=f"points-{member}-{last}-{days}", channel=channel, to=member, text=text,
                          purpose="service", params={"points": expiring, "expires": last.isoformat(), "days": days},
                          not_before=self.store.hours.at(today, TELL_AT))  # fmt: skip

    def _cohorts(self):
        return self.state.setdefault("cohorts", {})

    def _is_closed(self, month, today):
        return points.month_end(date.fromisoformat(f"{month}-01"), self.config.expire_months) < today

    def _month(self, due, today, liable, liability, share):
        first = (today - timedelta(days=1)).replace(day=1)
        figures = {"points_liability": {"value": liability, "unit": "minor"}, "open_points": {"value": liable, "unit": "points"},
                   "breakage": {"value": 100 * share, "unit": "%"}}  # fmt: skip
        return out("insight.report", {"from": self.store.hours.midnight(first), "to": due.time}, report=f"points-liability:{first:%Y-%m}",
                   kind="points_liability", version=1, figures=figures)  # fmt: skip

    # Words

    def _day(self, event):
        return self.store.hours.store_day(event.time)

    def _account(self, member):
        return self.state.setdefault(f"account:{member}", points.new_account())

    def _change(self, event, member, account, delta, reason, expires=None, receipt=None):
        ref = {**(event.ref if event else {}), **({"receipt": receipt} if receipt else {})}
        return out("points.change", member=member, delta=delta, reason=reason, balance=points.balance(account), source="points_ledger",
                   expires=expires, ref=ref or None)  # fmt: skip

    def _told(self, member, account):
        """The account as it stands, with what expires next; keeps count of the accounts that hold points."""
        held = self.state.setdefault("held", {"accounts": 0})
        if account.get("held", False) != (points.balance(account) > 0):
            account["held"] = not account.get("held", False)
            held["accounts"] += 1 if account["held"] else -1
        self.kpi.set("active_accounts", held["accounts"])
        first = min((lot["expires"] for lot in account["lots"] if lot["points"]), default=None)
        expiring = points.expiring(account, date.fromisoformat(first)) if first else None
        return out("points.balance", member=member, balance=points.balance(account), expiring=expiring, expires=first, as_of=self.now)

    def _alert(self, event, kind, member, text, value, limit):
        return out("alert.raise", alert=f"{kind}:{member}:{event.time:%Y%m%dT%H%M%S}", kind=kind, severity="warn", state="open",
                   subject=member, text=text, value=value, limit=limit, unit="points")  # fmt: skip
