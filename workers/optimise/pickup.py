"""Orders that customers fetch: what time can be promised, which locker door takes the goods, how long they may wait.

A promise counts opening time only: an order that would be ready too near to closing is begun at the next opening. Doors are those of the
fixtures of kind `locker` (or `cabinet` with slots). A slot tells its door: `slot` (else `cell` or `door`, else its place), its room as
`volume_l` or `capacity_l` (else width, height and depth in mm, else a `size` word) and `temperature_class` (else `class` or `storage`);
what it leaves out its fixture says, or the zone. A locker without slots has a door for each of its shelves, else is one door itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.hours import StoreHours

Row = Mapping[str, Any]
CLASSES = ("ambient", "chilled", "frozen")
DESKS = ("pickup", "desk", "service")
SIZE_L = {"small": 20.0, "medium": 45.0, "large": 100.0}  # rounded from the doors of common parcel lockers
MM3_PER_LITRE, GRAMS_PER_LITRE = 1e6, 1000.0
TINY_L = 1e-9
LONGEST_DAYS = 400


@dataclass(frozen=True, slots=True)
class Door:
    """A locker door: its name in its fixture, the device that opens it, its room in litres and the class it keeps."""

    slot: str
    fixture: str
    cabinet: str
    zone: str | None
    litres: float
    storage: str

    @property
    def key(self) -> str:
        """What it is told apart by: the same name may stand in two lockers."""
        return f"{self.fixture}|{self.slot}"


def promise(hours: StoreHours, ordered: datetime, prep: timedelta, margin: timedelta) -> datetime | None:
    """When an order is ready: `prep` after it where that is no nearer than `margin` to closing, else `prep` after the next opening.

    Preparation that is longer than a day's opening hours goes on the day after. A store that opens again in the moment it closes does not
    close. None for a store that does not open within a year.
    """
    if hours.is_open(ordered):
        ready, closes = ordered + prep, _closing(hours, ordered, ordered + prep + margin)
        if ready <= closes - margin:
            return ready
        start = hours.next_open(closes - timedelta(microseconds=1))
    else:
        start = hours.next_open(ordered)
    left = prep
    for _ in range(LONGEST_DAYS):
        if start is None:
            return None
        closes = _closing(hours, start, start + left + margin)
        if start + left <= closes - margin:
            return start + left
        left = max(timedelta(0), left - (closes - start))
        start = hours.next_open(closes - timedelta(microseconds=1))
    return None


def _closing(hours: StoreHours, at: datetime, until: datetime) -> datetime:
    """When the opening time around an instant ends, looked for as far as `until`; days that follow each other without a pause are one."""
    span = hours.span(at)
    closes = span[1] if span else at
    while closes < until and (after := hours.span(closes)) is not None:
        closes = after[1]
    return closes


def doors(fixtures: Iterable[Row], zones: Iterable[Row]) -> list[Door]:
    """All doors, the smallest first, then by name."""
    areas = {row["zone"]: row for row in zones}
    found: list[Door] = []
    for row in fixtures:
        slots = row.get("slots")
        if row.get("kind") == "locker" or (row.get("kind") == "cabinet" and slots):
            zone = areas.get(row.get("zone") or "", {})
            found += [_door(slot, number, row, zone) for number, slot in enumerate(_slots(row, slots), 1)]
    return sorted(found, key=lambda door: (door.litres, door.slot, door.fixture))


def _slots(fixture: Row, slots: Any) -> list[Row]:
    if isinstance(slots, (int, float)):
        return [{}] * int(slots) if slots != 1 else [{"slot": fixture["fixture"]}]
    if slots:
        return [slot if isinstance(slot, Mapping) else {"slot": slot} for slot in slots]
    shelves: list[Row] = [shelf for shelf in fixture.get("shelves") or () if isinstance(shelf, Mapping)]
    return shelves or [{"slot": fixture["fixture"]}]


def _door(slot: Row, number: int, fixture: Row, zone: Row) -> Door:
    name = next((str(slot[key]) for key in ("slot", "cell", "door") if key in slot), f"{fixture['fixture']}-{number:02d}")
    litres = next((room for row in (slot, fixture) if (room := _litres(row)) is not None), SIZE_L["medium"])
    named = (row.get(key) for row in (slot, fixture, zone) for key in ("temperature_class", "class", "storage"))
    storage = next((str(one) for one in named if one in CLASSES), "ambient")
    cabinet = slot.get("device") or fixture.get("device") or fixture.get("asset") or fixture["fixture"]
    return Door(name, fixture["fixture"], str(cabinet), fixture.get("zone"), litres, storage)


def _litres(row: Row) -> float | None:
    told = row.get("volume_l") or row.get("capacity_l")
    if told:
        return float(told)
    box = _box(row)
    return box if box is not None else SIZE_L.get(str(row.get("size")))


def _box(row: Row) -> float | None:
    wide, high, deep = (row.get(f"{edge}_mm") for edge in ("width", "height", "depth"))
    return float(wide) * float(high) * float(deep) / MM3_PER_LITRE if wide and high and deep else None


def desk_zone(zones: Iterable[Row]) -> str | None:
    """The zone of the desk: one so named or of that kind, else the tills'; None where neither is known."""
    rows = list(zones)
    desks = [row["zone"] for row in rows if row["zone"] in DESKS or row.get("kind") in DESKS]
    return next(iter([*desks, *(row["zone"] for row in rows if row.get("kind") == "checkout")]), None)


def goods_litres(product: Row, qty: float, weight_g: float | None = None) -> float:
    """Room that goods take: the product's `volume_l`, else its box, else a litre a kilogram of its or the weighed grams; 0 where nothing
    is known of it. Weighed goods take a litre a kilogram unless their volume is told."""
    each = product.get("volume_l") or (_box(product) if weight_g is None else None)
    if each is None:
        grams = weight_g if weight_g is not None else qty * (product.get("weight_g") or 0)
        return float(grams) / GRAMS_PER_LITRE
    return float(each) * qty


def class_of(storages: Collection[str]) -> str | None:
    """The class of a door for goods of these classes: ambient goods may lie colder; None for chilled beside frozen ones."""
    cold = {one for one in storages if one != "ambient"}
    return None if len(cold) > 1 else next(iter(cold), "ambient")


def smallest(all_doors: Iterable[Door], taken: Collection[str], litres: float, storage: str | None) -> Door | None:
    """The first of the doors (as `doors` sorts them) that is not taken, by key, and of this class and room; none for no class."""
    return next((door for door in all_doors if door.key not in taken and door.storage == storage and door.litres + TINY_L >= litres), None)
