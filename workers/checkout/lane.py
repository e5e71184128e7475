"""A self-checkout lane: goods that a camera saw go from tray to bag, paired one to one with what was scanned.

Times are seconds on one clock. What waits for its partner is a plain dict with its time under `t_s`; lists are in order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from storeloom.workers.vision.places import Place

Waiting = Mapping[str, Any]
Role = Literal["tray", "scan", "bag"]
ROLES: tuple[Role, ...] = ("tray", "scan", "bag")
EDGE_S = 1e-6
MOST_UNITS = 50


def partner(waiting: Sequence[Waiting], own: Waiting, match_s: float, top_k: int) -> int | None:
    """Which of those that wait belongs to `own`: the oldest within `match_s` that may be the same item, else the oldest within it.

    One side was scanned and has a `gtin`, the other was seen and has `candidates`.
    """
    near = [number for number, one in enumerate(waiting) if abs(own["t_s"] - one["t_s"]) <= match_s + EDGE_S]
    near.sort(key=lambda number: waiting[number]["t_s"])
    return next((number for number in near if same(waiting[number], own, top_k)), near[0] if near else None)


def same(one: Waiting, other: Waiting, top_k: int) -> bool:
    """Whether what was scanned may be what was seen."""
    seen, scanned = (one, other) if "candidates" in one else (other, one)
    return holds(seen["candidates"], scanned["gtin"], top_k)


def holds(candidates: Sequence[Sequence[Any]], gtin: str | None, top_k: int) -> bool:
    """Whether a scanned item is among the first `top_k` of [[gtin, score], ...], best first."""
    return gtin is not None and gtin in [candidate[0] for candidate in candidates[:top_k]]


def taken(waiting: list[dict[str, Any]], **marks: Any) -> dict[str, Any] | None:
    """Remove and give the first that waits with these values; None where it waits no more."""
    found = next((one for one in waiting if all(one[key] == value for key, value in marks.items())), None)
    if found is not None:
        waiting.remove(found)
    return found


def units(line: Mapping[str, Any]) -> int:
    """How many things one scanned line registers, at most 50; a weighed one is one."""
    qty = 1 if line.get("weight_g") else line.get("qty") or 1
    return min(max(int(qty), 1), MOST_UNITS)


def is_switched(recognised: int, scanned: int, ratio: float) -> bool:
    """Whether the recognised item costs so much more than the scanned one (minor units, of the same unit) that its label was changed."""
    return scanned >= 0 and recognised >= scanned * Fraction(str(ratio)) and recognised > scanned


def pieces(line: Mapping[str, Any]) -> int:
    """How many pieces a scanned line rings up: its quantity where it is keyed as a multiple, one where it is weighed, none of a return."""
    qty = 1 if line.get("qty") is None else line["qty"]
    if line.get("kind") == "weigh" or line.get("weight_g") or qty != int(qty):
        return int(qty > 0)
    return max(0, int(qty))


def role_of(row: Mapping[str, Any], roles: Sequence[str] = ROLES) -> str | None:
    """What a row of the table `zones` is in its lane: the first of the roles among the words of its name, else of its id."""
    for text in (row.get("name") or "", row["zone"]):
        words = "".join(c if c.isalnum() else " " for c in str(text).lower()).split()
        found = next((role for role in roles if f"_{role}_" in f"_{'_'.join(words)}_"), None)
        if found is not None:
            return found
    return None


def rows_of(rows: Iterable[Mapping[str, Any]], roles: Sequence[str] = ROLES) -> list[Mapping[str, Any]]:
    """The rows of the table `zones` that are parts of a lane: those with a role and a till as parent."""
    return [row for row in rows if row.get("parent") and role_of(row, roles)]


def watched(
    camera: str, rows: Sequence[Mapping[str, Any]], till: str | None = None, roles: Sequence[str] = ROLES
) -> tuple[str | None, list[tuple[str, Place]]]:
    """A camera's till, and the lane's zones that it sees by what they are; no till for a camera that watches none.

    `rows` as of `rows_of`; `till` is the one that the camera's own settings name.
    """
    from storeloom.workers.vision.places import places_of

    till = till or till_of(camera, rows)
    own = [row for row in rows if row["parent"] == till]
    found = {row["zone"]: role for row in own if (role := role_of(row, roles))}
    return (till if own else None), [(found[place.zone], place) for place in places_of(camera, own)]


def till_of(camera: str, rows: Iterable[Mapping[str, Any]]) -> str | None:
    """The till whose zones name a camera, the first in order of several."""
    return min((row["parent"] for row in rows if any(view.get("camera") == camera for view in row.get("cameras") or ())), default=None)
