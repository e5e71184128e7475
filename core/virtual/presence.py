"""Motion sensors at the shelves: on while somebody whom they see stays, off when the last has gone."""

from __future__ import annotations

from functools import partial

from storeloom.core.virtual.facts import Row
from storeloom.core.virtual.trade import Shopper
from storeloom.core.virtual.world import World


class Presence:
    """Each sensor that measures presence follows the shoppers in its zone."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sensors: dict[str, list[str]] = {}
        for key, row in world.devices.items():
            if row["kind"] == "sensor" and row.get("measures") == "presence":
                self.sensors.setdefault(str(row.get("zone")), []).append(key)
        self.inside = dict.fromkeys(self.sensors, 0)

    def watch(self, shopper: Shopper) -> None:
        for zone, begin, end in shopper.path:
            if zone in self.sensors:
                self.world.schedule(begin, partial(self._step, zone, 1))
                self.world.schedule(end, partial(self._step, zone, -1))

    def _step(self, zone: str, way: int, stamp: float) -> None:
        before = self.inside[zone]
        self.inside[zone] = before + way
        if bool(before) == bool(self.inside[zone]):
            return
        for sensor in self.sensors[zone]:
            data: Row = {"sensor": sensor, "kind": "presence", "value": int(before == 0), "unit": "state", "zone": zone}
            self.world.tell(stamp, "sensor.reading", sensor, data)
