"""Rules of redeeming a coupon: what of a basket it is for, how many copies may be made, who pays its face value."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import lcm
from typing import Any

from storeloom.workers.gs1 import item_key
from storeloom.workers.pricing.money import apportion, exact, round_money

Row = Mapping[str, Any]


def eligible(gtins: Iterable[str], lines: Iterable[Row]) -> int | None:
    """What the lines (`gtin`, `amount` in minor units) bring that a coupon is for; None when the amount of one of them was not seen.

    `gtins` are item keys, none for a coupon on everything.
    """
    wanted = set(gtins)
    amounts = [line["amount"] for line in lines if not wanted or item_key(line["gtin"]) in wanted]
    return None if None in amounts else sum(amounts)


def face_value(value: int, percent: float | None, amount: int) -> int:
    """Minor units that a coupon takes off an eligible amount: its value, or its percentage half up."""
    return value if percent is None else round_money(exact(percent) * max(0, amount) / 100)


def surplus(made: dict[str, Any], row: Row, face: int, owner: str | None) -> str | None:
    """The limit of a definition that one more copy would break, None if it may be made, which is then counted in `made`.

    `made`: `copies`, `face` (minor units) and `members`, copies by owner. `row`: `budget` (most face value), `limit` (most copies),
    `per_member`.
    """
    own = made["members"].get(owner, 0) + 1
    limits = (("budget", made["face"] + face), ("limit", made["copies"] + 1), ("per_member", own if owner else 0))
    for name, wanted in limits:
        if row.get(name) is not None and wanted > row[name]:
            return name
    made["copies"] += 1
    made["face"] += face
    if owner:
        made["members"][owner] = own
    return None


def funders_shares(face: int, funded: Mapping[str, float]) -> dict[str, int]:
    """A face value by its funders' percentages: floored, missing units to the largest remainders, the earlier funder's first."""
    weights = [Fraction(exact(share)) for share in funded.values()]
    whole = lcm(*(weight.denominator for weight in weights))
    return dict(zip(funded, apportion(face, [int(weight * whole) for weight in weights]), strict=True))
