"""What a control plane says, in the reader's words: moments, sizes, spans, who did it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from storeloom.studio.common import language, say
from storeloom.studio.locales import day_text, time_text
from storeloom.studio.members import member

SPANS = (("span_d", 86400), ("span_h", 3600), ("span_min", 60), ("span_s", 1))


def here() -> ZoneInfo:
    """The reader's time zone, as the browser tells it; UTC where it tells none that is known here."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def when(text: str | None, zone: ZoneInfo | None = None) -> str:
    """A moment of the API on the reader's wall (or `zone`'s), with the year where it is another; a dash for none."""
    if not text:
        return "–"
    at = datetime.fromisoformat(text).astimezone(zone or here())
    now = datetime.now(at.tzinfo)
    if at.year != now.year:
        return f"{day_text(at.date(), language())} {at:%H:%M}"
    return time_text(at, language(), seconds=True)


def ago(text: str | None) -> str:
    """How long a moment is past, in its greatest unit."""
    if not text:
        return say("never")
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()))
    return say("ago", span=span(seconds, whole=False))


def span(seconds: float, *, whole: bool = True) -> str:
    """A span in the greatest unit that divides it (`whole`), or that it reaches."""
    rest = int(seconds)
    for word, size in SPANS:
        if (whole and rest and rest % size == 0) or (not whole and rest >= size):
            return say(word, n=rest // size)
    return say("span_s", n=rest)


def size(count: int) -> str:
    """Bytes, in the unit that reads well."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:,.1f} kB" if count < 1_000_000 else f"{count / 1e6:,.1f} MB"


def share(value: float, places: int = 1) -> str:
    """A share as percent, without needless zeros."""
    text = f"{value * 100:.{places}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def person(actor: str) -> str:
    """Who acted: `user:ID`, `agent:STORE`, or the roll-out's own judgement. The reader is named as on signing in."""
    kind, _, name = actor.partition(":")
    if kind == "rollout":
        return say("by_gates")
    who = member()
    return who.name if who is not None and kind == "user" and who.user == name else name or actor


def shortened(names: list[str], most: int = 5) -> str:
    """The first of many names, and how many there are."""
    listed = say("comma").join(names[:most])
    return listed if len(names) <= most else say("and_more", names=listed, n=len(names))


def plain(text: str) -> str:
    """Text from elsewhere as Markdown leaves it."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>$~#|:" else char for char in text)
