"""A member's points account: lots that are released and expire, spends, returns and debt, exact to the point.

An account is a plain dict, so that it can be kept: `lots` (each `points` left, `granted`, `receipt`, `release` and `expires` as ISO days,
the last one included, `cohort` the month of earning, and for a sale its `net` in minor units), `owed` (points that returns took beyond what
was left), `spends` (what was spent on which receipt, out of lots of which expiry), and the sums `earned`, `spent`, `expired`, `reversed`.
At any time the lots less what is owed are earned - spent - expired - reversed.
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

Account = dict[str, Any]
LEAST_DAYS_RETURNED = 30


def new_account() -> Account:
    return {"lots": [], "owed": 0, "spends": [], "days": {}, "earned": 0, "spent": 0, "expired": 0, "reversed": 0}


def month_end(day: date, months: int) -> date:
    """The last day of the month that lies `months` after the day's."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, monthrange(year, month + 1)[1])


def points_for(net: int, rate: float) -> int:
    """Points for a net spend in minor units at `rate` points for each 100, floored."""
    return int(max(0, net) * Fraction(str(rate)) // 100)


def balance(account: Account) -> int:
    """All points, pending ones too, less what is owed."""
    return int(sum(lot["points"] for lot in account["lots"])) - int(account["owed"])


def spendable(account: Account, day: date) -> int:
    """Released points that have not expired on a day, less what is owed."""
    released: int = sum(lot["points"] for lot in _usable(account, day))
    return max(0, released - int(account["owed"]))


def is_exact(account: Account) -> bool:
    """Whether lots and sums agree."""
    sums: int = account["earned"] - account["spent"] - account["expired"] - account["reversed"]
    return balance(account) == sums


def room_today(account: Account, day: date, cap: int) -> int:
    """What may still be earned by sales on a store day."""
    return max(0, cap - int(account["days"].get(day.isoformat(), 0)))


def earn(
    account: Account, points: int, *, day: date, release: date, expires: date, receipt: str | None = None, net: int | None = None
) -> None:
    """Add a lot; what is owed is paid off out of it first. A lot with `net` counts to its store day's cap."""
    paid_off = min(points, account["owed"])
    account["owed"] -= paid_off
    account["earned"] += points
    if net is not None:
        days = {**account["days"], day.isoformat(): account["days"].get(day.isoformat(), 0) + points}
        account["days"] = dict(sorted(days.items())[-7:])
    account["lots"].append(
        {
            "points": points - paid_off,
            "granted": points,
            "receipt": receipt,
            "net": net,
            "back": 0,
            "undone": 0,
            "release": release.isoformat(),
            "expires": expires.isoformat(),
            "cohort": day.isoformat()[:7],
        }
    )


def spend(account: Account, points: int, day: date, receipt: str | None = None) -> bool:
    """Take released points, earliest expiry first, whole or not at all; whether they were there."""
    if points > spendable(account, day):
        return False
    left, parts = points, []
    for lot in _usable(account, day):
        taken = min(left, lot["points"])
        if taken:
            lot["points"] -= taken
            left -= taken
            parts.append({"points": taken, "expires": lot["expires"], "cohort": lot["cohort"]})
    account["spent"] += points
    account["spends"].append({"receipt": receipt, "day": day.isoformat(), "points": points, "back": 0, "parts": parts})
    return True


def spent_on(account: Account, receipt: str, points: int, day: date) -> None:
    """A receipt was paid with points: a spend of that day and size that named no receipt was for this one."""
    if any(spent["receipt"] == receipt for spent in account["spends"]):
        return
    for spent in account["spends"]:
        if (spent["receipt"], spent["points"], spent["day"]) == (None, points, day.isoformat()):
            spent["receipt"] = receipt
            return


def reverse(account: Account, receipt: str, returned: int, rate: float, min_balance: int) -> tuple[int, int]:
    """Take back the points of what was returned (net, minor units) of a receipt: out of its lot, the rest as debt.

    The lot keeps the points of what stays sold. Debt does not drive the balance below `min_balance`: points taken, points given up.
    """
    lot = next((lot for lot in account["lots"] if lot["receipt"] == receipt and lot["net"] is not None), None)
    if lot is None:
        return 0, 0
    lot["back"] = min(lot["net"], lot["back"] + returned)
    keeps = min(lot["granted"], points_for(lot["net"] - lot["back"], rate)) if lot["back"] < lot["net"] else 0
    due = max(0, lot["granted"] - lot["undone"] - keeps)
    lot["undone"] += due
    from_lot = min(due, lot["points"])
    lot["points"] -= from_lot
    owed = min(due - from_lot, max(0, balance(account) - min_balance))
    account["owed"] += owed
    account["reversed"] += from_lot + owed
    return from_lot + owed, due - from_lot - owed


def give_back(account: Account, receipt: str, share: Fraction, day: date) -> int:
    """Points spent on a receipt come back for the `share` of it that was returned in all, with their old expiry, at least 30 days ahead."""
    given = 0
    for spent in account["spends"]:
        due = spent["points"] * share // 1 - spent["back"] if spent["receipt"] == receipt else 0
        spent["back"] += max(0, due)
        given += max(0, due)
        for part in spent["parts"]:
            back = min(due, part["points"])
            if back > 0:
                part["points"] -= back
                due -= back
                expires = max(date.fromisoformat(part["expires"]), day + timedelta(days=LEAST_DAYS_RETURNED))
                lot = {"points": back, "granted": 0, "receipt": None, "net": None, "back": 0, "undone": 0, "cohort": part["cohort"]}
                account["lots"].append({**lot, "release": day.isoformat(), "expires": expires.isoformat()})
    account["spent"] -= given
    return given


def expire(account: Account, day: date) -> list[tuple[str, int]]:
    """Take what has expired before a day; points by month of earning. Lots past their expiry and spends of a year ago are forgotten."""
    gone = []
    for lot in account["lots"]:
        if lot["expires"] < day.isoformat() and lot["points"]:
            gone.append((lot["cohort"], lot["points"]))
            account["expired"] += lot["points"]
            lot["points"] = 0
    account["lots"] = [lot for lot in account["lots"] if lot["points"] or lot["expires"] >= day.isoformat()]
    account["spends"] = [spent for spent in account["spends"] if spent["day"] >= (day - timedelta(days=365)).isoformat()]
    return gone


def expiring(account: Account, last_day: date) -> int:
    """Points whose last day this is."""
    return sum(lot["points"] for lot in account["lots"] if lot["expires"] == last_day.isoformat())


def breakage(cohorts: Iterable[tuple[int, int]], expected: float, least: int = 12) -> float:
    """Share of points that expire: of the last `least` closed cohorts (earned, expired), or the `expected` share while there are fewer."""
    closed = list(cohorts)[-least:]
    earned = sum(points for points, _ in closed)
    if len(closed) < least or earned == 0:
        return expected
    return sum(points for _, points in closed) / earned


def liability(open_points: int, point_value: int, share_expiring: float) -> int:
    """What the open points are worth to the books, in minor units, half up."""
    return int(Fraction(open_points * point_value) * (1 - Fraction(str(share_expiring))) + Fraction(1, 2))


def _usable(account: Account, day: date) -> list[dict[str, Any]]:
    now = day.isoformat()
    found = [lot for lot in account["lots"] if lot["points"] and lot["release"] <= now <= lot["expires"]]
    return sorted(found, key=lambda lot: (lot["expires"], lot["release"]))
