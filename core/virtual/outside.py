"""From outside the store: the public calendar, competitors' prices, the network line, cars at the barrier."""

from __future__ import annotations

from datetime import date, timedelta

from storeloom.core.virtual.assortment import neat_price
from storeloom.core.virtual.calendar_cn import HOLIDAYS, WORKDAYS
from storeloom.core.virtual.chance import share
from storeloom.core.virtual.facts import HOUR, MINUTE, Row, at_local, iso
from storeloom.core.virtual.tables_goods import list_price
from storeloom.core.virtual.trade import Shopper
from storeloom.core.virtual.world import World

AHEAD_DAYS = 60
WATCHED_PRICES = 40
DRIVERS = 0.35
PROBED_S = 15 * MINUTE


class Outside:
    def __init__(self, world: World, probed_s: float = PROBED_S) -> None:
        self.world = world
        self.probed_s = probed_s
        self.days = 0

    def start_day(self, midnight: float) -> None:
        self._calendar(midnight + 5 * MINUTE)
        self.days += 1
        self.world.schedule(midnight + 10 * HOUR, self._competitors)
        stamp = midnight
        while stamp < midnight + 24 * HOUR:
            self.world.schedule(stamp + 2, self._probe)
            stamp += self.probed_s

    def _calendar(self, stamp: float) -> None:
        """Blocks that begin within sixty days: all of them on the first day, then those that come into sight."""
        for block in HOLIDAYS:
            if self._in_sight(block.first, block.last):
                self._day(stamp, f"holiday-{block.first}", "public_holiday", block.name, block.first, block.last)
        for day in WORKDAYS:
            if self._in_sight(day, day):
                self._day(stamp, f"workday-{day}", "workday", "调休上班", day, day)

    def _in_sight(self, first: date, last: date) -> bool:
        horizon = self.world.day + timedelta(days=AHEAD_DAYS)
        if self.days == 0:
            return last >= self.world.day and first <= horizon
        return first == horizon

    def _day(self, stamp: float, event: str, kind: str, name: str, first: date, last: date) -> None:
        begin = at_local(first, "00:00", self.world.zone)
        end = at_local(last + timedelta(days=1), "00:00", self.world.zone)
        self.world.tell(
            stamp, "calendar.event", "calendar-1", {"event": event, "kind": kind, "name": name, "from": iso(begin), "to": iso(end)}
        )

    def _competitors(self, stamp: float) -> None:
        chance = self.world.chance("competitors")
        products = self.world.tables["products"]
        for number, row in enumerate(chance.sample(products, min(WATCHED_PRICES, len(products)))):
            competitor = f"rival-{1 + number % 2}"
            level = 0.93 + 0.14 * share(self.world.seed, competitor, row["gtin"])
            promo = chance.hit(0.12)
            price = neat_price(list_price(row) * level * (0.8 if promo else 1.0))
            data: Row = {
                "competitor": competitor,
                "price": price,
                "seen": iso(stamp),
                "source": "shelf_check",
                "gtin": row["gtin"],
                "name": row["name"],
                "promo": promo,
            }
            self.world.tell(stamp + number, "competitor.price", "market-1", data)

    def _probe(self, stamp: float) -> None:
        chance = self.world.chance("network")
        busy = self.world.is_open(stamp)
        outage = self.world.outages.get("network-1")
        up = outage is None or not outage[0] <= stamp < outage[1]
        line: Row = {"target": "line-main", "kind": "line", "up": up, "line": "main"}
        latency, rate = chance.spread(14 if busy else 9, 0.3), chance.uniform(60, 180)
        if up:
            line |= {"latency_ms": round(latency, 1), "loss_pct": 0.0, "mbit_s": round(rate, 1)}
        self.world.tell(stamp, "network.probe", "network-1", line)
        for number in (1, 2, 3):
            clients = chance.poisson(18 if busy else 4)
            data: Row = {
                "target": f"ap-{number}",
                "kind": "ap",
                "up": up,
                "channel": (1, 6, 11)[number - 1],
                "clients": clients,
                "use_pct": round(min(95.0, 8 + clients * 1.6), 1),
                "guest_pct": 40.0,
                "heard": [{"ap": f"ap-{1 + number % 3}", "rssi_dbm": -62.0 - number, "channel": (1, 6, 11)[number % 3]}],
            }
            self.world.tell(stamp + 0.1 * number, "network.probe", "network-1", data)

    def watch(self, shopper: Shopper) -> None:
        """A third of a mall's visitors come by car."""
        if self.world.profile["format"] != "mall" or share(self.world.seed, "car", shopper.key) >= DRIVERS:
            return
        self._pass(shopper, shopper.entered, "enter")

    def left(self, shopper: Shopper, stamp: float) -> None:
        if self.world.profile["format"] == "mall" and share(self.world.seed, "car", shopper.key) < DRIVERS:
            self._pass(shopper, stamp + 5 * MINUTE, "exit")

    def _pass(self, shopper: Shopper, stamp: float, kind: str) -> None:
        lane = "lane-in" if kind == "enter" else "lane-out"
        plate = f"p-{int(share('plate', shopper.key) * 16**12):012x}"
        electric = share("electric", shopper.key) < 0.4
        data: Row = {"kind": kind, "session": f"car-{shopper.key}", "plate_hash": plate, "lane": lane, "class": "car", "electric": electric}
        self.world.tell(stamp, "parking.event", "barrier-1", data)
        seen: Row = {
            "camera": "cam-entrance",
            "lane": lane,
            "plate_hash": plate,
            "direction": "in" if kind == "enter" else "out",
            "score": 0.94,
            "class": "car",
            "electric": electric,
        }
        self.world.tell(stamp, "vision.plate", "cam-entrance", seen)
