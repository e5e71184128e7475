"""What came of a pilot: the effect with its interval, what it is worth, its course, and what could have refuted it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from storeloom.core.virtual.figures import number_text
from storeloom.studio.common import language, say
from storeloom.studio.locales import money_text

HEIGHT_PX = 360
SHADES = ("#1f5fa8", "#8a5a00")


def result(found: Mapping[str, Any] | None, currency: str, titles: Mapping[str, str]) -> None:
    """An evaluation; or that there is none yet."""
    if found is None:
        st.info(say("pilot_not_yet"), icon=":material/hourglass_empty:")
        return
    st.caption(say("pilot_until", day=found["until"], n=found["days"]))
    effect, share = found["effect"], found["share"]
    columns = st.columns(2)
    columns[0].metric(
        say("pilot_effect"),
        number_text(effect["value"]),
        say("pilot_between", low=number_text(effect["low"]), high=number_text(effect["high"])),
        delta_color="off",
        delta_arrow="off",
    )
    columns[1].metric(say("pilot_share"), "–" if share is None else f"{100 * share:+.1f} %")
    worth(found["worth_of_all"], currency)
    if found["gaps"]:
        _course(found["gaps"])
    _checks(found)
    for one in found["findings"]:
        st.warning(one["zh" if language() == "zh" else "en"])
    _drivers(found, titles)


def worth(found: Mapping[str, Any] | None, currency: str) -> None:
    """Gain, cost, return and payback with their intervals."""
    if found is None:
        return

    def money(value: float | None) -> str:
        return say("pilot_never") if value is None else money_text(value, currency, language())

    def percent(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:,.0f} %"

    def months(value: float | None) -> str:
        return say("pilot_never") if value is None else f"{value:,.1f}"

    shown = (("gain", money), ("net", money), ("roi", percent), ("payback_months", months))
    columns = [*st.columns(3), *st.columns(3)]
    columns[0].metric(say("pilot_cost"), money_text(found["cost"], currency, language()))
    for column, (name, text) in zip(columns[1:], shown, strict=False):
        span = found[name]
        between = say("pilot_between", low=text(span["low"]), high=text(span["high"]))
        column.metric(say(f"pilot_{name.removesuffix('_months')}"), text(span["value"]), between, delta_color="off", delta_arrow="off")


def _course(gaps: list[dict[str, Any]]) -> None:
    names = (say("pilot_actual"), say("pilot_twin"))
    rows = [{"day": row["ds"], "series": name, "y": row[key]} for row in gaps for name, key in zip(names, ("y", "synthetic"), strict=True)]
    spec = {
        "mark": {"type": "line"},
        "encoding": {
            "x": {"field": "day", "type": "temporal", "title": say("pilot_day"), "axis": {"format": "%m-%d"}},
            "y": {"field": "y", "type": "quantitative", "title": say("pilot_effect_axis"), "scale": {"zero": False}},
            "color": {
                "field": "series",
                "type": "nominal",
                "title": None,
                "scale": {"domain": list(names), "range": list(SHADES)},
                "legend": {"orient": "bottom"},
            },
            "strokeDash": {
                "field": "series",
                "type": "nominal",
                "legend": None,
                "scale": {"domain": list(names), "range": [[1, 0], [5, 4]]},
            },
        },
    }
    st.markdown(f"**{say('pilot_drawn')}**")
    st.vega_lite_chart(rows, spec, height=HEIGHT_PX, width="stretch", alt=say("pilot_drawn"))


def _checks(found: Mapping[str, Any]) -> None:
    st.markdown(f"**{say('pilot_checks')}**")
    key = "zh" if language() == "zh" else "en"
    rows = [
        {
            say("pilot_check"): one[key],
            say("value"): number_text(one["value"]),
            say("pilot_expected"): one["expected"],
            say("pilot_held"): say("yes" if one["held"] else "no"),
        }
        for one in found["checks"]
    ]
    st.dataframe(rows, hide_index=True)


def _drivers(found: Mapping[str, Any], titles: Mapping[str, str]) -> None:
    if not found["drivers"]:
        return
    rows = [
        {
            say("pilot_driver"): titles.get(one["name"], one["name"]),
            say("value"): number_text(one["value"]),
            say("pilot_interval"): f"{number_text(one['low'])} … {number_text(one['high'])}",
            "p": number_text(one["p_value"]),
        }
        for one in found["drivers"]
    ]
    st.dataframe(rows, hide_index=True)
