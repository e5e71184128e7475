"""Whose turn it is: shares by weight, spread evenly over time."""

from __future__ import annotations

from collections.abc import Mapping


def next_turn(weights: Mapping[str, int], counters: Mapping[str, int]) -> tuple[str, dict[str, int]]:
    """One turn of smooth weighted round-robin, as load balancers use it: who plays, and the counters after it.

    Every counter grows by its weight, the largest plays (of equal ones the first in order) and loses the sum of the weights.
    ValueError without anyone to choose from.
    """
    grown = {name: counters.get(name, 0) + weight for name, weight in weights.items()}
    chosen = max(grown, key=lambda name: grown[name])
    grown[chosen] -= sum(weights.values())
    return chosen, grown
