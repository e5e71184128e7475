"""Rare events among people with unequal workloads: shrunk rates against their peers, and whether chance explains the rest.

Gamma-Poisson shrinkage: events are Poisson with a rate whose prior is a Gamma with mean `peer rate` and the weight of `prior` units of
work, so that few receipts move a rate little (Clayton and Kaldor, Biometrics 43, 1987). Chance is judged by the exact upper tail of
the Poisson distribution at the peers' rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateComparison:
    """One person's rate of an event beside the peers': `ratio` is the shrunk rate over the peers', `tail` is P(X >= events)."""

    events: int
    exposure: float
    peer_rate: float
    shrunk: float
    ratio: float
    tail: float

    def stands_out(self, ratio_limit: float, tail_limit: float) -> bool:
        """Too far above the peers, and not by chance."""
        return self.ratio >= ratio_limit and self.tail < tail_limit


def compare_rate(events: int, exposure: float, peer_events: int, peer_exposure: float, prior: float) -> RateComparison:
    """Compare `events` in `exposure` (receipts, hours) with the peers'. Peers without an event count as having one.

    ValueError when the peers have no exposure, or the person has none and there is no prior.
    """
    if peer_exposure <= 0 or prior + exposure <= 0:
        raise ValueError("a rate needs exposure")
    peer_rate = max(1, peer_events) / peer_exposure
    shrunk = (prior * peer_rate + events) / (prior + exposure)
    return RateComparison(events, exposure, peer_rate, shrunk, shrunk / peer_rate, poisson_tail(events, exposure * peer_rate))


def poisson_tail(count: int, mean: float) -> float:
    """P(X >= count) for a Poisson variable, exact to rounding: the smaller side is summed, so that tiny tails keep their digits."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if count <= mean:
        return 1.0 - math.fsum(_mass(k, mean) for k in range(count))
    total, k = 0.0, count
    term = _mass(k, mean)
    while term > total * 1e-17:
        total += term
        k += 1
        term *= mean / k
    return min(1.0, total)


def _mass(k: int, mean: float) -> float:
    return math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))
