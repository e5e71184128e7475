"""A pilot's course as inline SVG: lines by day, and effects by week with their intervals. Colours are the page's own variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, FOOT = 640, 250, 64, 12, 38, 44
COLOURS, DASHES = ("var(--bar)", "var(--soft)"), ("—", "- -")
Scale = Callable[[float], float]


def lines(title: str, x_label: str, y_label: str, days: Sequence[str], series: Sequence[tuple[str, Sequence[float]]], start: str) -> str:
    """Series over days, the last dashed; a mark stands at the first day from `start` on."""
    everything = [value for _, values in series for value in values]
    across, up = _across(len(days)), _up(min(everything), max(everything))
    at = next((k for k, day in enumerate(days) if day >= start), len(days) - 1)
    parts = [_mark(across(at))]
    for number, (name, values) in enumerate(series):
        points = " ".join(f"{across(k):.1f},{up(value):.1f}" for k, value in enumerate(values))
        dash = ' stroke-dasharray="5 4"' if number else ""
        colour = COLOURS[number > 0]
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dash} points="{points}"><title>{escape(name)}</title></polyline>'
        )
    names = "".join(
        f'<text x="{WIDTH - RIGHT}" y="{14 + 14 * k}" text-anchor="end" fill="{COLOURS[k > 0]}">{DASHES[k > 0]} {escape(name)}</text>'
        for k, (name, _) in enumerate(series)
    )
    ticks = [(0, days[0]), (at, days[at]), (len(days) - 1, days[-1])]
    return _framed(title, x_label, y_label, "".join(parts) + names, _marks(up, everything), [(across(k), day) for k, day in ticks])


def intervals(title: str, x_label: str, y_label: str, rows: Sequence[tuple[int, float, float, float]]) -> str:
    """Effects (value, low, high) by week since the start; week -1 is the base."""
    everything = [0.0, *(one for _, *values in rows for one in values)]
    across, up = _across(len(rows)), _up(min(everything), max(everything))
    begins = next((k for k, row in enumerate(rows) if row[0] >= 0), 0)
    parts = [_mark((across(begins) + across(max(begins - 1, 0))) / 2)]
    parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(0):.1f}" y2="{up(0):.1f}" stroke="var(--line)"/>')
    for k, (_, value, low, high) in enumerate(rows):
        x = across(k)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{up(low):.1f}" y2="{up(high):.1f}" stroke="var(--bar)" stroke-width="2"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{up(value):.1f}" r="4" fill="var(--bar)"/>')
    return _framed(
        title, x_label, y_label, "".join(parts), _marks(up, everything), [(across(k), str(row[0])) for k, row in enumerate(rows)]
    )


def _across(count: int) -> Scale:
    return lambda k: LEFT + 10 + (WIDTH - LEFT - RIGHT - 20) * k / max(1, count - 1)


def _up(low: float, high: float) -> Scale:
    span = (high - low) or 1.0
    return lambda value: HEIGHT - FOOT - (HEIGHT - FOOT - TOP) * (value - low) / span


def _mark(x: float) -> str:
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - FOOT}" stroke="var(--mark)" stroke-dasharray="2 3"/>'


def _marks(up: Scale, values: Sequence[float]) -> list[tuple[float, str]]:
    low, high = min(values), max(values)
    return [(up(value), f"{value:,.4g}") for value in (low, (low + high) / 2, high)]


def _framed(title: str, x_label: str, y_label: str, inside: str, y_ticks: list[tuple[float, str]], x_ticks: list[tuple[float, str]]) -> str:
    side = "".join(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="var(--soft)">{text}</text>' for y, text in y_ticks)
    last = len(x_ticks) - 1
    foot = "".join(
        f'<text x="{x:.1f}" y="{HEIGHT - FOOT + 16}" text-anchor="{"end" if k == last else "middle"}" fill="var(--soft)">'
        f"{escape(text)}</text>"
        for k, (x, text) in enumerate(x_ticks)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" font-size="11">'
        f'<text x="{LEFT}" y="14" fill="var(--ink)" font-size="13">{escape(title)} ({escape(y_label)})</text>{inside}{side}{foot}'
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle" fill="var(--soft)">{escape(x_label)}</text></svg>'
    )
