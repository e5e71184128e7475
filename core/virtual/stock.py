"""Stock on shelf and in the backroom: lots, refilling, gaps, waste, counts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

from storeloom.core.virtual.assortment import daily_rates
from storeloom.core.virtual.facts import HOUR, MINUTE, Row, iso
from storeloom.core.virtual.world import World

CASE_GRAMS = 5000
FRESH_DAYS = 21
MONITORED_SLOTS = 8


@dataclass(slots=True)
class Lot:
    lot: str
    expiry: date | None
    units: int


@dataclass(slots=True)
class Item:
    """One product's stock. Units are pieces, or grams of weighed goods, so that sums are exact."""

    gtin: str
    product: Row
    slot: Row | None
    capacity: int
    rate: float
    shelf: int = 0
    back: int = 0
    lots: deque[Lot] = field(default_factory=deque)
    on_order: int = 0
    opening: int = 0
    received: int = 0
    sold: int = 0
    waste: int = 0
    stolen: int = 0
    unseen: int = 0
    held: int = 0
    day_wanted: int = 0
    ordered_by_command: bool = False
    gap: Row | None = None
    told: tuple[int, int] = (-1, -1)

    @property
    def weighed(self) -> bool:
        return bool(self.product["weighed"])

    @property
    def total(self) -> int:
        return self.shelf + self.back

    @property
    def least(self) -> int:
        """The smallest quantity that a shopper takes."""
        return 150 if self.weighed else 1

    @property
    def case(self) -> int:
        return CASE_GRAMS if self.weighed else int(self.product["case_pack"])

    @property
    def fresh(self) -> bool:
        days = self.product.get("shelf_days")
        return days is not None and days <= FRESH_DAYS

    def qty(self, units: float) -> float:
        """Units as facts write them: pieces or kg."""
        return round(units / 1000, 3) if self.weighed else units

    def units(self, qty: float) -> int:
        return round(qty * 1000) if self.weighed else round(qty)


