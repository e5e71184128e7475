"""Members' wishes about their data: uses granted and withdrawn one by one, and requests that the law gives them a right to."""

from __future__ import annotations

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import HOUR, Row, iso
from storeloom.core.virtual.world import World

A_DAY = 0.006
REQUESTS = 0.12
VERSION = "2026-01"
PURPOSES = ("partner_sharing", "partner_sharing", "partner_sharing", "marketing", "profiling", "service", "biometric")
RIGHTS = ("access", "access", "correct", "delete", "port")


class Consents:
    """Six wishes of a thousand members a day, in the app: 12 % are requests (access most often), of the others two thirds are grants.

    A partner grant names a tenant; a withdrawal may come without any grant before.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.members = [row["member"] for row in world.tables["members"] if not row.get("left")]
        self.partners = [row["tenant"] for row in world.tables["tenants"]]

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None or not self.members:
            return
        opens, closes = self.world.hours
        chance = self.world.chance("consents")
        for number in range(chance.poisson(A_DAY * len(self.members))):
            self._wish(chance.uniform(opens - HOUR, closes), Chance(self.world.seed, "wish", self.world.day, number))

    def _wish(self, stamp: float, chance: Chance) -> None:
        member = chance.pick(self.members)
        base: Row = {"kind": "bind", "member": member, "channel": "mini_app"}
        if chance.hit(REQUESTS):
            right = chance.choice(RIGHTS)
            self.world.truth.data_requests.append({"member": member, "request": right, "at": iso(stamp)})
            self.world.tell(stamp, "member.event", "online-1", {**base, "values": {"request": right}})
            return
        purpose, granted = chance.choice(PURPOSES), chance.hit(2 / 3)
        values: Row = {"purpose": purpose, "version": VERSION}
        if purpose == "partner_sharing" and self.partners:
            values["partner"] = chance.pick(self.partners)
        self.world.tell(stamp, "member.event", "online-1", {**base, "consent": granted, "values": values})
