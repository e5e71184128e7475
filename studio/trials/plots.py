"""Counts by hour as a chart that the browser draws: title, both axes named, colours of the page's theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

HEIGHT_PX, LEGEND_PX = 190, 50
BAR, OTHER, ALERT = "#2563a8", "#c2620e", "#b3400e"
BAR_DARK, OTHER_DARK, ALERT_DARK = "#6aa9ec", "#f0b35f", "#f0935f"


def hourly_chart(
    title: str, hours: Sequence[str], runs: Mapping[str, Mapping[str, int]], axes: tuple[str, str], *, alert: bool = False
) -> None:
    """Bars by hour of store time (`2026-03-02T10`), a colour a run where there are two."""
    dark = st.context.theme.type == "dark"
    shades = (BAR_DARK, OTHER_DARK) if dark else (BAR, OTHER)
    several = len(runs) > 1
    long = len(hours) > 48
    rows = [{"hour": f"{hour}:00:00", "count": counts.get(hour, 0), "run": run} for run, counts in runs.items() for hour in hours]
    x: dict[str, Any] = {"field": "hour", "type": "temporal", "timeUnit": "yearmonthdatehours", "title": axes[0]}
    x["axis"] = {"format": "%m-%d" if long else "%H:%M", "tickCount": {"interval": "day", "step": 1} if long else 12, "labelOverlap": True}
    colour: dict[str, Any] = {"value": (ALERT_DARK if dark else ALERT) if alert else shades[0]}
    if several:
        colour = {
            "field": "run",
            "type": "nominal",
            "title": None,
            "scale": {"domain": list(runs), "range": list(shades)},
            "legend": {"orient": "top"},
        }
    spec: dict[str, Any] = {
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": x,
            "y": {"field": "count", "type": "quantitative", "title": axes[1], "axis": {"tickMinStep": 1}},
            "color": colour,
        },
    }
    if several:
        spec["encoding"]["xOffset"] = {"field": "run", "type": "nominal", "sort": list(runs)}
    st.markdown(f"**{title}**")
    st.vega_lite_chart(rows, spec, height=HEIGHT_PX + (LEGEND_PX if several else 0), width="stretch", alt=title)
