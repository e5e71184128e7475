"""Stretches of time without a longer gap: when a camera delivered frames, when somebody was seen.

A list of [from, to] in seconds on one clock, in order; plain JSON, grown in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Spans = list[list[float]]
EDGE_S = 1e-6


def extend(spans: Spans, t_s: float, gap_s: float, keep_s: float) -> None:
    """Enter a sighting not before the last one; one within `gap_s` of the last stretch lengthens it. Those long ended go."""
    if spans and t_s - spans[-1][1] <= gap_s + EDGE_S:
        spans[-1][1] = t_s
    else:
        spans.append([t_s, t_s])
    spans[:] = [span for span in spans if t_s - span[1] <= keep_s]


def covers(spans: Iterable[Sequence[float]], from_s: float, to_s: float, gap_s: float) -> bool:
    """Whether one stretch spans all of [from_s, to_s], but for up to `gap_s` at either end."""
    return any(a <= from_s + gap_s + EDGE_S and b >= to_s - gap_s - EDGE_S for a, b in spans)


def touches(spans: Iterable[Sequence[float]], from_s: float, to_s: float) -> bool:
    """Whether any stretch has an instant of [from_s, to_s], its ends included."""
    return any(a <= to_s + EDGE_S and b >= from_s - EDGE_S for a, b in spans)
