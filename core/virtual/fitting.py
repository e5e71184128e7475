"""Fitting rooms: what shoppers carry in is read by its tags, some of it is bought, the rest hangs on the floor again or is gone."""

from __future__ import annotations

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import MINUTE, Row, iso
from storeloom.core.virtual.stock import Stock
from storeloom.core.virtual.trade import Shopper
from storeloom.core.virtual.world import World

TRIES = {"specialty": 0.35, "mall": 0.04}
STOLEN = 0.006
OTHER_SIZE = 0.15
READ_EVERY = 10.0
LAST_OUT = 10 * MINUTE


class Fitting:
    """A third of a specialty store's shoppers (4 % of a mall's) try things on for two to five minutes, what they want and something else,
    and go to the till or the door after that.

    A tag in a room is read every ten seconds, four times at once. What is not bought is read on the floor within twelve minutes of the
    shopper's leaving, but for six of a thousand pieces, which are read nowhere again.
    """

    def __init__(self, world: World, stock: Stock) -> None:
        self.world = world
        self.rooms = [row["zone"] for row in world.tables["zones"] if row["kind"] == "fitting"]
        self.part = TRIES.get(world.profile["format"], 0.0) if self.rooms else 0.0
        self.goods = [key for key, item in stock.items.items() if not item.weighed]
        self.reader = next((key for key, row in sorted(world.devices.items()) if row["kind"] == "rfid"), "")

    def watch(self, shopper: Shopper) -> None:
        chance = Chance(self.world.seed, "fitting", shopper.key)
        if not self.reader or not chance.hit(self.part):
            return
        stay, begin, room = chance.uniform(2, 5) * MINUTE, shopper.ready + chance.uniform(10, 30), chance.pick(self.rooms)
        if not self.goods or begin + stay > self.world.closing(shopper.entered) - LAST_OUT:
            return
        shopper.ready = round(begin + stay, 1)
        shopper.path.append((room, round(begin, 1), shopper.ready))
        other = [chance.pick(self.goods) for _ in range(chance.poisson(1.2))]
        for number, gtin in enumerate(dict.fromkeys([*list(shopper.wanted)[:2], *other])):
            epc = sgtin_uri(gtin, f"{shopper.number}{self.world.day:%m%d}{number}")
            shopper.tags[gtin] = epc
            if gtin not in shopper.wanted and chance.hit(STOLEN):
                del shopper.tags[gtin]
                self.world.truth.fitting_losses.append({"epc": epc, "gtin": gtin, "zone": room, "at": iso(begin + stay)})
            self._reads(epc, gtin, room, begin + number, begin + stay)
        if chance.hit(OTHER_SIZE) and shopper.tags:
            asked: Row = {"kiosk": room, "session": f"fit-{shopper.key}", "kind": "choose", "gtin": next(iter(shopper.tags))}
            self.world.tell(begin + stay / 2, "kiosk.event", "kiosk-1", asked)

    def left(self, shopper: Shopper, stamp: float) -> None:
        """What was not bought is back on the floor."""
        for gtin, epc in shopper.tags.items():
            back = stamp + Chance(self.world.seed, "floor", epc).uniform(1, 12) * MINUTE
            self._tell(back, epc, gtin, "floor")

    def _reads(self, epc: str, gtin: str, room: str, begin: float, end: float) -> None:
        stamp = begin
        while self.world.wants("rfid.read") and stamp < end:
            self._tell(stamp, epc, gtin, room)
            stamp += READ_EVERY

    def _tell(self, stamp: float, epc: str, gtin: str, antenna: str) -> None:
        data: Row = {"epc": epc, "reader": self.reader, "antenna": antenna, "rssi_dbm": -52.0, "count": 4, "gtin": gtin}
        self.world.tell(stamp, "rfid.read", self.reader, data | ({"zone": antenna} if antenna in self.rooms else {}))


def sgtin_uri(gtin: str, serial: str) -> str:
    """The pure identity URI of a GTIN-13 with a serial number, company prefix of seven digits (GS1 EPC Tag Data Standard 2.0)."""
    return f"urn:epc:id:sgtin:{gtin[:7]}.0{gtin[7:12]}.{serial}"
