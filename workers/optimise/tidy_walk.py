"""Who walks a round through bays, from where, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from storeloom.workers.optimise import tours
from storeloom.workers.optimise.eligibility import is_available, is_employed
from storeloom.workers.optimise.walks import Floor

Row = Mapping[str, Any]
ELSEWHERE = ("manager", "cashier", "guard", "cleaner", "receiving")


def starts(staff: Iterable[Row], zones: Iterable[Row], begin: datetime, end: datetime) -> dict[str, str]:
    """The zone of each person who may be sent on a round from `begin` to `end` in store time, from rows of the tables `staff` and `zones`.

    A person's zone is `zone`, else the zone or the category that is their `section`; who has none is not sent. People whose roles are all
    elsewhere (managers, cashiers, guards) go only where nobody else can.
    """
    rows = list(zones)
    known = {row["category"]: row["zone"] for row in reversed(rows) if row.get("category")} | {row["zone"]: row["zone"] for row in rows}
    here = {}
    for row in staff:
        zone = known.get(row.get("zone")) or known.get(row.get("section"))
        if zone and is_employed(row, begin.date()) and is_available(row.get("availability"), begin, end):
            here[row["staff"]] = (zone, not row.get("roles") or bool(set(row["roles"]) - set(ELSEWHERE)))
    on_the_floor = {staff: zone for staff, (zone, fit) in here.items() if fit}
    return on_the_floor or {staff: zone for staff, (zone, _) in here.items()}


def shortest(bays: Iterable[str], people: Mapping[str, str], floor: Floor) -> tuple[str | None, list[str], float]:
    """Who of people in zones has the shortest walk through the bays (equals: the lower id), the bays in its order and its metres.

    Nearest neighbour, then 2-opt. Without people the walk begins at its first bay.
    """
    ways = []
    for start in dict.fromkeys(people.values()) or (None,):
        route = tours.two_opt(tours.nearest(sorted(bays), floor.metres, start), floor.metres, start)
        staff = min((name for name, zone in people.items() if zone == start), default="")
        ways.append((tours.length(route, floor.metres, start), staff, route))
    metres, staff, route = min(ways)
    return staff or None, route, metres
