"""Mobile till: for floor staff with a handheld: close the sale beside the shelf, order what is not here from another store, and shorten a
queue by scanning baskets before the till.

A handheld is a kiosk and a scanner of one id; its session is the receipt. Devices whose settings name a `till` are none. A badge
(`scanner.code` with staff) opens it to people who are clocked in, once anybody is known to have clocked in; nobody rings without one. Keys
are `kiosk.event`: `pay` with a method, and `choose` with the value discount ({line, amount}), void (perhaps a `line`), park, recall (the
code as `receipt`), ship or pickup (a gtin, perhaps qty), bar and unbar ({kiosk}, for a manager or keyholder). The code of a parked basket
is its receipt number; scanned, it is recalled too.

Discounts within the own limit leave as `pos.exception` discount, above it as price_override. While the line is down payments still go to
the terminal; the receipt takes the handheld's next number when payment begins, so a number that was never sold shows as a gap, told as a
voided receipt. Receipts elsewhere are heard as `pos.sale`, for the share alone; where `zones` is there, near is by walking.
"""

from datetime import timedelta
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import plain
from storeloom.workers.checkout import card_numbers, handhelds, numbering, till
from storeloom.workers.checkout.stations import served_by
from storeloom.workers.gs1 import epc
from storeloom.workers.optimise import walks
from storeloom.workers.pricing import round_money

MAY_BAR = ("manager", "keyholder")
Limit = Annotated[float, Field(ge=0, le=100)]
SCREENS = {
    "welcome": ("Ready", "可以使用"),
    "locked": ("Locked: show your badge", "已锁定，请刷工牌"),
    "refused": ("Cannot be sold", "无法销售"),
    "badge": ("A badge with the right is needed", "需有权限者刷工牌"),
    "taken": ("This piece is in another basket", "该商品已在其他购物篮"),
    "payment": ("A payment is under way", "支付进行中"),
    "declined": ("Payment declined", "付款未成功"),
    "offline_limit": ("Too much without a line", "超过断网限额"),
    "no_basket": ("No such basket", "无此挂单"),
    "parked": ("Parked", "已挂单"),
    "in_stock": ("It is here", "本店有货"),
    "nowhere": ("No store has it", "各店均无货"),
    "ordered": ("Ordered", "已下单"),
    "queue_help": ("Please scan baskets in the queue", "请到排队处预扫商品"),
    "paid": ("Paid", "已付款"),
    "barred": ("This handheld is barred", "该设备已停用"),
}


