"""Net units sold of each item by day, for a window of days, as plain JSON: `sold:<item>` to {ISO day: units}; kg for weighed goods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

from storeloom.workers.gs1 import item_key


def enter(
    state: MutableMapping[str, Any],
    lines: Iterable[Mapping[str, Any]],
    day: str,
    *,
    after: str,
    returned: bool,
    product: Callable[[str], Mapping[str, Any] | None],
) -> None:
    """Enter a receipt's lines on a day; days up to `after` are dropped. `product` finds a row of the products table by GTIN."""
    for line in lines:
        weighed = (product(line["gtin"]) or {}).get("unit") == "kg" and line.get("weight_g") is not None
        units = abs(line["weight_g"]) / 1000 if weighed else abs(line["qty"])
        name = f"sold:{item_key(line['gtin'])}"
        days = {known: sold for known, sold in state.get(name, {}).items() if known > after}
        back = returned or line["qty"] < 0
        state[name] = {**days, day: days.get(day, 0) + (-units if back else units)}


def forget(state: MutableMapping[str, Any], after: str) -> None:
    """Drop the days up to `after` of every item, and items without any other."""
    for name in [name for name in state if name.startswith("sold:")]:
        days = {day: units for day, units in state[name].items() if day > after}
        if not days:
            del state[name]
        elif len(days) < len(state[name]):
            state[name] = days
