"""The store's own replenishment and the deliveries that follow from it or from a bundle's orders."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial

from storeloom.core.virtual.assortment import supplier_for
from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import HOUR, MINUTE, Fact, Row, at_local, iso, moment
from storeloom.core.virtual.stock import Item, Stock
from storeloom.core.virtual.world import World

SMOOTHING = 0.15
ARRIVAL = "06:10"
EPC_READS = 12


class Supply:
    """Base-stock ordering by supplier and category at the lead times' `order_by`; the rate follows each day's demand."""

    def __init__(self, world: World, stock: Stock) -> None:
        self.world = world
        self.stock = stock
        self.by_category: dict[str, list[Item]] = {}
        for item in stock.items.values():
            self.by_category.setdefault(item.product["category"], []).append(item)
        self._orders = 0

    def start_day(self, midnight: float) -> None:
        weekday = self.world.day.isoweekday()
        for row in self.world.tables["lead_times"]:
            if weekday not in row["order_weekdays"]:
                continue
            items = self._items_of(row)
            if items:
                self.world.schedule(self.world.at(row["order_by"]), partial(self._order, row, items))
        self.world.schedule(midnight + 23.9 * HOUR, self._learn)

    def _items_of(self, row: Row) -> list[Item]:
        if row.get("gtin"):
            item = self.stock.items.get(row["gtin"])
            return [item] if item else []
        return self.by_category.get(row.get("category", ""), [])

    def _learn(self, stamp: float) -> None:
        if self.world.hours is None:
            return
        for item in self.stock.items.values():
            item.rate += SMOOTHING * (item.day_wanted - item.rate)
            item.day_wanted = 0

    def _order(self, row: Row, items: list[Item], stamp: float) -> None:
        """Order up to (lead time + days to the next order) of sales plus safety, in cases."""
        review = _days_to_next(self.world.day.isoweekday(), row["order_weekdays"])
        lines: list[tuple[Item, int]] = []
        for item in items:
            if item.ordered_by_command:
                continue
            safety = 0.25 if item.fresh else 1.5
            target = item.rate * (float(row["days"]) - 0.4 + review + safety) + (0 if item.fresh else item.capacity * 0.5)
            need = target - item.total - item.on_order
            if need > 0.3 * item.case:
                lines.append((item, max(1, round(need / item.case)) * item.case))
        if lines:
            day = delivery_day(self.world.day, row)
            arrival = at_local(day, ARRIVAL, self.world.zone)
            self.ship(stamp, row["supplier"], lines, arrival, order=None)

    def ship(self, stamp: float, supplier: str, lines: list[tuple[Item, int]], arrival: float, order: str | None) -> list[Fact]:
        """Dispatch and deliver. Without an order the facts go out with the world's; for a bundle's order they are returned."""
        self._orders += 1
        shipment = f"ship-{self.world.day:%y%m%d}-{self._orders}"
        chance = Chance(self.world.seed, "shipment", shipment)
        arrival += chance.uniform(0, 50) * MINUTE
        sent = max(stamp + 30 * MINUTE, arrival - 9 * HOUR)
        arrived_on = self.world.local(arrival).date()
        lot = f"L{arrived_on:%y%m%d}{self._orders % 10}"
        told: list[tuple[Item, int, date | None]] = []
        for item, units in lines:
            item.on_order += units
            short = units - item.case if chance.hit(0.02) and units > item.case else units
            days = item.product.get("shelf_days")
            expiry = arrived_on + timedelta(days=max(1, round(days * chance.uniform(0.75, 1.0)))) if days else None
            told.append((item, short, expiry))
        notice = self._notice(shipment, supplier, arrival, told, lot, order)
        self.world.schedule(arrival, lambda _: self._arrive(lines, told, lot))
        movements = list(self._movements(supplier, told, lot, order or shipment))
        reads = self._tag_reads(arrival, told)
        if order is None:
            self.world.tell(sent, "shipment.notice", "edi-1", notice)
            for offset, data in enumerate(movements):
                self.world.tell(arrival + offset, "inventory.movement", "terminal-1", data)
            for when, data in reads:
                self.world.tell(when, "rfid.read", "rfid-1", data)
            return []
        facts = [Fact(moment(sent), "shipment.notice", "edi-1", notice)]
        facts += [Fact(moment(arrival + n), "inventory.movement", "terminal-1", data) for n, data in enumerate(movements)]
        return facts + [Fact(moment(when), "rfid.read", "rfid-1", data) for when, data in reads]

    def _notice(
        self, shipment: str, supplier: str, arrival: float, told: list[tuple[Item, int, date | None]], lot: str, order: str | None
    ) -> Row:
        lines = []
        for item, units, expiry in told:
            line: Row = {"gtin": item.gtin, "qty": item.qty(units), "lot": lot}
            lines.append(line | ({"expiry": expiry.isoformat()} if expiry else {}))
        notice: Row = {
            "shipment": shipment,
            "supplier": supplier,
            "state": "dispatched",
            "eta": iso(arrival),
            "lines": lines,
            "pallets": 1 + len(lines) // 30,
            "vehicle": "van-2",
        }
        return notice | ({"order": order} if order else {})

    def _arrive(self, lines: list[tuple[Item, int]], told: list[tuple[Item, int, date | None]], lot: str) -> None:
        for (item, asked), (_, units, expiry) in zip(lines, told, strict=True):
            item.on_order -= asked
            self.stock.receive(item, units, lot, expiry)

    def _movements(self, supplier: str, told: list[tuple[Item, int, date | None]], lot: str, order: str) -> Iterable[Row]:
        for item, units, expiry in told:
            data: Row = {
                "kind": "receive",
                "gtin": item.gtin,
                "qty": item.qty(units),
                "to": "backroom",
                "lot": lot,
                "cost": item.product["cost"],
                "supplier": supplier,
                "order": order,
                "accepted": item.qty(units),
                "state": "booked",
            }
            yield data | ({"expiry": expiry.isoformat()} if expiry else {})

    def _tag_reads(self, arrival: float, told: list[tuple[Item, int, date | None]]) -> list[tuple[float, Row]]:
        """Reads at the goods-in gate of tagged goods: at most twelve pieces an item."""
        reads: list[tuple[float, Row]] = []
        for item, units, _ in told:
            if not item.product.get("security_tag"):
                continue
            for piece in range(min(units, EPC_READS)):
                serial = f"{int(arrival)}{piece:02d}"
                epc = f"urn:epc:id:sgtin:{item.gtin[:7]}.0{item.gtin[7:12]}.{serial}"
                reads.append(
                    (
                        arrival + 60 + len(reads) * 0.2,
                        {
                            "epc": epc,
                            "reader": "rfid-1",
                            "antenna": str(1 + piece % 2),
                            "rssi_dbm": -52.0 - piece % 9,
                            "gtin": item.gtin,
                            "serial": serial,
                            "zone": "z-backroom",
                        },
                    )
                )
        return reads

    def supplier_of(self, item: Item) -> str:
        return str(item.product.get("supplier") or supplier_for(item.product["category"]))


def _days_to_next(weekday: int, weekdays: list[int]) -> int:
    return next(ahead for ahead in range(1, 8) if (weekday + ahead - 1) % 7 + 1 in weekdays)


def delivery_day(ordered: date, row: Row) -> date:
    """First delivery weekday at or after the lead time."""
    day = ordered + timedelta(days=max(1, round(float(row["days"]))))
    weekdays = row["deliver_weekdays"]
    while day.isoweekday() not in weekdays:
        day += timedelta(days=1)
    return day
