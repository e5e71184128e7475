"""Plots of a trial as inline SVG: counts by hour of store time, one row a series.

Text stays text, so that the reader's own fonts show Chinese; colours are CSS variables of the page (`--ink`, `--soft`, `--line`,
`--bar`, `--mark`), so that a page may be light or dark.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.core.kernel.errors import Finding, InputFault

WIDTH_IN, ROW_IN, HEAD_IN, FOOT_IN = 5.0, 0.78, 0.34, 0.62
POINTS = 9.5
COLOURS = {"#010101": "var(--ink)", "#010102": "var(--soft)", "#010103": "var(--line)", "#010104": "var(--bar)", "#010105": "var(--mark)"}
INK, SOFT, LINE, BAR, MARK = COLOURS
FONTS = "system-ui, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
_LOCK = threading.Lock()  # matplotlib's settings belong to the process


@dataclass(frozen=True, slots=True)
class Series:
    """One row of a plot: what is counted, how often in each hour; `marked` rows stand out."""

    title: str
    counts: Mapping[str, int]
    marked: bool = False


def hourly(name: str, title: str, x_label: str, y_label: str, hours: Sequence[str], rows: Sequence[Series]) -> str:
    """An SVG element of counts by hour. `name` is unique on the page; `hours` are names like `2026-03-02T10`, in order.

    InputFault where matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        what = {"en": "The report with plots", "zh": "带图表的报告"}
        raise InputFault(Finding("SL-INP-03", {"what": what, "extra": "report"})) from None
    look: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": POINTS,
        "font.family": "sans-serif",
        "text.color": INK,
    }
    target = io.StringIO()
    with _LOCK, rc_context(look), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the measuring font lacks Chinese glyphs; the page's fonts have them
        height = HEAD_IN + FOOT_IN + ROW_IN * len(rows)
        figure = Figure(figsize=(WIDTH_IN, height))
        axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
        for axis, row in zip(axes, rows, strict=True):
            _row(axis, row, hours)
        _clock(axes[-1], hours, x_label)
        figure.text(0.012, 1 - 0.1 / height, title, va="top", weight="bold")
        figure.text(0.012, 1 - (HEAD_IN - 0.02) / height, y_label, va="top", color=SOFT, size=POINTS - 1)
        figure.subplots_adjust(left=0.1, right=0.985, top=1 - (HEAD_IN + 0.34) / height, bottom=0.46 / height, hspace=0.75)
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(target.getvalue(), name, title)


def _row(axis: Any, row: Series, hours: Sequence[str]) -> None:
    counts = [row.counts.get(hour, 0) for hour in hours]
    axis.bar(range(len(hours)), counts, width=0.86, color=MARK if row.marked else BAR, align="edge")
    axis.set_title(row.title, loc="left", size=POINTS - 0.5, pad=3, color=INK)
    top = max([1, *counts])
    axis.set_ylim(0, top * 1.08)
    axis.set_yticks([0, top], ["0", f"{top:,}"])
    axis.tick_params(length=0, colors=SOFT, labelcolor=SOFT, labelsize=POINTS - 1.5)
    for side, spine in axis.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(LINE)


def _clock(axis: Any, hours: Sequence[str], label: str) -> None:
    """Ticks every three hours of one day, at midnight of several; of many days only as many as can be read."""
    days = max(1, round(len(hours) / 24))
    if days == 1:
        ticks = [(n, hour[11:]) for n, hour in enumerate(hours) if int(hour[11:]) % 3 == 0]
    else:
        midnights = [(n, hour[5:10]) for n, hour in enumerate(hours) if n == 0 or hour.endswith("T00")]
        ticks = midnights[:: -(-len(midnights) // 7)]
    axis.set_xlim(0, max(1, len(hours)))
    axis.set_xticks([n for n, _ in ticks], [text for _, text in ticks], ha="left" if days > 1 else "center")
    axis.set_xlabel(label, color=SOFT, size=POINTS - 1, loc="right")


def _inline(svg: str, name: str, title: str) -> str:
    """The file as an element of a page: no prologue, ids of its own, the page's colours and fonts, a name for screen readers."""
    import html

    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*sans-serif", FONTS, svg)
    for colour, variable in COLOURS.items():
        svg = svg.replace(colour, variable)
    head = re.match(r"<svg[^>]*>", svg)
    assert head is not None
    box = re.search(r'viewBox="[^"]+"', head[0])
    assert box is not None
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {box[0]} role="img"'
    return f'{opening} aria-label="{html.escape(title)}">{svg[head.end() :]}'