class MobilePos(Solution):
    number = 172
    zh, en = "移动POS", "Mobile till"
    purpose_zh = "店员手持设备在货架旁成交，本店缺货向他店调货下单，排队时预扫商品。"
    formats = ("specialty", "supermarket", "convenience")
    produces = ("pos.scan", "pos.sale", "pos.exception", "order.placed", "kiosk.show", "payment.request")
    adapters = ("kiosk", "scanner", "payment", "printer?")
    reads = ("products", "prices", "promotions", "staff", "zones?")
    kpis = {
        "floor_sales_share": kpi("%", "Receipts closed on the floor", "移动成交占比"),
        "saved_sales": kpi("minor", "Sales saved by another store's stock", "他店库存挽回销售额"),
        "queue_busts": kpi("count", "Queues helped", "排队支援次数"),
        "override_rate": kpi("%", "Overrides a receipt", "越权改价率"),
    }

    class Config(SolutionConfig):
        idle_lock_s: int = setting(90, "Locks itself after", "自动锁定", unit="s", ge=15, le=900,
            help_en="Without a key or a scan.", help_zh="无按键或扫码后。")  # fmt: skip
        discount_limits: dict[str, Limit] = setting({"assistant": 5, "keyholder": 10, "manager": 30},
            "Manual discount by role", "按角色手工折扣", unit="%",
            help_en="Roles that are not named give none.", help_zh="未列出的角色不得打折。")  # fmt: skip
        bust_queue: float = setting(4, "Long queue", "长队标准", unit="people", ge=1, le=20,
            help_en="Waiting people per open till that call handhelds.", help_zh="每个开放收银台的排队人数达到此值时呼叫。")  # fmt: skip
        bust_hold_s: int = setting(60, "Must last", "持续时长", unit="s", ge=0, le=600,
            help_en="How long the queue must be that long.", help_zh="长队须持续这么久。")  # fmt: skip
        bust_max: int = setting(2, "Handhelds called at once", "一次呼叫台数", ge=1, le=10,
            help_en="The nearest that are idle.", help_zh="最近的空闲设备。")  # fmt: skip
        park_min: int = setting(15, "Life of a pre-scanned basket", "预扫挂单有效期", unit="min", ge=1, le=120,
            help_en="Life of its code.", help_zh="挂单码的有效期。")  # fmt: skip
        offline_receipt_max: int = setting(50000, "Largest offline receipt", "断网单笔上限", unit="minor", ge=0, le=1000000,
            help_en="Largest receipt without a line.", help_zh="断网期间单张小票上限。")  # fmt: skip
        offline_total_max: int = setting(300000, "Unsent receipts of a handheld", "断网累计上限", unit="minor", ge=0, le=10000000,
            help_en="Sum of unsent receipts per handheld.", help_zh="每台设备未上传小票合计上限。")  # fmt: skip

    # --- who holds it ---

    @on("staff.clock")
    def clocked(self, event):
        here = event["kind"] in ("in", "break_end")
        self.state.setdefault("people", {})[event["staff"]] = event.get("zone") or "" if here else None
        for name, desk in self._desks():
            if event["kind"] == "out" and desk["owner"] == event["staff"]:
                desk |= {"owner": None, "locked": True}
                yield self._show(name, "locked")

    def _badge(self, name, desk, staff):
        """Authorise a discount that waits, else open the handheld."""
        people, waits = self.state.get("people"), desk["pending"]
        if people is not None and people.get(staff) is None:
            yield self._show(name, "locked")
        elif waits and staff != desk["owner"]:
            yield from self._authorise(name, desk, staff)
        elif desk["owner"] in (None, staff) or (desk["locked"] and not self._has_lines(desk)):
            desk |= {"owner": staff, "locked": False}
            yield self._show(name, "welcome")

    @timer("lock")
    def lock(self, due):
        self._desk(due.key)["locked"] = True
        yield self._show(due.key, "locked")

    def _may_use(self, name, desk):
        if desk["barred"] or desk["locked"] or desk["owner"] is None:
            return False
        self.timers.set("lock", name, self.now + timedelta(seconds=self.config.idle_lock_s))
        return True

    # --- scanning ---

    @on("scanner.code")
    def scanned(self, event):
        name = event.get("till") or self._handheld(event["scanner"])
        if self._is_fixed("scanner", event["scanner"], name):
            return
        desk = self._desk(name)
        if event.get("staff") and not desk["barred"]:
            yield from self._badge(name, desk, event["staff"])
            self._may_use(name, desk)
            return
        if not self._may_use(name, desk):
            yield self._show(name, "barred" if desk["barred"] else "locked")
        elif event["code"] in self.state.get("parked", {}):
            yield from self._recall(name, desk, event["code"])
        else:
            yield from self._scan(name, self._open(name, desk), event.data)

    def _scan(self, name, here, data):
        shop, tag = self._shop(), epc.sgtin(data.get("code") or "")
        goods = shop.goods({"gtin": tag.gtin} if tag else data)
        member = data.get("code")
        stranger = "members" in self.state or (member and card_numbers.is_card_number(member))
        if member and goods.gtin is None and (f"member:{member}" in self.state or not stranger):
            yield from self._is_member(here, member)
            return
        line = shop.line(goods, here["buyer"])
        if here["asked"] or line is None or (line["per_kg"] and not line["unit_g"]):
            yield self._show(name, "payment" if here["asked"] else "refused")
            return
        number, held = handhelds.unique_number(data.get("code"), goods.gtin, goods.serial), self.state.setdefault("serials", {})
        if number and number in held:
            yield self._show(name, "taken")
            return
        till.put(here, line, self.now, goods, code=data.get("code"), entry="rfid" if tag else "scan")
        if number:
            held[number] = here["receipt"]
        shop.reprice(here)
        yield out("pos.scan", **till.scan(here, "weigh" if line["per_kg"] else "item", line))
        items = [{name: one[name] for name in ("line", "gtin", "name", "qty", "price", "amount")} for one in here["lines"]]
        yield self._show(name, "basket", {"items": items, "total": here["total"]})

    def _is_member(self, here, member):
        here["buyer"] = {"member": member, "tier": self.state.get(f"member:{member}")}
        self._shop().reprice(here, again=True)
        yield out("pos.scan", **till.scan(here, "member"))

    @on("member.profile?")
    def profile(self, event):
        self.state["members"] = True
        if event.get("left"):
            self.state.pop(f"member:{event['member']}", None)
        else:
            self.state[f"member:{event['member']}"] = event.get("tier")

    @on("pos.exception?")
    def blocked(self, event):
        here = self.state.get(f"receipt:{event.get('receipt')}")
        line = here and till.find(here, event.get("line"), event.get("gtin"))
        if event["kind"] == "blocked" and line:
            yield from self._take_back(here, line, event.get("qty"))
            yield self._show(here["till"], "refused")

    def _take_back(self, here, line, qty=None):
        taken = till.remove(here, line, qty)
        self._free([taken])
        self._shop().reprice(here)
        yield out("pos.scan", **till.scan(here, "void", taken))

    def _free(self, lines):
        for line in lines:
            self.state.get("serials", {}).pop(handhelds.unique_number(line["code"], line["gtin"], line["serial"]), None)

    # --- keys ---

    @on("kiosk.event")
    def pressed(self, event):
        name, kind, value, values = event["kiosk"], event["kind"], event.get("value"), event.get("values") or {}
        if self._is_fixed("kiosk", name, name):
            return
        desk = self._desk(name)
        if kind in ("end", "timeout") or f"ended:{event['session']}" in self.state:
            return
        if not self._may_use(name, desk):
            yield self._show(name, "barred" if desk["barred"] else "locked")
            return
        if kind == "choose" and value in ("bar", "unbar"):
            yield from self._bar(desk, values.get("kiosk"), value == "bar")
        elif kind == "choose" and value == "recall":
            yield from self._recall(name, desk, event.get("receipt") or values.get("code") or event["session"])
        elif value in ("ship", "pickup") and event.get("gtin"):
            yield from self._order(name, event, value)
        else:
            here = self._open(name, desk, event["session"])
            steps = {"void": self._void, "park": self._park, "discount": self._discount}
            if event.get("member"):
                yield from self._is_member(here, event["member"])
            if kind == "scan" and event.get("gtin"):
                yield from self._scan(name, here, {"gtin": event["gtin"]})
            elif kind == "pay":
                yield from self._pay(name, desk, here, value or "card")
            elif kind == "choose" and value in steps and not here["asked"]:
                yield from steps[value](name, desk, here, values)

    def _discount(self, name, desk, here, values):
        """A discount within the own limit is given, one above it waits for a second badge."""
        line, amount = till.find(here, values.get("line"), None), values.get("amount")
        if line is None or not isinstance(amount, int) or amount < 0:
            return
        if handhelds.may_give(amount, line["amount"] + line["discount"], self._limit(desk["owner"])):
            yield from self._give(here, line, amount, "discount")
        else:
            desk["pending"] = {"receipt": here["receipt"], "line": line["line"], "amount": amount}
            yield self._show(name, "badge")

    def _authorise(self, name, desk, staff):
        waits = desk["pending"]
        here = self.state.get(f"receipt:{waits['receipt']}")
        line = here and till.find(here, waits["line"], None)
        if line and handhelds.may_give(waits["amount"], line["amount"] + line["discount"], self._limit(staff)):
            desk["pending"] = None
            self.kpi.share("override_rate", 1, 0)
            yield from self._give(here, line, waits["amount"], "price_override", staff)
        else:
            yield self._show(name, "badge")

    def _give(self, here, line, amount, kind, by=None):
        before = line["amount"] + line["manual"]
        line["manual"] = amount
        self._shop().reprice(here)
        yield out("pos.exception", kind=kind, till=here["till"], cashier=here["cashier"], receipt=here["receipt"], line=line["line"],
                  gtin=line["gtin"], amount=amount, price_from=before, price_to=line["amount"], authorised_by=by)  # fmt: skip
        yield self._show(here["till"], "basket", {"total": here["total"]})

    def _limit(self, staff):
        return handhelds.discount_limit(self.tables.staff.get(staff), self.config.discount_limits)

    def _void(self, name, desk, here, values):
        told = {"till": name, "cashier": desk["owner"], "receipt": here["receipt"]}
        if values.get("line") is not None:
            if line := till.find(here, values["line"], None):
                amount = line["amount"]
                yield from self._take_back(here, line)
                yield out("pos.exception", kind="void_line", line=line["line"], gtin=line["gtin"], amount=amount, **told)
        elif here["lines"]:
            yield out("pos.scan", **till.scan(here, "void"))
            yield out("pos.exception", kind="void_receipt", amount=here["total"], **told)
            for one in here["paid"]:
                yield self._refund(one["payment"], one["amount"], one["method"], here)
            self._close(here)

    def _bar(self, desk, device, barred):
        """A lost handheld: what it has not sent yet still counts."""
        roles = (self.tables.staff.get(desk["owner"]) or {}).get("roles") or ()
        if device and set(roles) & set(MAY_BAR):
            self._desk(device).update(barred=barred, locked=True, owner=None)
            yield self._show(device, "barred" if barred else "locked")

    # --- baskets scanned in the queue ---

    @on("vision.zone?")
    def queue_seen(self, event):
        if event.get("queue") is None:
            return
        zones = self.state.setdefault("queues", {})
        zones[event["zone"]] = {"queue": event["queue"], "staff": event.get("staff") or 0}
        if handhelds.waiting_per_till(zones.values()) < self.config.bust_queue:
            self.state["busting"] = False
            self.timers.cancel("bust", "queue")
        elif not self.state.get("busting") and self.timers.get("bust", "queue") is None:
            self.timers.set("bust", "queue", event.time + timedelta(seconds=self.config.bust_hold_s))

    @timer("bust")
    def call(self, due):
        self.state["busting"] = True
        longest = max(self.state["queues"], key=lambda zone: self.state["queues"][zone]["queue"])
        idle = {name: desk for name, desk in self._desks() if desk["owner"] and not desk["barred"] and not self._has_lines(desk)}
        places, called = {name: self._place(name, desk) for name, desk in idle.items()}, 0
        while places and called < self.config.bust_max:
            name = walks.nearest(self.tables.zones.rows(), longest, places) or min(places)
            del places[name]
            called += 1
            yield self._show(name, "queue_help", {"zone": longest})
        self.kpi.add("queue_busts", int(called > 0))

    def _place(self, name, desk):
        bound = next((one.zone for one in self.devices.get("kiosk", ()) if one.id == name), None)
        return self.state.get("people", {}).get(desk["owner"]) or bound

    def _park(self, name, desk, here, values):
        if here["lines"]:
            desk["open"] = None
            self.state.setdefault("parked", {})[here["receipt"]] = name
            self.timers.set("parked", here["receipt"], self.now + timedelta(minutes=self.config.park_min))
            yield out("pos.scan", **till.scan(here, "park", code=here["receipt"], basket=till.basket_lines(here)))
            yield self._show(name, "parked", {"code": here["receipt"], "total": here["total"]})

    def _recall(self, name, desk, code):
        """Once, and at the prices of now."""
        if code not in self.state.get("parked", {}) or self._has_lines(desk):
            yield self._show(name, "no_basket")
            return
        del self.state["parked"][code]
        self.timers.cancel("parked", code)
        here = self.state[f"receipt:{code}"]
        desk["open"], here["till"], here["cashier"] = code, name, desk["owner"]
        self._shop().reprice(here, again=True)
        yield out("pos.scan", **till.scan(here, "recall", basket=till.basket_lines(here)))
        yield self._show(name, "basket", {"total": here["total"]})

    @timer("parked")
    def park_over(self, due):
        del self.state["parked"][due.key]
        here = self.state[f"receipt:{due.key}"]
        yield out("pos.exception", kind="void_receipt", till=here["till"], receipt=due.key, amount=here["total"], reason="park_expired")
        self._close(here)

    # --- other stores ---

    @on("inventory.snapshot?")
    def stock(self, event):
        where = event.get("other_store") or "here"
        if event.get("location", "store") in ("store", "shelf") or event.get("other_store"):
            self.state.setdefault(f"stock:{self._written(event['gtin'])}", {})[where] = event["on_hand"]

    def _order(self, name, event, kind):
        """What is not here is ordered from a store that has it."""
        gtin, qty = self._written(event["gtin"]), event.get("qty", 1)
        known = self.state.get(f"stock:{gtin}", {})
        has = [store for store in sorted(known) if store != "here" and known[store] >= qty]
        product, desk = self.tables.products.get(gtin), self._desk(name)
        price = product and self._shop().price(product, event.get("member") and {"member": event["member"]})
        if known.get("here", 0) > 0 or not has or not price or qty <= 0:
            yield self._show(name, "in_stock" if known.get("here", 0) > 0 else "nowhere")
            return
        desk["orders"] += 1
        order, amount = f"{name}-{event['session']}-{desk['orders']}", round_money(Fraction(str(qty)) * price.price)
        self.kpi.add("saved_sales", amount)
        yield out("order.placed", order=order, channel="kiosk", kind=kind, total=amount, paid=False, member=event.get("member"),
                  lines=[{"line": 1, "gtin": gtin, "qty": qty, "price": price.price, "amount": amount}], seller=self.store.id)  # fmt: skip
        yield self._show(name, "ordered", {"order": order, "store": has[0]})

    # --- paying, with and without a line ---

    @on("network.probe?")
    def probed(self, event):
        if event["kind"] != "line":
            return
        self.state["down"] = not event["up"]
        if not event["up"]:
            return
        for data in self.state.pop("unsent", []):
            desk = self._desk(data["till"])
            for lost in numbering.missing(desk["sent"], data["receipt"]):
                yield out("pos.exception", kind="void_receipt", till=data["till"], receipt=lost, reason="gap")
            desk["sent"] = numbering.highest(desk["sent"], data["receipt"])
            yield out("pos.sale", **data)

    def _pay(self, name, desk, here, method):
        if here["asked"] or not here["lines"]:
            yield self._show(name, "payment" if here["asked"] else "refused")
            return
        if self.state.get("down"):
            unsent = sum(data["total"] for data in self.state.get("unsent", []) if data["till"] == name)
            if here["total"] > self.config.offline_receipt_max or unsent + here["total"] > self.config.offline_total_max:
                yield self._show(name, "offline_limit")
                return
            self._number(name, desk, here)
        here["totalled"] = plain(self.now)
        yield out("pos.scan", **till.scan(here, "total", basket=till.basket_lines(here)))
        if method == "cash":
            till.pay(here, {"method": "cash", "amount": till.due(here)})
        elif till.due(here):
            yield out("payment.request", **till.ask(here, method))
        if till.due(here) == 0:
            yield from self._sold(name, here)

    def _number(self, name, desk, here):
        """The handheld's own next number, for a receipt without a line."""
        if not here["offline"]:
            desk["counter"] += 1
            here["offline"] = True
            till.rename(self.state, here, f"{name}-{desk['counter']:04d}")
            desk["open"] = here["receipt"]

    @on("payment.result")
    def answered(self, event):
        receipt = event["payment"].rpartition("-")[0]
        here = self.state.get(f"receipt:{receipt}")
        if here is None:
            if till.bought_nothing(self.state.get(f"ended:{receipt}", {}), event.data):
                yield self._refund(event["payment"], event["amount"], event["method"], {"receipt": receipt, "till": event.get("till")})
            return
        said = till.answer(here, event)
        if said == "declined":
            yield self._show(here["till"], "declined")
        if said == "surplus":
            yield self._refund(event["payment"], till.surplus(here, event.data), event["method"], here)
        if said in ("paid", "surplus") and till.due(here) == 0:
            yield from self._sold(here["till"], here)

    def _sold(self, name, here):
        sale = out("pos.sale", **till.sale(here, "mobile", self.now, self.store.hours.store_day(self.now), guide=here["cashier"]))
        if self.state.get("down"):
            self.state.setdefault("unsent", []).append(dict(sale.data))
        else:
            if here["offline"]:
                desk = self._desk(name)
                desk["sent"] = numbering.highest(desk["sent"], here["receipt"])
            yield sale
        yield out("pos.scan", **till.scan(here, "end"))
        yield self._show(name, "paid", {"receipt": here["receipt"], "total": here["total"]})
        self.kpi.share("floor_sales_share", 1, 1)
        self.kpi.share("override_rate", 0, 1)
        self._close(here)

    @on("pos.sale?")
    def elsewhere(self, event):
        if event["kind"] == "sale" and event["channel"] != "mobile":
            self.kpi.share("floor_sales_share", 0, 1)

    def _refund(self, payment, amount, method, here):
        return out("payment.request", payment=f"{payment}-refund", original=payment, amount=-amount, method=method,
                   receipt=here["receipt"], till=here["till"])  # fmt: skip

    # --- the handheld ---

    def _desk(self, name):
        fresh = {"owner": None, "locked": True, "open": None, "pending": None, "barred": False, "counter": 0, "sent": None, "orders": 0}
        return self.state.setdefault(f"desk:{name}", fresh)

    def _desks(self):
        return [(key.removeprefix("desk:"), self.state[key]) for key in sorted(self.state) if key.startswith("desk:")]

    def _has_lines(self, desk):
        return bool((self.state.get(f"receipt:{desk['open']}") or {}).get("lines"))

    def _open(self, name, desk, session=None):
        named = None if (self.state.get(f"receipt:{desk['open']}") or {}).get("offline") else session
        desk["cashier"] = desk["owner"]
        return till.at_desk(self.state, desk, name, named, self.now, offline=False)

    def _close(self, here):
        receipt, desk = here["receipt"], self._desk(here["till"])
        if desk["open"] == receipt:
            desk |= {"open": None, "pending": None}
        self._free(here["lines"])
        del self.state[f"receipt:{receipt}"]
        self.state[f"ended:{receipt}"] = here["tries"]
        self.timers.set("forget", receipt, self.now + timedelta(days=1))

    @timer("forget")
    def forget(self, due):
        del self.state[f"ended:{due.key}"]

    def _is_fixed(self, kind, device, name):
        """Whether a device belongs to a till that stands: its settings name one, and it never was a handheld."""
        fixed = any(one.id == device and one.settings.get("till") for one in self.devices.get(kind, ()))
        return fixed and f"desk:{name}" not in self.state

    def _handheld(self, scanner):
        kiosks, scanners = self.devices.get("kiosk", ()), self.devices.get("scanner", ())
        if scanner not in [one.id for one in scanners] or scanner in [one.id for one in kiosks]:
            return scanner
        known = [name for name, _ in self._desks()]
        return served_by(kiosks, "kiosk", scanners, scanner, [], known)

    def _written(self, gtin):
        return (self.tables.products.get(gtin) or {"gtin": gtin})["gtin"]

    def _shop(self):
        return till.Shop(self.tables, self.store.hours, self.now)

    def _show(self, name, screen, params=None):
        text = self.say(*SCREENS[screen]) if screen in SCREENS else None
        return out("kiosk.show", kiosk=name, screen=screen, session=self._desk(name)["open"], text=text, params=params)
