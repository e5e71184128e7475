"""Parcels of couriers for people who live near: scanned in with size and receiver, collected with the code that the message names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import HOUR, Fact, Row, moment
from storeloom.core.virtual.world import World

A_DAY = 20
NO_CONSENT, NEVER_CALLED_FOR, WRONG_FIRST = 0.04, 0.06, 0.04
SIZES = ("small", "small", "medium", "medium", "large")
COURIERS = 5


class Parcels:
    """Twenty a day at scale 1, not in specialty stores. Four of a hundred receivers did not agree to their parcels being kept.

    Of those who are told a code 94 % come, six to ten hours later on average, one in twenty-five with a wrong code at first.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.scanner = next((key for key, row in sorted(world.devices.items()) if row["kind"] == "scanner"), None)
        self.members = [row for row in world.tables["members"] if not row.get("left")]
        self.taken = world.profile["format"] != "specialty" and self.scanner is not None

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None or not self.taken:
            return
        opens, closes = self.world.hours
        chance = self.world.chance("parcels")
        for number in range(chance.poisson(A_DAY * self.world.scale)):
            stamp = chance.uniform(opens + HOUR, closes - 3 * HOUR)
            self._scan(stamp, f"SF{self.world.day:%y%m%d}{number:07d}")

    def _scan(self, stamp: float, waybill: str) -> None:
        chance = Chance(self.world.seed, "parcel", waybill)
        agreed, size = not chance.hit(NO_CONSENT), chance.choice(SIZES)
        values: Row = {"size": size, "phone_hash": chance.token("ph-", 12), "last4": f"{chance.randint(0, 9999):04d}", "consent": agreed}
        values["courier"] = f"courier-{chance.randint(1, COURIERS)}"
        if self.members and chance.hit(0.4):
            values["member"] = chance.pick(self.members)["member"]
        self.world.truth.parcels.append({"waybill": waybill, "size": size, "agreed": agreed})
        read: Row = {"scanner": self.scanner, "code": waybill, "symbology": "code128", "values": values}
        self.world.tell(stamp, "scanner.code", str(self.scanner), read)

    def collect(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        """What a receiver does at the kiosk who was told by message the `code` of a parcel in its `params`."""
        code = str((data.get("params") or {}).get("code") or "")
        if not code or data.get("template") != "parcel_arrived" or chance.hit(NEVER_CALLED_FOR):
            return []
        stamp = self._open_at(at + chance.spread(8, 0.7) * HOUR)
        base: Row = {"kiosk": "kiosk-1", "session": chance.token("pk-", 8)}
        tries = [str((int(code) + 1) % 10 ** len(code)).zfill(len(code)), code] if chance.hit(WRONG_FIRST) and code.isdigit() else [code]
        steps: list[Row] = [{"kind": "start"}]
        steps += [{"kind": "lookup", "value": tried, "values": {"phone_hash": data["to"]}} for tried in tries]
        return [
            Fact(moment(stamp + 12 * n), "kiosk.event", "kiosk-1", {**base, **step}) for n, step in enumerate([*steps, {"kind": "end"}])
        ]

    def _open_at(self, stamp: float) -> float:
        """This time, or some time after the next opening where the store is closed then."""
        if self.world.hours is None:
            return stamp
        opens, closes = self.world.hours
        into = (stamp - opens) % (24 * HOUR)
        span = closes - opens - HOUR
        return stamp if into < span else stamp - into + 24 * HOUR + (into - span) / 3
