"""A store profile in work: every state kept on disk, so that it outlives a reload, and an edit can be undone."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from storeloom.studio.address import asked, go
from storeloom.studio.composing.drafts import STORE, claim
from storeloom.studio.draft_file import DraftFile
from storeloom.studio.stores.keeping import Kept

WORK = "work"
PLAN, TURN = "plan", "work/turn"
ALL = "stores/all"


@dataclass(frozen=True)
class Work:
    """A profile in work. `version` is that of the store it changes, None for a new one; `zones` are rows with their outline in shares of
    the floor plan, which is `width_m` by `depth_m` metres and begins at `left_m`, `top_m` of the store's floor."""

    home: DraftFile
    n: int
    profile: Mapping[str, Any]
    version: str | None = None
    beside: Mapping[str, Any] | None = None
    zones: tuple[Mapping[str, Any], ...] = ()
    width_m: float = 40.0
    depth_m: float = 25.0
    left_m: float = 0.0
    top_m: float = 0.0

    def keep(self, **changes: Any) -> None:
        """Keep it with some parts changed; the rest as it stands by now. For a callback."""
        now = _read(self.home)
        new = replace(now, **changes)
        self.home.add(Path(STORE), _body(new), "did_store", {}, over=now.n)

    def keep_profile(self, **parts: Any) -> None:
        """Keep it with some parts of the profile changed; None takes one out."""
        now = _read(self.home)
        profile = {key: value for key, value in {**now.profile, **deepcopy(parts)}.items() if value is not None}
        self.home.add(Path(STORE), _body(replace(now, profile=profile)), "did_store", {}, over=now.n)


def begin(profile: Mapping[str, Any], kept: Kept | None = None) -> None:
    """Begin to work on a new profile, or on one that is kept; the page's address names it from now on. For a button's `on_click`."""
    home = DraftFile.new()
    version, beside = (kept.version, kept.beside) if kept else (None, None)
    work = Work(home, 0, profile, version, beside)
    if kept is not None and kept.zones:
        work = _drawn(work, kept.zones)
    home.add(Path(STORE), _body(work), "did_store", {}, over=None)
    claim(home)
    st.session_state[WORK] = home.id
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1
    go(work=home.id, step=None)


def fresh(key: str) -> str:
    """The key of a form of the profile in work: another for each profile, as the browser may still tell the values of the one before."""
    turn = st.session_state.get(TURN, 0)
    return f"{key}@{turn}" if turn > 1 else key


def current() -> Work | None:
    """The profile in work that the address names, else the session's last; None where there is none."""
    name = asked(WORK) or str(st.session_state.get(WORK, ""))
    home = DraftFile.known(name) if name else None
    if home is None or not home.kept:
        return None
    if not asked(WORK):
        go(work=name)
    return _read(home)


def leave() -> None:
    """Work on it no longer. For a button's `on_click`."""
    st.session_state.pop(WORK, None)
    go(work=None, step=None)


def rows_of(work: Work) -> list[dict[str, Any]]:
    """The zones as rows of the table: outlines and areas in metres."""
    found = []
    for zone in work.zones:
        metres = [[round(work.left_m + x * work.width_m, 2), round(work.top_m + y * work.depth_m, 2)] for x, y in zone["polygon"]]
        twice = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(metres, [*metres[1:], metres[0]], strict=True))
        rest = {key: value for key, value in zone.items() if key != "polygon" and value not in ("", None)}
        found.append({**rest, "floor": zone.get("floor", 1), "polygon": metres, "area_m2": round(abs(twice) / 2, 1)})
    return found


def _drawn(work: Work, rows: list[dict[str, Any]]) -> Work:
    """With the zones of a table, on a plan that is as large as they reach."""
    points = [point for row in rows for point in row.get("polygon", ())]
    if not points:
        return work
    left, top = (min(0.0, *(float(point[axis]) for point in points)) for axis in (0, 1))
    width = max(1.0, *(float(x) - left for x, _ in points))
    depth = max(1.0, *(float(y) - top for _, y in points))
    zones = [
        {**row, "polygon": [[min(1.0, (x - left) / width), min(1.0, (y - top) / depth)] for x, y in row["polygon"]]}
        for row in rows
        if len(row.get("polygon", ())) >= 3
    ]
    return replace(work, zones=tuple(zones), width_m=width, depth_m=depth, left_m=left, top_m=top)


def _body(work: Work) -> dict[str, Any]:
    zones = [dict(zone) for zone in work.zones]
    size = {key: getattr(work, key) for key in ("width_m", "depth_m", "left_m", "top_m")}
    rest = {"version": work.version, "beside": work.beside, "zones": zones, **size}
    return {"profile": dict(work.profile), **rest}


def _read(home: DraftFile) -> Work:
    n = home.head()
    _, body = home.read(n)
    return Work(home, n, **{**body, "zones": tuple(body["zones"])})
