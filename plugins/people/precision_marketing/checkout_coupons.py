"""Targeted checkout coupons: with the receipt, the few coupons for the next visit that this very basket calls for.

Four reasons: switch (a rival's product was bought), complete (its partner was bought without it), stretch (a member's usual basket and some
more) and lapse (a category that the member used to buy). Switch and complete are set by product and category; stretch takes a coupon of the
table that names neither product nor category, lapse one of the category. A coupon whose product is in the basket already is no candidate.

Guests, and members who refused profiling or marketing, get coupons for their basket only, and nothing is remembered of them. Each copy
bears a Global Coupon Number; `coupon.issue` carries it without the AI. The printer's state is read from `device.status`. A product's price
is its `list_price`, or what it was last sold for. Receipts are remembered for 30 days, for reprints.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time
from storeloom.workers.gs1 import item_key
from storeloom.workers.gs1.coupons import coupon_number, coupon_text
from storeloom.workers.insight import coupon_value

REMEMBER_RECEIPT_D = 30
USUAL_VALIDITY_D = 30
PURCHASES_KEPT = 20
OUT_OF_PAPER = ("out", "empty", "0")


class CheckoutCoupons(Solution):
    number = 26
    zh, en = "收银小票精准发券", "Targeted checkout coupons"
    purpose_zh = "在打印小票的一秒内，按本次购物篮发放少量下次可用的优惠券：替换竞品、搭配补全、提升客单、唤回品类。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("print.job", "coupon.issue", "insight.report")
    adapters = ("printer", "pos?")
    reads = ("products", "coupons", "members")
    kpis = {
        "redemption_rate": kpi("%", "Coupons redeemed of those issued", "核销率"),
        "net_margin_per_1000": kpi("minor", "Margin less discounts for each 1000 coupons", "每千张券净毛利"),
        "print_in_time": kpi("%", "Receipts with coupons that were printed in time", "及时打印率"),
        "coupons_printed": kpi("count", "Coupons printed", "打印券数"),
    }

    class Config(SolutionConfig):
        max_coupons: int = setting(
            2, "Coupons on one receipt", "每张小票最多发券数", ge=1, le=6,
            help_en="The most valuable ones, at most one a category.", help_zh="取价值最高者，每个品类最多一张。",
        )  # fmt: skip
        deadline_ms: int = setting(
            800, "Time to print", "打印时限", unit="ms", ge=100, le=5000,
            help_en="Later than this after the sale, coupons go to the e-receipt.", help_zh="超过时限改发电子小票。",
        )  # fmt: skip
        rivals: dict[str, str] = setting(
            dict, "Switch coupons", "竞品替换券", help_en="Product number of the rival to coupon.", help_zh="竞品条码到优惠券。",
        )  # fmt: skip
        complements: dict[str, str] = setting(
            dict, "Complete coupons", "搭配补全券",
            help_en="Category bought to the coupon for what goes with it.", help_zh="已购品类到搭配商品的优惠券。",
        )  # fmt: skip
        stretch_pct: float = setting(
            20, "Next threshold above the usual basket", "下次门槛高于平常客单的比例", unit="%", ge=5, le=100,
            help_en="The usual basket is the mean of the last ten.", help_zh="平常客单为最近十次平均。",
        )  # fmt: skip
        round_to: int = setting(
            1000, "Thresholds are rounded up to", "门槛向上取整到", unit="minor", ge=100, le=10000,
            help_en="1000 is ten of the currency where it has two decimals.", help_zh="1000即10元。",
        )  # fmt: skip
        gap_cycles: float = setting(
            2, "Cycles without a category that call it lapsed", "视为流失的周期数", ge=1, le=10,
            help_en="Of the median interval between the member's own purchases.", help_zh="以会员自身购买间隔中位数为一个周期。",
        )  # fmt: skip
        prior_redeem: float = setting(
            5, "Redemption rate of a new coupon", "新券预期核销率", unit="%", ge=0.1, le=50,
            help_en="Counts like 20 copies until there is evidence.", help_zh="相当于20张券的先验，随数据修正。",
        )  # fmt: skip
        gcn_prefix: str = setting(
            "690123456789", "GS1 coupon number base", "GS1优惠券编码前缀", pattern=r"^\d{12}$",
            help_en="Twelve digits of the issuer; a template's own base goes before it.", help_zh="发行方12位编码；券模板自带编码优先。",
        )  # fmt: skip

    @on("pos.sale")
    def sale(self, event):
        if event["kind"] != "sale":
            return
        known = self.state.get(f"receipt:{event['receipt']}")
        if known is not None:
            yield from self._reprint(event, known)
            return
        lines = [(line, self.tables.products.get(line["gtin"]) or {}) for line in event["lines"]]
        self._learn_prices(lines)
        member = self._member(event.get("member"))
        history = self._remember(member, event, lines) if member else None
        chosen = self._best(self._candidates(event, lines, member, history))
        self.state[f"receipt:{event['receipt']}"] = {"jobs": [], "prints": 0}
        self.timers.set("forget", event["receipt"], self.now + timedelta(days=REMEMBER_RECEIPT_D))
        if chosen:
            yield from self._give(event, member, chosen)

    @timer("forget")
    def forget(self, due):
        del self.state[f"receipt:{due.key}"]

    # What the basket calls for

    def _candidates(self, event, lines, member, history):
        """(value, coupon row, rule, margin, face, threshold, category) of every coupon that has a reason."""
        rivals = {item_key(gtin): template for gtin, template in self.config.rivals.items()}
        categories = {product.get("category") for _, product in lines}
        for gtin in dict.fromkeys(item_key(line["gtin"]) for line, _ in lines):
            yield from self._offer("switch", rivals.get(gtin), lines)
        for category, template in self.config.complements.items():
            if category in categories:
                yield from self._offer("complete", template, lines)
        if history is not None:
            yield from self._stretch(lines, history)
            for category, seen in history["categories"].items():
                times = [parse_time(time) for time in seen["times"]]
                if category not in categories and coupon_value.is_lapsed(times, event.time, self.config.gap_cycles):
                    for row in self.tables.coupons.rows():
                        if category in (row.get("category"), self._product(row).get("category")):
                            yield from self._offer("lapse", row["template"], lines, seen["gtin"])

    def _offer(self, rule, template, lines, usual=None):
        row = self.tables.coupons.get(template) if template else None
        if row is None:
            return
        product = self._product(row) or self.tables.products.get(usual or "") or {}
        price = product.get("list_price") or self.state.get(f"price:{product.get('gtin')}")
        category = row.get("category") or product.get("category")
        wanted = {item_key(gtin) for gtin in row.get("gtins") or ()}
        held = any(item_key(line["gtin"]) in wanted for line, _ in lines)
        held = held or (not wanted and rule != "switch" and category in {product.get("category") for _, product in lines})
        if price is None or product.get("cost") is None or held:
            return
        face = coupon_value.face_value(row["kind"], row["value"], price)
        yield self._valued(rule, row, price - product["cost"], face, row.get("threshold"), category)

    def _stretch(self, lines, history):
        threshold = coupon_value.stretch_threshold(history["baskets"], self.config.stretch_pct, self.config.round_to)
        sales = sum(line["amount"] for line, _ in lines)
        if threshold is None or sales <= 0:
            return
        cost = sum(product.get("cost", 0) * line.get("weight_g", 1000 * line["qty"]) / 1000 for line, product in lines)
        added = threshold - coupon_value.usual_basket(history["baskets"])
        for row in self.tables.coupons.rows():
            if not row.get("gtins") and not row.get("category") and row["kind"] in ("amount", "percent"):
                face = coupon_value.face_value(row["kind"], row["value"], threshold)
                yield self._valued("stretch", row, (sales - cost) / sales * added, face, threshold, None)

    def _valued(self, rule, row, margin, face, threshold, category):
        counts = self.state.get(f"counts:{rule}:{row['template']}", {"issued": 0, "redeemed": 0})
        p = coupon_value.redemption_probability(counts["redeemed"], counts["issued"], self.config.prior_redeem / 100)
        value = coupon_value.expected_value(p, margin, face)
        return {"value": value, "rule": rule, "row": row, "margin": margin, "face": face, "threshold": threshold, "category": category}

    def _best(self, candidates):
        """The most valuable coupons, one a category and none twice; equal ones in the order of the rules."""
        chosen = {}
        for one in sorted(candidates, key=lambda one: -one["value"]):
            templates = {other["row"]["template"] for other in chosen.values()}
            if one["value"] > 0 and one["row"]["template"] not in templates:
                chosen.setdefault(one["category"] or one["row"]["template"], one)
        return list(chosen.values())[: self.config.max_coupons]

    def _product(self, row):
        """The product that a coupon is for; none where it names no product."""
        return next((product for gtin in row.get("gtins") or () if (product := self.tables.products.get(gtin))), {})

    def _learn_prices(self, lines):
        for line, product in lines:
            if product and not product.get("list_price") and line.get("price"):
                self.state[f"price:{product['gtin']}"] = line["price"]

    # Members

    @on("member.profile?")
    def profile(self, event):
        self.state[f"consent:{event['member']}"] = {"left": event.get("left", False), **event.get("consents", {})}

    def _member(self, member):
        """The member, if known as one who may be addressed by what was bought before; else None."""
        if member is None:
            return None
        row = self.tables.members.get(member) or {}
        consents = self.state.get(f"consent:{member}") or {"left": row.get("left", False), **row.get("consents", {})}
        if consents.get("left") or consents.get("marketing") is False or consents.get("profiling") is False:
            self.state.pop(f"member:{member}", None)
            return None
        return member

    def _remember(self, member, event, lines):
        """Baskets and purchases by category up to this receipt; lapse is judged before the categories of this one count."""
        history = self.state.setdefault(f"member:{member}", {"baskets": [], "categories": {}})
        history["baskets"] = [*history["baskets"], event["total"]][-coupon_value.BASKETS_KEPT :]
        for _, product in lines:
            if product.get("category"):
                seen = history["categories"].setdefault(product["category"], {"times": [], "gtin": product["gtin"]})
                time = event.time.isoformat()
                seen["times"] = [*(other for other in seen["times"] if other != time), time][-PURCHASES_KEPT:]
                seen["gtin"] = product["gtin"]
        return history

    # Giving

    def _give(self, event, member, chosen):
        late = (self.now - event.time) > timedelta(milliseconds=self.config.deadline_ms)
        printer = None if late else self._printer(event["till"])
        self.kpi.share("print_in_time", printer is not None, 1)
        if printer is None and member is None:
            self._count_day("", "dropped", len(chosen))
            return
        receipt = self.state[f"receipt:{event['receipt']}"]
        for one in chosen:
            copy = self._issue(one, member)
            yield self._issued(event, one, copy, member, "receipt" if printer else "e_receipt")
            receipt["jobs"].append(self._printed(one, copy))
        if printer:
            self.kpi.add("coupons_printed", len(chosen))
            yield from self._print(event, receipt, printer)

    def _issue(self, one, member):
        """A number of its own, and the counts that the next decision rests on."""
        row, rule = one["row"], one["rule"]
        serial = self.state["serial"] = self.state.get("serial", 0) + 1
        copy = coupon_number(str(row.get("gcn_base") or self.config.gcn_prefix)[:12], serial)
        self._count(rule, row["template"], "issued")
        self.kpi.share("redemption_rate", 0, 1)
        self.kpi.share("net_margin_per_1000", 0, 1)
        self.state[f"copy:{copy}"] = {"rule": rule, "template": row["template"], "margin": one["margin"]}
        self.timers.set("expire", copy, self._valid_to(row))
        return copy

    def _valid_to(self, row):
        hours = self.store.hours
        return hours.midnight(hours.store_day(self.now) + timedelta(days=1 + row.get("valid_days", USUAL_VALIDITY_D)))

    def _issued(self, event, one, copy, member, channel):
        row, kind = one["row"], one["row"]["kind"]
        return out("coupon.issue", coupon=copy, template=row["template"], valid_from=self.now, valid_to=self._valid_to(row), member=member,
                   bearer=True if member is None else None, value=None if kind == "percent" else round(one["face"]),
                   percent=row["value"] if kind == "percent" else None, threshold=one["threshold"], gtins=row.get("gtins"),
                   campaign=one["rule"], channel=channel, ref=event.ref)  # fmt: skip

    def _printed(self, one, copy):
        row = one["row"]
        until = self.store.hours.local(self._valid_to(row) - timedelta(seconds=1))
        name = row.get("name", row["template"])
        fields = {"gcn": coupon_text(copy), "name": name, "rule": one["rule"], "value": row["value"], "threshold": one["threshold"]}
        fields = {key: value for key, value in fields.items() if value is not None}
        lines = [name, self.say(f"Until {until:%Y-%m-%d}", f"有效期至{until:%Y-%m-%d}"), coupon_text(copy)]
        return {"template": row["template"], "fields": {**fields, "coupon": copy}, "lines": lines}

    def _print(self, event, receipt, printer):
        receipt["prints"] += 1
        for job in receipt["jobs"]:
            number = f"{event['receipt']}:{job['fields']['coupon']}:{receipt['prints']}"
            yield out("print.job", printer=printer, job=number, kind="coupon", copies=1, ref=event.ref, **job)

    def _reprint(self, event, receipt):
        printer = self._printer(event["till"])
        if printer and receipt["jobs"]:
            yield from self._print(event, receipt, printer)

    def _printer(self, till):
        """The till's printer, else the first; None while it cannot print."""
        printers = sorted(self.devices.get("printer", ()), key=lambda printer: printer.settings.get("till") != till)
        return printers[0].id if printers and not self.state.get(f"down:{printers[0].id}") else None

    @on("device.status?")
    def device(self, event):
        if event["device"] in {printer.id for printer in self.devices.get("printer", ())}:
            paper = str(event.get("metrics", {}).get("paper", "ok"))
            self.state[f"down:{event['device']}"] = event["state"] in ("offline", "fault") or paper in OUT_OF_PAPER

    # What became of them

    @on("coupon.redeemed?")
    def redeemed(self, event):
        copy = event["coupon"].removeprefix("(255)")
        known = self.state.pop(f"copy:{copy}", None)
        if known is None:
            return
        self.timers.cancel("expire", copy)
        self._count(known["rule"], known["template"], "redeemed")
        self.kpi.share("redemption_rate", 1, 0)
        self.kpi.share("net_margin_per_1000", 1000 * (known["margin"] - event["amount"]), 0)

    @timer("expire")
    def expire(self, due):
        self.state.pop(f"copy:{due.key}", None)

    def _count(self, rule, template, what):
        counts = self.state.setdefault(f"counts:{rule}:{template}", {"issued": 0, "redeemed": 0})
        counts[what] += 1
        self._count_day(f"{rule}:{template}", what, 1)

    def _count_day(self, key, what, amount):
        counts = self.state.setdefault("day", {}).setdefault(key, {})
        counts[what] = counts.get(what, 0) + amount

    @every("1d", at="close")
    def report(self, due):
        day = self.state.pop("day", {})
        if day:
            names = ("issued", "redeemed", "dropped")
            figures = {name: {"value": sum(counts.get(name, 0) for counts in day.values()), "unit": "count"} for name in names}
            rows = [
                {"rule": key.partition(":")[0], "template": key.partition(":")[2], **counts} for key, counts in sorted(day.items()) if key
            ]
            date = self.store.hours.store_day(due.time)
            yield out("insight.report", {"from": self.store.hours.midnight(date), "to": due.time}, report=f"checkout-coupons:{date}",
                      kind="checkout_coupons", version=1, figures=figures, rows=rows)  # fmt: skip
