"""The tagged goods in a bin with an RFID reader, told from those beside it by how often and how strongly they are read.

A bin is plain JSON: {tag: {"epc", "gtin", "reads", "rssi": the latest [dBm, reads], "median": of these, in dBm, "last_s", "seen": the
latest reads}}; a tag is the item's GTIN and serial. Times are seconds on one clock. A tag is in the bin from its last read until `gone_s`
later, that instant left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any, NamedTuple

Bin = dict[str, Any]
KEPT = 32
EDGE_S, FORGOTTEN_S = 1e-6, 60.0


class Rules(NamedTuple):
    min_reads: int
    rssi_min: float
    gone_s: float


def add(tags: Bin, tag: str, epc: str, gtin: str, read: tuple[str, float, float, int], gone_s: float) -> bool:
    """Enter a read (its name, time, dBm, how many it stands for); False for one entered before. A tag that was gone begins anew;
    what was not read for a minute is forgotten."""
    name, t_s, rssi_dbm, count = read
    known = tags.get(tag)
    if known and name in known["seen"]:
        return False
    if known is None:
        for old in [old for old, one in tags.items() if t_s - one["last_s"] >= FORGOTTEN_S]:
            del tags[old]
    if known is None or t_s - known["last_s"] >= gone_s - EDGE_S:
        known = tags[tag] = {"epc": epc, "gtin": gtin, "reads": 0, "rssi": [], "last_s": t_s, "seen": []}
    known["reads"] += count
    known["rssi"] = [*known["rssi"], [rssi_dbm, min(count, KEPT)]][-KEPT:]
    known["median"] = float(median(rssi for rssi, count in known["rssi"] for _ in range(count)))
    known["seen"] = [*known["seen"], name][-KEPT:]
    known["last_s"] = max(known["last_s"], t_s)
    return True


def inside(tags: Mapping[str, Any], t_s: float, rules: Rules) -> list[str]:
    """The tags that lie in the bin now, in order of their names."""
    return sorted(
        tag
        for tag, one in tags.items()
        if one["reads"] >= rules.min_reads and one["median"] >= rules.rssi_min and t_s - one["last_s"] < rules.gone_s - EDGE_S
    )


def strays(tags: Mapping[str, Any], rules: Rules) -> list[str]:
    """Tags read often enough but too weakly: those of a neighbour."""
    return sorted(tag for tag, one in tags.items() if one["reads"] >= rules.min_reads and one["median"] < rules.rssi_min)


def next_gone(tags: Mapping[str, Any], inside_now: Iterable[str], gone_s: float) -> float | None:
    """When the first of the tags inside will have been unread for too long."""
    return min((tags[tag]["last_s"] + gone_s for tag in inside_now), default=None)


def difference(bin_g: float, weights_g: Iterable[float | None]) -> float | None:
    """Grams that the bin weighs more than its goods do by the table; None where a weight is not known."""
    known = list(weights_g)
    return None if any(one is None for one in known) else bin_g - sum(one for one in known if one is not None)
