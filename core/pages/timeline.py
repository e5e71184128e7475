"""A run as inline SVG: one row a stream, a mark for each event, inputs above outputs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

WIDTH, ROW, LEFT, RIGHT, TOP, FOOT = 760, 22, 170, 14, 34, 40
INPUT, OUTPUT = "#1f5fa8", "#b3400e"
MOST_MARKS = 400
Marks = Sequence[tuple[datetime, str]]


def timeline(given: Marks, made: Marks, title: str, labels: tuple[str, str, str]) -> str:
    """`given` and `made`: times and streams; `labels`: the words for inputs, outputs and the time axis. Empty where nothing happened."""
    everything = [at for at, _ in (*given, *made)]
    if not everything:
        return ""
    rows = [(stream, INPUT, [at for at, one in given if one == stream]) for stream in dict.fromkeys(one for _, one in given)]
    rows += [(stream, OUTPUT, [at for at, one in made if one == stream]) for stream in dict.fromkeys(one for _, one in made)]
    first, last = min(everything), max(everything)
    span = (last - first).total_seconds() or 1.0
    height = TOP + ROW * len(rows) + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" '
        'font-family="system-ui, sans-serif" font-size="11">',
        f'<text x="{LEFT}" y="16" fill="{INPUT}">■ {escape(labels[0])}</text>',
        f'<text x="{LEFT + 90}" y="16" fill="{OUTPUT}">■ {escape(labels[1])}</text>',
    ]
    for number, (stream, colour, times) in enumerate(rows):
        y = TOP + ROW * number + ROW / 2
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#d5dae1"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" fill="#566070">{escape(stream)}</text>')
        for at in times[:: max(1, len(times) // MOST_MARKS)]:
            x = LEFT + (WIDTH - LEFT - RIGHT) * (at - first).total_seconds() / span
            parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="4" fill="{colour}" fill-opacity="0.75"/>')
    foot = height - FOOT + 16
    parts.append(f'<text x="{LEFT}" y="{foot}" fill="#566070">{first:%Y-%m-%d %H:%M}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{foot}" text-anchor="end" fill="#566070">{last:%Y-%m-%d %H:%M}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{height - 6}" text-anchor="middle" fill="#566070">{escape(labels[2])}</text></svg>')
    return "".join(parts)