class Stock:
    """The stock book of the truth, and the staff who refill, count and throw away."""

    def __init__(self, world: World) -> None:
        self.world = world
        slots = {row["gtin"]: row for row in reversed(world.tables["planogram"])}
        rates = daily_rates(world.tables["products"], world.shape, world.seed, world.scale)
        self.items: dict[str, Item] = {}
        for product in world.tables["products"]:
            gtin = product["gtin"]
            slot = slots.get(gtin)
            capacity = float(slot.get("capacity") or slot["facings"] * 4) if slot else 12.0
            units = 1000 if product["weighed"] else 1
            self.items[gtin] = Item(gtin, product, slot, max(1, round(capacity * units)), rates[gtin] * units)
        first = next(iter(world.tables["planogram"]), None)
        fixture = first["fixture"] if first else ""
        monitored = [row["slot"] for row in world.tables["planogram"] if row["fixture"] == fixture][:MONITORED_SLOTS]
        self.monitored = frozenset(monitored)
        self._picks = 0

    def open_books(self) -> None:
        """Stock of the first morning: about a day of fresh goods, a week of others."""
        chance = self.world.chance("opening stock")
        for item in self.items.values():
            cover = 1.25 if item.fresh else chance.uniform(5, 10)
            total = max(item.capacity if not item.fresh else item.least * 3, round(item.rate * cover))
            days = item.product.get("shelf_days")
            expiry = self.world.day + timedelta(days=max(1, round(days * chance.uniform(0.4, 1.0)))) if days else None
            item.lots.append(Lot(f"L{self.world.day:%y%m%d}0", expiry, total))
            item.shelf = min(item.capacity, total)
            item.back = total - item.shelf
            item.opening = total

    def start_day(self, midnight: float) -> None:
        world = self.world
        for hour in range(24):
            world.schedule(midnight + hour * HOUR + 1, self._note)
        for clock in ("07:00", "23:00"):
            world.schedule(world.at(clock), self._snapshot)
        if world.hours is None:
            return
        opens, closes = world.hours
        world.schedule(opens - 50 * MINUTE, self._count)
        world.schedule(opens - 40 * MINUTE, self._refill)
        stamp = opens + 20 * MINUTE
        while stamp < closes:
            world.schedule(stamp, self._refill)
            stamp += 30 * MINUTE
        world.schedule(closes + 15 * MINUTE, partial(self._throw_away, world.day))
        chance = world.chance("theft")
        for _ in range(chance.poisson(sum(item.rate > 0 for item in self.items.values()) * 0.008)):
            world.schedule(chance.uniform(opens, closes), self._steal)

    def take(self, item: Item, units: int, stamp: float) -> int:
        """Take up to `units` from the shelf; returns what was there. A piece item gives whole pieces only."""
        got = min(units, item.shelf)
        if got < item.least:
            got = 0
        if got:
            item.shelf -= got
            item.held += got
            self._leave_lots(item, got)
            self._weigh(item, stamp, -got)
        if item.shelf < item.least and item.gap is None:
            self._open_gap(item, stamp)
        return got

    def give_back(self, item: Item, units: int, stamp: float) -> None:
        """Put goods from an abandoned basket back on the shelf."""
        item.held -= units
        self._add(item, units)
        self._weigh(item, stamp, units)

    def sell(self, item: Item, units: int) -> None:
        item.held -= units
        item.sold += units
        self.world.truth.sell(self.world.day.isoformat(), item.gtin, item.qty(units))

    def lose(self, item: Item, units: int) -> None:
        """Goods in a basket that leave unpaid; the books do not know it."""
        item.held -= units
        item.stolen += units
        item.unseen += units

    def restock_return(self, item: Item, units: int, stamp: float) -> None:
        """A real return: ambient goods go back on the shelf, others are binned."""
        item.sold -= units
        if item.product.get("storage", "ambient") == "ambient" and not item.fresh:
            self._add(item, units)
            return
        item.waste += units
        self.move(stamp, item, "waste", -units, reason="returned_goods", **{"from": "shelf"})

    def receive(self, item: Item, units: int, lot: str, expiry: date | None) -> None:
        item.received += units
        item.back += units
        item.lots.append(Lot(lot, expiry, units))

    def move(self, stamp: float, item: Item, kind: str, units: int, **more: object) -> None:
        data: Row = {"kind": kind, "gtin": item.gtin, "qty": item.qty(units), "state": "booked", **more}
        self.world.tell(stamp, "inventory.movement", "terminal-1", data)

    def balance(self) -> dict[str, dict[str, float]]:
        return {
            gtin: {
                "opening": item.qty(item.opening),
                "received": item.qty(item.received),
                "sold": item.qty(item.sold),
                "waste": item.qty(item.waste),
                "stolen": item.qty(item.stolen),
                "closing": item.qty(item.total + item.held),
            }
            for gtin, item in self.items.items()
        }

    def _add(self, item: Item, units: int) -> None:
        item.shelf += units
        if item.lots:
            item.lots[-1].units += units
        else:
            item.lots.append(Lot("returned", None, units))
        if item.shelf >= item.least:
            self._close_gap(item, self.world.now)

    def _leave_lots(self, item: Item, units: int) -> None:
        """Oldest lot first; every third shopper reaches for the freshest."""
        self._picks += 1
        end = -1 if self._picks % 3 == 0 else 0
        while units > 0:
            lot = item.lots[end]
            part = min(units, lot.units)
            lot.units -= part
            units -= part
            if lot.units == 0:
                del item.lots[end]

    def _open_gap(self, item: Item, stamp: float) -> None:
        slot = item.slot or {}
        item.gap = {"gtin": item.gtin, "fixture": slot.get("fixture"), "slot": slot.get("slot"), "from": iso(stamp), "to": None}
        self.world.truth.gaps.append(item.gap)

    def _close_gap(self, item: Item, stamp: float) -> None:
        if item.gap is not None:
            item.gap["to"] = iso(stamp)
            item.gap = None

    def _weigh(self, item: Item, stamp: float, units: int) -> None:
        if item.slot is None or item.slot["slot"] not in self.monitored or not self.world.wants("shelf.weight"):
            return
        grams = 1.0 if item.weighed else float(item.product.get("weight_g") or 500)
        data = {
            "fixture": item.slot["fixture"],
            "slot": item.slot["slot"],
            "weight_g": round(item.shelf * grams, 1),
            "delta_g": round(units * grams, 1),
            "stable": True,
            "gtin": item.gtin,
        }
        self.world.tell(stamp, "shelf.weight", "shelf-scale-1", data)

    def _refill(self, stamp: float) -> None:
        chance = self.world.chance("refill")
        for item in self.items.values():
            overlooked = chance.hit(0.12)
            if item.back <= 0 or item.shelf > 0.4 * item.capacity or overlooked:
                continue
            self.fill(item, stamp)

    def fill(self, item: Item, stamp: float) -> int:
        """Carry an item from the backroom to its shelf; returns the units moved."""
        units = min(item.capacity - item.shelf, item.back)
        if units <= 0:
            return 0
        item.back -= units
        item.shelf += units
        if item.shelf >= item.least:
            self._close_gap(item, stamp)
        self._weigh(item, stamp, units)
        self.move(stamp, item, "transfer", units, **{"from": "backroom", "to": "shelf"})
        return units

    def _throw_away(self, day: date, stamp: float) -> None:
        """Expired lots, and three per cent of the loose goods that lie on the shelf, are binned after closing."""
        for item in self.items.values():
            culled = round(0.03 * item.shelf) if item.weighed else 0
            if culled:
                item.shelf -= culled
                item.waste += culled
                self._leave_lots(item, culled)
                self.move(stamp, item, "waste", -culled, reason="damaged", **{"from": "shelf", "cost": item.product["cost"]})
            while item.lots and item.lots[0].expiry is not None and item.lots[0].expiry <= day:
                lot = item.lots.popleft()
                item.waste += lot.units
                from_back = min(item.back, lot.units)
                item.back -= from_back
                item.shelf -= lot.units - from_back
                place = "backroom" if from_back == lot.units else "shelf"
                more: Row = {"from": place, "lot": lot.lot, "cost": item.product["cost"]}
                more["expiry"] = self.world.day.isoformat() if lot.expiry is None else lot.expiry.isoformat()
                self.move(stamp, item, "waste", -lot.units, reason="expired", **more)
            if item.shelf < item.least and item.gap is None:
                self._open_gap(item, stamp)

    def _steal(self, stamp: float) -> None:
        chance = self.world.chance("steal")
        items = list(self.items.values())
        risky = [item for item in items if item.product.get("high_loss") or item.product["category"] in {"alcohol", "apparel"}]
        item = chance.pick(risky or items)
        units = min(item.shelf, item.least * (4 if item.weighed else chance.randint(1, 3)))
        if units < item.least:
            return
        item.shelf -= units
        self._leave_lots(item, units)
        item.stolen += units
        item.unseen += units
        zone = item.slot["zone"] if item.slot else None
        self.world.truth.thefts.append({"gtin": item.gtin, "qty": item.qty(units), "at": iso(stamp), "zone": zone})
        if item.shelf < item.least and item.gap is None:
            self._open_gap(item, stamp)

    def _count(self, stamp: float) -> None:
        """Thirty items are counted each morning: the books learn what is missing."""
        chance = self.world.chance("count")
        items = list(self.items.values())
        for item in chance.sample(items, min(30, len(items))):
            self.move(stamp, item, "count", item.total, reason="cycle_count", **{"from": "store"})
            item.unseen = 0
            data = {"gtin": item.gtin, "on_hand": item.qty(item.total), "location": "store", "view": "physical", "counted": True}
            self.world.tell(stamp, "inventory.snapshot", "terminal-1", data)

    def _snapshot(self, stamp: float) -> None:
        """The books' stock of every item; goods stolen since the last count are still in it."""
        if not self.world.wants("inventory.snapshot"):
            return
        for item in self.items.values():
            data: Row = {
                "gtin": item.gtin,
                "on_hand": item.qty(item.total + item.unseen),
                "location": "store",
                "view": "physical",
                "in_transit": item.qty(item.on_order),
            }
            if item.fresh:
                data["lots"] = [
                    {"lot": lot.lot, "qty": item.qty(lot.units)} | ({"expiry": lot.expiry.isoformat()} if lot.expiry else {})
                    for lot in item.lots
                ]
            self.world.tell(stamp, "inventory.snapshot", "terminal-1", data)

    def _note(self, stamp: float) -> None:
        book = self.world.truth.stock
        text = iso(stamp)
        for gtin, item in self.items.items():
            now = (item.shelf, item.back)
            if now != item.told:
                item.told = now
                book.setdefault(gtin, []).append([text, item.qty(item.shelf), item.qty(item.back)])
