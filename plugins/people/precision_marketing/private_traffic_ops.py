"""Private-traffic operation: the orders of all channels become taste tags, and four tactics in the shop's own channels.

An order counts once however often it is told (an online order is a receipt of the same number at the till too), when it is paid and
neither cancelled nor refunded in full; one that is paid on hand-over counts when it is collected, delivered or done. Drinks and bread are
products of those categories; attributes come from the line's options and the product. A tea click is one in the tea window, or of the
campaign `tea`. The next weekday is Monday to Friday. Series are pushed once at opening, only what suits the member's tags.

Who refused marketing gets no tactic but the coupons of friends and series, which were earned; who refused profiling, neither tags nor
layer. A coupon is live until it is used on an order or ends; one that a live coupon holds up is given when that is gone.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain, stamp
from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import dayparts, reach, taste
from storeloom.workers.loyalty import coupon_copies

Tactic = Literal["friends", "series", "breakfast", "tea"]
DRINKS = frozenset(("drink", "drinks", "beverage", "beverages", "coffee", "tea", "饮料", "饮品", "咖啡", "茶饮"))
BREAD = frozenset(("bread", "breads", "bakery", "面包", "烘焙"))
HANDED_OVER = ("collected", "delivered", "done")
GONE = ("cancelled", "refunded", "returned", "rejected", "declined", "expired", "failed")
ORDERS_KEPT, CLICKS_KEPT = 200, 50
TEA_ORDERS, TEA_WITHIN, BACK_WITHIN = 2, timedelta(days=14), timedelta(days=30)
WORDS = {
    "friends": ("Your friends have ordered: a drink is on us.", "您邀请的好友已下单，送您一杯免费饮品。"),
    "series": ("You have tried the series: here is your bonus.", "系列已集齐，奖励券请收好。"),
    "breakfast": ("Coffee goes with bread: this morning's set.", "早餐咖啡配面包，今晨套餐优惠送上。"),
    "tea": ("Tea for the team: a coupon for your next order.", "下午茶拼单满减券送上。"),
    "push": ("New in our shop, to your taste.", "新品上架，合您口味。"),
}


class PrivateTrafficOps(Solution):
    number = 14
    zh, en = "私域流量运营", "Private-traffic operation"
    purpose_zh = "咖啡零食连锁的订单散落在收银、小程序与外卖：合并成口味标签，在自有渠道分层运营裂变、系列、早餐与高客单。"
    formats = ("specialty", "convenience")
    produces = ("segment.assign", "coupon.issue", "message.send", "recommend.items", "insight.report")
    adapters = ("messaging", "online_store?")
    reads = ("members", "products", "coupons")
    kpis = {
        "repurchase_rate_30d": kpi("%", "Orders followed by another within 30 days", "30天复购率"),
        "friends_per_inviter": kpi("count", "Friends with a first order for each inviter", "人均邀请好友数"),
        "attach_rate_bread": kpi("%", "Drink orders with bread", "面包连带率"),
        "tactic_roi": kpi("ratio", "Margin of orders with a tactic's coupon, for what it took off", "战术投入产出比"),
    }
    kinds = {"private_traffic": ("Layers and coupons by tactic of a day", "当日分层与各战术发券汇总")}

    class Config(SolutionConfig):
        invite_goal: int = setting(3, "Friends with a paid order that earn the free drink", "兑换所需好友数", unit="friends", ge=1, le=20)
        series: dict[str, list[str]] = setting(
            dict, "New lines", "新品系列", help_en="Series to its product numbers.", help_zh="系列编号到商品条码。"
        )
        series_goal: int = setting(3, "Orders of a series that earn its coupon", "系列奖励所需订单数", unit="orders", ge=1, le=20)
        breakfast: str = setting("07:00-10:00", "Weekday time of the coffee-and-bread set", "工作日早餐时段", pattern=dayparts.SPAN)
        tea_window: str = setting("14:00-17:00", "Time whose buyers get the high-threshold coupon", "下午茶时段", pattern=dayparts.SPAN)
        tea_threshold: int = setting(8000, "Spend needed for the tea coupon", "下午茶券门槛", unit="minor", ge=0, le=100000)
        pref_share: float = setting(60, "Share of drinks that makes a preference", "形成偏好标签的占比", unit="%", ge=30, le=100)
        pref_min_orders: int = setting(5, "Paid drinks before any preference", "形成偏好标签的最少杯数", unit="orders", ge=2, le=50)
        price_bands: list[Annotated[int, Field(ge=0)]] = setting(
            lambda: [1000, 1500, 2000, 3000], "Borders of the price bands", "价格带分界", unit="minor"
        )
        tactic_coupons: dict[Tactic, str] = setting(
            lambda: {"friends": "free_drink", "series": "series_bonus", "breakfast": "bread_set", "tea": "tea_coupon"},
            "What each tactic gives", "各战术奖励券", help_en="A tactic without a coupon is off.", help_zh="未配置券的战术不启用。",
        )  # fmt: skip

    # Orders

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] == "sale":
            yield from self._order(event, event["receipt"], paid=True)
        elif event["kind"] == "void":
            yield from self._cancelled(event["receipt"])
        elif event["kind"] == "return" and event.get("original"):
            key = f"order:{event['original']}"
            order = self.state.get(key)
            if order and event["receipt"] not in order["returns"]:
                order["returns"][event["receipt"]] = abs(event["total"])
                if sum(order["returns"].values()) >= order["total"]:
                    yield from self._cancelled(event["original"])

    @on("order.placed")
    def placed(self, event):
        if not event.get("draft"):
            yield from self._order(event, event["order"], paid=event["paid"])

    @on("order.status?")
    def status(self, event):
        if event["status"] in GONE:
            yield from self._cancelled(event["order"])
        elif event["status"] in HANDED_OVER:
            yield from self._paid(self.state.get(f"order:{event['order']}"))

    def _order(self, event, number, paid):
        member, key = event.get("member"), f"order:{number}"
        known = self.state.get(key)
        if known is not None:
            if paid:
                yield from self._paid(known)
            return
        if member is None:
            return
        lines = [(line, self.tables.products.get(line["gtin"]) or {}) for line in event["lines"]]
        self.state[key] = order = {
            "number": number, "member": member, "at": stamp(event.time), "state": "open", "total": event["total"], "returns": {},
            "drinks": [self._drink(line, product) for line, product in lines if product.get("category") in DRINKS],
            "bread": any(product.get("category") in BREAD for _, product in lines),
            "series": sorted({name for line, _ in lines for name in self._series_of(line["gtin"])}),
            "coupons": list(event.get("coupons") or ()), "margin": self._margin(lines),
            "off": event.get("discount") or sum(line.get("discount", 0) for line, _ in lines),
        }  # fmt: skip
        record = self._record(member)
        record["orders"] = [*record["orders"], number]
        for old in record["orders"][:-ORDERS_KEPT]:
            record["older"] += self.state.pop(f"order:{old}", {}).get("state") == "counted"
        record["orders"] = record["orders"][-ORDERS_KEPT:]
        if paid:
            yield from self._paid(order)

    def _drink(self, line, product):
        return {"units": line["qty"], "price": line["price"], "attributes": self._attributes(line.get("options"), product)}

    def _attributes(self, options, product):
        return {name: str(value) for name, value in {**(product.get("attributes") or {}), **(options or {})}.items()}

    def _series_of(self, gtin):
        return [name for name, gtins in self.config.series.items() if item_key(gtin) in {item_key(one) for one in gtins}]

    def _margin(self, lines):
        cost = sum(product.get("cost", 0) * line.get("weight_g", 1000 * line["qty"]) / 1000 for line, product in lines)
        return sum(line["amount"] for line, _ in lines) - cost

    def _paid(self, order):
        """An order counts from now on."""
        if order is None or order["state"] != "open":
            return
        order["state"] = "counted"
        record, at = self._record(order["member"]), parse_time(order["at"])
        before = [parse_time(one["at"]) for one in self._counted(record) if one is not order]
        self.kpi.share("repurchase_rate_30d", any(timedelta(0) <= at - one <= BACK_WITHIN for one in before), 1)
        if order["drinks"]:
            self.kpi.share("attach_rate_bread", order["bread"], 1)
        yield from self._redeemed(order)
        yield from self._credit_friend(order["member"])
        yield from self._series_done(order)
        self._breakfast(order, at)
        if dayparts.within(self.store.hours, at, self.config.tea_window):
            yield from self._tea(order["member"])
        yield from self._classify(order["member"])

    def _cancelled(self, number):
        """An order counts no more. What it earned stays earned."""
        order = self.state.get(f"order:{number}")
        if order is None or order["state"] == "gone":
            return
        was, order["state"] = order["state"], "gone"
        if was == "counted":
            if order["drinks"]:
                self.kpi.share("attach_rate_bread", -order["bread"], -1)
            yield from self._credit_friend(order["member"])
            yield from self._classify(order["member"])

    def _record(self, member):
        fresh = {"told": {}, "refused": False, "orders": [], "older": 0, "since": None, "clicks": [], "layer": None,
                 "tags": [], "inviter": None, "rewarded": False, "series": {}, "pushed": [], "live": {}, "owed": [], "tea": [],
                 "tea_from": None}  # fmt: skip
        return self.state.setdefault(f"member:{member}", fresh)

    def _counted(self, record):
        return [one for number in record["orders"] if (one := self.state[f"order:{number}"])["state"] == "counted"]

    # Members

    @on("member.profile?")
    def profiled(self, event):
        names = ("consents", "channels", "left")
        self._record(event["member"])["told"] |= {name: event[name] for name in names if name in event}

    @on("member.event")
    def did(self, event):
        member = event.get("member")
        if member is None:
            return
        record = self._record(member)
        if event["kind"] == "opt_out":
            record["refused"] = True
        elif event["kind"] == "join":
            inviter = (event.get("values") or {}).get("inviter")
            record["since"] = record["since"] or plain(event.time)
            if inviter and inviter != member and record["inviter"] is None:
                record["inviter"] = [inviter, stamp(event.time)]
            yield from self._credit_friend(member)
            yield from self._classify(member)
        elif event["kind"] == "click":
            yield from self._clicked(event, member, record)

    def _clicked(self, event, member, record):
        product = self.tables.products.get(event["item"]) if event.get("item") else None
        if product and product.get("category") in DRINKS:
            record["clicks"] = [*record["clicks"], self._attributes(event.get("values"), product)][-CLICKS_KEPT:]
            yield from self._classify(member)
        if event.get("campaign") == "tea" or dayparts.within(self.store.hours, event.time, self.config.tea_window):
            record["tea"] = [*record["tea"], stamp(event.time)][-CLICKS_KEPT:]
            yield from self._tea(member)

    def _refuses(self, member, purpose):
        record = self._record(member)
        return record["refused"] or reach.refuses({**(self.tables.members.get(member) or {}), **record["told"]}, (purpose,))

    def _classify(self, member):
        """Layer and tags as they are now; what changed is told."""
        record, config = self._record(member), self.config
        counted = self._counted(record)
        if self._refuses(member, "profiling"):
            record["clicks"] = []
            return
        last = max((parse_time(one["at"]) for one in counted), default=parse_time(record["since"]) if record["since"] else None)
        layer = taste.layer(record["older"] + len(counted), last, self.now)
        if last is not None and layer != "dormant":
            self.timers.set("dormant", member, last + taste.DORMANT_AFTER)
        if layer != record["layer"]:
            yield out("segment.assign", scheme="layer", segment=layer, member=member, previous=record["layer"])
            record["layer"] = layer
        drinks = [drink for one in counted for drink in one["drinks"]]
        tags = taste.tags(drinks, record["clicks"], config.pref_min_orders, config.pref_share, config.price_bands)
        for tag in [tag for tag in record["tags"] if tag not in tags]:
            yield out("segment.assign", scheme="taste", segment=tag, member=member, valid_to=self.now, reason="ended")
        for tag in [tag for tag in tags if tag not in record["tags"]]:
            yield out("segment.assign", scheme="taste", segment=tag, member=member)
        record["tags"] = tags

    @timer("dormant")
    def dormant(self, due):
        yield from self._classify(due.key)

    # Tactics

    def _credit_friend(self, friend):
        """The first counted order after an invitation counts for the inviter until it is rewarded; a refund before takes it back."""
        record = self._record(friend)
        if record["inviter"] is None or record["rewarded"]:
            return
        inviter, joined = record["inviter"]
        counted = self._counted(record)
        first = not record["older"] and bool(counted) and min(one["at"] for one in counted) >= joined
        invited = self.state.setdefault(f"friends:{inviter}", {"pending": [], "given": 0, "known": False})
        if first == (friend in invited["pending"]):
            return
        self.kpi.share("friends_per_inviter", 1 if first else -1, first and not invited["known"])
        invited["known"] = True
        invited["pending"] = [*invited["pending"], friend] if first else [one for one in invited["pending"] if one != friend]
        if len(invited["pending"]) >= self.config.invite_goal:
            for one in invited["pending"]:
                self._record(one)["rewarded"] = True
            invited["pending"], invited["given"] = [], invited["given"] + 1
            yield from self._give("friends", inviter, str(invited["given"]))

    def _series_done(self, order):
        record = self._record(order["member"])
        counted = self._counted(record)
        for name in order["series"]:
            bought = sum(name in one["series"] for one in counted)
            if bought >= self.config.series_goal and name not in record["series"]:
                record["series"][name] = plain(self.now)
                yield from self._give("series", order["member"], name)

    def _breakfast(self, order, at):
        day = self.store.hours.store_day(at)
        in_time = dayparts.is_weekday(day) and dayparts.within(self.store.hours, at, self.config.breakfast)
        if in_time and order["drinks"] and not order["bread"]:
            morning = dayparts.begin(self.store.hours, dayparts.next_weekday(day), self.config.breakfast)
            if morning > self.now:
                self.timers.set("breakfast", order["number"], morning)

    @timer("breakfast")
    def morning(self, due):
        order = self.state.get(f"order:{due.key}")
        if order and order["state"] == "counted":
            yield from self._give("breakfast", order["member"], due.key)

    def _tea(self, member):
        """Two orders in the tea window, or one click, of 14 days and since the last coupon of this tactic."""
        record = self._record(member)
        earliest = max(stamp(self.now - TEA_WITHIN), record["tea_from"] or "")
        times = (one["at"] for one in self._counted(record) if one["at"] > earliest)
        orders = sum(dayparts.within(self.store.hours, parse_time(at), self.config.tea_window) for at in times)
        clicks = sum(at > earliest for at in record["tea"])
        if (orders >= TEA_ORDERS or clicks) and not record["live"].get("tea") and not self._refuses(member, "profiling"):
            yield from self._give("tea", member, plain(self.now))
            record["tea_from"] = stamp(self.now)

    def _give(self, tactic, member, source):
        """A tactic's coupon, and word of it; one that a live coupon of the tactic holds up waits, where it was earned for good."""
        record, name = self._record(member), self.config.tactic_coupons.get(tactic)
        earned, quiet = tactic in ("friends", "series"), self._refuses(member, "marketing")
        if name is None or (quiet and not earned) or (tactic == "breakfast" and self._refuses(member, "profiling")):
            return
        if tactic != "friends" and record["live"].get(tactic):
            record["owed"] += [[tactic, source]] if earned else []
            return
        row = {"template": name, **(self.tables.coupons.get(name) or {})}
        copy = f"{name}:{member}:{tactic}:{source}"
        issued = coupon_copies.copy_for(row, copy, member, self.now, self.store.hours)
        if tactic == "tea":
            issued["threshold"] = self.config.tea_threshold
        if tactic != "friends":
            record["live"][tactic] = copy
        self.state[f"copy:{copy}"] = {"member": member, "tactic": tactic, "value": issued.get("value") or 0}
        self.timers.set("ended", copy, issued["valid_to"])
        day = self.state.setdefault("day", {})
        day[tactic] = day.get(tactic, 0) + 1
        channel = reach.first_channel({**(self.tables.members.get(member) or {}), **record["told"]})
        yield out("coupon.issue", issued, campaign=tactic, channel=channel)
        if channel and not quiet:
            yield self._message(f"{tactic}:{copy}", member, channel, tactic, {"coupon": copy})

    def _message(self, message, member, channel, template, params):
        return out("message.send", message=message, channel=channel, to=member, template=template, text=self.say(*WORDS[template]),
                   params=params, campaign=template, purpose="marketing")  # fmt: skip

    def _redeemed(self, order):
        """Coupons of the tactics that an order was paid with."""
        for coupon in order["coupons"]:
            copy = self.state.get(f"copy:{coupon}")
            if copy:
                self.kpi.share("tactic_roi", order["margin"], copy["value"] or order["off"])
                self.timers.cancel("ended", coupon)
                yield from self._copy_gone(coupon)

    @timer("ended")
    def ended(self, due):
        yield from self._copy_gone(due.key)

    def _copy_gone(self, coupon):
        copy = self.state.pop(f"copy:{coupon}")
        record = self._record(copy["member"])
        if record["live"].get(copy["tactic"]) == coupon:
            del record["live"][copy["tactic"]]
            owed = next((one for one in record["owed"] if one[0] == copy["tactic"]), None)
            if owed:
                record["owed"] = [one for one in record["owed"] if one != owed]
                yield from self._give(owed[0], copy["member"], owed[1])

    @every("1d", at="open")
    def push(self, due):
        """New lines to members who may be written to and were not told of them: what suits their tags."""
        known = {key.partition(":")[2] for key in self.state if key.startswith("member:")} if self.config.series else set()
        for member in sorted(known):
            record = self._record(member)
            channel = reach.first_channel({**(self.tables.members.get(member) or {}), **record["told"]})
            if channel is None or self._refuses(member, "marketing"):
                continue
            for name in [name for name in self.config.series if name not in record["pushed"]]:
                items = [product["gtin"] for gtin in self.config.series[name] if (product := self._suiting(gtin, record["tags"]))]
                if items:
                    record["pushed"].append(name)
                    yield out("recommend.items", context=f"series:{name}", member=member,
                              items=[{"gtin": gtin, "score": 1, "reason": "series"} for gtin in items])  # fmt: skip
                    yield self._message(f"series:{name}:{member}", member, channel, "push", {"series": name, "gtins": items})

    def _suiting(self, gtin, tags):
        product = self.tables.products.get(gtin) or {"gtin": gtin}
        suits = taste.suits(tags, self._attributes(None, product), product.get("list_price"), self.config.price_bands)
        return product if suits else None

    @every("1d", at="close")
    def report(self, due):
        layers = {}
        for key in [key for key in self.state if key.startswith("member:")]:
            layer = self.state[key]["layer"]
            layers[layer] = layers.get(layer, 0) + 1
        if not layers.keys() - {None}:
            return
        day, issued = self.store.hours.ended_day(due.time), self.state.pop("day", {})
        figures = {
            f"members_{layer}": {"value": layers.get(layer, 0), "unit": "count"} for layer in ("new", "growing", "regular", "dormant")
        }
        figures |= {f"coupons_{tactic}": {"value": issued.get(tactic, 0), "unit": "count"} for tactic in self.config.tactic_coupons}
        yield out("insight.report", {"from": self.store.hours.midnight(day), "to": due.time}, report=f"private_traffic:{day}",
                  kind="private_traffic", version=1, figures=figures)  # fmt: skip
