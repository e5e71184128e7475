"""Opening hours: usual days, days of the week and dates that differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import streamlit as st

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.hours import WEEKDAYS
from storeloom.studio.common import language, say, show_findings, words_of
from storeloom.studio.locales import day_text

CLOCKS = tuple(f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(0, 24 * 60 + 1, 30))
WAYS = ("usual", "own", "closed")
FIRST = {"open": "09:00", "close": "21:00"}
CLOCK_PX, WAY_PX = 130, 170
Hours = dict[str, Any]
Keep = Callable[[Hours], None]


def hours_form(hours: Mapping[str, Any], findings: list[Finding], keep: Keep) -> None:
    """The form of a store's hours; `keep` gets all of them after an edit."""
    st.caption(say("hours_note"))
    st.markdown(f"**{say('usual_hours')}**")
    _span("usual", hours, lambda span: keep({**hours, **span}))
    show_findings([f for f in findings if f.path in ("hours", "hours.open", "hours.close") or not f.path], placed=False)
    st.markdown(f"**{say('weekdays_differ')}**")
    for day in WEEKDAYS:
        _weekday(day, hours, keep)
        show_findings([f for f in findings if f.path == f"hours.{day}" or f.path.startswith(f"hours.{day}.")], placed=False)
    st.markdown(f"**{say('hours_dates')}**")
    _dates(hours, keep)
    show_findings([f for f in findings if f.path.startswith(("hours.dates", "hours.closed"))])


def _span(key: str, span: Mapping[str, Any], keep: Keep) -> None:
    """Opening and closing time; any HH:MM may be typed, what is none is told by the check."""
    with st.container(horizontal=True, gap="small"):
        for part in ("open", "close"):
            name = f"hours/{key}/{part}"
            shown = str(span[part]) if span.get(part) else None
            st.session_state[name] = shown
            options = CLOCKS if shown is None or shown in CLOCKS else (shown, *CLOCKS)

            def told(part: str = part, name: str = name) -> None:
                said = st.session_state[name]
                keep({**{one: span[one] for one in ("open", "close") if one in span}, **({part: _clock(said)} if said else {})})

            st.selectbox(
                say(f"hours_{part}"),
                options,
                index=None if shown is None else options.index(shown),
                key=name,
                accept_new_options=True,
                on_change=told,
                width=CLOCK_PX,
                placeholder="HH:MM",
            )


def _clock(text: str) -> str:
    """What was typed, with its hours in two digits and a colon of its own: 9:00, 9：00 and 0900 mean 09:00."""
    plain = text.strip().replace("：", ":")
    if plain.isdigit() and len(plain) in (3, 4):
        plain = f"{plain[:-2]}:{plain[-2:]}"
    return plain.zfill(5) if ":" in plain else plain


def _weekday(day: str, hours: Mapping[str, Any], keep: Keep) -> None:
    now = hours.get(day)
    way = "usual" if day not in hours else "own" if isinstance(now, Mapping) else "closed"
    key = f"hours/{day}/way"
    st.session_state[key] = way

    def turned() -> None:
        rest = {name: one for name, one in hours.items() if name != day}
        chosen = st.session_state[key]
        span = {part: hours.get(part, FIRST[part]) for part in FIRST}
        keep(rest if chosen == "usual" else {**rest, day: span if chosen == "own" else False})

    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        st.selectbox(
            say(day), WAYS, index=WAYS.index(way), format_func=words_of(WAYS, "day_").__getitem__, key=key, on_change=turned, width=WAY_PX
        )
        if isinstance(now, Mapping):
            _span(day, now, lambda span: keep({**hours, day: span}))


def _dates(hours: Mapping[str, Any], keep: Keep) -> None:
    """Dates that differ: closed, or with hours of their own."""
    special: dict[str, Any] = dict.fromkeys(hours.get("closed", ()), False) | dict(hours.get("dates", {}))

    def put(changed: Mapping[str, Any]) -> None:
        rest = {name: one for name, one in hours.items() if name not in ("closed", "dates")}
        keep({**rest, **({"dates": dict(sorted(changed.items()))} if changed else {})})

    if not special:
        st.caption(say("hours_no_dates"))
    for day, span in sorted(special.items()):
        _date(day, span, special, put)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        chosen = st.date_input(say("hours_new_date"), value=None, key="hours/new_date", format="YYYY-MM-DD", width=WAY_PX)
        st.button(
            say("hours_add_date"),
            key="hours/add_date",
            icon=":material/add:",
            disabled=chosen is None,
            on_click=lambda: put({**special, st.session_state["hours/new_date"].isoformat(): False}),
        )


def _date(day: str, span: Any, special: Mapping[str, Any], put: Callable[[Mapping[str, Any]], None]) -> None:
    key = f"hours/date/{day}"
    st.session_state[key] = way = "own" if isinstance(span, Mapping) else "closed"
    words = _day_words(day)

    def turned() -> None:
        put({**special, day: dict(FIRST) if st.session_state[key] == "own" else False})

    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        st.selectbox(
            words, WAYS[1:], WAYS[1:].index(way), format_func=words_of(WAYS, "day_").__getitem__, key=key, on_change=turned, width=WAY_PX
        )
        if isinstance(span, Mapping):
            _span(f"date/{day}", span, lambda new: put({**special, day: new}))
        st.button(
            "",
            key=f"{key}/drop",
            icon=":material/delete:",
            help=say("hours_drop_date", day=words),
            on_click=lambda: put({name: one for name, one in special.items() if name != day}),
        )


def _day_words(day: str) -> str:
    try:
        return day_text(date.fromisoformat(day), language())
    except ValueError:
        return day
