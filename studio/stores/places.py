"""Many stores at a glance: as a table, and as points by longitude and latitude, drawn without any map service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import cos, radians
from typing import Any

import streamlit as st

from storeloom.core.kernel.hours import WEEKDAYS
from storeloom.core.virtual.formats import NAMES
from storeloom.studio.common import registry, say
from storeloom.studio.stores.keeping import Kept, store_findings

HEIGHT_PX = 460
MARGIN = 0.15
LEAST_SPAN = 0.02
SHADES = {"supermarket": "#2563a8", "convenience": "#b3400e", "mall": "#7a3fa0", "specialty": "#1c7a4d"}
SHADES_DARK = {"supermarket": "#6aa9ec", "convenience": "#f0935f", "mall": "#c79be6", "specialty": "#5fc795"}


def format_words(profile: Mapping[str, Any]) -> str:
    """The format in words; as it stands where there is no such format."""
    name = profile.get("format")
    return say(str(name)) if name in NAMES else str(name or "")


def matching(stores: Sequence[Kept], text: str) -> list[Kept]:
    """The stores in whose id, name, format or region every word is found."""
    words = text.lower().split()

    def said(one: Kept) -> str:
        parts = (one.id, one.profile.get("name"), one.profile.get("format"), format_words(one.profile), one.beside.get("region"))
        return " ".join(str(part) for part in parts if part).lower()

    return [one for one in stores if all(word in said(one) for word in words)]


def table(stores: Sequence[Kept]) -> None:
    """The stores, a row each."""
    rows = []
    for one in stores:
        profile = one.profile
        edge = profile.get("edge") or {}
        wrong = len(store_findings(profile, registry().catalogue))
        row = {
            say("col_id"): one.id,
            say("name"): str(profile.get("name", "")),
            say("format"): format_words(profile),
            say("col_hours"): hours_words(profile.get("hours")),
            say("col_zone"): str(profile.get("zone", "")),
            say("col_devices"): len(profile.get("devices") or {}),
            say("col_edge"): say("edge_text", cores=edge["cores"], memory=edge["memory_mb"]) if {"cores", "memory_mb"} <= set(edge) else "",
            say("col_state"): say("state_wrong", n=wrong) if wrong else say("state_ok"),
        }
        if one.beside:
            row[say("col_region")] = str(one.beside.get("region") or "")
        rows.append(row)
    st.dataframe(rows, hide_index=True)


def hours_words(hours: Any) -> str:
    """Usual hours in short, with a mark where a day differs."""
    if not isinstance(hours, Mapping) or "open" not in hours:
        return ""
    differs = any(key in hours for key in (*WEEKDAYS, "dates", "closed"))
    return f"{hours['open']}–{hours.get('close', '')}{' *' if differs else ''}"


def points(stores: Sequence[Kept]) -> None:
    """The stores as points, a degree of longitude as long as it is at their latitude."""
    placed = [one for one in stores if isinstance(one.profile.get("geo"), Mapping) and {"lat", "lon"} <= set(one.profile["geo"])]
    if not placed:
        st.info(say("map_none"))
        return
    rows = [
        {
            "lon": float(one.profile["geo"]["lon"]),
            "lat": float(one.profile["geo"]["lat"]),
            "store": one.id,
            "name": str(one.profile.get("name", "")),
            "format": format_words(one.profile),
        }
        for one in placed
    ]
    dark = st.context.theme.type == "dark"
    shades = SHADES_DARK if dark else SHADES
    lat, lon = ([float(one.profile["geo"][axis]) for one in placed] for axis in ("lat", "lon"))
    span = max(max(lat) - min(lat), (max(lon) - min(lon)) * cos(radians(sum(lat) / len(lat))), LEAST_SPAN)
    half = span * (0.5 + MARGIN)
    middle = (max(lat) + min(lat)) / 2, (max(lon) + min(lon)) / 2
    wide = half * 2 / max(0.05, cos(radians(middle[0])))  # the chart is about twice as wide as high

    def axis(field: str, title: str, centre: float, reach: float) -> dict[str, Any]:
        return {
            "field": field,
            "type": "quantitative",
            "title": title,
            "scale": {"domain": [round(centre - reach, 5), round(centre + reach, 5)], "zero": False, "nice": False},
        }

    used = [name for name in NAMES if any(one.profile.get("format") == name for one in placed)]
    spec = {
        "mark": {"type": "point", "filled": True, "size": 130, "opacity": 0.85},
        "params": [{"name": "view", "select": "interval", "bind": "scales"}],
        "encoding": {
            "x": axis("lon", say("axis_lon"), middle[1], wide),
            "y": axis("lat", say("axis_lat"), middle[0], half),
            "color": {
                "field": "format",
                "type": "nominal",
                "title": say("format"),
                "scale": {"domain": [say(name) for name in used], "range": [shades[name] for name in used]},
                "legend": {"orient": "bottom"},
            },
            "shape": {"field": "format", "type": "nominal", "title": say("format"), "legend": {"orient": "bottom"}},
            "tooltip": [
                {"field": "store", "title": say("col_id")},
                {"field": "name", "title": say("name")},
                {"field": "format", "title": say("format")},
                {"field": "lat", "title": say("axis_lat")},
                {"field": "lon", "title": say("axis_lon")},
            ],
        },
    }
    st.markdown(f"**{say('map_title')}**")
    st.vega_lite_chart(rows, spec, height=HEIGHT_PX, width="stretch", alt=say("map_title"))
    st.caption(say("map_note"))
    if len(placed) < len(stores):
        st.caption(say("map_left_out", n=len(stores) - len(placed)))
