"""Fresh-chain cloud retail suite: what fresh goods cost, what each channel really earns, and offers that still earn on what is too much.

Costs are booked as movements arrive. The opening stock of a product is its first snapshot, count or adjustment, at the product's cost (or
the movement's); later snapshots say only what there is to offer, a counted one ends the period like a count. What a count misses is the
cost of the channels that sold in the period, in proportion. An order is a sale of its channel (a platform's: delivery; the chain's own:
private) when placed; the receipt that a payment ties to it is not counted again. Offers go out at opening, to the end of the day, of
`offers_a_member` products to each member, those with the most money in surplus; average sales are those of up to 28 days before, from the
product's first sale on.

While `cutover` is parallel, the old system's day is what the tills totalled, the new one's what this suite could book by product; they
differ by what the new master data do not know. `live` that was never preceded by a day in agreement goes on side by side, and alerts.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import rfc3339
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import reach, stock_cost
from storeloom.workers.optimise import position
from storeloom.workers.pricing.prices import base_price, rows_by_item

DAY = timedelta(days=1)
AVERAGE_D, KEYS_KEPT_D, FRESH_D = 28, 35, 7
MEMBERS_AT_ONCE = 1000  # in one call: with the most offers a member, half of what a call may put out
SAME_MOVEMENT = ("kind", "gtin", "qty", "weight_g", "from", "to", "lot", "order", "ref", "cost", "supplier", "expiry", "reason")
OWN_CHANNELS = ("mini_app", "app", "web", "phone", "kiosk", "live", "community", "private")
Method = Literal["moving_average", "fifo", "stocktake"]


class FreshCloudRetail(Solution):
    number = 20
    zh, en = "生鲜连锁云零售平台", "Fresh-chain cloud retail suite"
    purpose_zh = "面向社区生鲜连锁：多种方法及时核算生鲜成本，把门店、外卖与私域算进同一毛利，营销只发仍有毛利的优惠。"
    formats = ("supermarket", "convenience")
    produces = ("insight.report", "coupon.issue", "alert.raise", "segment.assign")
    adapters = ("pos",)
    reads = ("products", "prices", "members", "coupons")
    kpis = {
        "fresh_gross_margin": kpi("%", "Gross margin of fresh goods", "生鲜毛利率"),
        "fresh_loss_rate": kpi("%", "Loss as a share of the cost of fresh goods", "生鲜损耗率"),
        "private_channel_share": kpi("%", "Private channels' share of sales", "私域销售占比"),
        "cost_delay": kpi("min", "Time until a movement is costed", "成本核算延迟"),
    }
    kinds = {
        "channel_margin": ("Margin by channel", "渠道毛利日报"),
        "cutover": ("Old and new figures side by side", "新旧系统对照"),
        "cutover_differs": ("Old and new system do not agree", "新旧系统销售不一致"),
        "cutover_not_ready": ("Live before a day in agreement", "未达成一致即切换"),
        "no_offer_earns": ("No discount leaves the least margin", "无优惠满足毛利底线"),
    }

    class Config(SolutionConfig):
        cost_method: Method | dict[str, Method] = setting(
            "moving_average", "Costing", "成本核算方法",
            help_en="One for all, or category to method (others: moving average).", help_zh="统一方法，或按品类设置（其余为移动平均）。",
        )  # fmt: skip
        channel_fee: dict[Literal["store", "delivery", "private"], Annotated[float, Field(ge=0, le=100)]] = setting(
            lambda: {"store": 0, "delivery": 18, "private": 2}, "Commission of a channel", "渠道佣金", unit="%",
            help_en="Of net sales.", help_zh="按净销售额计。")  # fmt: skip
        margin_floor: float = setting(10, "Least margin of an offer", "优惠后毛利底线", unit="%", ge=-20, le=60)
        offer_steps: list[Annotated[int, Field(ge=1, le=99)]] = setting(lambda: [10, 20, 30, 40], "Discounts tried", "尝试的折扣幅度",
            unit="%", help_en="The deepest that keeps the margin is taken.", help_zh="取满足毛利底线的最大折扣。")  # fmt: skip
        surplus_days: float = setting(1, "Stock beyond which is offered", "视为富余的库存天数", unit="d", ge=0.25, le=7,
            help_en="Days of average sales.", help_zh="按日均销量计。")  # fmt: skip
        offer_segment_days: int = setting(60, "Buyers of the category within", "近期购买该品类的会员", unit="d", ge=7, le=365)
        offers_a_member: int = setting(10, "Products offered to a member a morning", "每会员每日优惠商品数", ge=1, le=50,
            help_en="Those with the most money in surplus.", help_zh="按富余金额从高到低。")  # fmt: skip
        cutover: Literal["off", "parallel", "live"] = setting("parallel", "Changing systems", "系统切换方式",
            help_en="Side by side with the old system, or new alone.", help_zh="新旧并行，或仅用新系统。")  # fmt: skip
        cutover_tolerance: float = setting(0.5, "Allowed difference of day sales", "日销售额允许差异", unit="%", ge=0, le=5)

    # Goods

    @on("inventory.movement")
    def moved(self, event):
        key = "|".join(str(event.get(name, "")) for name in SAME_MOVEMENT)
        inside = {event.get("from"), event.get("to")} <= set(position.PLACES)
        if event.get("state", "booked") != "booked" or inside or not self._first(f"movement:{rfc3339(event.time)}|{key}"):
            return
        item, kind = item_key(event["gtin"]), event["kind"]
        opening = f"account:{item}" not in self.state
        account, method = self._account(item), self._method(item)
        sold, account["moved"] = account["cost"]["period"]["sold"], True
        qty = _measure(event.data, event.get("accepted", event["qty"]) if kind == "receive" else event["qty"])
        self.kpi.sample("cost_delay", (self.now - event.time) / timedelta(minutes=1))
        if opening and kind in ("count", "adjust") and qty > 0:
            account["cost"] = stock_cost.new(event.get("cost", self._product(item).get("cost", 0)), qty)
        elif kind == "count":
            self._missing(item, sold, stock_cost.count(account["cost"], qty, method))
        elif kind in ("waste", "adjust"):
            self._missing(item, sold, stock_cost.lose(account["cost"], abs(qty) if kind == "waste" else -qty, method))
        elif qty >= 0:
            more = stock_cost.receive(account["cost"], qty, event.get("cost", self._product(item).get("cost", 0)))
            if more:
                self._missing(item, sold, more, loss=False)
        else:
            stock_cost.move_out(account["cost"], -qty, method)
        if kind == "count":
            account["places"] = {}
        else:
            position.take(account["places"], abs(qty) if kind == "waste" else -qty, event.time)

    @on("inventory.snapshot")
    def counted(self, event):
        item = item_key(event["gtin"])
        opening = f"account:{item}" not in self.state
        account = self._account(item)
        if not position.count(account["places"], event.data, event.time):
            return
        if event.get("counted") and not opening:
            sold = account["cost"]["period"]["sold"]
            self._missing(item, sold, stock_cost.count(account["cost"], position.units(account["places"]), self._method(item)))
        elif not account["moved"]:
            account["cost"] = stock_cost.new(self._product(item).get("cost", 0), position.units(account["places"]))
            return
        account["moved"] = True

    def _account(self, item):
        fresh = {"cost": stock_cost.new(self._product(item).get("cost", 0)), "places": {}, "moved": False}
        return self.state.setdefault(f"account:{item}", fresh)

    def _product(self, item):
        return self.tables.products.get(item) or {}

    def _method(self, item):
        given = self.config.cost_method
        return given if isinstance(given, str) else given.get(self._product(item).get("category", ""), "moving_average")

    def _first(self, key):
        first = f"seen:{key}" not in self.state
        self.state[f"seen:{key}"] = self.store.hours.store_day(self.now).isoformat()
        return first

    def _fresh(self, item):
        product = self._product(item)
        return bool(product.get("weighed")) or (product.get("shelf_days") or FRESH_D + 1) <= FRESH_D

    # Sales

    @on("pos.sale")
    def sold(self, event):
        kind, orders = event["kind"], [payment.get("ref") for payment in event.get("payments", ())]
        if kind == "training" or any(f"order:{order}" in self.state for order in orders if order):
            return
        if self._first(f"receipt:{kind}|{event['receipt']}"):
            channel = "store" if event.get("channel") != "online" else "private"
            self._sale(event, channel, event.get("total", sum(line["amount"] for line in event["lines"])), -1 if kind == "void" else 1)

    @on("order.placed?")
    def ordered(self, event):
        if event.get("draft") or f"order:{event['order']}" in self.state:
            return
        self.state[f"order:{event['order']}"] = self.store.hours.store_day(self.now).isoformat()
        channel = event["channel"] if event["channel"] in self.config.channel_fee else None
        channel = channel or ("private" if event["channel"] in OWN_CHANNELS else "delivery")
        self._sale(event, channel, event["total"] - event.get("delivery_fee", 0), 1)

    def _sale(self, event, channel, total, sign):
        day, today = self._day(), self.store.hours.store_day(event.time).isoformat()
        day["old"] += sign * total
        for line in event["lines"]:
            item, net = item_key(line["gtin"]), sign * line["amount"]
            product = self._product(item)
            if not product:
                continue
            account, qty = self._account(item), sign * _measure(line, line["qty"])
            cost = stock_cost.sell(account["cost"], qty, channel, self._method(item))
            position.take(account["places"], qty, event.time)
            account["moved"] = True
            day["new"] += net
            part = day["channels"].setdefault(channel, {"net": 0, "cost": 0.0})
            part["net"], part["cost"] = part["net"] + net, part["cost"] + cost
            self.kpi.share("private_channel_share", net if channel == "private" else 0, net)
            self.kpi.sample("cost_delay", (self.now - event.time) / timedelta(minutes=1))
            self._fresh_figures(item, net, cost, 0)
            sold = self.state.setdefault(f"sold:{item}", {})
            sold[today] = sold.get(today, 0) + qty
            if qty:
                self.state[f"price:{item}"] = net / qty
            if event.get("member") and product.get("category") and sign > 0:
                self.state.setdefault(f"buyer:{event['member']}", {})[product["category"]] = today

    def _day(self):
        return self.state.setdefault("day", {"old": 0, "new": 0, "channels": {}, "offers": 0, "redeemed": 0, "granted": 0})

    def _missing(self, item, sold, cost, loss=True):
        """A cost that no single sale bears: the channels that sold the product in its period share it."""
        whole = sum(sold.values())
        sold, whole = (sold, whole) if whole > 0 else ({"store": 1}, 1)
        for channel, qty in sold.items():
            self._day()["channels"].setdefault(channel, {"net": 0, "cost": 0.0})["cost"] += cost * qty / whole
        self._fresh_figures(item, 0, cost, cost if loss else 0)

    def _fresh_figures(self, item, net, cost, loss):
        if self._fresh(item):
            self.kpi.share("fresh_gross_margin", net - cost, net)
            self.kpi.share("fresh_loss_rate", loss, cost)

    @on("coupon.redeemed?")
    def redeemed(self, event):
        if event["coupon"].startswith("fresh:"):
            self._day()["redeemed"] += 1
            self._day()["granted"] += event["amount"]

    # Day's end

    @every("1d", at="00:00")
    def close(self, due):
        day = self.state.pop("day", None)
        hours = self.store.hours
        over = hours.ended_day(due.time)
        window = {"from": hours.midnight(over), "to": due.time}
        if day:
            yield self._margins(day, window, over)
            yield from self._cutover(day, window, over)
        oldest = (over - KEYS_KEPT_D * DAY).isoformat()
        for key in list(self.state):
            if key.startswith(("seen:", "order:")) and self.state[key] < oldest:
                del self.state[key]

    def _margins(self, day, window, over):
        rows, figures = [], {}
        for channel, part in sorted(day["channels"].items()):
            fee = part["net"] * self.config.channel_fee.get(channel, 0) / 100
            margin = part["net"] - part["cost"] - fee
            share = 100 * margin / part["net"] if part["net"] else None
            booked = {
                "net_sales": part["net"],
                "cost": round(part["cost"]),
                "fee": round(fee),
                "margin": round(margin),
                "margin_pct": share,
            }
            rows.append({"channel": channel} | booked)
        for name in ("net_sales", "cost", "fee", "margin"):
            figures[name] = {"value": sum(row[name] for row in rows), "unit": "minor"}
        figures |= {name: {"value": day[name], "unit": "count"} for name in ("offers", "redeemed")}
        figures["granted"] = {"value": day["granted"], "unit": "minor"}
        return out("insight.report", window, report=f"channel_margin:{over}", kind="channel_margin", version=1, figures=figures, rows=rows)

    def _cutover(self, day, window, over):
        """Old against new; from the first day in agreement on, until one that is not, `live` may be set."""
        live, ready = self.config.cutover == "live", self.state.get("ready", False)
        if self.config.cutover == "off" or (live and ready):
            return
        gap = abs(day["new"] - day["old"])
        agrees = gap <= self.config.cutover_tolerance / 100 * abs(day["old"])
        figures = {"old": {"value": day["old"], "unit": "minor"}, "new": {"value": day["new"], "unit": "minor"}}
        yield out("insight.report", window, report=f"cutover:{over}", kind="cutover", version=1, figures=figures,
                  text=self.say("In agreement", "一致") if agrees else self.say("They differ", "不一致"))  # fmt: skip
        if not agrees or live:
            kind = "cutover_not_ready" if live else "cutover_differs"
            text = self.say("Day sales of both systems must agree before live", "新旧系统日销售额一致后方可切换")
            yield out("alert.raise", alert=f"{kind}:{over}", kind=kind, severity="warn", state="open", subject=self.store.id, text=text,
                      value=100 * gap / abs(day["old"]) if day["old"] else 100, limit=self.config.cutover_tolerance, unit="%")  # fmt: skip
        if not live:
            self.state["ready"] = agrees

    # Offers

    @every("1d", at="open")
    def offer(self, due):
        """What of today's surplus still earns at a discount, the most money first, is offered to the members, some at a time."""
        today, earning = self.store.hours.store_day(due.time), []
        for key in sorted(key for key in self.state if key.startswith("account:")):
            item, account = key.partition(":")[2], self.state[key]
            surplus = self._surplus(item, account, today) if self._fresh(item) else 0
            if surplus <= 0:
                continue
            cost = stock_cost.effective_unit_cost(account["cost"])
            percent = self._discount(item, cost)
            if percent is None:
                yield self._none_earns(item, cost, today)
            else:
                earning.append((-surplus * cost, item, percent))
        offers = [[item, percent] for _, item, percent in sorted(earning)]
        for first in range(0, len(self.tables.members.rows()) if offers else 0, MEMBERS_AT_ONCE):
            self.timers.set("offers", str(first), due.time, {"first": first, "offers": offers})

    @timer("offers")
    def invite(self, due):
        """Coupons for some members, who are put into the segments of their categories."""
        today = self.store.hours.store_day(due.time)
        since = (today - self.config.offer_segment_days * DAY).isoformat()
        until, first = self.store.hours.midnight(today + DAY), due.data["first"]
        known = [(self._product(item), percent) for item, percent in due.data["offers"]]
        offers = [(product, percent, self._template(product, percent)) for product, percent in known if product]
        for row in self.tables.members.rows()[first : first + MEMBERS_AT_ONCE]:
            channel, bought = _private(row), self.state.get(f"buyer:{row['member']}", {})
            own = [one for one in offers if bought.get(one[0].get("category"), "") >= since] if channel else []
            own = own[: self.config.offers_a_member]
            for category in dict.fromkeys(product["category"] for product, _, _ in own):
                yield out("segment.assign", scheme="fresh_offer", segment=category, member=row["member"], valid_to=until)
            for product, percent, template in own:
                self._day()["offers"] += 1
                coupon = f"fresh:{product['gtin']}:{today}:{row['member']}"
                yield out("coupon.issue", coupon=coupon, template=template, member=row["member"], valid_from=due.time,
                          valid_to=until, percent=percent, gtins=[product["gtin"]], campaign="fresh_offer", channel=channel)  # fmt: skip

    def _surplus(self, item, account, today):
        """What there is beyond `surplus_days` of average sales; nothing without sales before."""
        sold = self.state.get(f"sold:{item}", {})
        for day in [day for day in sold if day < (today - AVERAGE_D * DAY).isoformat()]:
            del sold[day]
        before = [day for day in sold if day < today.isoformat()]
        stock = position.units(account["places"])
        stock = account["cost"]["qty"] if stock is None else stock
        if not before or stock <= 0:
            return 0
        days = sum(today - n * DAY >= today.fromisoformat(min(before)) for n in range(1, AVERAGE_D + 1))
        return stock - self.config.surplus_days * sum(sold[day] for day in before) / days

    def _discount(self, item, cost):
        """The deepest discount (%) of a product that leaves the least margin over its effective cost; None where none does."""
        rows = self.tables.prices.derived("by item", rows_by_item).get(item, ())
        listed = self._product(item).get("list_price")
        price = base_price(rows, self.now, self.store.hours.zone) or listed or self.state.get(f"price:{item}", 0)
        return stock_cost.deepest(price, cost, self.config.offer_steps, self.config.margin_floor)

    def _none_earns(self, item, cost, today):
        product = self._product(item)
        name = product.get("name", item)
        text = self.say(f"{name}: no offer leaves the least margin", f"{name}：无优惠满足毛利底线")
        return out("alert.raise", alert=f"no-offer:{item}:{today}", kind="no_offer_earns", severity="info", state="open",
                   subject=product.get("gtin", item), text=text, value=round(cost), limit=self.config.margin_floor)  # fmt: skip

    def _template(self, product, percent):
        """The table's coupon of this product (or category) and discount, else one of the suite's own."""
        for row in self.tables.coupons.rows():
            meant = item_key(product["gtin"]) in map(item_key, row.get("gtins") or ()) or row.get("category") == product.get("category")
            if meant and row.get("kind") == "percent" and row.get("value") == percent:
                return row["template"]
        return f"fresh_{percent}"


def _measure(data, qty):
    """Pieces, or kilograms of what was weighed."""
    return (-1 if qty < 0 else 1) * abs(data["weight_g"]) / 1000 if data.get("weight_g") else qty


def _private(member):
    """The channel over which a member may be offered something: agreed to, and with an address where addresses are kept."""
    if reach.refuses(member, ("marketing",)) or not (member.get("consents") or {}).get("messaging"):
        return None
    known = member.get("channels")
    return next((one for one in reach.agreed_channels(member) or () if not known or one in known), None)
