"""Smart shopping cart: rings up, weighs, recovers what was put back on the shelf, suggests add-ons and takes payment, so that queues go.

A scan makes a line at the price of that moment; the promotions are those that hold when the basket last changed, so what is paid is what the
screen showed. The cart's scale is the control: goods and lines must agree, or the screen asks to rescan. What has no known weight, such as
loose goods without a label, is weighed by the cart itself, one at a time. Lines are no proof of age and the cart takes off no tag: such
goods, open mismatches and a random share of carts go to the check lane, and an attendant's `task.done` lets them pay.

Offers (recovery and add-ons) are not made to members who refused marketing, and keep their distance. Add-ons come from pair counts of all
receipts, this store's tills included where `pos.sale` is wired; what the store's stock count calls empty is not suggested. The payment is
asked for with `payment.request`. Money that arrives for a closed cart, or twice, is never booked as a sale: it calls an attendant to refund.
"""

from datetime import timedelta

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import draw, parse_time

OPEN, PAID, CLOSED = "open", "paid", "closed"
REMEMBER_SESSION_H = 24


class SmartCart(Solution):
    number = 8
    zh, en = "智能购物车", "Smart shopping cart"
    purpose_zh = "购物车自助扫码、称重核对、找回放弃商品、推荐搭配并完成支付，缩短排队，减少收银台与收银员，同时控制损耗。"
    formats = ("supermarket",)
    produces = ("pos.sale", "pos.exception", "cart.show", "coupon.issue", "task.create", "gate.open", "payment.request")
    adapters = ("cart", "payment?", "gate?")
    reads = ("products", "prices", "promotions", "coupons?")
    kpis = {
        "cart_checkout_share": kpi("%", "Cart trips paid on the cart", "购物车自助结账占比"),
        "carts_in_use": kpi("count", "Carts in use at the busiest moment", "同时在用购物车峰值"),
        "recovered_items": kpi("count", "Items put back into the cart after an offer", "找回商品件数"),
        "mismatch_rate": kpi("%", "Weighings that did not fit", "重量不符率"),
    }
    kinds = {
        "cart_mismatch": ("Weight and lines of a cart disagree", "购物车重量与清单不符"),
        "cart_check": ("Check a cart before payment", "购物车付款前抽检"),
        "cart_help": ("A shopper at a cart asks for help", "购物车顾客求助"),
        "cart_refund": ("Refund a payment without a sale", "退回未成交付款"),
    }

    class Config(SolutionConfig):
        tolerance_g: int = setting(
            10, "Weight difference always allowed", "始终允许的重量差", unit="g", ge=1, le=200,
            help_en="Covers the scale's own error.", help_zh="覆盖秤本身的误差。",
        )  # fmt: skip
        tolerance_pct: float = setting(
            2, "Weight difference allowed", "允许的重量差比例", unit="%", ge=0, le=10,
            help_en="Share of the expected weight of the whole cart; the larger of the two allowances counts.",
            help_zh="占整车应有重量的比例；两项容差取大者。",
        )  # fmt: skip
        max_mismatch: int = setting(
            2, "Open mismatches that call an attendant", "呼叫店员的未解决不符次数", ge=1, le=10,
            help_en="A weighing that repeats the last one is no new mismatch.", help_zh="与上次相同的重量不重复计数。",
        )  # fmt: skip
        recover_after: int = setting(
            120, "Time until a removed item is offered back", "取出后再次推荐的等待时间", unit="s", ge=10, le=1800,
            help_en="Counted from the moment it was taken out; putting it back ends the wait.", help_zh="自取出起计，放回即停止。",
        )  # fmt: skip
        offer_cooldown: int = setting(
            300, "Least time between two offers on one cart", "同一购物车两次推荐的最短间隔", unit="s", ge=0, le=86400,
            help_en="Counts for recovery coupons and add-ons together.", help_zh="找回券与搭配推荐合并计算。",
        )  # fmt: skip
        recovery_coupon: str = setting(
            "come_back", "Coupon on a removed item", "找回商品的优惠券", min_length=1,
            help_en="A template of the table coupons; it reduces the item once it is back in the cart.",
            help_zh="优惠券表中的模板；商品放回购物车后生效。",
        )  # fmt: skip
        addon_min_lift: float = setting(
            1.5, "Least lift of an add-on", "搭配推荐的最低提升度", ge=1, le=10,
            help_en="How many times likelier the add-on is with the item; read each night.", help_zh="同购概率的倍数；每晚更新。",
        )  # fmt: skip
        check_rate: float = setting(
            2, "Carts checked at random before payment", "付款前随机抽检比例", unit="%", ge=0, le=100,
            help_en="Drawn from the session's id, so that it can be repeated.", help_zh="由会话编号抽取，可复核。",
        )  # fmt: skip
        idle_close_min: int = setting(
            30, "Idle time until an unpaid cart is closed", "未付款闲置关闭时间", unit="min", ge=5, le=240,
            help_en="Its lines are voided.", help_zh="关闭后清单作废。",
        )  # fmt: skip

    @on("cart.event")
    def follow(self, event):
        session, kind = event["session"], event["kind"]
        cart = self.state.get(f"cart:{session}")
        if cart is None:
            if kind in ("leave", "return", "idle"):
                return
            yield from self._displace(event["cart"])
            cart = self.state[f"cart:{session}"] = self._opened(event)
        if cart["state"] != OPEN or event["seq"] <= cart["seq"]:
            return
        cart["seq"] = event["seq"]
        cart["member"], cart["zone"] = event.get("member", cart["member"]), event.get("zone", cart["zone"])
        if kind != "idle":
            self.timers.set("idle", session, max(event.time, self.now) + timedelta(minutes=self.config.idle_close_min))
        step = {"login": self._welcome, "add": self._add, "remove": self._remove, "weight": self._weigh, "pay": self._pay,
                "help": self._help, "leave": self._leave, "return": self._leave}.get(kind)  # fmt: skip
        if step is not None:
            yield from step(cart, event)

    def _opened(self, event):
        carts = self.state.setdefault("carts", {})
        carts[event["cart"]] = event["session"]
        self.kpi.sample("carts_in_use", len(carts), "max")
        return {
            "state": OPEN, "session": event["session"], "cart": event["cart"], "seq": event["seq"] - 1, "started": event.time.isoformat(),
            "member": None, "zone": None, "lines": [], "total": 0, "coupons": [], "used": [], "weight_g": None, "accepted_g": 0,
            "mismatches": 0, "misfit_g": None, "checked": False, "removed": {}, "offered_at": None, "suggested": [], "attempts": 0,
            "asked": None, "payments": [],
        }  # fmt: skip

    def _welcome(self, cart, event):
        yield self._show(cart, "welcome", self.say("Scan what you put in.", "请扫描放入的商品。"))

    # Lines

    def _add(self, cart, event):
        product, weight_g = self._scanned(event)
        price = product and self._price(cart, product)
        if not price:
            yield self._show(cart, "unknown_item", self.say("This item cannot be sold here.", "此商品无法在此结算。"))
            return
        weighed = price.per == "kg"
        cart["lines"].append({
            "gtin": product["gtin"], "name": product.get("name", product["gtin"]), "qty": event.get("qty", 1), "price": price.price,
            "unit_g": weight_g if weighed else product.get("weight_g"), "per_kg": weighed,
        })  # fmt: skip
        self._put_back(cart, product["gtin"], event.get("qty", 1))
        yield from self._changed(cart)
        yield from self._suggest(cart, product["gtin"])

    def _remove(self, cart, event):
        product, _ = self._scanned(event)
        gtin = product and product["gtin"]
        wanted = event.get("qty", 1)
        taken = 0
        for line in [line for line in reversed(cart["lines"]) if line["gtin"] == gtin]:
            part = min(line["qty"], wanted - taken)
            line["qty"] -= part
            taken += part
        if not taken:
            yield self._show(cart, "not_in_cart", self.say("This item is not in the cart.", "购物车中没有此商品。"))
            return
        cart["lines"] = [line for line in cart["lines"] if line["qty"] > 0]
        before = cart["removed"].get(gtin, {"qty": 0})
        cart["removed"][gtin] = {"qty": before["qty"] + taken, "coupon": before.get("coupon")}
        due = event.time + timedelta(seconds=self.config.recover_after)
        if due <= self.now:  # the cart was out of reach; the shopper's time starts when it is heard again
            due = self.now + timedelta(seconds=self.config.recover_after)
        self.timers.set("recover", f"{cart['session']}|{gtin}", due)
        yield from self._changed(cart)

    def _changed(self, cart):
        """Lines changed: price them anew, show them, and see whether the last weight fits them now."""
        self._reprice(cart)
        items = [{name: line[name] for name in ("gtin", "name", "qty", "amount")} for line in cart["lines"]]
        yield self._show(cart, "basket", f"{cart['total'] / 100:.2f}", items=items)
        if cart["mismatches"] and self._fits(cart):
            yield from self._resolved(cart)

    def _scanned(self, event):
        """The product of a scan and, where its code carries one, the weight in grams; None for what the store does not sell."""
        gtin, weight_g = event.get("gtin"), event.get("weight_g")
        if event.get("code"):
            gs1 = self.workers.gs1
            try:
                code = gs1.parse(event["code"], on=self.store.hours.store_day(event.time))
            except gs1.CodeError:
                return None, None
            gtin, weight_g = gtin or code.gtin, weight_g or code.weight_g
        return (self.tables.products.get(gtin) if gtin else None), weight_g

    def _price(self, cart, product):
        pricing = self.workers.pricing
        rows = [{**row, "to": None} for row in self.tables.prices.rows(gtin=product["gtin"])]
        book = pricing.PriceBook(rows, products=pricing.index_products([product]), zone=self.store.hours.zone)
        try:
            return book.lookup(product["gtin"], self.now, member=self._member(cart))
        except pricing.UnpricedItem:
            return None

    def _reprice(self, cart):
        pricing, lines = self.workers.pricing, cart["lines"]
        products = [row for row in (self.tables.products.get(line["gtin"]) for line in lines) if row]
        priced = pricing.price_basket(
            [{"gtin": line["gtin"], "qty": line["qty"], "price": line["price"], "weight_g": _grams(line) if line["per_kg"] else None}
             for line in lines],
            promotions=[{**row, "to": None} for row in self.tables.promotions.rows()], coupons=cart["coupons"],
            prices=pricing.PriceBook(()), products=pricing.index_products(products), member=self._member(cart), at=self.now,
            zone=self.store.hours.zone,
        )  # fmt: skip
        for line, result in zip(lines, priced.as_data(cart["session"], 1)["lines"], strict=True):
            line |= {"amount": result["amount"], "discount": result["discount"], "promo": result.get("promo")}
        cart["total"], cart["used"] = priced.total, [rule.id for rule in priced.applied if rule.coupon]
        cart["asked"] = None

    # The scale

    def _weigh(self, cart, event):
        if event.get("stable") is False:
            return
        cart["weight_g"] = event["weight_g"]
        self._weigh_loose(cart)
        fits = self._fits(cart)
        self.kpi.share("mismatch_rate", not fits, 1)
        if fits:
            yield from self._resolved(cart)
            return
        if cart["misfit_g"] is not None and abs(cart["misfit_g"] - cart["weight_g"]) <= self.config.tolerance_g:
            return
        cart["misfit_g"] = cart["weight_g"]
        cart["mismatches"] += 1
        yield self._show(cart, "rescan", self.say("Please scan the last item again.", "重量不符，请重新扫描商品。"))
        if cart["mismatches"] == self.config.max_mismatch:
            last = cart["lines"][-1]["gtin"] if cart["lines"] else None
            yield out("pos.exception", kind="scan_mismatch", till=cart["cart"], receipt=cart["session"], gtin=last,
                      reason=f"{self._off_g(cart):+.0f} g")  # fmt: skip
            yield self._call(cart, "cart_mismatch", "Cart weight disagrees", "购物车重量不符", off_g=self._off_g(cart))

    def _weigh_loose(self, cart):
        """One line of unknown weight takes what the cart weighs beyond the others."""
        loose = [line for line in cart["lines"] if line["unit_g"] is None]
        if len(loose) == 1 and not cart["mismatches"] and self._off_g(cart) > 0:
            loose[0]["unit_g"] = self._off_g(cart) / loose[0]["qty"]
            self._reprice(cart)

    def _off_g(self, cart):
        return cart["weight_g"] - cart["accepted_g"] - sum(_grams(line) for line in cart["lines"])

    def _fits(self, cart):
        expected = sum(_grams(line) for line in cart["lines"])
        return abs(self._off_g(cart)) <= max(self.config.tolerance_g, expected * self.config.tolerance_pct / 100)

    def _resolved(self, cart):
        if cart["mismatches"]:
            yield self._show(cart, "resolved", self.say("Thank you, all fits.", "已核对无误，谢谢。"))
        cart["mismatches"], cart["misfit_g"] = 0, None

    # Offers

    @timer("recover")
    def offer_back(self, due):
        session, gtin = due.key.split("|", 1)
        cart = self.state.get(f"cart:{session}")
        if cart is None or cart["state"] != OPEN or gtin not in cart["removed"] or not self._may_offer(cart):
            return
        template = self.tables.coupons.get(self.config.recovery_coupon) or {}
        copy = f"{self.config.recovery_coupon}:{session}:{gtin}"
        cart["removed"][gtin]["coupon"], cart["offered_at"] = copy, self.now.isoformat()
        hours = self.store.hours
        days = template.get("valid_days", 1)
        product = self.tables.products.get(gtin) or {}
        amount = {"amount": "value", "percent": "percent"}.get(template.get("kind"))
        yield out("coupon.issue", {amount: template["value"]} if amount else None, coupon=copy, template=self.config.recovery_coupon,
                  valid_from=self.now, valid_to=hours.midnight(hours.store_day(self.now) + timedelta(days=days)), member=cart["member"],
                  bearer=True if cart["member"] is None else None, threshold=template.get("threshold"), gtins=[gtin], channel="cart")  # fmt: skip
        name = product.get("name", gtin)
        yield self._show(cart, "offer", self.say(f"{name} again? With a coupon.", f"{name}现在有券，要放回购物车吗？"), coupon=copy,
                         items=[{"gtin": gtin, "name": name}])  # fmt: skip

    def _put_back(self, cart, gtin, qty):
        """An item that was taken out is back: its offer, if there was one, has worked and counts on this receipt."""
        removed = cart["removed"].get(gtin)
        if removed is None:
            return
        back = min(qty, removed["qty"])
        template = self.tables.coupons.get(self.config.recovery_coupon)
        if removed["coupon"]:
            self.kpi.add("recovered_items", back)
            if template and removed["coupon"] not in [coupon["coupon"] for coupon in cart["coupons"]]:
                cart["coupons"].append({**template, "coupon": removed["coupon"], "gtins": [gtin], "from": None, "to": None})
        removed["qty"] -= back
        if not removed["qty"]:
            del cart["removed"][gtin]
            self.timers.cancel("recover", f"{cart['session']}|{gtin}")

    def _suggest(self, cart, gtin):
        held = {line["gtin"] for line in cart["lines"]} | set(cart["suggested"])
        for other, lift in self.state.get(f"addons:{gtin}", ()):
            product = self.tables.products.get(other)
            if lift < self.config.addon_min_lift or other in held or not product or self.state.get(f"stock:{other}", 1) <= 0:
                continue
            if self._may_offer(cart) and self._price(cart, product):
                cart["suggested"].append(other)
                cart["offered_at"] = self.now.isoformat()
                name = product.get("name", other)
                yield self._show(cart, "addon", self.say(f"Goes well with it: {name}", f"搭配推荐：{name}"), items=[{"gtin": other, "name": name}])
            return

    def _may_offer(self, cart):
        profile = self.state.get(f"member:{cart['member']}") or {}
        if profile.get("marketing") is False:
            return False
        last, rest = cart["offered_at"], timedelta(seconds=self.config.offer_cooldown)
        return last is None or self.now >= parse_time(last) + rest

    @on("pos.sale?")
    def learn(self, event):
        if event["kind"] == "sale":
            self._learn(line["gtin"] for line in event["lines"])

    def _learn(self, gtins):
        known = [product["gtin"] for gtin in gtins if (product := self.tables.products.get(gtin))]
        self.workers.insight.basket_rules.count_basket(self.state, known)

    @every("1d", at="02:00")
    def read_basket_rules(self, due):
        basket_rules = self.workers.insight.basket_rules
        basket_rules.age(self.state)
        for gtin, found in list(basket_rules.rules(self.state, min_lift=self.config.addon_min_lift)):
            self.state[f"addons:{gtin}"] = [[rule.other, rule.lift] for rule in found]

    @on("inventory.snapshot?")
    def stock(self, event):
        product = self.tables.products.get(event["gtin"])
        if product and event.get("location", "store") in ("store", "shelf") and not event.get("other_store"):
            self.state[f"stock:{product['gtin']}"] = event["on_hand"]

    # Members

    @on("member.profile?")
    def know(self, event):
        key = f"member:{event['member']}"
        if event.get("left"):
            self.state.pop(key, None)
        else:
            self.state[key] = {"tier": event.get("tier"), "marketing": event.get("consents", {}).get("marketing")}

    def _member(self, cart):
        """The member as prices and promotions see one; None for a guest."""
        if cart["member"] is None:
            return None
        return {"member": cart["member"], "tier": self.state.get(f"member:{cart['member']}", {}).get("tier")}
