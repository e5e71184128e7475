"""All-channel till: for cashiers and the IT behind them: one till for goods, weighed labels, coupons and online pick-ups with exact
promotion arithmetic, that keeps selling when the line is down and times every receipt.

The cashier's keys are `kiosk.event` (kiosk = till, or the `till` in its settings; session = receipt): `login` with a staff number, `pay`,
and `choose` with the value total, void (a `line` in values or a gtin: that line, else the receipt), park, recall, no_sale (`reason` in
values), override (`line` and `price` in values) or return (the old receipt as `receipt`, perhaps gtin and qty). What is refused stands on
the till's display (`display.show`, which came after the row was written); payments are asked for with `payment.request`, refunds with a
negative amount.

A code that is no goods, coupon or pick-up code is a member's where `member.profile` has named that member, or no member at all. Cash is
rounded to `cash_rounding` when it pays the rest; `amount` of the tender is what it pays of the total, `tendered` and `change` stand beside
it. While the line is down payments still go to the terminal, within the limits; finished receipts wait and leave when it is up again. No
card number enters.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.checkout import card_numbers, tender, till
from storeloom.workers.checkout.stations import at_station, served_by, till_of
from storeloom.workers.gs1 import CodeError, EmbeddedLayout, parse

Method = Literal["cash", "card", "qr", "wallet", "stored_value", "points", "coupon", "credit"]
Prefix = Annotated[str, Field(pattern=r"^2[0-9]$")]
RETURN_DAYS = 92
WORDS = {
    "unknown": ("Not for sale", "无法销售"),
    "check_digit": ("Bad code, please key it in", "条码有误，请手工输入"),
    "weigh": ("Please weigh", "请称重"),
    "coupon": ("Coupon does not apply", "优惠券不可用"),
    "collected": ("Already collected", "该订单已提货"),
    "reason": ("A reason is needed", "需要填写原因"),
    "offline": ("Not while the line is down", "断网期间不可用此方式"),
    "payment": ("A payment is under way", "支付进行中"),
    "amount": ("Not an amount to pay", "付款金额无效"),
    "return": ("Nothing left to return", "无可退商品"),
    "expired": ("No basket waits", "没有挂单"),
    "busy": ("Finish this receipt first", "请先完成当前小票"),
}


class OmniTill(Solution):
    number = 167
    zh, en = "全渠道收银台", "All-channel till"
    purpose_zh = "一台收银机处理商品、称重标签、优惠券与线上自提，促销计算精确，断网照常收银，并为每张小票计时。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("pos.scan", "pos.sale", "pos.exception", "payment.request", "order.status", "coupon.redeemed", "print.job", "drawer.open",
                "display.show")  # fmt: skip
    adapters = ("scanner", "payment", "printer", "kiosk", "drawer?", "display?", "scale?")
    reads = ("products", "prices", "promotions", "coupons")
    kpis = {
        "items_per_minute": kpi("1/min", "Items rung a minute", "每分钟扫描件数"),
        "receipt_time": kpi("s", "Time of a receipt", "每单用时"),
        "offline_receipts": kpi("count", "Receipts made offline", "离线小票数"),
        "void_rate": kpi("%", "Lines voided", "作废行占比"),
    }

    class Config(SolutionConfig):
        embedded_code: str = setting("PPIIIIIVVVVVC", "Layout of in-store codes", "店内码结构", min_length=13, max_length=13,
            pattern=r"^P+I+V+C$",
            help_en="EAN-13: prefix, item, value, check digit.", help_zh="EAN-13：前缀、商品、数值、校验位。")  # fmt: skip
        embedded_prefixes: dict[Prefix, Literal["price", "weight"]] = setting({"21": "price", "22": "price", "23": "weight"},
            "Meaning of the value", "数值含义", help_en="What the value means by prefix.", help_zh="按前缀说明数值含义。")  # fmt: skip
        coupons_per_receipt: int = setting(1, "Coupons a receipt", "每单可用券数", ge=0, le=10,
            help_en="How many coupons one receipt takes.", help_zh="一张小票可用几张券。")  # fmt: skip
        cash_rounding: Literal[1, 5, 10, 50, 100] = setting(1, "Smallest cash unit", "最小现金单位", unit="minor",
            help_en="What is paid in cash is rounded to it.", help_zh="现金支付时取整到此单位。")  # fmt: skip
        offline_methods: list[Method] = setting(["cash", "qr"], "Payment while the line is down", "断网时可用支付方式",
            help_en="Others are refused then.", help_zh="断网时拒绝其他方式。")  # fmt: skip
        offline_limit: int = setting(20000, "Largest offline tender", "断网单笔上限", unit="minor", ge=0, le=1000000,
            help_en="Largest non-cash tender while the line is down.", help_zh="断网期间非现金支付的单笔上限。")  # fmt: skip
        no_sale_reason: bool = setting(True, "Reason for opening the drawer", "开钱箱须填原因",
            help_en="Opening the drawer without a sale needs a reason.", help_zh="无销售开钱箱须填写原因。")  # fmt: skip
        park_min: int = setting(15, "Life of a parked basket", "挂单保留时间", unit="min", ge=1, le=240,
            help_en="Then it is voided.", help_zh="到时作废。")  # fmt: skip

    # --- scanning ---

    @on("scanner.code")
    def scanned(self, event):
        name = self._till_of("scanner", event["scanner"], event.get("till"))
        desk = self._desk(name)
        if event.get("staff"):
            desk["cashier"] = event["staff"]
            return
        here = self._open(name, desk)
        if here["asked"]:
            yield self._refuse(name, "payment")
            return
        shop = self._shop()
        try:
            goods = shop.read(event.data)
        except CodeError:
            yield self._refuse(name, "check_digit")
            return
        if goods.product or goods.price is not None:
            yield from self._goods(name, here, shop, goods, event["code"], "scan")
        else:
            yield from self._other(name, here, event["code"], goods.gtin)

    def _goods(self, name, here, shop, goods, code, entry):
        line = shop.line(goods, here["buyer"])
        if line is None:
            yield self._refuse(name, "unknown")
            return
        if line["per_kg"] and not line["unit_g"]:
            line["unit_g"] = self.state.get(f"pan:{name}", {}).get("g") or 0
            if not line["unit_g"]:
                self._desk(name)["to_weigh"] = goods.gtin
                yield self._refuse(name, "weigh")
                return
        till.put(here, line, self.now, goods, code=code, entry=entry)
        here["totalled"] = None
        shop.reprice(here)
        self.kpi.share("void_rate", 0, 1)
        yield out("pos.scan", **till.scan(here, "weigh" if line["per_kg"] else "item", line))

    def _other(self, name, here, code, gtin):
        """A coupon, a pick-up code or a member's card."""
        if (order := self.state.get(f"pickup:{code}")) is not None:
            yield from self._pick_up(name, here, order)
        elif (row := self._coupon(code)) is not None:
            yield from self._take_coupon(name, here, code, row)
        elif f"member:{code}" in self.state or not (gtin or "members" in self.state or card_numbers.is_card_number(code)):
            here["buyer"] = {"member": code, "tier": self.state.get(f"member:{code}")}
            self._shop().reprice(here, again=True)
            yield out("pos.scan", **till.scan(here, "member", code=code))
        else:
            yield self._refuse(name, "unknown")

    def _coupon(self, code):
        if row := self.tables.coupons.get(code):
            return row
        number = parse(code, on=self.store.hours.store_day(self.now)).coupon
        bases = [row for row in self.tables.coupons.rows() if row.get("gcn_base")] if number else ()
        return next((row for row in bases if number.startswith(str(row["gcn_base"]))), None)

    def _take_coupon(self, name, here, code, row):
        """A coupon counts only if it reduces this receipt as it stands; one copy of a serial number, once."""
        shop, known = self._shop(), [one["coupon"] for one in here["coupons"]]
        tried = [*here["coupons"], {**row, "coupon": code}]
        if code not in known and f"redeemed:{code}" not in self.state and len(tried) <= self.config.coupons_per_receipt:
            shop.reprice(here, tried)
            if code in here["used"]:
                here["coupons"] = tried
                yield out("pos.scan", **till.scan(here, "coupon", code=code))
                return
            shop.reprice(here)
        yield self._refuse(name, "coupon")

    @on("order.placed?")
    def ordered(self, event):
        if event.get("pickup_code") and not event.get("draft"):
            kept = {"order": event["order"], "paid": event["paid"], "lines": event["lines"], "state": "open"}
            self.state.setdefault(f"pickup:{event['pickup_code']}", kept)

    def _pick_up(self, name, here, order):
        """An order that is paid is handed over; the lines of one that is not are paid here first, at the order's prices."""
        if order["state"] != "open":
            yield self._refuse(name, "collected")
        elif order["paid"]:
            order["state"] = "collected"
            yield out("order.status", order=order["order"], status="collected", staff=here["cashier"])
        else:
            order["state"] = "ringing"
            here["orders"].append(order["order"])
            for row in order["lines"]:
                yield out("pos.scan", **till.scan(here, "item", till.put_ordered(here, row, self.now)))
            self._shop().reprice(here)

    @on("scale.reading?")
    def weighed(self, event):
        name = self._till_of("scale", event["scale"], None)
        desk, loaded = self._desk(name), event["stable"] and event["weight_g"] > 0 and not event.get("overload")
        pan = self.state.setdefault(f"pan:{name}", {"at": plain(event.time)})
        if event.time < parse_time(pan["at"]):
            return
        pan |= {"at": plain(event.time), "g": event["weight_g"] if loaded else None}
        if loaded and desk["to_weigh"] and (here := self.state.get(f"receipt:{desk['open']}")):
            shop, gtin = self._shop(), desk["to_weigh"]
            desk["to_weigh"] = None
            goods = shop.read({"gtin": gtin, "weight_g": event["weight_g"]})
            yield from self._goods(name, here, shop, goods, None, "weigh")

    @on("member.profile?")
    def profile(self, event):
        self.state["members"] = True
        if event.get("left"):
            self.state.pop(f"member:{event['member']}", None)
        else:
            self.state[f"member:{event['member']}"] = event.get("tier")

    @on("pos.exception?")
    def blocked(self, event):
        open_here = self.state.get(f"desk:{event['till']}", {}).get("open")
        here = self.state.get(f"receipt:{event.get('receipt')}") or self.state.get(f"receipt:{open_here}")
        line = here and till.find(here, event.get("line"), event.get("gtin"))
        if event["kind"] == "blocked" and line:
            yield from self._void_line(here, line, event.get("qty"))

    def _void_line(self, here, line, qty=None):
        taken = till.remove(here, line, qty)
        self._shop().reprice(here)
        self.kpi.share("void_rate", 1, 0)
        yield out("pos.scan", **till.scan(here, "void", taken))

    # --- keys ---

    @on("kiosk.event")
    def pressed(self, event):
        name, kind = till_of(self.devices.get("kiosk", ()), event["kiosk"]), event["kind"]
        value, values = event.get("value"), event.get("values") or {}
        desk = self._desk(name)
        if kind == "login" and value:
            desk["cashier"] = value
        if f"ended:{event['session']}" in self.state or kind not in ("start", "login", "scan", "weigh", "choose", "pay"):
            return
        if kind == "choose" and value in ("no_sale", "return", "recall"):
            steps = {"no_sale": self._no_sale, "return": self._return, "recall": self._recall}
            yield from steps[value](name, desk, event, values)
            return
        here = self._open(name, desk, event["session"])
        if event.get("member"):
            here["buyer"] = {"member": event["member"], "tier": self.state.get(f"member:{event['member']}")}
        if kind in ("scan", "weigh") and event.get("gtin"):
            shop = self._shop()
            yield from self._goods(name, here, shop, shop.read({"gtin": event["gtin"], "weight_g": values.get("weight_g")}), None, "key")
        elif kind == "pay":
            yield from self._pay(name, here, value, event.get("amount"))
        elif kind == "choose" and here["asked"]:
            yield self._refuse(name, "payment")
        elif kind == "choose" and value in ("total", "void", "park", "override"):
            steps = {"total": self._total, "void": self._void, "park": self._park, "override": self._override}
            yield from steps[value](name, here, event, values)

    def _total(self, name, here, event, values):
        here["totalled"] = plain(self.now)
        self._shop().reprice(here)
        yield out("pos.scan", **till.scan(here, "total", basket=till.basket_lines(here)))

    def _void(self, name, here, event, values):
        told = {"till": name, "cashier": here["cashier"], "receipt": here["receipt"], "reason": values.get("reason")}
        if values.get("line") is not None or event.get("gtin"):
            if (line := till.find(here, values.get("line"), event.get("gtin"))) is None:
                return
            amount = line["amount"]
            yield from self._void_line(here, line, event.get("qty"))
            yield out("pos.exception", kind="void_line", line=line["line"], gtin=line["gtin"], qty=event.get("qty"), amount=amount, **told)
        elif here["lines"]:
            self.kpi.share("void_rate", len(here["lines"]), 0)
            yield out("pos.scan", **till.scan(here, "void"))
            yield out("pos.exception", kind="void_receipt", amount=here["total"], **told)
            yield from self._give_back(here)
            self._close(here)

    def _override(self, name, here, event, values):
        line, price = till.find(here, values.get("line"), event.get("gtin")), values.get("price")
        if line is None or not isinstance(price, int) or price < 0:
            return
        before, line["price"], line["fixed"] = line["price"], price, True
        self._shop().reprice(here)
        yield out("pos.exception", kind="price_override", till=name, cashier=here["cashier"], receipt=here["receipt"], line=line["line"],
                  gtin=line["gtin"], price_from=before, price_to=price, reason=values.get("reason"),
                  authorised_by=values.get("authorised_by"))  # fmt: skip

    def _park(self, name, here, event, values):
        self._desk(name)["open"] = None
        self.timers.set("parked", here["receipt"], self.now + timedelta(minutes=self.config.park_min))
        yield out("pos.scan", **till.scan(here, "park"))

    def _recall(self, name, desk, event, values):
        """The basket named, else the one parked last at this till."""
        wanted = event.get("receipt") or values.get("receipt") or event["session"]
        parked = [key.removeprefix("receipt:") for key in self.state if key.startswith("receipt:")]
        parked = [one for one in parked if self.timers.get("parked", one)]
        own = [one for one in parked if self.state[f"receipt:{one}"]["till"] == name]
        found = wanted if wanted in parked else next(reversed(own), None)
        if found is None or (desk["open"] and self.state[f"receipt:{desk['open']}"]["lines"]):
            yield self._refuse(name, "busy" if found else "expired")
            return
        here = self.state[f"receipt:{found}"]
        self.timers.cancel("parked", found)
        desk["open"], here["till"] = found, name
        self._shop().reprice(here, again=True)
        yield out("pos.scan", **till.scan(here, "recall", basket=till.basket_lines(here)))

    @timer("parked")
    def parked_too_long(self, due):
        here = self.state[f"receipt:{due.key}"]
        self.kpi.share("void_rate", len(here["lines"]), 0)
        yield out("pos.exception", kind="void_receipt", till=here["till"], receipt=due.key, amount=here["total"], cashier=here["cashier"],
                  reason="park_expired")  # fmt: skip
        yield from self._give_back(here)
        self._close(here)

    def _no_sale(self, name, desk, event, values):
        reason = values.get("reason")
        if self.config.no_sale_reason and not reason:
            yield self._refuse(name, "reason")
            return
        yield from self._drawer(name, "no_sale", desk["cashier"], None)
        yield out("pos.exception", kind="no_sale", till=name, cashier=desk["cashier"], reason=reason)

    def _return(self, name, desk, event, values):
        """Goods of an earlier receipt come back at what was paid for them."""
        original, receipt = event.get("receipt") or values.get("original"), event["session"]
        kept = self.state.get(f"sold:{original}")
        if desk["open"] and self.state[f"receipt:{desk['open']}"]["lines"]:
            yield self._refuse(name, "busy")
            return
        lines = tender.take_back(kept["lines"], event.get("gtin"), values.get("line"), event.get("qty")) if kept else []
        if not lines:
            yield self._refuse(name, "return")
            return
        amount, day = sum(line["amount"] for line in lines), self.store.hours.store_day(self.now)
        parts = tender.refund_parts(kept["paid"], -amount)
        back = [
            part | {"amount": -part["amount"]} | ({"payment": f"{receipt}-{n}"} if "payment" in part else {})
            for n, part in enumerate(parts, 1)
        ]
        tell = {"till": name, "cashier": desk["cashier"], "receipt": receipt}
        yield out("pos.exception", kind="return", original=original, gtin=event.get("gtin"), qty=event.get("qty"), amount=-amount,
                  reason=values.get("reason"), authorised_by=values.get("authorised_by"), **tell)  # fmt: skip
        yield from self._leave(out("pos.sale", kind="return", channel="till", lines=lines, total=amount, original=original,
                                   payments=back, business_day=day, member=kept["member"], **tell))  # fmt: skip
        for part, told in zip(parts, back, strict=True):
            if "payment" in part:
                yield out("payment.request", **told, original=part["payment"], receipt=receipt, till=name)
            else:
                yield from self._drawer(name, "refund", desk["cashier"], receipt)
        self.state[f"ended:{receipt}"] = {"at": plain(self.now), "tries": {}}

    # --- paying ---

    @on("network.probe?")
    def probed(self, event):
        if event["kind"] != "line":
            return
        self.state["down"] = not event["up"]
        if event["up"]:
            yield from (out("pos.sale", **data) for data in self.state.pop("unsent", []))

    def _pay(self, name, here, method, amount):
        if here["asked"] or not here["lines"] or (amount is not None and amount <= 0):
            yield self._refuse(name, "unknown" if not here["lines"] else "payment" if here["asked"] else "amount")
            return
        if here["totalled"] is None:
            yield from self._total(name, here, None, None)
        left = till.due(here)
        if method == "cash" and (not self.state.get("down") or "cash" in self.config.offline_methods):
            paid = tender.cash(left, amount, self.config.cash_rounding)
            if paid.taken:
                given = paid.taken if amount is None else amount
                here["paid"].append({"method": "cash", "amount": paid.taken, "tendered": given, "change": paid.change})
                yield out("pos.scan", **till.scan(here, "tender"))
        elif self.state.get("down") and (
            method not in self.config.offline_methods or min(left, amount or left) > self.config.offline_limit
        ):
            yield self._refuse(name, "offline")
            return
        elif left:
            yield out("payment.request", **till.ask(here, method, amount))
        if till.due(here) == 0:
            yield from self._sold(here)

    @on("payment.result")
    def answered(self, event):
        receipt = event["payment"].rpartition("-")[0]
        if (here := self.state.get(f"receipt:{receipt}")) is None:
            ended = self.state.get(f"ended:{receipt}")
            if ended and till.bought_nothing(ended["tries"], event.data):
                yield self._refund(event, event["amount"], receipt, event.get("till"))
            return
        said = till.answer(here, event)
        if said in ("paid", "part", "surplus"):
            yield out("pos.scan", **till.scan(here, "tender"))
        elif said == "declined":
            yield self._refuse(here["till"], "offline" if self.state.get("down") else "payment")
        if said == "surplus":
            yield self._refund(event, till.surplus(here, event.data), receipt, here["till"])
        if said in ("paid", "surplus") and till.due(here) == 0:
            yield from self._sold(here)

    def _refund(self, paid, amount, receipt, name):
        """Money that bought nothing goes back the way it came."""
        return out("payment.request", payment=f"{paid['payment']}-refund", original=paid["payment"], amount=-amount, method=paid["method"],
                   receipt=receipt, till=name)  # fmt: skip

    def _give_back(self, here):
        """What was paid for a receipt that is voided: cash from the drawer, the rest the way it came."""
        for one in here["paid"]:
            if one["method"] == "cash":
                yield from self._drawer(here["till"], "refund", here["cashier"], here["receipt"])
            else:
                yield self._refund(one, one["amount"], here["receipt"], here["till"])

    def _sold(self, here):
        receipt, name, hours = here["receipt"], here["till"], self.store.hours
        sale = till.sale(here, "till", self.now, hours.store_day(self.now))
        yield from self._leave(out("pos.sale", **sale))
        yield out("pos.scan", **till.scan(here, "end"))
        yield from self._redeemed(here)
        for code in here["orders"]:
            yield out("order.status", order=code, status="collected", staff=here["cashier"])
        if any(one["method"] == "cash" for one in here["paid"]):
            yield from self._drawer(name, "sale", here["cashier"], receipt)
        if printer := self._device("printer", name):
            yield out("print.job", printer=printer, job=f"receipt:{receipt}", kind="receipt", template="receipt",
                      fields={"receipt": receipt, "total": here["total"]}, ref={"stream": "pos.sale", "id": receipt})  # fmt: skip
        if sale["ring_s"] > 0:
            self.kpi.share("items_per_minute", sum(1 if line["per_kg"] else line["qty"] for line in here["lines"]), sale["ring_s"] / 60)
        self.kpi.sample("receipt_time", sale["ring_s"] + sale["tender_s"])
        paid = [{name: one[name] for name in ("method", "payment", "amount") if name in one} for one in here["paid"]]
        kept = {"lines": tender.sold_lines(sale["lines"]), "paid": paid, "member": sale["member"]}
        self.state[f"sold:{receipt}"] = kept | {"day": hours.store_day(self.now).isoformat()}
        self._close(here)

    def _leave(self, sale):
        """A receipt leaves at once, or when the line is up again."""
        if self.state.get("down"):
            self.kpi.add("offline_receipts")
            self.state.setdefault("unsent", []).append(dict(sale.data))
        else:
            yield sale

    def _redeemed(self, here):
        for one, amount in self._shop().coupon_amounts(here):
            if one["coupon"] != one["template"]:
                self.state[f"redeemed:{one['coupon']}"] = here["receipt"]
            member = (here["buyer"] or {}).get("member")
            yield out("coupon.redeemed", coupon=one["coupon"], template=one["template"], amount=amount, receipt=here["receipt"],
                      till=here["till"], member=member)  # fmt: skip

    # --- the till ---

    def _desk(self, name):
        return self.state.setdefault(f"desk:{name}", {"open": None, "cashier": None, "to_weigh": None})

    def _open(self, name, desk, session=None):
        """The open receipt of a till. A session names a new one, and one that a scan began."""
        if desk["open"] is None and session and len(self.devices.get("kiosk", ())) <= 1:
            begun = [key for key in self.state if key.startswith("receipt:") and self.state[key]["begun"]]
            for key in begun[:1]:
                self._desk(self.state[key]["till"])["open"] = None
                desk["open"], self.state[key]["till"] = self.state[key]["receipt"], name
        return till.at_desk(self.state, desk, name, session, self.now, orders=[])

    def _close(self, here):
        self.timers.cancel("parked", here["receipt"])
        desk = self._desk(here["till"])
        if desk["open"] == here["receipt"]:
            desk |= {"open": None, "to_weigh": None}
        del self.state[f"receipt:{here['receipt']}"]
        self.state[f"ended:{here['receipt']}"] = {"at": plain(self.now), "tries": here["tries"]}

    @every("1d", at="03:00")
    def clear(self, due):
        oldest = (self.store.hours.store_day(due.time) - timedelta(days=RETURN_DAYS)).isoformat()
        for key in list(self.state):
            stale = key.startswith("ended:") and due.time - parse_time(self.state[key]["at"]) > timedelta(days=1)
            if stale or (key.startswith("sold:") and self.state[key]["day"] < oldest):
                del self.state[key]

    def _drawer(self, name, reason, cashier, receipt):
        if drawer := self._device("drawer", name):
            yield out("drawer.open", drawer=drawer, till=name, reason=reason, cashier=cashier, receipt=receipt)

    def _refuse(self, name, why):
        return out("display.show", display=self._device("display", name) or name, lines=[self.say(*WORDS[why])], till=name)

    def _device(self, kind, name):
        devices = self.devices.get(kind, ())
        own = next((one.id for one in devices if one.settings.get("till") == name), None)
        return own or at_station(self.devices.get("kiosk", ()), "kiosk", devices, name) or next((one.id for one in devices), None)

    def _till_of(self, kind, device, named):
        """The till of a scanner or scale."""
        known = [key.removeprefix("desk:") for key in self.state if key.startswith("desk:")]
        busy = [one for one in known if self.state[f"desk:{one}"]["open"]]
        kiosks = self.devices.get("kiosk", ())
        return named or till_of(kiosks, served_by(kiosks, kind, self.devices.get(kind, ()), device, busy, known))

    def _shop(self):
        return till.Shop(self.tables, self.store.hours, self.now, EmbeddedLayout(self.config.embedded_code, self.config.embedded_prefixes))


@hookimpl
def storeloom_config_problems(config, store):
    try:
        EmbeddedLayout(config["embedded_code"], config["embedded_prefixes"])
    except CodeError as error:
        what = str(error), f"店内码结构有误：{error}"
        return [Problem("embedded_code", *what, "Thirteen letters, e.g. PPIIIIIVVVVVC.", "共 13 个字母，如 PPIIIIIVVVVVC。")]
    return []
