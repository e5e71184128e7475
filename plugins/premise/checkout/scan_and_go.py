"""Scan and go: for members who hate queues: scan with their own phone, pay in the mini-app and leave by code, while risk-based spot checks
keep honest people moving.

The phone is a cart (`cart.event`), its session the receipt. A receipt that is drawn may be paid while its check waits; it is sold once it
is paid and passed, and then the exit code is shown (`cart.show`, screen exit), in the form that an exit gate reads. The code is used with
`cart.event` leave and the code as `code` or `value`; the answer is the screen open or refused. It is signed with the secret that `key_ref`
names, a key that the row does not have. Payments are asked for with `payment.request`, refunds with a negative amount.

A failed check makes a task `rescan:<receipt>`; its `items` (gtin, qty) become the basket, what is missing is paid on top. Goods for which
staff are called wait for `staff:<receipt>`; rejected, they leave the basket. Receipts elsewhere are heard as `pos.sale`, for the share.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.checkout import exit_code, till

LIFE, REMEMBERED = timedelta(hours=3), timedelta(hours=24)
SCREENS = {
    "welcome": ("Scan what you take", "请扫描您选购的商品"),
    "refused": ("Please ask staff", "请咨询店员"),
    "unknown": ("This cannot be bought by phone", "此商品无法扫码购买"),
    "staff": ("Staff will come for this item", "该商品需店员协助"),
    "pay": ("Please pay", "请付款"),
    "check": ("A short check, please wait for staff", "请稍候，店员将抽查"),
    "declined": ("Payment declined, please try again", "付款未成功，请重试"),
    "exit": ("Paid. Show this code at the exit", "已付款，请出示此码离场"),
    "open": ("Thank you, goodbye", "谢谢惠顾"),
    "closed": ("This session has ended", "本次购物已结束"),
}


class ScanAndGo(Solution):
    number = 171
    zh, en = "扫码购", "Scan and go"
    purpose_zh = "会员用自己的手机扫码、在小程序付款、凭码离店；按风险抽查，让诚实的顾客畅行。"
    formats = ("supermarket", "convenience", "specialty")
    produces = ("pos.scan", "pos.sale", "cart.show", "payment.request", "task.create")
    adapters = ("cart", "payment")
    reads = ("products", "prices", "promotions", "members")
    kpis = {
        "share_of_receipts": kpi("%", "Share of the store's receipts", "占门店小票比例"),
        "check_rate": kpi("%", "Trips checked", "抽查率"),
        "check_fail_rate": kpi("%", "Checks failed", "抽查不合格率"),
        "basket_value": kpi("minor", "Value of a basket", "客单价"),
    }
    kinds = {
        "spot_check": ("Spot check of a phone basket", "扫码购抽查"),
        "rescan": ("Rescan a whole phone basket", "扫码购全单复扫"),
        "sng_staff": ("Age or security tag on a phone basket", "扫码购年龄或防盗标签"),
        "sng_help": ("A phone shopper asks for help", "扫码购顾客求助"),
    }

    class Config(SolutionConfig):
        new_trips: int = setting(3, "Trips of a new member", "新会员次数", unit="trips", ge=0, le=20,
            help_en="Trips for which a member counts as new.", help_zh="前几次视为新会员。")  # fmt: skip
        p_new: float = setting(0.30, "Chance of a check while new", "新会员抽查概率", ge=0, le=1,
            help_en="Guests are new too.", help_zh="非会员同样适用。")  # fmt: skip
        p_base: float = setting(0.03, "Chance of a check afterwards", "此后抽查概率", ge=0, le=1,
            help_en="For members with more trips.", help_zh="用于此后的会员。")  # fmt: skip
        high_value: int = setting(30000, "Dear baskets", "高额起点", unit="minor", ge=0, le=10000000,
            help_en="Dear baskets start here.", help_zh="达到此金额视为高额。")  # fmt: skip
        high_value_boost: float = setting(0.20, "Added chance for them", "高额加成", ge=0, le=1,
            help_en="Added to the chance of dear baskets.", help_zh="加到高额购物的抽查概率上。")  # fmt: skip
        after_fail_trips: int = setting(3, "Trips checked after a failed one", "不合格后必查次数", unit="trips", ge=0, le=20,
            help_en="Whatever the draw says.", help_zh="不论抽签结果。")  # fmt: skip
        audit_items: int = setting(5, "Pieces rescanned", "抽查件数", unit="pieces", ge=1, le=100,
            help_en="In a spot check, dearest first.", help_zh="抽查时复扫，价高者先。")  # fmt: skip
        price_lock_min: int = setting(120, "Price held", "锁价时长", unit="min", ge=0, le=600,
            help_en="The scanned price holds so long; a lower one wins.", help_zh="扫描价格保留时长；之后更低者优先。")  # fmt: skip
        exit_ttl_min: int = setting(10, "Life of the exit code", "离场码有效期", unit="min", ge=1, le=60,
            help_en="Counted from payment.", help_zh="自付款起计。")  # fmt: skip
        key_ref: str = setting("receipt_key", "Key that signs exit codes", "离场码签名密钥", widget="secret", min_length=1,
            help_en="Name of the secret; the gate's own.", help_zh="密钥的名称，与闸机一致。")  # fmt: skip

    # --- the basket ---

    @on("cart.event")
    def tapped(self, event):
        session, kind = event["session"], event["kind"]
        if kind == "leave":
            yield from self._leave(event)
            return
        if f"done:{session}" in self.state:
            yield self._show(event["cart"], session, "closed")
            return
        here = self.state.get(f"trip:{session}") or self._open(event)
        mark = [event["seq"], kind, event.get("gtin") or event.get("code")]
        if mark in here["seen"]:
            return
        here["seen"].append(mark)
        here["till"] = event["cart"]
        if event.get("member") and (here["buyer"] or {}).get("member") != event["member"]:
            here["buyer"] = {"member": event["member"], "tier": self._tier(event["member"])}
            yield out("pos.scan", **till.scan(here, "member"))
            self._reprice(here)
        steps = {"login": self._welcome, "add": self._add, "remove": self._remove, "pay": self._pay, "help": self._help}
        if kind in steps:
            yield from steps[kind](here, event)

    def _open(self, event):
        fresh = {"held": {}, "seen": [], "check": None, "forced": False, "staff": None}
        here = self.state[f"trip:{event['session']}"] = till.new_receipt(event["session"], event["cart"], self.now, **fresh)
        self.timers.set("over", event["session"], self.now + LIFE)
        return here

    def _welcome(self, here, event):
        yield self._basket(here, "basket" if here["lines"] else "welcome")

    def _add(self, here, event):
        shop = self._shop()
        goods = shop.goods(event.data)
        line = shop.line(goods, here["buyer"], event.get("qty", 1))
        if line is None or here["asked"] or (line["per_kg"] and not line["unit_g"]):
            yield self._show(here["till"], here["receipt"], "pay" if here["asked"] else "unknown")
            return
        till.put(here, line, self.now, goods, code=event.get("code"))
        here["held"].setdefault(line["gtin"], [line["price"], plain(self.now)])
        self._reprice(here)
        yield out("pos.scan", **till.scan(here, "weigh" if line["per_kg"] else "item", line))
        yield self._basket(here, "basket")
        if self._needs_staff(line) and here["staff"] is None:
            here["staff"] = "called"
            yield self._show(here["till"], here["receipt"], "staff")
            yield self._task(here, "staff", "sng_staff", [{"gtin": line["gtin"]}])

    def _needs_staff(self, line):
        product = self.tables.products.get(line["gtin"]) or {}
        return bool(product.get("min_age") or product.get("security_tag"))

    def _remove(self, here, event):
        line = till.find(here, None, self._shop().goods(event.data).gtin)
        if line and not here["asked"]:
            yield from self._take_back(here, line, event.get("qty", 1))
            yield self._basket(here, "basket")

    def _take_back(self, here, line, qty=None):
        taken = till.remove(here, line, qty)
        self._reprice(here)
        yield out("pos.scan", **till.scan(here, "void", taken))

    @on("pos.exception?")
    def blocked(self, event):
        here = self.state.get(f"trip:{event.get('receipt')}")
        line = here and till.find(here, event.get("line"), event.get("gtin"))
        if event["kind"] == "blocked" and line:
            yield from self._take_back(here, line, event.get("qty"))
            yield self._show(here["till"], here["receipt"], "refused")
            yield self._basket(here, "basket")

    def _reprice(self, here):
        """At the price first scanned while it is held, and at a lower one at once."""
        shop, lock = self._shop(), timedelta(minutes=self.config.price_lock_min)
        for line in here["lines"]:
            product = self.tables.products.get(line["gtin"])
            price = shop.price(product, here["buyer"]) if product and not line["fixed"] else None
            if price:
                held, since = here["held"][line["gtin"]]
                line["price"] = min(held, price.price) if self.now - parse_time(since) <= lock else price.price
        shop.reprice(here)

    # --- paying and checks ---

    def _pay(self, here, event):
        if here["asked"] or not here["lines"]:
            yield self._show(here["till"], here["receipt"], "pay")
            return
        self._reprice(here)
        here["totalled"] = plain(self.now)
        yield out("pos.scan", **till.scan(here, "total", basket=till.basket_lines(here)))
        yield from self._draw(here)
        yield from self._ask(here)
        yield from self._go_on(here)

    def _ask(self, here):
        if till.due(here) > 0:
            yield out("payment.request", **till.ask(here))
            yield self._show(here["till"], here["receipt"], "pay")

    def _draw(self, here):
        """Whether this trip is checked; drawn once, again only where the basket became dear since."""
        who, config = self._member(here), self.config
        first = here["check"] is None
        if here["check"] not in (None, "spared"):
            return
        if first and who["forced"] > 0:
            who["forced"] -= 1
            here["forced"] = True
        chance = 1 if here["forced"] else config.p_new if who["trips"] < config.new_trips else config.p_base
        chance += config.high_value_boost if here["total"] >= config.high_value else 0
        checked = here["forced"] or exit_code.draw(here["receipt"]) < min(1, chance)
        here["check"] = "waits" if checked else "spared"
        if checked or first:
            self.kpi.share("check_rate", int(checked), int(first))
        if checked:
            yield self._show(here["till"], here["receipt"], "check")
            yield self._task(here, "check", "spot_check", exit_code.dearest(here["lines"], config.audit_items))

    @on("payment.result")
    def answered(self, event):
        receipt = event["payment"].rpartition("-")[0]
        here = self.state.get(f"trip:{receipt}")
        if here is None:
            done = self.state.get(f"done:{receipt}")
            if done and till.bought_nothing(done["tries"], event.data):
                yield self._refund(event["payment"], event["amount"], event["method"], receipt)
            return
        said = till.answer(here, event)
        if said == "surplus":
            yield self._refund(event["payment"], till.surplus(here, event.data), event["method"], receipt)
        if said == "declined":
            yield self._show(here["till"], receipt, "declined")
        elif said in ("paid", "surplus"):
            yield from self._go_on(here)

    @on("task.done")
    def looked(self, event):
        what, _, receipt = event["task"].partition(":")
        here, state = self.state.get(f"trip:{receipt}"), event["state"]
        if here is None or state not in ("done", "approved", "rejected", "failed"):
            return
        values, good = event.get("values") or {}, state in ("done", "approved")
        if what == "check" and here["check"] == "waits":
            yield from self._checked(here, values.get("missing", 0 if good else 1))
        elif what == "rescan" and here["check"] == "rescan" and good:
            here["check"] = "passed"
            if "items" in values:
                yield from self._recount(here, values["items"])
            yield from self._settle(here)
        elif what == "staff" and here["staff"] == "called":
            here["staff"] = "seen" if good else None
            for line in [line for line in here["lines"] if not good and self._needs_staff(line)]:
                yield from self._take_back(here, line)
            yield from self._settle(here)

    def _checked(self, here, missing):
        count = len(missing) if isinstance(missing, list) else int(missing)
        self.kpi.share("check_fail_rate", int(count > 0), 1)
        if count == 0:
            here["check"] = "passed"
            yield from self._go_on(here)
            return
        here["check"] = "rescan"
        self._member(here)["forced"] = self.config.after_fail_trips
        yield self._task(here, "rescan", "rescan", [{"gtin": line["gtin"], "qty": line["qty"]} for line in here["lines"]])

    def _recount(self, here, items):
        """The basket as staff scanned it."""
        for line in list(here["lines"]):
            yield from self._take_back(here, line)
        shop = self._shop()
        for item in items:
            line = shop.line(shop.read({"gtin": item["gtin"]}), here["buyer"], item.get("qty", 1))
            if line:
                till.put(here, line, self.now, till.Goods(line["gtin"], None))
                here["held"].setdefault(line["gtin"], [line["price"], plain(self.now)])
                yield out("pos.scan", **till.scan(here, "item", line))
        self._reprice(here)

    def _settle(self, here):
        """The basket may have changed after it was paid: ask for the rest, or give back."""
        left = till.due(here)
        if here["paid"] and left < 0 and not here["asked"]:
            last = here["paid"][-1]
            last["amount"] += left
            yield self._refund(last["payment"], -left, last["method"], here["receipt"])
        elif here["paid"] and not here["asked"]:
            yield from self._ask(here)
        yield from self._go_on(here)

    def _go_on(self, here):
        """Sold once it is paid and nothing is left to look at; then the exit code."""
        waits = here["check"] in (None, "waits", "rescan") or here["asked"] or till.due(here) != 0
        if waits or (here["staff"] == "called" and any(map(self._needs_staff, here["lines"]))):
            return
        receipt, now = here["receipt"], self.now
        who = self._member(here)
        who["trips"] += 1
        code = exit_code.sign(receipt, here["total"], now, here["check"] == "passed", self.secret(self.config.key_ref))
        yield out("pos.sale", **till.sale(here, "scan_go", now, self.store.hours.store_day(now)))
        yield out("pos.scan", **till.scan(here, "end"))
        yield self._show(here["till"], receipt, "exit", code=code, seconds=self.config.exit_ttl_min * 60)
        self.kpi.share("share_of_receipts", 1, 1)
        self.kpi.sample("basket_value", here["total"])
        self._close(here, {"code": code, "paid": plain(now), "used": False})

    @on("pos.sale?")
    def elsewhere(self, event):
        if event["kind"] == "sale" and event["channel"] != "scan_go":
            self.kpi.share("share_of_receipts", 0, 1)

    # --- leaving ---

    def _leave(self, event):
        """The exit code opens once, while it is fresh."""
        done, shown = self.state.get(f"done:{event['session']}"), event.get("code") or event.get("value")
        if done is None or done.get("code") is None:
            yield self._show(event["cart"], event["session"], "refused")
            return
        fresh = self.now - parse_time(done["paid"]) <= timedelta(minutes=self.config.exit_ttl_min)
        opens = fresh and not done["used"] and shown in (None, done["code"])
        done["used"] = done["used"] or opens
        yield self._show(event["cart"], event["session"], "open" if opens else "refused")

    @timer("over")
    def session_over(self, due):
        here = self.state[f"trip:{due.key}"]
        for one in here["paid"]:
            yield self._refund(one["payment"], one["amount"], one["method"], due.key)
        yield out("pos.scan", **till.scan(here, "void"))
        yield self._show(here["till"], due.key, "closed")
        self._close(here, {})

    def _close(self, here, kept):
        receipt = here["receipt"]
        self.timers.cancel("over", receipt)
        del self.state[f"trip:{receipt}"]
        self.state[f"done:{receipt}"] = kept | {"tries": here["tries"]}
        self.timers.set("forget", receipt, self.now + REMEMBERED)

    @timer("forget")
    def forget(self, due):
        del self.state[f"done:{due.key}"]

    # --- who ---

    def _member(self, here):
        """Trips and forced checks of a member; a guest is new each time."""
        member = (here["buyer"] or {}).get("member")
        fresh = {"trips": 0, "forced": 0, "tier": None}
        return fresh if member is None else self.state.setdefault(f"member:{member}", fresh)

    def _tier(self, member):
        return self.state.get(f"member:{member}", {}).get("tier") or (self.tables.members.get(member) or {}).get("tier")

    @on("member.profile?")
    def profile(self, event):
        key = f"member:{event['member']}"
        if event.get("left"):
            self.state.pop(key, None)
            return
        self.state[key] = self.state.get(key, {"trips": 0, "forced": 0}) | {"tier": event.get("tier")}
        others = [f"member:{other}" for other in event.get("merged_from") or () if other != event["member"]]
        for old in [self.state.pop(other) for other in others if other in self.state]:
            for name in ("trips", "forced"):
                self.state[key][name] += old[name]

    def _help(self, here, event):
        yield self._task(here, f"help-{here['seq']}", "sng_help", None)

    def _task(self, here, what, kind, items):
        return out("task.create", task=f"{what}:{here['receipt']}", kind=kind, title=f"{self.say(*self.kinds[kind])} ({here['receipt']})",
                   priority=2, role="attendant", items=items, values={"receipt": here["receipt"], "cart": here["till"]})  # fmt: skip

    def _refund(self, payment, amount, method, receipt):
        return out("payment.request", payment=f"{payment}-refund", original=payment, amount=-amount, method=method, receipt=receipt)

    def _basket(self, here, screen):
        items = [{name: line[name] for name in ("gtin", "name", "qty", "price", "amount")} for line in here["lines"]]
        return self._show(here["till"], here["receipt"], screen, items=items)

    def _shop(self):
        return till.Shop(self.tables, self.store.hours, self.now)

    def _show(self, cart, session, screen, **more):
        text = self.say(*SCREENS[screen]) if screen in SCREENS else None
        return out("cart.show", cart=cart, session=session, screen=screen, text=text, **more)
