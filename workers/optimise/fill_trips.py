"""Lines from a backroom to shelves, and these on trolleys: by temperature, few trolleys, short walks.

Lines are mappings with `qty`, `case`, `litres` and `kg` a unit, `fixture`, `group` (ambient, chilled, frozen) and `hours` until their shelf
is empty. A shelf is one of `shelf_fill`. Trolleys are loaded by first-fit decreasing; a walk is the customers' way from the entrance, put
right by 2-opt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from storeloom.workers.optimise import shelf_fill, tours
from storeloom.workers.optimise.packing import first_fit_decreasing, portions
from storeloom.workers.optimise.walks import Floor

Line = Mapping[str, Any]
Trip = dict[str, Any]
GROUPS = ("ambient", "chilled", "frozen")
COLD = ("chilled", "frozen")
COLD_TRIP_S = 20 * 60
WALK_M_PER_S = 1.0
PUT_S = 30
EPSILON = 1e-9


class Rules(NamedTuple):
    """A shelf must hold `cover` times the demand and more than `least` units; whether part cases may be taken."""

    cover: float
    least: float
    open_case: bool


def line(
    shelf: shelf_fill.Shelf,
    slots: Sequence[Mapping[str, Any]],
    product: Mapping[str, Any],
    demand: tuple[float, float],
    rules: Rules,
    out_at: tuple[str, str] | None = None,
) -> dict[str, Any] | None:
    """What to carry to an item's shelf; None where what stands there will do, or nothing fits or is there.

    `slots`: its rows of the planogram, not empty; `demand`: units until the next round and the hours in which they sell; `out_at`: the
    (fixture, slot) that was seen empty, which is filled whatever the demand.
    """
    expected, hours = demand
    if out_at is None and shelf["qty"] > max(rules.least, expected * rules.cover) + EPSILON:
        return None
    capacity, case = sum(map(shelf_fill.capacity_of, slots)), product.get("case_pack") or 1
    qty = shelf_fill.units(shelf["qty"], capacity, case, shelf_fill.backroom(shelf), rules.least, open_case=rules.open_case)
    if qty <= 0:
        return None
    slot = next((row for row in slots if (row["fixture"], row["slot"]) == out_at), slots[0])
    litres, kg = shelf_fill.size_of(product)
    return {
        "gtin": product.get("gtin", slot["gtin"]),
        "qty": qty,
        "case": 1 if rules.open_case or qty % case else case,
        "fixture": slot["fixture"],
        "slot": slot["slot"],
        "labels": [row["label"] for row in slots if row.get("label")],
        "group": product.get("storage", "ambient"),
        "litres": litres,
        "kg": kg,
        "hours": shelf_fill.hours_left(shelf["qty"], expected, hours),
    }


def trips(lines: Sequence[Line], limits: tuple[float, float], floor: Floor, entrance: str | None, home: str | None) -> list[Trip]:
    """Trips `{"lines", "places", "metres", "seconds"}`, `lines` in the order given, `places` in the order of the walk.

    `limits`: litres and kilograms of a trolley; a line that exceeds them is split by cases. A group's trips come with the most urgent
    first, ambient before chilled before frozen; a cold trip of twenty minutes or more goes out in two halves, and these again. Walks begin
    and end at `home`, where there is one.
    """
    found: list[Trip] = []
    for group in dict.fromkeys((*GROUPS, *(line["group"] for line in lines))):
        own = [line for line in lines if line["group"] == group]
        parts = [{**line, "qty": qty} for line in own for qty in portions(line["qty"], line["case"], (line["litres"], line["kg"]), limits)]
        sizes = {number: (part["litres"] * part["qty"], part["kg"] * part["qty"]) for number, part in enumerate(parts)}
        loads = [[parts[number] for number in sorted(load)] for load in first_fit_decreasing(sizes, limits)]
        own_trips = [trip for load in loads for trip in _brief(load, floor, entrance, home)]
        found += sorted(own_trips, key=lambda trip: trip["lines"][0]["hours"])
    return found


def _brief(lines: Sequence[Line], floor: Floor, entrance: str | None, home: str | None) -> list[Trip]:
    trip = _walk(lines, floor, entrance, home)
    if lines[0]["group"] not in COLD or trip["seconds"] < COLD_TRIP_S or len(lines) < 2:
        return [trip]
    way = sorted(range(len(lines)), key=lambda number: trip["places"].index(lines[number]["fixture"]))
    halves = (sorted(way[: len(way) // 2]), sorted(way[len(way) // 2 :]))
    return [brief for half in halves for brief in _brief([lines[number] for number in half], floor, entrance, home)]


def _walk(lines: Sequence[Line], floor: Floor, entrance: str | None, home: str | None) -> Trip:
    places = sorted({line["fixture"] for line in lines})
    if entrance is not None:
        places.sort(key=lambda place: floor.metres(entrance, place))
    places = tours.two_opt(places, floor.metres, home, home)
    metres = tours.length(places, floor.metres, home, home)
    return {"lines": lines, "places": places, "metres": metres, "seconds": metres / WALK_M_PER_S + PUT_S * len(lines)}
