"""A tagged piece between two rows of antennas at a door: which way it went, by the order of its strongest reads.

A tag is read best where it is nearest, so that the antenna whose peak comes first was passed first. A passage is plain JSON; times are
seconds on one clock: {"from_s", "last_s", "reads", "seen": the latest reads, "inner": [dBm, s] or None, "outer": the same, "judged"}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Passage = dict[str, Any]
Side = Literal["inner", "outer"]
KEPT_READS = 64
EDGE_S = 1e-6


def begun(t_s: float) -> Passage:
    return {"from_s": t_s, "last_s": t_s, "reads": 0, "seen": [], "inner": None, "outer": None, "judged": False}


def goes_on(passage: Mapping[str, Any], t_s: float, gap_s: float) -> bool:
    """Whether a read at `t_s` belongs to it: less than `gap_s` after its last one."""
    return bool(t_s - passage["last_s"] < gap_s - EDGE_S)


def add(passage: Passage, read: str, side: Side, t_s: float, rssi_dbm: float, count: int) -> bool:
    """Enter a read that stands for `count` ones; False for one that was entered before (`read` names it).

    Of equal peaks the first counts.
    """
    if read in passage["seen"]:
        return False
    passage["seen"] = [*passage["seen"], read][-KEPT_READS:]
    passage["reads"] += count
    passage["last_s"] = max(passage["last_s"], t_s)
    peak = passage[side]
    if peak is None or rssi_dbm > peak[0] or (rssi_dbm == peak[0] and t_s < peak[1]):
        passage[side] = [rssi_dbm, t_s]
    return True


def way(passage: Mapping[str, Any], min_reads: int, rssi_min: float) -> Literal["exit", "entry", "stray"]:
    """Out of the shop, into it, or neither: too few or too weak reads, one side only, both peaks at once."""
    inner, outer = passage["inner"], passage["outer"]
    if inner is None or outer is None or passage["reads"] < min_reads or max(inner[0], outer[0]) < rssi_min or inner[1] == outer[1]:
        return "stray"
    return "exit" if inner[1] < outer[1] else "entry"
