"""Live rooms: every other evening an hour in which packs of vouchers are shown, asked about, claimed and bought."""

from __future__ import annotations

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.demand import Prices
from storeloom.core.virtual.facts import HOUR, MINUTE, Row, iso
from storeloom.core.virtual.online import Online
from storeloom.core.virtual.stock import Stock
from storeloom.core.virtual.world import World

FROM, LASTS = "19:30", HOUR
VIEWERS = 0.16
SHOWN = 3
PACK, OFF = 3, 0.3
SAID = ("这个划算吗", "券可以用几天", "门店在哪里", "链接在哪", "老板再上点", "已拍")


class LiveRooms:
    """About one viewer for six members, at scale 1; a third of all are known as members.

    Of viewers 12 % comment, 3 % follow, 2 % share, 4 % buy a pack or two: three vouchers for one product at 30 % off, of the tenth of the
    goods that sells best. Three people join as members and claim a free voucher.
    """

    def __init__(self, world: World, stock: Stock, prices: Prices, online: Online) -> None:
        self.world = world
        self.online = online
        self.prices = prices
        pieces = sorted((item for item in stock.items.values() if not item.weighed), key=lambda item: (-item.rate, item.gtin))
        self.goods = [item.gtin for item in pieces[: max(SHOWN, len(pieces) // 10)]]

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None or self.world.day.toordinal() % 2 or not self.goods:
            return
        begin = max(self.world.hours[0], min(self.world.at(FROM), self.world.hours[1] - LASTS))
        self.world.schedule(begin, self._room)

    def _room(self, begin: float) -> None:
        chance = Chance(self.world.seed, "live", self.world.day.isoformat())
        live = f"live-{self.world.day:%y%m%d}"
        viewers = max(5, chance.poisson(VIEWERS * len(self.online.members) * self.world.scale))
        shown = [chance.pick(self.goods) for _ in range(SHOWN)]
        self._tell(begin, live, "start")
        for number, gtin in enumerate(shown):
            self._tell(begin + (number * 18 + 2) * MINUTE, live, "product", gtin=gtin)
        for step in range(1, 13):
            self._tell(begin + step * 5 * MINUTE - 1, live, "viewers", value=round(viewers * (1 - (1 - step / 12) ** 2)))
        for kind, part in (("comment", 0.12), ("follow", 0.03), ("share", 0.02)):
            for _ in range(chance.poisson(part * viewers)):
                more: Row = {"text": chance.pick(SAID)} if kind == "comment" else {}
                self._tell(begin + chance.uniform(60, LASTS), live, kind, **self._who(chance), **more)
        for _ in range(3):
            stamp = begin + chance.uniform(5, 50) * MINUTE
            self.world.schedule(stamp, lambda now: self._tell(now + 5, live, "claim", member=self.online.join(now), coupon="live_free"))
        packs = [self._order(begin, live, number, shown, chance) for number in range(1, chance.poisson(0.04 * viewers) + 1)]
        self._tell(begin + LASTS, live, "end")
        self.world.truth.live_rooms.append(
            {"live": live, "from": iso(begin), "to": iso(begin + LASTS), "viewers": viewers, "orders": len(packs), "packs": sum(packs)}
        )

    def _who(self, chance: Chance) -> Row:
        visitor = chance.token("lv-", 8)
        known = chance.hit(1 / 3) and bool(self.online.members)
        return {"visitor": visitor} | ({"member": chance.pick(self.online.members)} if known else {})

    def _order(self, begin: float, live: str, number: int, shown: list[str], chance: Chance) -> int:
        """An order of one pack or two, paid at once; how many packs."""
        stamp, packs = begin + chance.uniform(3, 58) * MINUTE, 2 if chance.hit(0.15) else 1
        gtin, who, order = chance.pick(shown), self._who(chance), f"{live}-{number}"
        price = round(self.prices.shelf_price(gtin, stamp) * PACK * (1 - OFF))
        line: Row = {"line": 1, "gtin": gtin, "qty": packs, "price": price, "amount": price * packs}
        data: Row = {
            "order": order,
            "channel": "live",
            "kind": "voucher",
            "lines": [line],
            "total": line["amount"],
            "paid": True,
            "live": live,
        }
        data |= {"member": who["member"]} if "member" in who else {"payer": f"payer-{who['visitor']}"}
        self.world.tell(stamp, "order.placed", "online-1", data, 1.0)
        self._tell(stamp + 1, live, "order", **who, gtin=gtin, value=packs)
        return packs

    def _tell(self, stamp: float, live: str, kind: str, **more: object) -> None:
        data: Row = {"live": live, "kind": kind, "account": f"acc-{self.world.profile['store']}", **more}
        self.world.tell(stamp, "live.event", "online-1", data)
