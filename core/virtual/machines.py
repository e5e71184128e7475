"""Devices' own life: heartbeats and faults, a floor robot, a vending cabinet, an information kiosk, faulty labels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import ceil

from storeloom.core.virtual.chance import share
from storeloom.core.virtual.facts import DAY, HOUR, MINUTE, Row, iso
from storeloom.core.virtual.stock import Stock
from storeloom.core.virtual.world import World

SERVICES = frozenset({"messaging", "online_store", "delivery", "payment", "edi", "terminal", "weather", "calendar", "market_feed"})
HEARTBEAT_S = 30 * MINUTE
WATCHED_S = MINUTE
OWN_BEATS: Mapping[str, float] = {"audio": MINUTE}
FAULTS_A_DAY = 2.0
CODES = {
    "pos": "LINE_DOWN",
    "camera": "NO_SIGNAL",
    "sensor": "BATTERY",
    "printer": "PAPER_OUT",
    "esl_gateway": "RADIO",
    "network": "WAN_DOWN",
}


class Machines:
    """A device that is off line keeps its facts and sends them when it is back.

    Devices report every half hour, speakers every minute. Where something watches them by their heartbeat they report as often as it
    expects of their kind (`beats`, in seconds; every minute for kinds that it does not name), and the network is probed every minute.
    """

    def __init__(self, world: World, stock: Stock, beats: Mapping[str, float] | None = None) -> None:
        self.world = world
        self.stock = stock
        self.reporting = {key: row for key, row in world.devices.items() if row["kind"] not in SERVICES}
        usual = OWN_BEATS if beats is None else beats
        self.beats: dict[float, list[str]] = {}
        for key, row in self.reporting.items():
            self.beats.setdefault(usual.get(row["kind"], HEARTBEAT_S if beats is None else WATCHED_S), []).append(key)
        self.labels: dict[str, str] = {}
        for row in world.tables["planogram"]:
            label = row.get("label")
            draw = share(world.seed, "label", label)
            if label and draw < 0.012:
                kind = "offline" if draw < 0.006 else "failed"
                self.labels[label] = kind
                world.truth.label_faults.append({"label": label, "gtin": row["gtin"], "kind": kind, "from": None, "to": None})

    def start_day(self, midnight: float) -> None:
        self._faults(midnight)
        for every, devices in self.beats.items():
            for number in range(ceil(DAY / every)):
                self.world.schedule(midnight + number * every + 1, partial(self._beat, devices))
        for number in range(ceil(DAY / HEARTBEAT_S)):
            self.world.schedule(midnight + number * HEARTBEAT_S + 1, lambda stamp: self._robot(stamp, "state", {}))
        if self.world.hours is None:
            return
        opens, closes = self.world.hours
        self.world.schedule(closes + 40 * MINUTE, self._clean)
        chance = self.world.chance("machines")
        for _ in range(chance.poisson(14)):
            self.world.schedule(chance.uniform(opens, closes - HOUR), self._vend)
        for _ in range(chance.poisson(25)):
            self.world.schedule(chance.uniform(opens, closes - HOUR), self._ask)

    def _faults(self, midnight: float) -> None:
        chance = self.world.chance("faults")
        self.world.outages = {key: span for key, span in self.world.outages.items() if span[1] > midnight}
        keys = sorted(self.reporting)
        for _ in range(chance.poisson(FAULTS_A_DAY)):
            device = chance.pick(keys)
            begin = midnight + chance.uniform(7, 21) * HOUR
            end = begin + chance.uniform(15, 120) * MINUTE
            kind = self.world.devices[device]["kind"]
            code = CODES.get(kind, "NO_ANSWER")
            self.world.outages[device] = (begin, end)
            self.world.truth.device_faults.append({"device": device, "kind": kind, "code": code, "from": iso(begin), "to": iso(end)})
            state = "offline" if chance.hit(0.6) else "fault"
            self._status(begin + 30, device, state, code=code, since=iso(begin))
            self._status(end + 5, device, "online", since=iso(end))

    def _status(self, stamp: float, device: str, state: str, **more: object) -> None:
        data: Row = {"device": device, "kind": self.world.devices[device]["kind"], "state": state, **more}
        self.world.tell(stamp, "device.status", device, data)

    def is_down(self, device: str, stamp: float) -> bool:
        span = self.world.outages.get(device)
        return span is not None and span[0] <= stamp < span[1]

    def _beat(self, devices: list[str], stamp: float) -> None:
        if not self.world.wants("device.status"):
            return
        chance = self.world.chance("beats")
        for number, device in enumerate(devices):
            load, row = chance.random(), self.world.devices[device]
            if self.is_down(device, stamp):
                continue
            metrics: Row = {"cpu_pct": round(5 + 30 * load, 1)}
            if row["kind"] in {"cart", "robot", "sensor"}:
                metrics["battery_pct"] = round(100 - 60 * share(self.world.seed, device, self.world.day), 0)
            if row["kind"] == "printer":
                metrics["paper"] = "ok"
            self._status(stamp + number * 0.05, device, "online", metrics=metrics)

    def _robot(self, stamp: float, kind: str, values: Row) -> None:
        battery = round(100 - 3.0 * (self.world.local(stamp).hour % 8), 0)
        data: Row = {"robot": "robot-1", "kind": kind, "x": 3.0, "y": 4.0, "theta": 0.0, "battery_pct": battery}
        self.world.tell(stamp, "robot.observation", "robot-1", data | ({"values": values} if values else {}))

    def _clean(self, stamp: float) -> None:
        for number, row in enumerate(self.world.tables["zones"]):
            if row["kind"] in {"sales", "fresh", "checkout", "entrance"}:
                self._robot(stamp + number * 4 * MINUTE, "cleaned", {"zone": row["zone"], "area_m2": row["area_m2"]})

    def _vend(self, stamp: float) -> None:
        """A customer of the open-door cabinet: it has a stock of its own, filled by its operator."""
        chance = self.world.chance("vending")
        pool = [key for key, item in self.stock.items.items() if item.product["category"] in {"drinks", "snacks"}] or list(self.stock.items)
        gtin = chance.pick(pool)
        session = chance.token("cs-", 8)
        base: Row = {"cabinet": "cabinet-1", "session": session, "temperature_c": round(4 + chance.random(), 1)}
        span = chance.uniform(8, 30)
        self.world.tell(stamp, "cabinet.event", "cabinet-1", {**base, "kind": "opened", "seq": 1})
        self.world.tell(
            stamp + span / 2, "cabinet.event", "cabinet-1", {**base, "kind": "pick", "seq": 2, "items": [{"gtin": gtin, "qty": 1}]}
        )
        self.world.tell(stamp + span, "cabinet.event", "cabinet-1", {**base, "kind": "closed", "seq": 3})

    def _ask(self, stamp: float) -> None:
        chance = self.world.chance("kiosk")
        base: Row = {"kiosk": "kiosk-1", "session": chance.token("k-", 8)}
        gtin = chance.pick(list(self.stock.items))
        self.world.tell(stamp, "kiosk.event", "kiosk-1", {**base, "kind": "start"})
        self.world.tell(
            stamp + 8, "kiosk.event", "kiosk-1", {**base, "kind": "lookup", "gtin": gtin, "value": self.stock.items[gtin].product["name"]}
        )
        self.world.tell(stamp + 30, "kiosk.event", "kiosk-1", {**base, "kind": "end"})
