"""The slots of a forward warehouse as its tables tell of them: where each lies, how high, how large, and who may stand there.

Slots are planogram rows on fixtures of kind `pick_slot`, and such fixtures without a row, which are empty; where none is of that kind, the
planogram's slots outside the zones that shoppers enter. The way to a slot is walked along the aisles (city blocks) from the middle of the
zone `packing`, by its polygon or its fixtures, else it is that of `zones.neighbours`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.workers.optimise.slotting import Slot
from storeloom.workers.optimise.walks import distances

Row = Mapping[str, Any]
PACKING = "packing"
SHOPPERS = ("sales", "fresh", "checkout", "entrance", "exit", "fitting", "dining")
SPACE_CM = 40.0
MM2_CM_PER_LITRE = 1e5


@dataclass(frozen=True)
class Place:
    """A slot with what its tables say; `gtin` is None where it is empty."""

    slot: Slot
    gtin: str | None
    fixture: Row
    row: Row
    zone: Row

    @property
    def litres(self) -> float | None:
        """The fixture's `volume_l`, else its board's width and depth by 40 cm; None where nothing tells."""
        board = board_of(self.fixture, self.row)
        wide, deep = self.row.get("width_mm") or board.get("width_mm"), board.get("depth_mm")
        if self.fixture.get("volume_l"):
            return float(self.fixture["volume_l"])
        return wide * deep * SPACE_CM / MM2_CM_PER_LITRE if wide and deep else None

    def kept(self, product: Row) -> tuple[str, str]:
        """The temperature class, by the product in it, and the zone's rule: the category that alone may stand there."""
        cold = "chilled" if self.fixture.get("kind") == "cold" else "ambient"
        storage = product.get("storage") if self.gtin else self.fixture.get("temperature_class")
        return str(storage or cold), str(self.zone.get("category") or "")


def places(fixtures: Iterable[Row], planogram: Iterable[Row], zones: Iterable[Row]) -> dict[str, Place]:
    """The slots by name."""
    known, areas = {row["fixture"]: row for row in fixtures}, {row["zone"]: row for row in zones}
    picked = {name for name, row in known.items() if row.get("kind") == "pick_slot"}
    found: list[tuple[str, Row, Row]] = []
    for row in planogram:
        fixture = known.get(row["fixture"], {"fixture": row["fixture"]})
        shoppers = areas.get(fixture.get("zone") or row.get("zone") or "", {}).get("kind") in SHOPPERS
        if row["fixture"] in picked or (not picked and not shoppers):
            found.append((row["slot"], fixture, row))
    filled = {fixture["fixture"] for _, fixture, _ in found}
    found += [(name, known[name], {}) for name in sorted(picked - filled)]
    home, reached = _home(areas, known), distances(areas.values(), PACKING) if PACKING in areas else {}
    return {name: _place(name, fixture, row, areas, home, reached) for name, fixture, row in found}


def board_of(fixture: Row, row: Row) -> Row:
    """The board of a fixture that a slot is on, the first where that is not told."""
    boards: list[Row] = [one for one in fixture.get("shelves") or () if isinstance(one, Mapping)]
    return next((one for one in boards if str(one.get("shelf")) == str(row.get("shelf"))), boards[0] if boards else {})


def _place(
    name: str, fixture: Row, row: Row, areas: Mapping[str, Row], home: tuple[float, float] | None, reached: Mapping[str, float]
) -> Place:
    along, theta = (row.get("x_mm") or 0) / 1000, float(fixture.get("theta") or 0)
    x, y = float(fixture.get("x") or 0) + along * math.cos(theta), float(fixture.get("y") or 0) + along * math.sin(theta)
    zone = fixture.get("zone") or row.get("zone") or ""
    if home is not None:
        metres = abs(x - home[0]) + abs(y - home[1])
    else:
        metres = reached.get(zone) or abs(x) + abs(y)
    height = board_of(fixture, row).get("height_mm")
    slot = Slot(name, metres, x, y, height / 10 if height is not None else None)
    return Place(slot, row.get("gtin"), fixture, row, areas.get(zone, {}))


def _home(areas: Mapping[str, Row], fixtures: Mapping[str, Row]) -> tuple[float, float] | None:
    """The middle of the packing zone, None where it is not drawn and holds nothing."""
    area = areas.get(PACKING) or next((row for row in areas.values() if row.get("kind") == PACKING), None)
    if area is None:
        return None
    corners = area.get("polygon") or [
        (row["x"], row["y"]) for row in fixtures.values() if row.get("zone") == area["zone"] and row.get("x") is not None
    ]
    if not corners:
        return None
    return sum(float(x) for x, _ in corners) / len(corners), sum(float(y) for _, y in corners) / len(corners)
