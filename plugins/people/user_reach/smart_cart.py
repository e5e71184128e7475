"""Smart shopping cart: rings up, weighs, recovers what was taken out again, suggests add-ons and takes payment, so that queues go.

A scan makes a line at the price of that moment; promotions are those that hold when the basket last changed, so what is paid is what the
screen showed. The scale is the control: goods and lines must agree. What has no known weight, such as loose goods without a label, is
weighed by the cart itself, one item at a time. A cart proves no age and takes off no tag: such goods, open mismatches and a random share of
carts go to the check lane, where an attendant's `task.done` has the last word on the weight and lets them pay.

Offers (recovery and add-ons) share one cooldown and spare members who refused marketing. Add-ons come from the pair counts of all receipts,
those of the tills too where `pos.sale` is wired, and are not suggested where the stock count says there is none. Payment is asked for with
`payment.request`; money that comes twice or for a closed cart is never a sale: an attendant refunds it. No picture and no name is kept.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw
from storeloom.workers import pricing
from storeloom.workers.checkout import basket, trip
from storeloom.workers.insight import basket_rules

ADDONS, BOUGHT = "addons:", "bought:"
REMEMBERED_H = 24  # how long an ended session still knows a repeated payment
SCREENS = {
    "welcome": ("Scan what you put in", "请扫描放入的商品"),
    "unknown_item": ("This item cannot be bought with the cart, or is not in it", "此商品无法结算或不在购物车中"),
    "rescan": ("Please scan the last item again", "重量不符，请重新扫描商品"),
    "resolved": ("Thank you, all fits", "已核对一致，谢谢"),
    "offer": ("Put it back and use this coupon?", "放回购物车，可用此券"),
    "addon": ("Goes well with it", "搭配推荐"),
    "weigh": ("Please put the loose item into the cart", "请将散装商品放入购物车称重"),
    "check_lane": ("Please come to the check lane", "请前往核验通道"),
    "pay": ("Please pay", "请付款"),
    "declined": ("Payment declined, please try again", "付款未成功，请重试"),
    "paid": ("Paid. Thank you!", "已付款，谢谢！"),
    "closed": ("This cart is closed", "购物车已关闭"),
}


class SmartCart(Solution):
    number = 8
    zh, en = "智能购物车", "Smart shopping cart"
    purpose_zh = "购物车自助扫码、称重核对、找回放弃的商品、推荐搭配并完成支付，减少排队、收银台与收银员，同时控制损耗。"
    formats = ("supermarket",)
    produces = ("pos.sale", "pos.exception", "cart.show", "coupon.issue", "task.create", "gate.open", "payment.request")
    adapters = ("cart", "payment?", "gate?")
    reads = ("products", "prices", "promotions", "coupons?")
    kpis = {
        "cart_checkout_share": kpi("%", "Carts with goods that were paid on the cart", "装有商品的购物车自助结账占比"),
        "carts_in_use": kpi("count", "Carts in use at the busiest moment", "同时在用购物车峰值"),
        "recovered_items": kpi("count", "Items put back into the cart after an offer", "推荐后找回的商品件数"),
        "mismatch_rate": kpi("%", "Weighings that did not fit", "重量不符的称重占比"),
    }
    kinds = {
        "cart_mismatch": ("Weight and lines of a cart disagree", "购物车重量与清单不符"),
        "cart_check": ("Check a cart before payment", "购物车付款前检查"),
        "cart_help": ("A shopper at a cart asks for help", "购物车顾客求助"),
        "cart_refund": ("Refund a payment that bought nothing", "退回未成交的付款"),
    }

    class Config(SolutionConfig):
        tolerance_g: int = setting(10, "Weight difference always allowed", "始终允许的重量差", unit="g", ge=1, le=200)
        tolerance_pct: float = setting(
            2, "Weight difference allowed as a share", "按比例允许的重量差", unit="%", ge=0, le=10,
            help_en="Of the expected weight of the whole cart; the larger allowance counts.", help_zh="占整车应有重量；两项容差取大者。",
        )  # fmt: skip
        max_mismatch: int = setting(
            2, "Open mismatches that call an attendant", "呼叫店员的未解决不符次数", ge=1, le=10,
            help_en="A weighing that repeats the one before is no new mismatch.", help_zh="与上一次相同的重量不重复计数。",
        )  # fmt: skip
        recover_after: int = setting(120, "Wait until an item taken out is offered back", "取出后再次推荐的等待", unit="s", ge=10, le=1800)
        offer_cooldown: int = setting(
            300, "Least time between two offers on one cart", "同一购物车两次推荐的最短间隔", unit="s", ge=0, le=86400,
            help_en="Recovery coupons and add-ons together; an offer that falls into it is dropped.",
            help_zh="找回券与搭配推荐合并计算，间隔内的推荐取消。",
        )  # fmt: skip
        recovery_coupon: str = setting(
            "come_back", "Coupon on an item taken out", "放弃商品的优惠券", min_length=1,
            help_en="A template of the table coupons; it reduces the item once it is back in the cart.",
            help_zh="优惠券表中的模板；商品放回后生效。",
        )  # fmt: skip
        addon_min_lift: float = setting(
            1.5, "Least lift of an add-on", "搭配推荐的最低提升度", ge=1, le=10,
            help_en="How many times likelier it is bought with the item than at all; rules are read each night.",
            help_zh="同购概率与自身购买概率之比；规则每晚更新。",
        )  # fmt: skip
        check_rate: float = setting(2, "Carts checked at random before payment", "付款前随机抽检比例", unit="%", ge=0, le=100)
        idle_close_min: int = setting(30, "Idle time that closes an unpaid cart", "未付款购物车闲置关闭时间", unit="min", ge=5, le=240)

    @on("cart.event")
    def follow(self, event):
        session, kind = event["session"], event["kind"]
        cart = self.state.get(f"cart:{session}")
        if cart is None:
            if kind in ("leave", "return", "idle"):
                return
            if (left_open := self._carts().get(event["cart"])) is not None:
                yield from self._close(self.state[f"cart:{left_open}"], "new session")
            cart = self._open(event)
        if not trip.is_new(cart, event["seq"]):
            return
        cart |= {"member": event.get("member", cart["member"]), "zone": event.get("zone", cart["zone"])}
        if kind != "idle":
            self.timers.set("idle", session, self.now + timedelta(minutes=self.config.idle_close_min))
        steps = {"login": self._welcome, "add": self._add, "remove": self._remove, "weight": self._weigh, "pay": self._pay,
                 "help": self._help, "leave": self._leave, "return": self._leave}  # fmt: skip
        if kind in steps:
            yield from steps[kind](cart, event)

    def _open(self, event):
        carts = self._carts()
        carts[event["cart"]] = event["session"]
        self.kpi.sample("carts_in_use", len(carts), "max")
        self.state[f"cart:{event['session']}"] = trip.new_trip(event["session"], event["cart"], event.time)
        return self.state[f"cart:{event['session']}"]

    def _carts(self):
        """The open session of each cart in use."""
        return self.state.setdefault("carts", {})

    def _welcome(self, cart, event):
        yield self._show(cart, "welcome")
        if cart["lines"]:  # a guest makes himself known in mid-trip
            yield from self._changed(cart)

    # Lines

    def _add(self, cart, event):
        product, weight_g = self._scanned(event)
        price = product and self._price(cart, product)
        if not price:
            yield self._show(cart, "unknown_item")
            return
        qty = event.get("qty", 1)
        cart["lines"].append(basket.new_line(product, price, qty, weight_g))
        self._put_back(cart, product["gtin"], qty)
        yield from self._changed(cart)
        yield from self._suggest(cart, product["gtin"])

    def _remove(self, cart, event):
        product, _ = self._scanned(event)
        if not product or not trip.take_out(cart, product["gtin"], event.get("qty", 1)):
            yield self._show(cart, "unknown_item")
            return
        wait = timedelta(seconds=self.config.recover_after)
        due = event.time + wait if event.time + wait > self.now else self.now + wait  # heard late: the wait starts now
        self.timers.set("recover", f"{cart['session']}|{product['gtin']}", due)
        yield from self._changed(cart)

    def _changed(self, cart):
        """The lines changed: price and show them; a lowered or raised expectation may fit the weight at last."""
        cart |= {"checked": False, "misfit_g": None}
        self._reprice(cart)
        items = [{name: line[name] for name in ("gtin", "name", "qty", "price", "amount")} for line in cart["lines"]]
        yield self._show(cart, "basket", items=items, total=cart["total"])
        if cart["mismatches"] and trip.fits(cart, self.config.tolerance_g, self.config.tolerance_pct):
            yield from self._resolve(cart)

    def _scanned(self, event):
        gtin, weight_g = basket.read_scan(event.data, self.store.hours.store_day(event.time))
        return (self.tables.products.get(gtin) if gtin else None), weight_g

    def _price(self, cart, product):
        rows = self.tables.prices.rows(gtin=product["gtin"])
        return basket.price_now(product, rows, self.now, self._member(cart), self.store.hours.zone)

    def _reprice(self, cart):
        products = [product for line in cart["lines"] if (product := self.tables.products.get(line["gtin"]))]
        zone = self.store.hours.zone
        rules = self.tables.promotions.derived("price rules", lambda rows: pricing.RuleIndex(rows, zone))
        cart["total"], cart["discount"], cart["used"] = basket.reprice(
            cart["lines"], promotions=rules, coupons=cart["coupons"], products=products, member=self._member(cart), at=self.now, zone=zone,
        )  # fmt: skip
        cart["asked"] = None

    # Scale

    def _weigh(self, cart, event):
        if event.get("stable") is False or event.get("weight_g") is None:
            return
        cart["weight_g"] = event["weight_g"]
        goods_g = cart["weight_g"] - cart["accepted_g"]
        if not cart["mismatches"] and basket.weigh_loose(goods_g, cart["lines"], self.config.tolerance_g):
            yield from self._changed(cart)
        verdict = trip.judge(cart, self.config.tolerance_g, self.config.tolerance_pct)
        self.kpi.share("mismatch_rate", verdict != "fits", 1)
        if verdict == "fits":
            yield from self._resolve(cart)
        elif verdict == "misfit":
            yield self._show(cart, "rescan")
            if cart["mismatches"] == self.config.max_mismatch:
                yield from self._call(cart)

    def _call(self, cart):
        off_g = round(trip.off_g(cart))
        last = cart["lines"][-1]["gtin"] if cart["lines"] else None
        yield out("pos.exception", kind="scan_mismatch", till=cart["cart"], receipt=cart["session"], gtin=last, reason=f"{off_g:+} g")
        yield self._task(cart, "cart_mismatch", off_g=off_g)

    def _resolve(self, cart):
        if trip.resolve(cart):
            yield self._show(cart, "resolved")

    # Offers

    @timer("recover")
    def offer_back(self, due):
        session, gtin = due.key.split("|", 1)
        cart = self.state.get(f"cart:{session}")
        if cart is None or cart["state"] != trip.OPEN or not self._may_offer(cart):
            return
        template = self.config.recovery_coupon
        copy = f"{template}:{session}:{gtin}"
        cart["offered_at"] = self.now.isoformat()
        if gtin not in cart["offers"]:
            cart["offers"][gtin] = copy
            row, hours = self.tables.coupons.get(template) or {}, self.store.hours
            worth = {row["kind"]: row["value"]} if row.get("kind") in ("amount", "percent") else {}
            until = hours.midnight(hours.store_day(self.now) + timedelta(days=row.get("valid_days", 1)))
            yield out("coupon.issue", coupon=copy, template=template, valid_from=self.now, valid_to=until, member=cart["member"],
                      bearer=cart["member"] is None, value=worth.get("amount"), percent=worth.get("percent"),
                      threshold=row.get("threshold"), gtins=[gtin], channel="cart")  # fmt: skip
        yield self._show(cart, "offer", coupon=copy, items=[self._item(gtin)])

    def _put_back(self, cart, gtin, qty):
        """An item taken out is back: an offer made on it has worked, and its coupon counts on this receipt."""
        back = trip.put_back(cart, gtin, qty)
        copy, row = cart["offers"].get(gtin), self.tables.coupons.get(self.config.recovery_coupon)
        if back and copy:
            self.kpi.add("recovered_items", back)
        if back and copy and row and copy not in (coupon["coupon"] for coupon in cart["coupons"]):
            cart["coupons"].append({**row, "coupon": copy, "gtins": [gtin], "from": None, "to": None})
        if gtin not in cart["removed"]:
            self.timers.cancel("recover", f"{cart['session']}|{gtin}")

    def _suggest(self, cart, gtin):
        held = {*cart["suggested"], *(line["gtin"] for line in cart["lines"])}
        for other, lift in self.state.get(ADDONS + gtin, ()):
            product = self.tables.products.get(other)
            offered = product and lift >= self.config.addon_min_lift and self.state.get(f"stock:{other}", 1) > 0 and other not in held
            if offered and self._price(cart, product) and self._may_offer(cart):
                cart["suggested"].append(other)
                cart["offered_at"] = self.now.isoformat()
                yield self._show(cart, "addon", items=[self._item(other)])
                return

    def _may_offer(self, cart):
        refused = self.state.get(f"member:{cart['member']}", {}).get("marketing") is False
        return not refused and trip.may_offer(cart, self.now, timedelta(seconds=self.config.offer_cooldown))

    def _item(self, gtin):
        return {"gtin": gtin, "name": (self.tables.products.get(gtin) or {}).get("name", gtin)}

    # What goes with what, and who buys

    @on("pos.sale?")
    def learn(self, event):
        if event["kind"] == "sale":
            self._remember(event["receipt"], event["lines"])

    def _remember(self, receipt, lines):
        """What was bought together, until the night counts it."""
        found = [product["gtin"] for line in lines if (product := self.tables.products.get(line["gtin"]))]
        self.state[f"{BOUGHT}{receipt}"] = found

    @every("1d", at="02:00")
    def read_basket_rules(self, due):
        for key in sorted(key for key in self.state if key.startswith(BOUGHT)):
            basket_rules.count_basket(self.state, self.state.pop(key))
        basket_rules.refresh(self.state, ADDONS, min_lift=self.config.addon_min_lift)

    @on("inventory.snapshot?")
    def stock(self, event):
        product = self.tables.products.get(event["gtin"])
        if product and event.get("location", "store") in ("store", "shelf") and not event.get("other_store"):
            self.state[f"stock:{product['gtin']}"] = event["on_hand"]

    @on("member.profile?")
    def profile(self, event):
        known = {"tier": event.get("tier"), "marketing": event.get("consents", {}).get("marketing")}
        self.state[f"member:{event['member']}"] = {"left": True} if event.get("left") else known

    def _member(self, cart):
        """The member as prices and promotions see one; None for guests and for those who left."""
        known = self.state.get(f"member:{cart['member']}", {})
        return None if cart["member"] is None or known.get("left") else {"member": cart["member"], "tier": known.get("tier")}

    # Payment

    def _pay(self, cart, event):
        if not cart["lines"]:
            return
        if any(line["per_kg"] and line["unit_g"] is None for line in cart["lines"]):
            yield self._show(cart, "weigh")
        elif not cart["checked"] and self._needs_check(cart):
            yield self._show(cart, "check_lane")
            yield self._task(cart, "cart_check", items=[{name: line[name] for name in ("gtin", "qty")} for line in cart["lines"]])
        else:
            yield from self._ask(cart)

    def _needs_check(self, cart):
        """A mismatch is open, the session is drawn, or goods are aboard that a cart may not sell alone."""
        products = [self.tables.products.get(line["gtin"]) or {} for line in cart["lines"]]
        guarded = any(product.get("min_age") or product.get("security_tag") for product in products)
        return bool(cart["mismatches"]) or guarded or draw(cart["session"]) < 100 * self.config.check_rate

    @on("task.done?")
    def attended(self, event):
        kind, _, rest = event["task"].partition(":")
        cart = self.state.get(f"cart:{rest.rpartition(':')[0]}")
        looked_into = kind in ("cart_check", "cart_mismatch") and event["state"] in ("done", "approved")
        if cart is None or cart["state"] != trip.OPEN or not looked_into:
            return
        trip.accept_weight(cart)
        yield from self._resolve(cart)
        if kind == "cart_check":
            cart["checked"] = True
            yield from self._ask(cart)

    def _ask(self, cart):
        """Ask for what is left to pay; asking again for the same basket carries the same key."""
        rest = trip.due(cart)
        if rest <= 0:
            yield from self._sell(cart)
            return
        if cart["asked"] is None:
            cart["attempt"] += 1
            cart["asked"] = f"{cart['session']}#{cart['attempt']}"
        yield self._show(cart, "pay", total=rest)
        expires = self.now + timedelta(minutes=self.config.idle_close_min)
        yield out("payment.request", payment=cart["asked"], amount=rest, receipt=cart["session"], session=cart["session"],
                  till=cart["cart"], expires=expires)  # fmt: skip

    @on("payment.result")
    def settle(self, event):
        session = event.get("session") or event.get("receipt") or event["payment"].rpartition("#")[0]
        cart = self.state.get(f"cart:{session}")
        if cart is None or trip.has_paid(cart, event["payment"]):
            return
        if event["status"] == "declined" and cart["state"] == trip.OPEN:
            cart["asked"] = None
            yield self._show(cart, "declined")
        elif event["status"] == "approved":
            yield from self._money_came(cart, event)

    def _money_came(self, cart, event):
        """What is due is paid; what comes for a cart that has ended, or beyond the total, goes back."""
        amount = event.get("amount", max(0, trip.due(cart)))
        taken = {name: event.get(name) for name in ("method", "provider", "payer")}
        beyond = trip.pay(cart, event["payment"], amount, **taken)
        if beyond:
            yield self._task(cart, "cart_refund", payment=event["payment"], amount=beyond)
        if cart["lines"]:
            cart["asked"] = None
            yield from self._ask(cart)

    def _sell(self, cart):
        session = cart["session"]
        yield out("pos.sale", receipt=session, kind="sale", till=cart["cart"], channel="cart", lines=basket.receipt_lines(cart["lines"]),
                  payments=cart["paid"], total=cart["total"], discount=cart["discount"] or None, member=cart["member"],
                  coupons=cart["used"] or None, started=cart["started"], business_day=self.store.hours.store_day(self.now))  # fmt: skip
        gates = sorted(self.devices.get("gate", ()), key=lambda gate: gate.zone != cart["zone"])
        if gates:
            yield out("gate.open", gate=gates[0].id, direction="out", reason="paid", credential=session)
        yield self._show(cart, "paid", code=session)
        self.kpi.share("cart_checkout_share", 1, 1)
        self._remember(session, cart["lines"])
        self._end(cart, trip.PAID)

    # End

    @timer("idle")
    def close_idle(self, due):
        yield from self._close(self.state[f"cart:{due.key}"], "idle")

    def _leave(self, cart, event):
        yield from self._close(cart, event["kind"])

    def _close(self, cart, reason):
        if cart["lines"]:
            self.kpi.share("cart_checkout_share", 0, 1)
            yield out("pos.exception", kind="void_receipt", till=cart["cart"], receipt=cart["session"], amount=cart["total"], reason=reason)
        yield self._show(cart, "closed")
        for payment in (payment for payment in cart["paid"] if payment["amount"]):
            yield self._task(cart, "cart_refund", **payment)
        self._end(cart, trip.CLOSED)

    def _end(self, cart, state):
        session = cart["session"]
        self._carts().pop(cart["cart"], None)
        self.timers.cancel("idle", session)
        for gtin in cart["removed"]:
            self.timers.cancel("recover", f"{session}|{gtin}")
        trip.end(cart, state)
        self.timers.set("forget", session, self.now + timedelta(hours=REMEMBERED_H))

    @timer("forget")
    def forget(self, due):
        del self.state[f"cart:{due.key}"]

    def _help(self, cart, event):
        yield self._task(cart, "cart_help")

    def _task(self, cart, kind, items=None, **values):
        name, title = values.get("payment", cart["seq"]), f"{self.say(*self.kinds[kind])} ({cart['cart']})"
        return out("task.create", task=f"{kind}:{cart['session']}:{name}", kind=kind, title=title, priority=2, zone=cart["zone"],
                   role="attendant", items=items, values={"cart": cart["cart"], "session": cart["session"], **values})  # fmt: skip

    def _show(self, cart, screen, **more):
        text = self.say(*SCREENS[screen]) if screen in SCREENS else None
        return out("cart.show", cart=cart["cart"], session=cart["session"], screen=screen, text=text, **more)
