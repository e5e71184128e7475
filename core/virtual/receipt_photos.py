"""Receipts of a mall's tenants that members photograph for points: most are fine, some unclear, borrowed or changed."""

from __future__ import annotations

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import DAY, HOUR, Row, iso
from storeloom.core.virtual.world import World

A_DAY = 30
KINDS = (("fine", 0.86), ("unclear", 0.06), ("borrowed", 0.05), ("edited", 0.03))
KEPT = 200


class ReceiptPhotos:
    """Thirty a day at scale 1. What is on the paper comes as a scene (see `workers.loyalty.receipts`), with the confidence of its reading.

    Six of a hundred cannot be read well; five are a receipt that another member sent before, three such a one with a larger total.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.members = [row["member"] for row in world.tables["members"] if not row.get("left")]
        self.tenants = world.tables["tenants"] if world.profile["format"] == "mall" else []
        self.sent: list[tuple[str, Row]] = []

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None or not self.tenants or not self.members:
            return
        opens, closes = self.world.hours
        chance = self.world.chance("photos")
        stamps = sorted(chance.uniform(opens + HOUR, closes) for _ in range(chance.poisson(A_DAY * self.world.scale)))
        for number, stamp in enumerate(stamps):
            self._send(stamp, f"{self.world.day:%y%m%d}{number:04d}")

    def _send(self, stamp: float, number: str) -> None:
        chance = Chance(self.world.seed, "photo", number)
        member, kind = chance.pick(self.members), chance.choices([name for name, _ in KINDS], [part for _, part in KINDS])[0]
        bought = self.world.local(stamp - chance.uniform(0.1, 2.5) * (DAY if chance.hit(0.2) else HOUR))
        scene: Row = {"tenant": chance.pick(self.tenants)["name"], "number": f"T{number}", "time": bought.isoformat(timespec="minutes")}
        scene |= {"total": round(chance.spread(18000, 0.7)), "hash": f"{chance.getrandbits(64):016x}", "confidence": 0.97}
        others = [one for owner, one in self.sent if owner != member]
        if kind in ("borrowed", "edited") and others:
            other = chance.pick(others)
            scene |= {key: other[key] for key in ("tenant", "number", "time", "total")}
            if kind == "edited":
                scene["total"] *= 3
        else:
            kind = "unclear" if kind == "unclear" else "fine"
            scene["confidence"] = round(chance.uniform(0.3, 0.85), 2) if kind == "unclear" else round(chance.uniform(0.91, 0.99), 2)
        if kind == "fine":
            self.sent = [*self.sent, (member, scene)][-KEPT:]
        self.world.truth.receipt_photos.append({"member": member, "number": scene["number"], "kind": kind, "at": iso(stamp)})
        data: Row = {"kind": "share", "member": member, "channel": "mini_app", "values": {"scene": scene}}
        self.world.tell(stamp, "member.event", "online-1", data)
