"""Self-checkout: for shoppers with small baskets and stores short of cashiers: scan, bag and pay alone, with a bagging scale that learns
true weights so that fewer false stops need staff.

The kiosk is the till (or stands for the `till` in its settings) and its session the receipt; scanner and scale belong to it by `till` or
`session` of what they say, else by zone or the `kiosk` in their settings. A scale that names goods is none for bags. A payment is asked
for with `payment.request`. Goods that nobody knows the weight of are taken as they weigh. Noise of the scale up to `min_tol_g` is no
change; a scale that says nothing all session holds up no payment. A label that carries its weight is checked against it and teaches
nothing.

One help task a receipt, `help:<receipt>`: for a stop of the scale `done` passes the line, for a suspended basket it goes on; for a basket
that the customer gives up, or with `values.void`, the basket is voided. `cancelled`, `rejected` and `failed` leave all as it is. Receipts
of other tills are heard as `pos.sale`, for the share alone. No card number and no picture enters.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.checkout import bagging, till
from storeloom.workers.checkout.stations import kiosk_at, served_by, till_of

HELP_AFTER, REMEMBERED = timedelta(seconds=10), timedelta(hours=24)
OVERRIDES_THAT_DROP = 3
METHODS = ("cash", "card", "qr", "wallet", "stored_value", "points", "coupon", "credit")
SCREENS = {
    "scan": ("Please scan your goods", "请扫描商品"),
    "bag": ("Please put it into the bagging area", "请放入装袋区"),
    "refused": ("This code cannot be sold here", "此条码无法结算"),
    "weight_mismatch": ("The weight does not fit, please check the last item", "重量不符，请检查刚放入的商品"),
    "unexpected_item": ("Unexpected item in the bagging area", "装袋区有未扫描的物品"),
    "item_removed": ("Please put the item back", "请将取走的商品放回"),
    "help": ("Help is on its way", "工作人员正在赶来"),
    "own_bag": ("Please put your bag down", "请放置自带购物袋"),
    "pay": ("Please pay", "请付款"),
    "declined": ("Payment declined, please try again", "付款未成功，请重试"),
    "paid": ("Paid. Thank you!", "已付款，谢谢！"),
    "idle": ("Are you still there?", "您还在吗？"),
    "suspended": ("Suspended. Staff will help", "已暂停，请等待工作人员"),
    "welcome": ("Welcome", "欢迎使用自助收银"),
}


class SelfCheckout(Solution):
    number = 169
    zh, en = "自助收银机", "Self-checkout"
    purpose_zh = "小件顾客自助扫码、装袋、付款；装袋秤学习商品真实重量，减少误拦与人工干预。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("pos.scan", "pos.sale", "pos.exception", "kiosk.show", "payment.request", "print.job", "task.create")
    adapters = ("kiosk", "scanner", "scale", "payment", "printer?")
    reads = ("products", "prices", "promotions")
    kpis = {
        "interventions_per_100": kpi("count", "Staff interventions a hundred receipts", "每百单人工干预"),
        "false_stop_rate": kpi("%", "Stops of the scale that staff passed", "误拦率"),
        "receipt_time": kpi("s", "Time of a receipt", "每单用时"),
        "share_of_receipts": kpi("%", "Share of the store's receipts", "占门店小票比例"),
    }
    kinds = {
        "sco_help": ("Help at a self-checkout", "自助收银求助"),
        "sco_refund": ("Refund a payment that bought nothing", "退回未成交的付款"),
    }

    class Config(SolutionConfig):
        min_tol_g: float = setting(10, "Least weight tolerance", "最小重量容差", unit="g", ge=1, le=100,
            help_en="Also the noise of the scale.", help_zh="也作为秤的噪声范围。")  # fmt: skip
        z: float = setting(3, "Standard deviations allowed", "允许的标准差倍数", ge=1, le=6,
            help_en="Once the weight is learned.", help_zh="学到重量之后使用。")  # fmt: skip
        learn_after: int = setting(5, "Weights before the learned one is used", "启用学习重量所需次数", ge=2, le=50,
            help_en="Accepted weights of an item.", help_zh="该商品被接受的称重次数。")  # fmt: skip
        table_tol_pct: float = setting(10, "Tolerance of the table's weight", "表内重量容差", unit="%", ge=1, le=50,
            help_en="Before a weight is learned.", help_zh="学到重量之前使用。")  # fmt: skip
        small_item_g: float = setting(8, "Lightest goods checked", "免检重量", unit="g", ge=0, le=50,
            help_en="Lighter products need no bagging check.", help_zh="更轻的商品无需装袋核对。")  # fmt: skip
        bag_allow_g: float = setting(60, "Heaviest own bag", "自带袋上限", unit="g", ge=0, le=500,
            help_en="Allowed after the customer says so.", help_zh="顾客按键声明后允许。")  # fmt: skip
        idle_warn_s: int = setting(60, "Idle time until it asks", "询问前闲置时间", unit="s", ge=10, le=600,
            help_en="Asks whether the customer is still there.", help_zh="询问顾客是否还在。")  # fmt: skip
        idle_suspend_s: int = setting(120, "Idle time until suspended", "暂停前闲置时间", unit="s", ge=20, le=1200,
            help_en="Then the basket is suspended and staff called.", help_zh="随后暂停购物车并呼叫店员。")  # fmt: skip

    # --- what the customer does ---

    @on("kiosk.event")
    def pressed(self, event):
        kind, lane, session = event["kind"], self._lane(event["kiosk"]), event["session"]
        if f"ended:{session}" in self.state:
            return
        here = self._receipt(lane)
        if kind in ("end", "timeout"):
            if here and here["receipt"] == session:
                yield from self._given_up(lane, here)
            return
        if here is None or here["receipt"] != session:
            if here and here["lines"]:
                yield from self._suspend(lane, here)
            here = yield from self._open(lane, session)
        here["buyer"] = {"member": event["member"]} if event.get("member") else here["buyer"]
        self._touch(here)
        value = event.get("value")
        if kind == "scan" and event.get("gtin"):
            yield from self._scanned(lane, here, {"gtin": event["gtin"]}, "key")
        elif kind in ("bag", "help") and "own_bag" in (event.get("need", "own_bag" if kind == "bag" else None),):
            lane["bag"] = True
            yield self._show(here, "own_bag")
        elif kind == "help":
            yield from self._call(here, event.get("need") or "help")
        elif kind == "choose" and value == "void":
            yield from self._given_up(lane, here)
        elif kind == "pay":
            yield from self._pay(here, value)

    def _open(self, lane, session):
        """A new session, or one that was suspended and goes on."""
        lane["session"], lane["bag"] = session, False
        if (known := self.state.get(f"receipt:{session}")) is None:
            name = till_of(self.devices.get("kiosk", ()), lane["kiosk"])
            fresh = {"waiting": [], "frozen": None, "need": None, "called": False, "suspended": False}
            known = self.state[f"receipt:{session}"] = till.new_receipt(session, name, self.now, kiosk=lane["kiosk"], **fresh)
            lane |= {"base_g": lane["weight_g"], "slack_g": 0, "alive": False}
        yield self._show(known, "scan")
        return known

    @on("scanner.code")
    def scan(self, event):
        lane = self._lane_of("scanner", event["scanner"], event.get("till"), None)
        if lane is None:
            return
        here = self._receipt(lane)
        if here is None:
            here = yield from self._open(lane, f"{lane['kiosk']}:{event.id}")
        self._touch(here)
        yield from self._scanned(lane, here, event.data, "scan")

    def _scanned(self, lane, here, data, entry):
        if here["frozen"] or here["asked"] or here["suspended"]:
            yield self._show(here, here["frozen"] or ("pay" if here["asked"] else "suspended"))
            return
        shop = self._shop()
        goods = shop.goods(data)
        line = shop.line(goods, here["buyer"])
        if line is None or (line["per_kg"] and not line["unit_g"]):
            yield self._show(here, "refused")
            return
        till.put(here, line, self.now, goods, code=data.get("code"), entry=entry)
        shop.reprice(here)
        yield out("pos.scan", **till.scan(here, "weigh" if line["per_kg"] else "item", line))
        labelled = line["per_kg"] or goods.weight_g is not None
        known = None if labelled else self.state.get(f"weight:{line['gtin']}")
        wanted = self._expected(known, line["unit_g"])
        if wanted.mean_g is not None and wanted.mean_g < self.config.small_item_g:
            lane["slack_g"] += wanted.mean_g + wanted.tol_g
        else:
            here["waiting"].append({"line": line["line"], "gtin": line["gtin"], "mean_g": wanted.mean_g, "tol_g": wanted.tol_g,
                                    "teaches": not labelled})  # fmt: skip
        yield self._show(here, "bag" if here["waiting"] else "scan", {"lines": till.written(here), "total": here["total"]})

    def _expected(self, known, table_g):
        config = self.config
        return bagging.expected(known, table_g, 1, after=config.learn_after, z=config.z, least_g=config.min_tol_g,
                                table_pct=config.table_tol_pct)  # fmt: skip

    # --- the scale ---

    @on("scale.reading")
    def weighed(self, event):
        priced = event.get("gtin") or event.get("plu")
        lane = None if priced or event.get("overload") else self._lane_of("scale", event["scale"], None, event.get("session"))
        late = lane and lane["read_at"] and event.time < till.parse_time(lane["read_at"])
        if lane is None or not event["stable"] or late:
            return
        lane["read_at"] = event.time.isoformat()
        moved, lane["weight_g"] = abs(event["weight_g"] - lane["weight_g"]) > self.config.min_tol_g, event["weight_g"]
        lane["alive"], here = True, self._receipt(lane)
        if here is None:
            lane["base_g"], lane["slack_g"] = event["weight_g"], 0
        elif not here["suspended"]:
            if moved:
                self._touch(here)
            yield from self._judge(lane, here)

    def _judge(self, lane, here):
        """What the change of weight since the last accepted one says."""
        change, waiting = lane["weight_g"] - lane["base_g"], here["waiting"]
        if change < 0 and not here["lines"]:
            lane["base_g"] = lane["weight_g"]  # the customer before takes the bags away
        elif change > 0 and (fitting := bagging.matched(change, waiting)):
            for place in reversed(fitting):
                one = waiting.pop(place)
                if one["teaches"] and len(fitting) == 1:
                    key = f"weight:{one['gtin']}"
                    self.state[key] = bagging.learn(self.state.get(key), change)
                if line := till.find(here, one["line"], None):
                    line["bagged_g"] = change if len(fitting) == 1 else one["mean_g"]
            yield from self._accept(lane, here, bagged=True)
        elif -self.config.min_tol_g <= change <= self.config.min_tol_g + lane["slack_g"]:
            lane["slack_g"] = max(0, lane["slack_g"] - max(0, change))
            yield from self._accept(lane, here)
        elif lane["bag"] and 0 < change <= self.config.bag_allow_g:
            lane["bag"] = False
            yield from self._accept(lane, here)
        else:
            why = "item_removed" if change < 0 else "weight_mismatch" if waiting else "unexpected_item"
            if here["frozen"] != why:
                if here["frozen"] is None:
                    self.kpi.share("false_stop_rate", 0, 1)
                    self.timers.set("help", here["receipt"], self.now + HELP_AFTER)
                here["frozen"] = why
                yield self._show(here, why)

    def _accept(self, lane, here, *, bagged=False):
        """What the scale shows is right: the stop, if there is one, is over."""
        lane["base_g"], stopped = lane["weight_g"], here["frozen"]
        if here["frozen"]:
            here["frozen"] = None
            self.timers.cancel("help", here["receipt"])
            if here["need"] in ("weight_mismatch", "unexpected_item", "item_removed"):
                here["need"] = None
        if stopped or bagged:
            yield self._show(here, "bag" if here["waiting"] else "scan")

    @timer("help")
    def stopped(self, due):
        here = self.state.get(f"receipt:{due.key}")
        if here and here["frozen"]:
            last = here["waiting"][0]["gtin"] if here["waiting"] else None
            yield out("pos.exception", kind="scan_mismatch", till=here["till"], receipt=due.key, gtin=last, reason=here["frozen"])
            yield from self._call(here, here["frozen"])

    def _call(self, here, need):
        """One help task a receipt while it is open."""
        self._rest(here)
        if here["need"] is None or need in ("void", "suspended"):
            here["need"] = need
        yield self._show(here, "suspended" if need == "suspended" else "help")
        if not here["called"]:
            here["called"] = True
            self.kpi.share("interventions_per_100", 100, 0)
            title = f"{self.say(*self.kinds['sco_help'])} {here['till']}"
            yield out("task.create", task=f"help:{here['receipt']}", kind="sco_help", title=title, priority=1, role="attendant",
                      zone=self._zone(here["kiosk"]),
                      values={"need": need, "kiosk": here["kiosk"], "receipt": here["receipt"]})  # fmt: skip

    @on("task.done?")
    def helped(self, event):
        here = self.state.get(f"receipt:{event['task'].removeprefix('help:')}")
        if here is None or not here["called"] or not event["task"].startswith("help:") or event["state"] not in ("done", "approved"):
            if here and here["called"] and event["task"].startswith("help:") and event["state"] in ("rejected", "cancelled", "failed"):
                here["called"] = False
            return
        lane, need = self._lane(here["kiosk"]), here["need"]
        here |= {"called": False, "need": None}
        if need == "void" or (event.get("values") or {}).get("void"):
            yield from self._void(lane, here, event["staff"])
            return
        if here["suspended"]:
            here["suspended"], lane["session"], lane["base_g"] = False, here["receipt"], here["base_g"]
            yield from self._judge(lane, here)
        elif here["frozen"]:
            self.kpi.share("false_stop_rate", 1, 0)
            for one in here["waiting"] if here["frozen"] == "weight_mismatch" else ():
                self._overridden(one["gtin"])
            here["waiting"] = [] if here["frozen"] == "weight_mismatch" else here["waiting"]
            yield from self._accept(lane, here)
        self._touch(here)
        yield out("kiosk.show", kiosk=here["kiosk"], screen="scan", session=here["receipt"], text=self.say(*SCREENS["scan"]), resume=True)

    def _overridden(self, gtin):
        """The third override of an item on a store day shows that what was learned is wrong."""
        day, key = self.store.hours.store_day(self.now).isoformat(), f"overrides:{gtin}"
        known = self.state.get(key)
        self.state[key] = [day, known[1] + 1 if known and known[0] == day else 1]
        if self.state[key][1] == OVERRIDES_THAT_DROP:
            self.state.pop(f"weight:{gtin}", None)

    # --- lines taken back, baskets given up ---

    @on("pos.exception?")
    def blocked(self, event):
        here = self.state.get(f"receipt:{event.get('receipt')}")
        line = here and till.find(here, event.get("line"), event.get("gtin"))
        if event["kind"] != "blocked" or not line:
            return
        taken, lane = till.remove(here, line, event.get("qty")), self._lane(here["kiosk"])
        here["waiting"] = [one for one in here["waiting"] if one["line"] != line["line"]]
        self._shop().reprice(here)
        yield out("pos.scan", **till.scan(here, "void", taken))
        if line.get("bagged_g") and lane["session"] == here["receipt"]:
            lane["base_g"] -= line["bagged_g"]
            yield from self._judge(lane, here)

    def _given_up(self, lane, here):
        """An empty basket is simply closed; goods that are not paid for need staff."""
        if here["lines"] and not here["asked"]:
            yield from self._call(here, "void")
        elif not here["asked"]:
            self._close(lane, here)
            yield self._show(here, "welcome")

    def _void(self, lane, here, staff):
        amount = here["total"]
        yield out("pos.scan", **till.scan(here, "void"))
        yield out("pos.exception", kind="void_receipt", till=here["till"], receipt=here["receipt"], amount=amount, authorised_by=staff)
        self._close(lane, here)
        for one in here["paid"]:
            yield self._refund(one["payment"], one["amount"])

    @timer("idle")
    def still_there(self, due):
        here = self.state.get(f"receipt:{due.key}")
        lane = self._lane(here["kiosk"])
        if not due.data["warned"]:
            left = self.config.idle_suspend_s - self.config.idle_warn_s
            self.timers.set("idle", due.key, due.time + timedelta(seconds=left), {"warned": True})
            yield self._show(here, "idle")
        elif here["lines"]:
            yield from self._suspend(lane, here)
        else:
            self._close(lane, here)
            yield self._show(here, "welcome")

    def _suspend(self, lane, here):
        self._rest(here)
        here |= {"suspended": True, "base_g": lane["base_g"]}
        lane["session"] = None
        yield out("pos.scan", **till.scan(here, "park"))
        yield from self._call(here, "suspended")

    def _touch(self, here):
        """The customer did something."""
        if not (here["called"] or here["asked"] or here["suspended"]):
            self.timers.set("idle", here["receipt"], self.now + timedelta(seconds=self.config.idle_warn_s), {"warned": False})

    def _rest(self, here):
        self.timers.cancel("idle", here["receipt"])

    # --- payment ---

    def _pay(self, here, method):
        unbagged = here["waiting"] and self._lane(here["kiosk"])["alive"]
        if not here["lines"] or here["asked"] or here["frozen"] or unbagged or here["suspended"]:
            yield self._show(here, "pay" if here["asked"] else here["frozen"] or ("bag" if unbagged else "scan"))
            return
        here["totalled"] = here["totalled"] or self.now.isoformat()
        yield out("pos.scan", **till.scan(here, "total", basket=till.basket_lines(here)))
        if till.due(here) == 0:
            yield from self._sold(here)
            return
        self._rest(here)
        yield out("payment.request", **till.ask(here, method if method in METHODS else None))
        yield self._show(here, "pay", {"total": here["total"], "due": till.due(here)})

    @on("payment.result")
    def paid(self, event):
        receipt = self.state.get(f"asked:{event['payment']}") or event["payment"].rpartition("-")[0]
        here = self.state.get(f"receipt:{receipt}")
        if here is None:
            if till.bought_nothing(self.state.get(f"ended:{receipt}", {}), event.data):
                yield self._refund(event["payment"], event["amount"])
            return
        said = till.answer(here, event)
        if said == "surplus":
            yield self._refund(event["payment"], till.surplus(here, event.data))
        if said == "declined" or (said in ("part", "surplus") and till.due(here) > 0):
            self._touch(here)
            yield self._show(here, "declined" if said == "declined" else "pay", {"due": till.due(here)})
        elif said in ("paid", "surplus") and not here["asked"]:
            yield from self._sold(here)

    def _sold(self, here):
        day = self.store.hours.store_day(self.now)
        yield out("pos.sale", **till.sale(here, "self_checkout", self.now, day))
        yield out("pos.scan", **till.scan(here, "end"))
        for printer in self.devices.get("printer", ())[:1]:
            yield out("print.job", printer=printer.id, job=f"receipt:{here['receipt']}", kind="receipt", template="receipt",
                      fields={"receipt": here["receipt"], "total": here["total"]})  # fmt: skip
        yield self._show(here, "paid", {"total": here["total"]})
        self.kpi.share("interventions_per_100", 0, 1)
        self.kpi.sample("receipt_time", (self.now - till.parse_time(here["first"])).total_seconds())
        self.kpi.share("share_of_receipts", 1, 1)
        self._close(self._lane(here["kiosk"]), here)

    @on("pos.sale?")
    def elsewhere(self, event):
        if event["kind"] == "sale" and event["channel"] != "self_checkout":
            self.kpi.share("share_of_receipts", 0, 1)

    def _refund(self, payment, amount):
        title = f"{self.say(*self.kinds['sco_refund'])}: {payment}"
        return out("task.create", task=f"refund:{payment}", kind="sco_refund", title=title, priority=1, role="attendant",
                   values={"payment": payment, "amount": amount})  # fmt: skip

    def _close(self, lane, here):
        """The basket is over; for a day it still knows its payments."""
        receipt = here["receipt"]
        self._rest(here)
        self.timers.cancel("help", receipt)
        if lane["session"] == receipt:
            lane |= {"session": None, "bag": False, "base_g": lane["weight_g"], "slack_g": 0}
        del self.state[f"receipt:{receipt}"]
        self.state[f"ended:{receipt}"] = here["tries"]
        self.timers.set("forget", receipt, self.now + REMEMBERED)

    @timer("forget")
    def forget(self, due):
        del self.state[f"ended:{due.key}"]

    # --- which kiosk ---

    def _lane(self, kiosk):
        fresh = {"kiosk": kiosk, "session": None, "weight_g": 0, "base_g": 0, "slack_g": 0, "bag": False, "alive": False,
                 "read_at": None}  # fmt: skip
        return self.state.setdefault(f"lane:{kiosk}", fresh)

    def _lane_of(self, kind, device, named, session):
        """The kiosk that a scanner or scale belongs to: by session, by till, by station; None for one that belongs to none."""
        if session and (here := self.state.get(f"receipt:{session}")):
            return self._lane(here["kiosk"])
        kiosks, known = self.devices.get("kiosk", ()), [key.removeprefix("lane:") for key in self.state if key.startswith("lane:")]
        if named:
            place = kiosk_at(kiosks, named, known)
        else:
            busy = [one for one in known if self.state[f"lane:{one}"]["session"]]
            place = served_by(kiosks, kind, self.devices.get(kind, ()), device, busy, known)
            foreign = place == device and device not in known and len(kiosks) > 1
            place = None if foreign and device in [one.id for one in self.devices.get(kind, ())] else place
        return self._lane(place) if place else None

    def _receipt(self, lane):
        return self.state.get(f"receipt:{lane['session']}")

    def _zone(self, kiosk):
        return next((one.zone for one in self.devices.get("kiosk", ()) if one.id == kiosk), None)

    def _shop(self):
        return till.Shop(self.tables, self.store.hours, self.now)

    def _show(self, here, screen, params=None):
        return out(
            "kiosk.show", kiosk=here["kiosk"], screen=screen, session=here["receipt"], text=self.say(*SCREENS[screen]), params=params
        )


@hookimpl
def storeloom_config_problems(config, store):
    if config["idle_suspend_s"] > config["idle_warn_s"]:
        return []
    what = "The basket is suspended before the customer is asked", "尚未询问顾客就已暂停"
    return [Problem("idle_suspend_s", *what, "Let it be more than idle_warn_s.", "请设为大于 idle_warn_s。")]
