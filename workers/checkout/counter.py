"""A counter where trays are paid one after the other: which tray lies there, and which of the kiosk's sessions it belongs to.

A counter is a plain dict, so that it can be kept: the `kiosk` that shows it, its `tray` (None: there is none), the `next` session
{session, member} that no tray has yet, the last sessions `used`, and when each track was `paid` (RFC 3339). A tray is one
too: `track`, `since`, `session`, `member`, the payment `asked` for, how many were (`attempt`), whether it is `paid`, and what its owner
adds. A picture's trays are boxes by track, or `WHOLE` alone where things are seen and no tray.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.vision.boxes import Box, iou
from storeloom.workers.vision.things import Seen

WHOLE = "all"
SAME_PLACE = 0.5
RENAMED_WITHIN = timedelta(seconds=1)
PAID_KEPT = timedelta(minutes=30)
SESSIONS_KEPT = 50
Counter = dict[str, Any]
Trays = Mapping[str, Box | None]


def new_counter(kiosk: str | None) -> Counter:
    return {"kiosk": kiosk, "next": None, "used": [], "tray": None, "paid": {}}


def trays_in(things: Iterable[Seen], *, goods: bool) -> dict[str, Box | None]:
    """The trays of a picture; where none is seen and there are `goods` all the same, its whole is one."""
    trays: dict[str, Box | None] = {thing.track: thing.box for thing in things if thing.cls == "tray" and thing.track}
    return trays or ({WHOLE: None} if goods else {})


def find(counter: Counter, trays: Trays, seen: Mapping[str, Any] | None, at: datetime) -> str | None:
    """Under which of these the counter's tray is seen now, None where it is not.

    `seen` is where it was seen last {at, box}. Within a second of that it may have another track, as trackers lose and rename what lies
    still: the one at its place (intersection over union 0.5), any where its box was not known; or none, where the detector missed it. A
    paid tray stays paid under both tracks.
    """
    tray = counter["tray"]
    if tray is None:
        return None
    if tray["track"] in trays:
        return str(tray["track"])
    if seen is None or at - parse_time(seen["at"]) > RENAMED_WITHIN:
        return None
    box = seen["box"]
    here = next((track for track, its in trays.items() if its is None or box is None or iou(its, box) >= SAME_PLACE), None)
    if here not in (None, WHOLE):
        tray["track"] = here
        if tray["paid"]:
            paid(counter, at)
    return here


def arrive(counter: Counter, trays: Trays, at: datetime) -> str | None:
    """The first track that has not been paid is the counter's tray now; None where there is none. Payments are forgotten after 30 min."""
    counter["paid"] = {track: paid for track, paid in counter["paid"].items() if at - parse_time(paid) <= PAID_KEPT}
    track = next((track for track in trays if track not in counter["paid"]), None)
    if track is not None:
        counter["tray"] = {"track": track, "since": plain(at), "session": None, "member": None, "asked": None, "attempt": 0, "paid": False}
        tie(counter)
    return track


def paid(counter: Counter, at: datetime) -> None:
    """The tray is paid. Where no tray was seen, what lies in the picture next can be another one."""
    counter["tray"]["paid"] = True
    if counter["tray"]["track"] != WHOLE:
        counter["paid"][counter["tray"]["track"]] = plain(at)


def announce(counter: Counter, session: str, member: str | None) -> None:
    """An event of the kiosk's session. One that no tray had goes to a tray whose payment is not asked for yet, else to the next tray."""
    if session in counter["used"]:
        return
    known, tray = counter["next"] or {}, counter["tray"]
    counter["next"] = {"session": session, "member": member or (known.get("member") if known.get("session") == session else None)}
    if tray and not tray["asked"] and not tray["paid"]:
        tray["session"] = None
    tie(counter)


def tie(counter: Counter) -> None:
    """Give the next session to the tray, if it has none."""
    tray, following = counter["tray"], counter["next"]
    if tray and following and tray["session"] is None:
        tray |= {"session": following["session"], "member": following["member"]}
        counter |= {"next": None, "used": [*counter["used"], following["session"]][-SESSIONS_KEPT:]}
