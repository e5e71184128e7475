"""Signs that loyalty benefits are abused: rings of accounts that share a device, payer or address, and bursts of a coupon's redemptions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from math import log10, sqrt
from typing import Any

ALPHA = 0.1
SIGMAS = 6
HOURS_SEEN, LEAST = 24, 10
FANOUT = 50

Velocity = dict[str, Any]


def component(
    account: str, links: Callable[[str], Iterable[str]], accounts: Callable[[str], Collection[str]], fanout: int = FANOUT
) -> list[str]:
    """All accounts joined with one by shared hashes, sorted: its disjoint set. A hash on more than `fanout` accounts joins nobody."""
    found, waiting = {account}, [account]
    while waiting:
        for link in links(waiting.pop()):
            sharing = accounts(link)
            if len(sharing) <= fanout:
                new = set(sharing) - found
                found |= new
                waiting += sorted(new)
    return sorted(found)


def together(joined: Mapping[str, datetime], window: timedelta) -> list[str]:
    """The most accounts that joined within a window, the earliest of equal ones; sorted."""
    best: list[str] = []
    for start in sorted(set(joined.values())):
        within = sorted(account for account, at in joined.items() if start <= at <= start + window)
        best = within if len(within) > len(best) else best
    return best


def suspicion(p: float, stronger: bool) -> float:
    """A score of 0 to 100 for a count that chance explains with probability `p`: ten for each power of ten, twenty more if stronger."""
    return min(100.0, round(-10 * log10(p) if p > 0 else 100.0, 1) + 20 * stronger)


def new_velocity(hour: int) -> Velocity:
    """Nothing is known of a coupon before this hour (hours since 1970)."""
    return {"hour": hour, "count": 0, "seen": 0, "mean": None, "var": 0.0}


def redeem(velocity: Velocity, hour: int, counts: Callable[[int], bool]) -> bool:
    """Count one redemption (changed in place) and tell whether the hour stands above mean + 6 sigma of the hours before.

    Mean and variance are exponentially weighted (Roberts 1959; the incremental variance of Finch 2009). An hour without a redemption is
    one of those seen only where `counts` says so. What comes late for an hour that is over counts in the present one.
    """
    if hour > velocity["hour"]:
        for one in range(velocity["hour"], hour):
            number = velocity["count"] if one == velocity["hour"] else 0
            if number or counts(one):
                _learn(velocity, number)
        velocity.update(hour=hour, count=0)
    velocity["count"] += 1
    if velocity["seen"] < HOURS_SEEN or velocity["count"] < LEAST:
        return False
    return bool(velocity["count"] > limit(velocity))


def limit(velocity: Velocity) -> float:
    """Redemptions in an hour above which it stands out."""
    return (velocity["mean"] or 0.0) + SIGMAS * sqrt(velocity["var"])


def _learn(velocity: Velocity, number: int) -> None:
    velocity["seen"] += 1
    if velocity["mean"] is None:
        velocity["mean"] = float(number)
        return
    off = number - velocity["mean"]
    velocity["mean"] += ALPHA * off
    velocity["var"] = (1 - ALPHA) * (velocity["var"] + ALPHA * off * off)
