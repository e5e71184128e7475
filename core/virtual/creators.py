"""Creators among the members: posts about the store's goods, clicks on their links, orders after these; now and then false traffic."""

from __future__ import annotations

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import DAY, HOUR, Row
from storeloom.core.virtual.online import Online
from storeloom.core.virtual.stock import Stock
from storeloom.core.virtual.world import World

CREATORS = 6
POSTS_A_DAY = 1.5
CLICKS, BUY = 16, 0.06
UNMARKED, BOASTING, FALSE = 0.12, 0.08, 0.12
FALSE_CLICKS, FALSE_DEVICE = 90, 0.7
WORDS = ("今天的好物分享", "逛店日记", "最近常买的几样", "周末囤货清单", "开箱试用")


class Creators:
    """Six members post three times in two days. Of posts 12 % lack the advertising mark and 8 % use a word that is not allowed.

    A post brings 16 clicks over the next day and a half, of other members for 40 %; six clicks of a hundred lead to an order. One post of
    eight has 90 clicks more, 70 % of them from one device, and no orders from these.
    """

    def __init__(self, world: World, stock: Stock, online: Online) -> None:
        self.world = world
        self.online = online
        self.goods = list(stock.items)
        chance = Chance(world.seed, "creators")
        self.creators = sorted(chance.sample(online.members, min(CREATORS, len(online.members))))
        self._number = 0

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None or not self.creators:
            return
        opens, closes = self.world.hours
        chance = self.world.chance("creators")
        for _ in range(chance.poisson(POSTS_A_DAY)):
            self.world.schedule(chance.uniform(opens, closes), self._post)

    def _post(self, stamp: float) -> None:
        self._number += 1
        mention = f"post-{self.world.day:%y%m%d}-{self._number}"
        chance = Chance(self.world.seed, mention)
        creator, views = chance.pick(self.creators), round(chance.spread(1500, 0.9)) + 50
        unmarked, boasts, false = chance.hit(UNMARKED), chance.hit(BOASTING), chance.hit(FALSE)
        text = f"{'' if unmarked else '#ad '}{chance.choice(WORDS)}{' the best' if boasts else ''}"
        data: Row = {"mention": mention, "platform": "short_video", "text": text, "author": f"a-{creator[2:]}", "creator": creator}
        data |= {"products": [chance.pick(self.goods)], "reach": views, "engagements": round(views * chance.uniform(0.01, 0.09))}
        self.world.tell(stamp, "social.mention", "online-1", data)
        broken = (["ad_mark"] if unmarked else []) + (["banned_words"] if boasts else [])
        self.world.truth.posts.append({"mention": mention, "creator": creator, "broken": broken, "false_traffic": false})
        for _ in range(chance.poisson(CLICKS)):
            self._click(stamp + chance.uniform(300, 1.5 * DAY), mention, creator, chance)
        device = chance.token("d-", 8)
        for number in range(FALSE_CLICKS if false else 0):
            base: Row = {"visitor": chance.token("w-", 8), "device": device if chance.hit(FALSE_DEVICE) else chance.token("d-", 8)}
            self._visit(stamp + HOUR + 20 * number, {**base, "kind": "click", "token": mention})

    def _click(self, stamp: float, mention: str, creator: str, chance: Chance) -> None:
        member = chance.pick(self.online.members) if chance.hit(0.4) else None
        buys = chance.hit(BUY)
        visit: Row = {"visitor": chance.token("w-", 8), "device": chance.token("d-", 8)} | ({"member": member} if member else {})
        self._visit(stamp, {**visit, "kind": "click", "token": mention})
        after = stamp + chance.uniform(120, 1800)
        if buys and member and member != creator and self.world.is_open(after):
            self.world.schedule(after, lambda now: self.online.order(now, member))

    def _visit(self, stamp: float, data: Row) -> None:
        self.world.schedule(stamp, lambda now: self.world.tell(now, "web.visit", "online-1", data))
