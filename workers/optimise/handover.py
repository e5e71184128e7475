"""Members (or cases, or shifts) of somebody who leaves, handed one by one to whoever has fewest."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping


def hand_over(loads: Mapping[str, int], things: Iterable[str]) -> dict[str, str]:
    """Who gets each thing, in their order, each to whoever has fewest by then; ties by id. `loads`: how many each has already.

    That is Graham's list scheduling (1966) with equal jobs, which leaves the loads as even as they can be. ValueError when there is
    something to hand over and nobody to take it.
    """
    heap = [(count, person) for person, count in loads.items()]
    heapq.heapify(heap)
    given: dict[str, str] = {}
    for thing in things:
        if not heap:
            raise ValueError(f"nobody to take {thing}")
        count, person = heap[0]
        heapq.heapreplace(heap, (count + 1, person))
        given[thing] = person
    return given
