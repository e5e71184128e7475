"""Smart marketing cart: its screen and place are a channel that enrols shoppers, hangs red packets in zones and deals coupons by layer.

A login without a member is a guest, who is offered to join; a tap on that screen (or one of value `enrol`) is the `member.event` join, by
the session as visitor. Zones come with the event, else from its x and y and the polygons of the zones table. A guest's packet is a bearer
coupon, and a guest claims once in a session and zone. Packets are counted by store day; showing one reserves nothing. Offers that another
solution made on the cart (`cart.event` offer) count to the cooldown.

After the receipt of a cart session (its number, till or member) come the member's layer coupon (the larger one with M of 4 and 5) and, of
the zones' categories that were tagged oftest, each one's category coupon (a row of the category), brand coupon (a row of its products) and
home-delivery coupon (a row with `delivery: true`). Members who refused marketing get no offers; of those who refused profiling neither tags
nor layers are kept. A returned receipt counts no longer for what came back. Guests leave nothing behind when their session ends.
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.insight import layers, reach
from storeloom.workers.loyalty import coupon_copies
from storeloom.workers.optimise.walks import Floor

SESSION_LEFT = timedelta(hours=4)
REMEMBER_RECEIPT = timedelta(days=7)
ENROL = ("enrol", "join")
SCREENS = {
    "enrol": ("Join and get member coupons", "加入会员，领取专属优惠"),
    "enrolled": ("Welcome!", "欢迎加入！"),
    "red_packet": ("A red packet hangs here: tap it", "发现红包，点击领取"),
    "claimed": ("It is yours", "领取成功"),
    "guide": ("The next red packet is close", "下一个红包就在附近"),
    "coupons": ("For your next visit", "下次购物可用"),
}


class MarketingCart(Solution):
    number = 4
    zh, en = "智能营销购物车", "Smart marketing cart"
    purpose_zh = "把购物车屏幕与位置变成营销渠道：入会引导、建立CDP画像与RFM分层，在顾客所处区域发放红包和分层优惠券。"
    formats = ("supermarket",)
    produces = ("cart.show", "coupon.issue", "segment.assign", "member.event", "insight.report")
    adapters = ("cart",)
    reads = ("products", "zones", "coupons", "members")
    kpis = {
        "packet_participation": kpi("%", "Packets claimed of those shown", "红包参与率"),
        "coupon_redemption_rate": kpi("%", "Coupons redeemed of those issued", "优惠券核销率"),
        "campaign_roi": kpi("ratio", "Net sales of redeeming receipts over coupon value", "活动投入产出比"),
        "carts_in_use": kpi("count", "Carts in use at the busiest moment", "同时在用购物车峰值"),
    }
    kinds = {"marketing_cart": ("Packets and coupons of the carts", "购物车营销日报")}

    class Config(SolutionConfig):
        spots: dict[str, Annotated[int, Field(ge=0)]] = setting(
            dict, "Red packets a day by zone", "各区域每日红包数", help_en="Zone id to packets.", help_zh="区域编号到红包个数。",
        )  # fmt: skip
        packet_coupon: str = setting("red_packet", "Coupon that a claimed packet holds", "红包内的优惠券", min_length=1)
        claim_s: int = setting(30, "Time to tap a shown packet", "红包领取时限", unit="s", ge=5, le=300)
        offer_cooldown: int = setting(
            300, "Least time between two offers on one cart", "同一购物车两次推荐的最短间隔", unit="s", ge=0, le=86400
        )
        tag_dwell_s: int = setting(45, "Stay in a zone that tags its category", "打品类标签的停留时长", unit="s", ge=5, le=600)
        rfm_days: int = setting(180, "Purchases looked at for RFM", "RFM回看天数", unit="d", ge=30, le=730)
        post_pay_coupons: int = setting(3, "Most coupons after one checkout", "结账后最多发券数", ge=0, le=10)
        layer_coupons: dict[layers.Layer, Annotated[list[str], Field(min_length=1, max_length=2)]] = setting(
            dict, "Benefit of each RFM layer", "各分层权益",
            help_en="Layer to a coupon and a larger one, for members with M of 4 and 5.", help_zh="分层到普通券与大额券（M为4或5）。",
        )  # fmt: skip

    # Sessions

    @on("cart.event")
    def follow(self, event):
        name, kind = event["session"], event["kind"]
        trip = self.state.get(f"session:{name}")
        if trip is None:
            if kind in ("leave", "return", "idle"):
                return
            trip = self._open(event)
        if event["seq"] <= trip["seq"]:
            return
        trip["seq"] = event["seq"]
        trip["member"] = event.get("member", trip["member"])
        self.timers.set("left", name, self.now + SESSION_LEFT)
        if kind == "login" and trip["member"] is None:
            yield self._show(trip, "enrol")
        elif kind == "tap":
            yield from self._tapped(trip, event)
        elif kind == "offer":
            self.state[f"offered:{trip['cart']}"] = plain(event.time)
        zone = self._zone(event, trip["zone"])
        if zone != trip["zone"]:
            yield from self._moved(trip, zone, event)
        if kind in ("leave", "return"):
            yield from self._moved(trip, None, event)
            self._end(trip)

    def _open(self, event):
        carts = self.state.setdefault("carts", {})
        if event["cart"] in carts:
            self._end(self.state[f"session:{carts[event['cart']]}"])
        carts[event["cart"]] = event["session"]
        self.kpi.sample("carts_in_use", len(carts), "max")
        self._today()["carts"] = max(self._today()["carts"], len(carts))
        made = {"session": event["session"], "cart": event["cart"], "member": None, "seq": -1, "zone": None, "since": None, "tags": {},
                "claimed": [], "shown": None, "screen": None}  # fmt: skip
        self.state[f"session:{event['session']}"] = made
        return made

    @timer("left")
    def forgotten(self, due):
        self._end(self.state[f"session:{due.key}"])

    def _end(self, trip):
        self.state["carts"].pop(trip["cart"], None)
        for alarm in ("left", "dwell"):
            self.timers.cancel(alarm, trip["session"])
        del self.state[f"session:{trip['session']}"]

    # Where it is

    def _zone(self, event, before):
        from storeloom.workers.vision.zones import contains

        if event.get("zone"):
            return event["zone"]
        if event["kind"] != "position" or event.get("x") is None or event.get("y") is None:
            return before
        place = (event["x"], event["y"])
        return next((row["zone"] for row in self.tables.zones.rows() if row.get("polygon") and contains(row["polygon"], place)), None)

    def _moved(self, trip, zone, event):
        if trip["zone"] and trip["since"] and event.time - parse_time(trip["since"]) >= self._dwell():
            yield from self._tag(trip)
        trip |= {"zone": zone, "since": plain(event.time)}
        self.timers.cancel("dwell", trip["session"])
        if zone is None:
            return
        self._count(zone, "visits")
        self.timers.set("dwell", trip["session"], event.time + self._dwell())
        if self._packets_left(zone) > 0 and self._may_offer(trip, event.time) and not self._has_claimed(trip, zone):
            trip["shown"] = {"zone": zone, "at": plain(event.time)}
            self.state[f"offered:{trip['cart']}"] = plain(event.time)
            self._count(zone, "shown")
            self.kpi.share("packet_participation", 0, 1)
            yield self._show(trip, "red_packet", coupon=self.config.packet_coupon, seconds=self.config.claim_s,
                             items=[{"zone": zone, "left": self._packets_left(zone)}])  # fmt: skip

    def _dwell(self):
        return timedelta(seconds=self.config.tag_dwell_s)

    @timer("dwell")
    def stayed(self, due):
        yield from self._tag(self.state[f"session:{due.key}"])

    def _tag(self, trip):
        """The stay was long enough to say something of the shopper; once for each stay."""
        zone, trip["since"] = trip["zone"], None
        self._count(zone, "stays")
        category = (self.tables.zones.get(zone) or {}).get("category")
        if category is None or self._refuses(trip["member"], "profiling"):
            return
        trip["tags"][category] = trip["tags"].get(category, 0) + 1
        if trip["member"]:
            tags = self._member(trip["member"])["tags"]
            tags[category] = tags.get(category, 0) + 1
            if tags[category] == 1:
                yield out("segment.assign", scheme="interest", segment=category, member=trip["member"], reason=zone)

    # Packets

    def _packets_left(self, zone):
        taken = self.state.get(f"spot:{zone}", {})
        return self.config.spots.get(zone, 0) - (taken["taken"] if taken.get("day") == self._day() else 0)

    def _may_offer(self, trip, at):
        last = self.state.get(f"offered:{trip['cart']}")
        rested = last is None or at - parse_time(last) >= timedelta(seconds=self.config.offer_cooldown)
        return rested and not self._refuses(trip["member"], "marketing")

    def _has_claimed(self, trip, zone):
        mine = self.state.get(f"member:{trip['member']}", {}).get("claimed", {})
        return mine.get(zone) == self._day() or f"{zone}:{self._day()}" in trip["claimed"]

    def _tapped(self, trip, event):
        shown, on_offer = trip["shown"], trip["screen"] == "enrol" or event.get("value") in ENROL
        if trip["member"] is None and on_offer:
            trip["screen"] = None
            yield out(
                "member.event", kind="join", visitor=trip["session"], channel="cart", touchpoint=trip["cart"], consent=True, ref=event.ref
            )
            yield self._show(trip, "enrolled")
        elif shown is not None:
            trip["shown"] = None
            in_time = event.time - parse_time(shown["at"]) <= timedelta(seconds=self.config.claim_s)
            if in_time and self._packets_left(shown["zone"]) > 0 and not self._has_claimed(trip, shown["zone"]):
                yield from self._claim(trip, shown["zone"], event)

    def _claim(self, trip, zone, event):
        day = self._day()
        spot = self.state.setdefault(f"spot:{zone}", {"day": day, "taken": 0})
        self.state[f"spot:{zone}"] = {"day": day, "taken": (spot["taken"] if spot["day"] == day else 0) + 1}
        trip["claimed"].append(f"{zone}:{day}")
        if trip["member"]:
            self._member(trip["member"])["claimed"][zone] = day
        self._count(zone, "claimed")
        self.kpi.share("packet_participation", 1, 0)
        row = self.tables.coupons.get(self.config.packet_coupon) or {"template": self.config.packet_coupon}
        issued = self._issue(row, trip, "red_packet", event)
        yield issued
        yield self._show(trip, "claimed", coupon=issued.data["coupon"])
        left = [spot for spot in self.config.spots if spot != zone and self._packets_left(spot) > 0 and not self._has_claimed(trip, spot)]
        if left:
            floor = self.tables.zones.derived("floor", lambda rows: Floor(rows, ()))
            yield self._show(trip, "guide", route=[min(left, key=lambda spot: (floor.metres(zone, spot), spot))])

    def _issue(self, row, trip, campaign, event):
        serial = self.state["serial"] = self.state.get("serial", 0) + 1
        copy = coupon_copies.copy_for(row, f"{row['template']}:{trip['session']}:{serial}", trip["member"], self.now, self.store.hours)
        self.state[f"copy:{copy['coupon']}"] = {"redeemed": False}
        self.timers.set("spent", copy["coupon"], copy["valid_to"] + REMEMBER_RECEIPT)
        self.kpi.share("coupon_redemption_rate", 0, 1)
        self._today()["issued"] += 1
        return out("coupon.issue", copy, bearer=None if trip["member"] else True, campaign=campaign, channel="cart", ref=event.ref)

    @timer("spent")
    def copy_over(self, due):
        del self.state[f"copy:{due.key}"]

    # Checkout

    @on("pos.sale")
    def sold(self, event):
        if event["kind"] in ("return", "void"):
            self._came_back(event)
            return
        if event["kind"] != "sale" or (record := self._receipt(event["receipt"]))["total"] is not None:
            return
        record["total"] = event["total"]
        if record["redeems"]:
            self._brought(event["total"])
        trip, member = self._trip(event), event.get("member")
        if trip:
            member = trip["member"] = trip["member"] or member
            yield from self._after_pay(trip, event)
        if member and not self._refuses(member, "profiling"):
            record["member"], day = member, self.store.hours.store_day(event.time).isoformat()
            self._member(member)["bought"][event["receipt"]] = [day, event["total"]]

    def _trip(self, event):
        """The open session that a receipt belongs to: by its number, the cart as till, or the member."""
        carts = self.state.get("carts", {})
        named = [event["receipt"], carts.get(event.get("till"))]
        named += [name for name in carts.values() if event.get("member") and self.state[f"session:{name}"]["member"] == event["member"]]
        return next((found for name in named if name and (found := self.state.get(f"session:{name}"))), None)

    def _after_pay(self, trip, event):
        if self._refuses(trip["member"], "marketing"):
            return
        rows = [self._layer_coupon(trip["member"])] if trip["member"] else []
        rows += [row for tag in self._strongest(trip) for row in self._coupons_of(tag)]
        known = {row["template"]: row for row in rows if row}
        issued = [self._issue(row, trip, "checkout", event) for row in list(known.values())[: self.config.post_pay_coupons]]
        yield from issued
        if issued:
            yield self._show(trip, "coupons", items=[{"coupon": one.data["coupon"], "template": one.data["template"]} for one in issued])

    def _layer_coupon(self, member):
        known = self.state.get(f"member:{member}", {})
        names = self.config.layer_coupons.get(known.get("layer") or "", ())
        template = names[-1 if known.get("m", 0) >= 4 else 0] if names else None
        return (self.tables.coupons.get(template) or {"template": template}) if template else None

    def _strongest(self, trip):
        tags = self._member(trip["member"])["tags"] if trip["member"] else trip["tags"]
        return sorted(tags, key=lambda tag: (-tags[tag], tag))

    def _coupons_of(self, tag):
        """The category's, the brand's and the home-delivery coupon of a category."""
        rows = self.tables.coupons.rows()
        plain_rows = [row for row in rows if not row.get("delivery")]
        of_product = [
            row
            for row in plain_rows
            if any((self.tables.products.get(gtin) or {}).get("category") == tag for gtin in row.get("gtins") or ())
        ]
        for found in (
            [row for row in plain_rows if row.get("category") == tag and not row.get("gtins")],
            of_product,
            [row for row in rows if row.get("delivery") and row.get("category", tag) == tag],
        ):
            yield from found[:1]

    # What it brought

    def _receipt(self, receipt):
        if f"receipt:{receipt}" not in self.state:
            self.timers.set("forget", receipt, self.now + REMEMBER_RECEIPT)
        return self.state.setdefault(f"receipt:{receipt}", {"total": None, "redeems": False, "back": [], "member": None})

    @timer("forget")
    def forget(self, due):
        del self.state[f"receipt:{due.key}"]

    @on("coupon.redeemed?")
    def redeemed(self, event):
        copy = self.state.get(f"copy:{event['coupon']}")
        if copy is None or copy["redeemed"]:
            return
        copy["redeemed"] = True
        self.kpi.share("coupon_redemption_rate", 1, 0)
        self.kpi.share("campaign_roi", 0, event["amount"])
        self._today()["redeemed"] += 1
        self._today()["value"] += event["amount"]
        record = self._receipt(event["receipt"]) if event.get("receipt") else {"redeems": True}
        if not record["redeems"]:
            record["redeems"] = True
            self._brought(record["total"] or 0)

    def _brought(self, amount):
        self.kpi.share("campaign_roi", amount, 0)
        self._today()["sales"] += amount

    def _came_back(self, event):
        """What came back, or was voided, is no sale; a member's receipt of which nothing is left was none."""
        original, voided = event.get("original") or event["receipt"], event["kind"] == "void"
        record = self.state.get(f"receipt:{original}")
        member = (record or {}).get("member") or event.get("member")
        bought = self.state.get(f"member:{member}", {}).get("bought", {})
        record = record or {"total": bought.get(original, (None, None))[1], "redeems": False, "back": []}
        if record["total"] is None or event["receipt"] in record["back"]:
            return
        record["back"].append(event["receipt"])
        back = record["total"] if voided else min(record["total"], abs(event["total"]))
        record["total"] -= back
        if record["redeems"]:
            self._brought(-back)
        if original in bought:
            bought[original][1] = record["total"]
            if not record["total"]:
                del bought[original]

    # Members

    def _member(self, member):
        return self.state.setdefault(f"member:{member}", {"claimed": {}, "tags": {}, "bought": {}, "layer": None, "m": 0})

    @on("member.profile?")
    def profiled(self, event):
        member = event["member"]
        self.state[f"consent:{member}"] = {"left": event.get("left", False), "consents": event.get("consents", {})}
        if self._refuses(member, "profiling") and f"member:{member}" in self.state:
            claimed = self.state.pop(f"member:{member}")["claimed"]
            self._member(member)["claimed"] = claimed

    def _refuses(self, member, purpose):
        known = self.state.get(f"consent:{member}") or (self.tables.members.get(member) if member else None)
        return reach.refuses(known, (purpose,))

    @every("1d", at="02:00")
    def rank(self, due):
        today = self.store.hours.store_day(due.time)
        members = {key.partition(":")[2]: self.state[key] for key in sorted(self.state) if key.startswith("member:")}
        members = {member: known for member, known in members.items() if known["bought"] and not self._refuses(member, "profiling")}
        bought = {member: [(date.fromisoformat(day), net) for day, net in known["bought"].values()] for member, known in members.items()}
        found = layers.scores(bought, today, self.config.rfm_days)
        for member, known in members.items():
            earliest = (today - timedelta(days=self.config.rfm_days)).isoformat()
            known["bought"] = {receipt: one for receipt, one in known["bought"].items() if one[0] >= earliest}
            scored = found.get(member, layers.Scores(1, 1, 1))
            before, known["m"], known["layer"] = known["layer"], scored.m, scored.layer
            if scored.layer != before:
                yield out("segment.assign", scheme="rfm", segment=scored.layer, member=member, previous=before,
                          reason=f"R{scored.r} F{scored.f} M{scored.m}")  # fmt: skip

    # Dashboard

    def _day(self):
        return self.store.hours.store_day(self.now).isoformat()

    def _today(self):
        return self.state.setdefault("today", {"zones": {}, "carts": len(self.state.get("carts", ())),
                                               **dict.fromkeys(("issued", "redeemed", "value", "sales"), 0)})  # fmt: skip

    def _count(self, zone, what):
        counts = self._today()["zones"].setdefault(zone, {"visits": 0, "stays": 0, "shown": 0, "claimed": 0})
        counts[what] += 1

    @every("1d", at="close")
    def report(self, due):
        today = self.state.pop("today", None)
        if today is None:
            return
        zones, day = today["zones"], self.store.hours.ended_day(due.time)
        shown, claimed = (sum(counts[what] for counts in zones.values()) for what in ("shown", "claimed"))
        figures = {"packets_shown": (shown, "count"), "packets_claimed": (claimed, "count"), "coupons_issued": (today["issued"], "count"),
                   "coupons_redeemed": (today["redeemed"], "count"), "carts_in_use": (today["carts"], "count")}  # fmt: skip
        for name, part, whole, unit in (("packet_participation", 100 * claimed, shown, "%"),
                                        ("coupon_redemption_rate", 100 * today["redeemed"], today["issued"], "%"),
                                        ("campaign_roi", today["sales"], today["value"], "ratio")):  # fmt: skip
            if whole:
                figures[name] = (part / whole, unit)
        yield out("insight.report", {"from": self.store.hours.midnight(day), "to": due.time}, report=f"marketing_cart:{day}",
                  kind="marketing_cart", version=1, rows=[{"zone": zone, **counts} for zone, counts in sorted(zones.items())],
                  figures={name: {"value": value, "unit": unit} for name, (value, unit) in figures.items()})  # fmt: skip

    def _show(self, trip, screen, **more):
        trip["screen"] = screen
        return out("cart.show", cart=trip["cart"], session=trip["session"], screen=screen, text=self.say(*SCREENS[screen]), **more)
