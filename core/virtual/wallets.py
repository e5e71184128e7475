"""Coupons in members' hands: what a bundle issues is kept, and used on a later visit that it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import Row
from storeloom.core.virtual.world import World

USES = 0.5
KEPT_MOST = 12


@dataclass(frozen=True, slots=True)
class Coupon:
    """A copy that can be used between two epoch seconds; `value` in minor units, or `percent` of what it fits."""

    coupon: str
    template: str
    begins: float
    ends: float
    value: int
    percent: float
    threshold: int
    gtins: frozenset[str]

    def worth(self, lines: Sequence[Row]) -> int:
        """What it takes off a receipt of these lines; 0 where it does not fit."""
        fits: int = sum(line["amount"] for line in lines if not self.gtins or line["gtin"] in self.gtins)
        if fits <= 0 or fits < self.threshold:
            return 0
        return min(fits, round(fits * self.percent / 100) if self.percent else self.value)


class Wallets:
    """A member who pays and has coupons that fit uses the dearest one of two times; the newest twelve are remembered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.held: dict[str, list[Coupon]] = {}
        self.sure: set[str] = set()
        self.templates = {row["template"]: row for row in world.tables["coupons"]}

    def issue(self, data: Mapping[str, Any], at: float) -> None:
        """Take a `coupon.issue`; one without a member is counted and lost."""
        row = self.templates.get(data["template"], {})
        counts = self.world.truth.coupons.setdefault(data["template"], {"issued": 0, "used": 0, "granted": 0})
        counts["issued"] += 1
        percent = data.get("percent", row.get("value", 0) if row.get("kind") == "percent" and "value" not in data else 0)
        coupon = Coupon(
            data["coupon"],
            data["template"],
            _stamp(data["valid_from"]),
            _stamp(data["valid_to"]),
            0 if percent else int(data.get("value") or row.get("value") or 0),
            float(percent or 0),
            int(data.get("threshold") or row.get("threshold") or 0),
            frozenset(data.get("gtins") or row.get("gtins") or ()),
        )
        if data.get("member"):
            held = self.held.setdefault(data["member"], [])
            if all(one.coupon != coupon.coupon for one in held):
                self.held[data["member"]] = [*held, coupon][-KEPT_MOST:]

    def grant(self, member: str, coupon: Coupon) -> None:
        """Give a copy that somebody else issued, to be used at the next receipt."""
        self.world.truth.coupons.setdefault(coupon.template, {"issued": 0, "used": 0, "granted": 0})
        self.held[member] = [*self.held.get(member, ()), coupon]
        self.sure.add(coupon.coupon)

    def void(self, coupon: str, member: str | None) -> None:
        """Take back a copy that was cancelled."""
        for owner in [member] if member else list(self.held):
            self.held[owner] = [one for one in self.held.get(owner, ()) if one.coupon != coupon]

    def wishes(self, member: str | None, stamp: float) -> frozenset[str]:
        """Products that a member comes for, as a coupon in hand is for them alone."""
        held = self.held.get(member, ()) if member else ()
        return frozenset(gtin for one in held if one.begins <= stamp < one.ends for gtin in one.gtins)

    def use(self, member: str | None, receipt: str, lines: Sequence[Row], stamp: float) -> tuple[Coupon, int] | None:
        """The coupon that a member uses for a receipt, with what it takes off; None for none."""
        held = self.held.get(member) if member else None
        if not member or not held:
            return None
        self.held[member] = held = [one for one in held if stamp < one.ends]
        fitting = [(one.worth(lines), one) for one in held if one.begins <= stamp]
        worth, best = max(fitting, key=lambda entry: (entry[0], entry[1].coupon), default=(0, None))
        if best is None or worth <= 0 or (best.coupon not in self.sure and not Chance(self.world.seed, "wallet", receipt).hit(USES)):
            return None
        held.remove(best)
        counts = self.world.truth.coupons[best.template]
        counts["used"] += 1
        counts["granted"] += worth
        return best, worth


def _stamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
