"""Routes by savings: the plan that a dispatcher's rule of thumb gives, to hold better ones against.

Source: Clarke and Wright (1964), "Scheduling of vehicles from a central depot to a number of delivery points", parallel version; two trips
are joined end to start only where the joint trip keeps all rules. Each trip goes
to the cheapest vehicle left that can drive it.
"""

from __future__ import annotations

from storeloom.workers.optimise.fleet import Problem, Trip, check, trip


def savings(problem: Problem) -> tuple[Trip, ...] | None:
    """Trips in order of departure, None where they need more vehicles than there are. Raises PlanFault."""
    check(problem)
    first, stops = len(problem.depots), range(len(problem.stops))
    base = problem.base[problem.vehicles[0].depot]
    table = problem.metres
    pairs = sorted(
        ((table[first + a][base] + table[base][first + b] - table[first + a][first + b], -a, -b) for a in stops for b in stops if a != b),
        reverse=True,
    )
    chains = {stop: [stop] for stop in stops}
    for saved, minus_a, minus_b in pairs:
        one, other = chains[-minus_a], chains[-minus_b]
        if saved <= 0 or one is other or one[-1] != -minus_a or other[0] != -minus_b:
            continue
        joint = [*one, *other]
        if any(trip(problem, vehicle, joint) for vehicle in problem.vehicles):
            chains.update(dict.fromkeys(joint, joint))
    left = {vehicle.id: vehicle.count for vehicle in problem.vehicles}
    found: list[Trip] = []
    for chain in {id(chain): chain for chain in chains.values()}.values():
        ways = [way for vehicle in problem.vehicles if left[vehicle.id] and (way := trip(problem, vehicle, chain))]
        if not ways:
            return None
        cheapest = min(ways, key=lambda way: way.cost)
        left[cheapest.vehicle] -= 1
        found.append(cheapest)
    return tuple(sorted(found, key=lambda one: (one.starts, one.vehicle, one.visits[0].stop)))
