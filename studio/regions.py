"""Settings that are places in a camera's picture: drawn on the picture, camera by camera.

A setting is one by its schema's `x-widget` (see `setting` in the kernel's contract), so a vendor's plugin has it too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from storeloom.core.kernel.errors import StoreloomError
from storeloom.studio.common import heading_of, language, registry, say, show_findings
from storeloom.studio.components.region_editor import RowField, region_editor
from storeloom.studio.components.region_editor.geometry import FORMS, GEOMETRY_KEYS, faults, fits, shapes_of
from storeloom.studio.pictures import Camera, Picture, PictureError, taken, uploaded

Schema = Mapping[str, Any]
Row = dict[str, Any]
KEPT = 8
TYPES = {"integer": "number", "number": "number", "boolean": "switch", "string": "text"}


def is_region(facts: Schema, value: Any) -> bool:
    """Whether a setting is drawn: its schema says so, and its value can be drawn."""
    return facts.get("x-widget") in FORMS and fits(facts["x-widget"], value if value is not None else [])


def region_field(
    label: str,
    facts: Schema,
    items: Schema,
    value: list[Any] | None,
    keep: Callable[[list[Any]], None],
    *,
    key: str,
    note: str | None,
    cameras: Sequence[Camera],
) -> None:
    """The editor of one setting, with the choice of camera and picture. `items` is the schema of its rows, references followed; `keep`
    stores the whole setting after a change."""
    kind, rows = str(facts["x-widget"]), list(value or ())
    properties: Schema = items.get("properties", {})
    by = camera_key(properties)
    with st.container(border=True):
        st.markdown(f"**{label}**", help=note)
        camera = _camera(rows, by, cameras, key)
        shown = [row for row in rows if not by or row.get(by) == (camera.id if camera else None)]
        place = f"{key}/{camera.id if camera else ''}"
        picture = _picture(camera, place)

        def whole(edited: list[Any]) -> list[Any]:
            return spliced(rows, by, camera.id if camera else None, edited) if by else edited

        edited = region_editor(
            picture.jpeg if picture else None,
            shown,
            lambda drawn: keep(whole(drawn)),
            kind=kind,
            names=() if "name" in properties else None,
            lang=language(),
            key=f"{place}/region",
            fields=row_fields(properties, kind, by),
            fresh=fresh_row(items, kind, {by: camera.id} if by and camera else {}),
        )
        if edited != shown:
            st.rerun()
        for fault in faults(kind, shapes_of(kind, edited)):
            st.error(fault.text(language()))
        _as_text(whole(edited), keep, kind, key)


def camera_key(properties: Schema) -> str | None:
    """The key of a row that names its camera: the one with the widget for devices, else the one that is called so."""
    marked = [name for name, one in properties.items() if one.get("x-widget") == "device"]
    return next(iter(marked), "camera" if "camera" in properties else None)


def row_fields(properties: Schema, kind: str, by: str | None) -> list[RowField]:
    """The plain keys of a row beside its geometry, its camera and its name."""
    taken_up = {*GEOMETRY_KEYS[FORMS[kind]], by, "name"}
    found = []
    for name, one in properties.items():
        if name not in taken_up and "enum" in one:
            found.append(RowField(name, heading_of(one, name), "choice", tuple(one["enum"]), one.get("default")))
        elif name not in taken_up and one.get("type") in TYPES:
            found.append(RowField(name, heading_of(one, name), TYPES[one["type"]], (), one.get("default")))  # type: ignore[arg-type]
    return found


def fresh_row(items: Schema, kind: str, known: Mapping[str, Any]) -> Row | None:
    """The keys that a new row begins with: what is known, and something for each further key that it must have; None for no rows."""
    if not items.get("properties"):
        return None
    row = dict(known)
    for name in items.get("required", ()):
        one = items["properties"].get(name, {})
        if name not in row and name not in GEOMETRY_KEYS[FORMS[kind]]:
            empty = {"string": "", "boolean": False, "array": [], "object": {}}.get(str(one.get("type")), one.get("minimum", 0))
            row[name] = one.get("default", one["enum"][0] if one.get("enum") else empty)
    return row


def spliced(rows: Sequence[Row], by: str, camera: str | None, edited: Sequence[Row]) -> list[Row]:
    """All rows, those of one camera replaced in their places by the edited ones, new ones after them."""
    rest = list(edited)
    found: list[Row] = []
    last = max((k for k, row in enumerate(rows) if row.get(by) == camera), default=len(rows) - 1)
    for k, row in enumerate(rows):
        if row.get(by) != camera:
            found.append(row)
        elif rest:
            found.append(rest.pop(0))
        if k == last:
            found += rest
            rest = []
    return found + rest


def _camera(rows: Sequence[Any], by: str | None, cameras: Sequence[Camera], key: str) -> Camera | None:
    """The camera whose picture is drawn on, of those bound and those that rows name already."""
    known: dict[str | None, Camera | None] = {camera.id: camera for camera in cameras}
    for row in rows if by else ():
        name = row.get(by)
        known.setdefault(name, None if name is None else Camera(str(name)))
    if not known:
        return None
    return known[st.selectbox(say("camera"), list(known), format_func=lambda name: name or say("no_camera"), key=f"{key}/camera")]


def _picture(camera: Camera | None, key: str) -> Picture | None:
    """The picture to draw on, and the ways to get one."""
    kept: dict[str, Picture] = st.session_state.setdefault("pictures", {})
    name = camera.id if camera else key
    with st.expander(say("picture"), icon=":material/photo_camera:"):
        st.caption(say("picture_note"))
        try:
            if camera and camera.driver is None:
                st.caption(say("no_driver", camera=camera.id))
            elif camera and st.button(say("take_picture", camera=camera.id), key=f"{key}/take", icon=":material/photo_camera:"):
                _keep(kept, name, taken(camera, registry()))
            file = st.file_uploader(say("upload_picture"), ["jpg", "jpeg", "png", "webp"], key=f"{key}/upload")
            if file is not None and st.session_state.get(f"{key}/uploaded") != file.file_id:
                st.session_state[f"{key}/uploaded"] = file.file_id
                _keep(kept, name, uploaded(file.getvalue()))
        except PictureError as error:
            st.error(say(error.word, **error.values_said))
        except StoreloomError as fault:
            show_findings(fault.findings)
        if name in kept:
            st.caption(say("people_blurred", n=kept[name].people))
            if st.button(say("drop_picture"), key=f"{key}/drop"):
                del kept[name]
    return kept.get(name)


def _keep(kept: dict[str, Picture], name: str, picture: Picture) -> None:
    """Keep a picture, and no more than the last few."""
    kept.pop(name, None)
    kept[name] = picture
    for old in list(kept)[:-KEPT]:
        del kept[old]


def _as_text(value: list[Any], keep: Callable[[list[Any]], None], kind: str, key: str) -> None:
    """The value as JSON, for those who would rather type it; a change is taken over once it can be drawn."""
    text = json.dumps(value, ensure_ascii=False)
    with st.expander(say("as_text"), icon=":material/data_object:"):
        stamp = hashlib.sha256(text.encode()).hexdigest()[:12]
        typed = st.text_area(say("json"), text, key=f"{key}/text/{stamp}", label_visibility="collapsed")
        try:
            new = json.loads(typed)
            shapes_of(kind, new)
        except ValueError as error:
            st.error(say("bad_json", reason=str(error)))
            return
    if new != value:
        keep(list(new))
        st.rerun()
