"""The floor: zones drawn on a plan, kept as rows of the table `zones`."""

from __future__ import annotations

import base64
import io
from collections import Counter
from typing import Any

import orjson
import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.studio.common import language, say, words_of
from storeloom.studio.components.region_editor import RowField, region_editor
from storeloom.studio.components.region_editor.geometry import faults, shapes_of
from storeloom.studio.stores.work import PLAN, Work, rows_of

MOST_MB = 8
LARGEST_M = 2000.0
KINDS = tuple(schemas.load(schemas.table_file("zones"))["properties"]["kind"]["examples"])


def floor_form(work: Work) -> None:
    """Plan, size in metres, zones."""
    st.write(say("floor_lead"))
    picture = _plan(work)
    with st.container(horizontal=True, gap="small"):
        for side, label in (("width_m", say("floor_width")), ("depth_m", say("floor_depth"))):
            key = f"floor/{side}"
            st.session_state[key] = float(getattr(work, side))
            st.number_input(
                label,
                min_value=1.0,
                max_value=LARGEST_M,
                value=float(getattr(work, side)),
                step=1.0,
                format="%g",
                key=key,
                width=150,
                on_change=_sized,
                args=(work, side, key),
            )
    zones = [dict(zone) for zone in work.zones]
    fields = (
        RowField("zone", say("floor_zone")),
        RowField("name", say("name")),
        RowField("kind", say("floor_kind"), "choice", KINDS, "sales", tuple(words_of(KINDS, "zone_").values())),
    )
    drawn = region_editor(
        picture,
        zones,
        lambda new: work.keep(zones=tuple(_named(new))),
        kind="polygons",
        lang=language(),
        key="floor/editor",
        fields=fields,
        fresh={"kind": "sales"},
    )
    if drawn != zones:
        st.rerun()
    for fault in faults("polygons", shapes_of("polygons", zones)):
        st.error(fault.text(language()))
    for zone, times in Counter(str(zone.get("zone")) for zone in zones).items():
        if times > 1:
            st.error(say("floor_twice", zone=zone))
    if zones:
        rows = rows_of(work)
        shown = [
            {
                say("floor_zone"): r["zone"],
                say("name"): r.get("name", ""),
                say("floor_kind"): r.get("kind", ""),
                say("floor_area"): r["area_m2"],
            }
            for r in rows
        ]
        st.dataframe(shown, hide_index=True)
        text = orjson.dumps(rows, option=orjson.OPT_INDENT_2)
        st.download_button(
            say("floor_download"), text, file_name="zones.json", mime="application/json", icon=":material/download:", on_click="ignore"
        )


def _named(zones: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The zones, each with an id: those without one get the next number."""
    taken = {zone["zone"] for zone in zones if zone.get("zone")}
    found = []
    for zone in zones:
        name = zone.get("zone") or next(f"z-{n}" for n in range(1, len(zones) + len(taken) + 2) if f"z-{n}" not in taken)
        taken.add(name)
        found.append({**zone, "zone": name})
    return found


def _sized(work: Work, side: str, key: str) -> None:
    work.keep(**{side: float(st.session_state[key])})


def _plan(work: Work) -> bytes | None:
    """The plan's picture, kept with the profile in work."""
    kept = work.home.beside(PLAN)
    with st.expander(say("floor_plan"), icon=":material/map:", expanded=not kept):
        file = st.file_uploader(
            say("floor_plan"), ["png", "jpg", "jpeg", "webp"], key="floor/file", label_visibility="collapsed", max_upload_size=MOST_MB
        )
        if file is not None and st.session_state.get("floor/taken") != file.file_id:
            content = file.getvalue()
            if len(content) > MOST_MB * 2**20:
                st.error(say("floor_big_plan", mb=MOST_MB))
            elif not _is_picture(content):
                st.error(say("floor_bad_plan"))
            else:
                work.home.put_beside(PLAN, base64.b64encode(content).decode())
                st.session_state["floor/taken"] = file.file_id
                kept = work.home.beside(PLAN)
        if kept:
            st.button(say("floor_drop"), key="floor/drop", icon=":material/close:", on_click=work.home.put_beside, args=(PLAN, None))
    return base64.b64decode(kept) if kept else None


def _is_picture(content: bytes) -> bool:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            image.verify()
            return image.format in ("PNG", "JPEG", "WEBP")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        return False
