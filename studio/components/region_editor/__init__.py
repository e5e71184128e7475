"""The region editor: an integrator draws lines, zones, slots and floor points on a camera's picture.

Plain JavaScript and CSS beside this file, handed to Streamlit's own components (version 2): no build step, nothing loaded from elsewhere.
The picture goes to the browser inside the page and is written nowhere.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from storeloom.studio.components.region_editor.geometry import FORMS, SINGLE, Shape, shapes_from_editor, shapes_of, value_of
from storeloom.studio.components.region_editor.words import WORDS, editor_word

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HERE = Path(__file__).parent
SCRIPTS = ("shapes.js", "drawing.js", "editor.js", "views.js")
SIGNATURES = {b"\xff\xd8": "jpeg", b"\x89PNG": "png", b"RIFF": "webp", b"GIF8": "gif"}
QUALITY = 85


@dataclass(frozen=True)
class RowField:
    """A further key of a row, which the editor shows beside the shape: its title, what it holds, the values that it may have, the one
    that holds where the row has none, and the words for the values where they are not words themselves."""

    key: str
    title: str
    type: Literal["text", "number", "choice", "switch"] = "text"
    options: tuple[Any, ...] = ()
    default: Any = None
    labels: tuple[str, ...] = ()


def region_editor(
    picture: bytes | NDArray[np.uint8] | None,
    value: list[Any],
    keep: Callable[[list[Any]], None],
    *,
    kind: str,
    names: Sequence[str] | None = None,
    lang: str,
    key: str,
    fields: Sequence[RowField] = (),
    fresh: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Draw the editor, hand what the integrator drew to `keep`, and return the value as it stands, in the form in which it came (see
    `geometry`). `keep` stores the value from which the next run begins, in one step: a run that Streamlit ends before that step has not
    seen the drawing, and the next run keeps it.

    `picture`: an encoded JPEG, PNG, WebP or GIF, a BGR array (height x width x 3, uint8), or None for a blank 16:9 grid. `names`: names
    to choose from; with them (an empty list: any) rows get a `name`. `fields` are further keys of rows, `fresh` the keys of a new row,
    None for values that are no rows.

    A value that nobody touched is returned as it came. A value that differs from what was kept last has been changed elsewhere: it is
    drawn anew, and what the browser sent before does not count. ValueError for a value not of the kind's form.
    """
    import streamlit as st

    given = shapes_of(kind, value)
    said: dict[str, Any] = st.session_state.setdefault(f"{key}/said", {"edition": 0, "value": value})
    if said["value"] != value:
        said.update(edition=said["edition"] + 1, value=value)
    shown = [RowField("name", editor_word("name", lang)), *fields] if names is not None else list(fields)
    data = {
        "edition": said["edition"],
        "shapes": [shape.as_json() for shape in given],
        "form": FORMS[kind],
        "most": 1 if kind in SINGLE else None,
        "quad": kind == "quads",
        "picture": None if picture is None else _picture_url(picture),
        "fields": [asdict(one) for one in shown],
        "names": list(names or ()),
        "fresh": None if fresh is None else dict(fresh),
        "words": {name: words[lang] for name, words in WORDS.items()},
    }
    sent = _mounted()(key=key.replace("__", "%5F%5F"), data=data, default={"drawn": None}, on_drawn_change=_nothing).drawn
    if not isinstance(sent, Mapping) or sent.get("edition") != said["edition"]:
        return value
    drawn = value_of(kind, shapes_from_editor(sent.get("shapes")))
    if drawn == value_of(kind, _rounded(given)):
        return value
    if drawn != value:
        keep(drawn)
        said["value"] = drawn
    return drawn


def _rounded(shapes: Sequence[Shape]) -> list[Shape]:
    return shapes_from_editor([shape.as_json() for shape in shapes])


def _nothing() -> None:
    """A change of the drawing needs no answer but the new run of the page."""


def _mounted() -> Any:
    """The component, registered with the running Streamlit; the same again is no change."""
    import streamlit as st

    html, css, js = _assets()
    return st.components.v2.component("storeloom_region_editor", html=html, css=css, js=js)


@functools.cache
def _assets() -> tuple[str, str, str]:
    scripts = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return '<div class="editor"></div>', (HERE / "editor.css").read_text(encoding="utf-8"), scripts


def _picture_url(picture: bytes | NDArray[np.uint8]) -> str:
    """The picture as a data URL. ValueError for bytes that are no picture which browsers show."""
    if not isinstance(picture, bytes):
        picture = as_jpeg(picture)
    kind = next((name for start, name in SIGNATURES.items() if picture.startswith(start)), None)
    if kind is None:
        raise ValueError("the picture is no JPEG, PNG, WebP or GIF")
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


def as_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """A BGR picture (height x width x 3, uint8) as JPEG. ValueError for another array."""
    import cv2

    if picture.ndim != 3 or picture.shape[2] != 3 or str(picture.dtype) != "uint8":
        raise ValueError(f"a BGR picture of uint8 is wanted, not {picture.shape} of {picture.dtype}")
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(coded)
