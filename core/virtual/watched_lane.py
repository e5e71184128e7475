"""One self-checkout with a camera over it: goods on their way from tray to bag, honest slips, and shoppers who do not pay for all.

Of the receipts at this till one in twenty leaves out its dearest item, one in fifty sells it under the label of something cheap, and in
one of twenty an honest shopper bags an item first and scans it some seconds later. The camera knows goods as a recogniser does: mostly
first of its candidates, at times second or not at all; some goods it sees only once they are in the bag.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import Row, iso
from storeloom.core.virtual.stock import Item, Stock
from storeloom.core.virtual.tables_goods import list_price
from storeloom.core.virtual.tables_place import LANE_CAMERA, LANE_TILL
from storeloom.core.virtual.world import World

UNPAID, SWITCHED, SLIP = 0.05, 0.02, 0.05
DEAR, CHEAP = 1500, 500  # minor units: what is worth leaving out, and under whose label it goes
FIRST, SECOND = 0.90, 0.98  # share of goods that are the first candidate, the first or second
UNSEEN = 0.03  # share of goods whose track begins in the bag
LAG_S, LAG_SPREAD = 1.4, 0.6  # from scan to bag, log-normal
WIDTH, HEIGHT = 1280, 720
SPOTS = {"tray": 0.1, "scan": 0.45, "bag": 0.8}


@dataclass(frozen=True, slots=True)
class Doing:
    """What a shopper does beside scanning: `kind` unpaid, switched or slip; the item that the camera sees, and the line it goes under."""

    kind: str
    item: Item
    line: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """Goods over the lane: epoch seconds of lying in the tray, over the scanner and in the bag; the candidates that the camera has."""

    number: int
    tray: float
    scan: float
    bag: float
    seen_late: bool
    candidates: tuple[tuple[str, float], ...]

    def place(self, stamp: float) -> str | None:
        """Where the camera sees it, None where it does not."""
        if not self.tray <= stamp <= self.bag + 0.5 or (self.seen_late and stamp < self.bag):
            return None
        return "bag" if stamp >= self.bag else "scan" if stamp >= self.scan else "tray"


class WatchedLane:
    """The lane under the camera; at any other till nothing happens."""

    def __init__(self, world: World, stock: Stock) -> None:
        self.world = world
        self.stock = stock
        self._seq, self._shown = 0, 0.0

    def before(self, basket: dict[str, int], receipt: str, till: str, stamp: float) -> Doing | None:
        """What the shopper means to do; goods that will not be paid for leave the basket. Drawn by receipt, whoever listens."""
        each = [item for gtin in basket if not (item := self.stock.items[gtin]).weighed]
        if till != LANE_TILL or not each:
            return None
        draw = Chance(self.world.seed, "watched lane", receipt).random()
        dear = max(each, key=lambda item: (list_price(item.product), item.gtin))
        worth, cheap = list_price(dear.product), self._cheap(dear)
        if draw < UNPAID and worth >= DEAR and len(basket) > 1:
            return self._unpaid(basket, dear, Doing("unpaid", dear), receipt, stamp, worth)
        if UNPAID <= draw < UNPAID + SWITCHED and worth >= DEAR and cheap is not None:
            basket[cheap.gtin] = basket.get(cheap.gtin, 0) + 1
            cheap.held += 1  # sold by its label, yet still on the shelf
            cheap.stolen -= 1
            cheap.unseen -= 1
            return self._unpaid(basket, dear, Doing("switched", dear, cheap.gtin), receipt, stamp, worth)
        if draw > 1 - SLIP:
            self.world.truth.lane_slips.append({"receipt": receipt, "till": till, "gtin": each[0].gtin, "at": iso(stamp)})
            return Doing("slip", each[0], each[0].gtin)
        return None

    def lost(self, receipt: str) -> int:
        """What left the lane unpaid with a receipt, minor units."""
        return sum(case["amount"] for case in self.world.truth.lane_cases if case["receipt"] == receipt)

    def _cheap(self, dear: Item) -> Item | None:
        known = [item for item in self.stock.items.values() if not item.weighed and list_price(item.product) <= CHEAP]
        return min((item for item in known if item is not dear), key=lambda item: item.gtin, default=None)

    def _unpaid(self, basket: dict[str, int], dear: Item, doing: Doing, receipt: str, stamp: float, worth: int) -> Doing:
        basket[dear.gtin] -= 1
        if not basket[dear.gtin]:
            del basket[dear.gtin]
        self.stock.lose(dear, 1)
        kind = "missed_scan" if doing.kind == "unpaid" else "label_switch"
        case = {"kind": kind, "receipt": receipt, "till": LANE_TILL, "gtin": dear.gtin, "at": iso(stamp), "amount": worth}
        self.world.truth.lane_cases.append(case)
        return doing

    def show(self, lines: Sequence[tuple[Row, float]], doing: Doing | None, receipt: str, till: str, span: tuple[float, float]) -> None:
        """The frames of a receipt: one a second from before its begin to after its end, and one at each step of each item.

        `lines` with the second of their scan.
        """
        if till != LANE_TILL or not self.world.wants("camera.frame"):
            return
        goods = list(self._passages(lines, doing, Chance(self.world.seed, "lane camera", receipt), span))
        steps = {round(stamp, 1) for one in goods for stamp in (one.tray, one.scan, one.bag)}
        steps |= {round(span[0] - 1 + second, 1) for second in range(int(span[1] - span[0]) + 3)}
        for stamp in sorted(stamp for stamp in steps if stamp > self._shown):
            self._seq, self._shown = self._seq + 1, stamp
            objects = [_object(receipt, one, place) for one in goods if (place := one.place(stamp + 0.05)) is not None]
            data: Row = {"camera": LANE_CAMERA, "seq": self._seq, "width": WIDTH, "height": HEIGHT, "scene": {"objects": objects}}
            self.world.tell(stamp, "camera.frame", LANE_CAMERA, data)

    def _passages(
        self, lines: Sequence[tuple[Row, float]], doing: Doing | None, chance: Chance, span: tuple[float, float]
    ) -> Iterator[Passage]:
        number = 0
        for line, scanned in lines:
            switched = doing if doing and doing.kind == "switched" and doing.line == line["gtin"] else None
            slip = doing is not None and doing.kind == "slip" and doing.line == line["gtin"]
            units = 1 if "weight_g" in line else round(line["qty"])
            for unit in range(units):
                number += 1
                item = switched.item if switched and unit == 0 else self.stock.items[line["gtin"]]
                begin = max(span[0], scanned - chance.uniform(8, 13)) if slip and unit == 0 else scanned + 0.8 * unit
                yield self._passage(number, item, begin, chance)
        if doing is not None and doing.kind == "unpaid":
            yield self._passage(number + 1, doing.item, chance.uniform(span[0] + 2, max(span[0] + 3, span[1] - 12)), chance)

    def _passage(self, number: int, item: Item, scan: float, chance: Chance) -> Passage:
        bag = scan + max(0.3, chance.spread(LAG_S, LAG_SPREAD))
        return Passage(number, scan - chance.uniform(0.8, 1.5), scan, bag, chance.hit(UNSEEN), self._candidates(item, chance))

    def _candidates(self, item: Item, chance: Chance) -> tuple[tuple[str, float], ...]:
        draw, sure, unsure = chance.random(), round(chance.uniform(0.75, 0.97), 2), round(chance.uniform(0.45, 0.85), 2)
        alike = [other.gtin for other in self.stock.items.values() if other.product["category"] == item.product["category"]]
        other = chance.pick([gtin for gtin in alike if gtin != item.gtin] or [item.gtin])
        if draw < FIRST:
            return (item.gtin, sure), (other, round(sure / 3, 2))
        return ((other, unsure), (item.gtin, round(unsure * 0.8, 2))) if draw < SECOND else ((other, unsure),)


def _object(receipt: str, one: Passage, place: str) -> Row:
    box = [SPOTS[place], round(0.2 + 0.13 * (one.number % 5), 2), 0.1, 0.12]
    return {"id": f"{receipt}-{one.number}", "class": "item", "box": box, "score": 0.9, "gtins": [list(pair) for pair in one.candidates]}
