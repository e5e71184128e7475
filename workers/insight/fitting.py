"""What a fitting room shows of the goods in it: reads that bring a tag in, sizes and colours of a style, and what goes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.gs1 import item_key

Row = Mapping[str, Any]
Reads = dict[str, list[list[Any]]]
WINDOW = timedelta(seconds=5)


def note(reads: Reads, room: str, at: datetime, count: int) -> dict[str, int]:
    """Enter reads of a tag in a room (changed in place); the reads of the last five seconds by room."""
    reads.setdefault(room, []).append([plain(at), count])
    for name in list(reads):
        reads[name] = [one for one in reads[name] if at - parse_time(one[0]) < WINDOW]
        if not reads[name]:
            del reads[name]
    return {name: sum(one[1] for one in rows) for name, rows in sorted(reads.items())}


def room_of(counts: Mapping[str, int], present: str | None, min_reads: int) -> str | None:
    """The room that a tag is in now: of those with `min_reads` the one with most (of equals the present), without any the present one."""
    enough = {room: number for room, number in counts.items() if number >= min_reads}
    if not enough:
        return present
    return max(enough, key=lambda room: (enough[room], room == present))


def styles(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Products by style."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("style"):
            found.setdefault(str(row["style"]), []).append(row)
    return found


def looks(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Products by look, in order of their numbers."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: str(row["gtin"])):
        if row.get("look"):
            found.setdefault(str(row["look"]), []).append(row)
    return found


def options(product: Row, style: Iterable[Row], in_stock: Callable[[str], bool]) -> dict[str, list[str]]:
    """Sizes of the product's colour and colours of its size that are in stock, in the order of the table."""
    there = [row for row in style if in_stock(row["gtin"])]
    sizes = [str(row["size"]) for row in there if row.get("size") and row.get("colour") == product.get("colour")]
    colours = [str(row["colour"]) for row in there if row.get("colour") and row.get("size") == product.get("size")]
    return {"sizes": list(dict.fromkeys(sizes)), "colours": list(dict.fromkeys(colours))}


def partners(products: Iterable[Row], by_look: Mapping[str, list[Row]], in_stock: Callable[[str], bool], most: int) -> list[Row]:
    """Products in stock of the same looks that are of none of these styles: one of a style, each look's first ones first."""
    inside = list(products)
    taken = {row.get("style") or item_key(row["gtin"]) for row in inside}
    found: list[Row] = []
    for product in inside:
        for row in by_look.get(str(product.get("look")), ()):
            style = row.get("style") or item_key(row["gtin"])
            if style not in taken and in_stock(row["gtin"]):
                taken.add(style)
                found.append(row)
    return found[:most]
