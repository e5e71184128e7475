"""Customers who are not in the store: online orders, visits to the shop's pages, members' doings, mentions."""

from __future__ import annotations

from math import cos, pi, radians, sin

from storeloom.core.virtual.chance import share
from storeloom.core.virtual.checkout import Checkout
from storeloom.core.virtual.demand import Demand
from storeloom.core.virtual.facts import HOUR, MINUTE, Row, iso
from storeloom.core.virtual.receipts import make_lines, tax_of
from storeloom.core.virtual.staffing import Staffing
from storeloom.core.virtual.stock import Stock
from storeloom.core.virtual.world import World

FEE = 500
FREE_FROM = 4900
POSITION_EVERY = 2 * MINUTE
METRES_A_DEGREE = 111_320.0


class Online:
    """Orders are picked from the same shelves by staff and brought by couriers; a third is collected from the locker."""

    def __init__(self, world: World, stock: Stock, demand: Demand, staffing: Staffing, checkout: Checkout) -> None:
        self.world = world
        self.stock = stock
        self.demand = demand
        self.staffing = staffing
        self.checkout = checkout
        self.members = [row["member"] for row in world.tables["members"] if not row.get("left")]
        self._number = 0

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None:
            return
        opens, closes = self.world.hours
        chance = self.world.chance("online day")
        mean = self.world.shape.online * self.demand.day_factor(self.world.day) * self.world.scale
        for _ in range(chance.poisson(mean)):
            self.world.schedule(chance.uniform(opens, closes - 2 * HOUR), self.order)
        for _ in range(chance.poisson(mean * 3)):
            self.world.schedule(chance.uniform(opens - HOUR, closes), self._browse)
        for _ in range(chance.poisson(mean * 0.35)):
            self.world.schedule(chance.uniform(opens, closes), self._member)
        for _ in range(chance.poisson(3 * self.world.scale)):
            self.world.schedule(chance.uniform(opens, closes), self._mention)
        if self.world.shape.weekend >= 1.5:
            for _ in range(chance.poisson(4 * self.world.scale)):
                self.world.schedule(chance.uniform(opens, closes - 3 * HOUR), self._booking)

    def order(self, stamp: float, member: str | None = None) -> None:
        """Somebody's basket: of this member, or of anybody."""
        chance = self.world.chance("orders")
        self._number += 1
        order = f"O{self.world.day:%y%m%d}-{self._number:05d}"
        wanted = self.demand.basket(chance, "weekly", 5.5 if self.world.shape.basket > 2 else 2.0, stamp)
        lines = make_lines(wanted, self.stock.items, self.demand.prices, stamp, "key")
        for line in lines:
            line.pop("entry")
            line.pop("promo", None)
            line["substitute"] = chance.choice(["allow", "call", "refuse"])
        drawn = chance.pick(self.members) if self.members and chance.hit(0.8) else None
        member = member or drawn
        pickup = chance.hit(0.33)
        goods = sum(line["amount"] for line in lines)
        fee = 0 if pickup or goods >= FREE_FROM else FEE
        data: Row = {
            "order": order,
            "channel": chance.choice(["mini_app", "mini_app", "app", "web"]),
            "kind": "pickup" if pickup else "delivery",
            "lines": lines,
            "total": goods + fee,
            "delivery_fee": fee,
            "paid": True,
            "promised_from": iso(stamp + 45 * MINUTE),
            "promised_to": iso(stamp + 90 * MINUTE),
            "zone": f"g-{chance.randint(1, 12)}",
        }
        if member:
            data["member"] = member
        if pickup:
            data["pickup_code"] = f"{chance.randint(0, 999999):06d}"
        self._page_views(stamp, order, lines, member)
        self.world.tell(stamp, "order.placed", "online-1", data, 1.0)
        begin = stamp + chance.uniform(3, 12) * MINUTE
        self.world.schedule(begin, lambda now: self._pick(now, data))

    def _page_views(self, stamp: float, order: str, lines: list[Row], member: str | None) -> None:
        """The session that led to the order, told at its end as web logs are."""
        base: Row = {"visitor": f"w-{order}"} | ({"member": member} if member else {})
        for number, line in enumerate(lines):
            for offset, kind in ((0.0, "view"), (0.4, "add")):
                self.world.tell(
                    stamp + 0.5 + number * 0.01 + offset / 100, "web.visit", "online-1", {**base, "kind": kind, "gtin": line["gtin"]}
                )
        self.world.tell(stamp + 1, "web.visit", "online-1", {**base, "kind": "buy", "page": "checkout"})

    def _pick(self, started: float, order: Row) -> None:
        """Staff take what the shelves hold; missing pieces are short and refunded."""
        chance = self.world.chance("picking")
        pickers = self.staffing.on_duty(started, "online_picker") or self.staffing.on_duty(started) or ["1001"]
        staff = chance.pick(pickers)
        basket: dict[str, int] = {}
        picked: list[Row] = []
        day = self.world.day.isoformat()
        for line in order["lines"]:
            item = self.stock.items[line["gtin"]]
            units = line.get("weight_g", line["qty"])
            got = self.stock.take(item, units, started)
            item.day_wanted += units
            self.world.truth.want(day, item.gtin, item.qty(units), item.qty(units - got))
            if got:
                basket[item.gtin] = got
            row: Row = {"line": line["line"], "gtin": item.gtin, "asked": line["qty"], "picked": (1 if got else 0) if item.weighed else got}
            picked.append(row | ({"weight_g": got} if item.weighed else {}) | ({"short": "out_of_stock"} if got < units else {}))
        done = started + (3 + 0.9 * len(picked)) * MINUTE
        self._status(started, order, "picking", staff=staff)
        data: Row = {"order": order["order"], "staff": staff, "started": iso(started), "lines": picked}
        self.world.tell(done, "pick.done", "terminal-1", data)
        self.world.schedule(done, lambda now: self._packed(now, order, basket, staff))

    def _status(self, stamp: float, order: Row, status: str, **more: object) -> None:
        data: Row = {"order": order["order"], "status": status, "channel": order["channel"], **more}
        self.world.tell(stamp, "order.status", "online-1", data)

    def _packed(self, now: float, order: Row, basket: dict[str, int], staff: str) -> None:
        if not basket:
            self._status(now, order, "cancelled", reason="out_of_stock", amount=order["total"])
            return
        self._book(now, order, basket)
        self._status(now, order, "packed", staff=staff)
        chance = self.world.chance("couriers")
        ready = now + chance.uniform(2, 8) * MINUTE
        way = chance.uniform(9, 35) * MINUTE
        if order["kind"] == "pickup":
            self._status(ready, order, "ready", locker="locker-1", pickup_code=order["pickup_code"])
            self._locker(ready, order, "put", 1)
            self._locker(ready + way, order, "pick", 2)
            self._status(ready + way, order, "collected")
            return
        self._status(ready, order, "dispatched")
        base: Row = {
            "order": order["order"],
            "provider": "fleet",
            "courier": f"c-{chance.randint(1, 15)}",
            "vehicle": f"bike-{chance.randint(1, 2)}",
        }
        metres = round(way / 60 * 220)
        steps = ((now + 30, "assigned"), (ready, "collected"), (ready + 60, "en_route"), (ready + way, "delivered"))
        for stamp, status in steps:
            more: Row = {"distance_m": metres, "eta": iso(ready + way)} if status == "en_route" else {}
            self.world.tell(stamp, "delivery.status", "delivery-1", {**base, "status": status, **more})
        self._positions(base, (ready + 60, ready + way), metres, share(order["order"]))
        self._status(ready + way, order, "delivered")
        if chance.hit(0.02):
            line = order["lines"][0]
            self.world.tell(
                ready + way + HOUR,
                "return.requested",
                "online-1",
                {
                    "return": f"rt-{order['order']}",
                    "order": order["order"],
                    "channel": order["channel"],
                    "refund": "original",
                    "lines": [{"gtin": line["gtin"], "qty": 1, "amount": line["amount"], "reason": "quality", "condition": "damaged"}],
                },
            )

    def _positions(self, base: Row, span: tuple[float, float], metres: int, bearing: float) -> None:
        """Where the courier is, every two minutes of the way, straight to the customer; `bearing` as a share of the circle."""
        home = self.world.profile.get("geo")
        stamp = span[0] + POSITION_EVERY
        while home and stamp < span[1]:
            gone = metres * (stamp - span[0]) / (span[1] - span[0])
            north, east = gone * cos(2 * pi * bearing), gone * sin(2 * pi * bearing)
            lat = home["lat"] + north / METRES_A_DEGREE
            geo = {"lat": round(lat, 5), "lon": round(home["lon"] + east / (METRES_A_DEGREE * cos(radians(lat))), 5)}
            self.world.tell(stamp, "delivery.status", "delivery-1", {**base, "status": "en_route", "geo": geo, "eta": iso(span[1])})
            stamp += POSITION_EVERY

    def _locker(self, stamp: float, order: Row, kind: str, seq: int) -> None:
        data: Row = {
            "cabinet": "locker-1",
            "kind": kind,
            "seq": seq,
            "session": order["order"],
            "cell": str(1 + sum(map(ord, order["order"])) % 12),
        }
        self.world.tell(stamp, "cabinet.event", "locker-1", data)

    def _book(self, now: float, order: Row, basket: dict[str, int]) -> None:
        """The receipt of what was picked, at the prices of the order."""
        agreed = {line["gtin"]: line for line in order["lines"]}
        lines: list[Row] = []
        for number, (gtin, units) in enumerate(basket.items(), 1):
            placed = agreed[gtin]
            part = units / placed.get("weight_g", placed["qty"])
            line: Row = {"line": number, "gtin": gtin, "qty": placed["qty"] if "weight_g" in placed else units, "price": placed["price"]}
            if "weight_g" in placed:
                line["weight_g"] = units
            off = round(placed.get("discount", 0) * part)
            line["amount"] = (round(line["price"] * units / 1000) if "weight_g" in placed else line["price"] * units) - off
            lines.append(line | ({"discount": off} if off else {}) | {"entry": "key"})
            self.stock.sell(self.stock.items[gtin], units)
        total = sum(line["amount"] for line in lines)
        receipt = self.checkout.number("online")
        data: Row = {
            "receipt": receipt,
            "kind": "sale",
            "till": "online",
            "channel": "online",
            "lines": lines,
            "total": total,
            "payments": [{"method": "qr", "amount": total, "ref": order["order"]}],
            "tax": tax_of(lines, self.stock.items),
            "business_day": self.world.day.isoformat(),
        }
        if "member" in order:
            data["member"] = order["member"]
        self.world.truth.ring(self.world.hour_key(now))
        self.world.tell(now, "pos.sale", "pos-server", data, 2.0)

    def _browse(self, stamp: float) -> None:
        chance = self.world.chance("browsing")
        visitor = chance.token("w-", 8)
        member = chance.pick(self.members) if self.members and chance.hit(0.4) else None
        base: Row = {"visitor": visitor} | ({"member": member} if member else {})
        gtins = list(self.stock.items)
        for number in range(1 + chance.poisson(2)):
            gtin = chance.pick(gtins)
            view: Row = {**base, "kind": "view", "gtin": gtin, "category": self.stock.items[gtin].product["category"]}
            self.world.tell(stamp + number * 25, "web.visit", "online-1", view | {"dwell_s": round(chance.spread(20, 0.6), 1)})
            if chance.hit(0.25):
                self.world.tell(stamp + number * 25 + 12, "web.visit", "online-1", {**base, "kind": "add", "gtin": gtin})
            if chance.hit(0.06):
                self.world.tell(stamp + number * 25 + 4, "web.visit", "online-1", {**base, "kind": "click", "gtin": gtin})

    def _member(self, stamp: float) -> None:
        """One doing of a member, or a new member with consents."""
        chance = self.world.chance("members")
        kind = chance.choice(["visit", "click", "share", "survey", "complaint", "chat", "join", "view"])
        if kind == "join":
            self.join(stamp)
            return
        data: Row = {"kind": kind, "member": chance.pick(self.members) if self.members else "m-none", "channel": "mini_app"}
        if kind == "click":
            data["campaign"] = "activity"
        if kind == "survey":
            data["score"] = chance.choice([10, 9, 9, 8, 8, 7, 6, 3])
        if kind in {"complaint", "chat"}:
            data["text"] = chance.choice(
                ["排队太久了", "酸奶快过期了", "草莓很新鲜", "价签和结账价格不一样", "请问几点关门", "找不到洗洁精"]
            )
        self.world.tell(stamp, "member.event", "online-1", data)

    def join(self, stamp: float) -> str:
        """A new member, with a profile and consents."""
        chance = self.world.chance("joins")
        member = chance.token("m-", 10)
        consents = {"marketing": chance.hit(0.8), "profiling": chance.hit(0.7), "messaging": ["mini_program"]}
        day = self.world.day.isoformat()
        self.members.append(member)
        self.world.tell(stamp, "member.event", "online-1", {"kind": "join", "member": member, "channel": "mini_app"})
        profile: Row = {
            "member": member,
            "consents": consents,
            "tier": "basic",
            "points": 0,
            "joined": day,
            "home_store": self.world.profile["store"],
        }
        self.world.tell(stamp + 1, "member.profile", "online-1", profile)
        for purpose in ("marketing", "profiling"):
            status = "granted" if consents[purpose] else "withdrawn"
            given: Row = {
                "member": member,
                "purpose": purpose,
                "status": status,
                "version": "2026-01",
                "at": iso(stamp),
                "channel": "mini_app",
            }
            self.world.tell(stamp + 2, "member.consent", "online-1", given)
        return member

    def _mention(self, stamp: float) -> None:
        chance = self.world.chance("mentions")
        text, mood = chance.choice(
            [("这家店的水果很新鲜", 0.8), ("周末排队太长", -0.6), ("面包好吃又便宜", 0.7), ("冷柜里的牛奶不够冷", -0.7)]
        )
        data: Row = {
            "mention": chance.token("sm-", 8),
            "platform": "review",
            "text": text,
            "author": chance.token("a-", 8),
            "sentiment": mood,
            "rating": 5 if mood > 0 else 2,
            "reach": chance.randint(10, 3000),
        }
        self.world.tell(stamp, "social.mention", "market-1", data)

    def _booking(self, stamp: float) -> None:
        chance = self.world.chance("bookings")
        begin = stamp + HOUR
        data: Row = {"booking": chance.token("bk-", 8), "kind": "styling", "from": iso(begin), "to": iso(begin + 45 * MINUTE)}
        if self.members:
            data["member"] = chance.pick(self.members)
        for when, status in ((stamp, "booked"), (begin - 5 * MINUTE, "checked_in"), (begin + 45 * MINUTE, "served")):
            self.world.tell(when, "service.booking", "online-1", {**data, "status": status})
