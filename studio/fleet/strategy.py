"""The way of a roll-out as a form: waves, what each is held against, limits.

It stands in the page's address as JSON of what is set, so that a reload and a link keep it; what is wrong with it is told by the form that
the control plane itself takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from pydantic import ValidationError

from storeloom.core.control.rollout.strategy import Strategy, careful, rings
from storeloom.studio.address import go
from storeloom.studio.common import registry, say, title_of

KEY = "way"
Way = dict[str, Any]
FILTERS = {"rings": "ring", "regions": "region", "tags": "tag", "stores": "stores_named"}
FAILURES = {"roll_back": "fail_roll_back", "roll_back_wave": "fail_wave", "pause": "fail_pause"}
GATE_WORDS = {"agents": ("gate_agents", "gate_agents_note"), "errors": ("gate_errors", "gate_errors_note")}
GATES = {  # of each gate: its numbers, with their word and the least that may be set (%)
    "agents": {"accept": ("gate_accept", 0.1), "reject": ("gate_reject", 0.1), "alpha": ("gate_alpha", 0.1)},
    "errors": {"least": ("gate_least", 0.01), "alpha": ("gate_alpha", 0.1)},
}
WORSE = {"lower": "worse_lower", "higher": "worse_higher"}


def _plain(strategy: Strategy) -> Way:
    return strategy.model_dump(mode="json", exclude_defaults=True)


PRESETS: dict[str, Callable[[], Way]] = {
    "way_careful": lambda: _named(_plain(careful()), ("wave_canary", "wave_hundredth", "wave_tenth", "wave_half", "wave_all")),
    "way_rings": lambda: _named(_plain(rings()), ("wave_canary", "wave_hundredth", "wave_ring_0", "wave_ring_1", "wave_all")),
    "way_once": lambda: {"waves": [{"name": say("wave_all"), "percent": 100}]},
}


def _named(way: Way, words: Sequence[str]) -> Way:
    """A way with its waves named in the reader's language."""
    return {**way, "waves": [{**wave, "name": say(word)} for wave, word in zip(way["waves"], words, strict=True)]}


def way_now() -> Way:
    """The way in work: the address's; the careful one where it says none that can be read."""
    try:
        said = json.loads(st.query_params.get(KEY, ""))
    except ValueError:
        said = None
    waves = said.get("waves") if isinstance(said, dict) else None
    fits = isinstance(waves, list) and waves and all(isinstance(wave, dict) for wave in waves)
    return said if fits and isinstance(said, dict) else PRESETS["way_careful"]()


def _put(way: Way) -> None:
    go(**{KEY: json.dumps(way, ensure_ascii=False, separators=(",", ":"))})


def strategy_form(stores: Sequence[Mapping[str, Any]], solutions: Sequence[str]) -> Strategy | None:
    """The form; the strategy as the control plane takes it, or None with what is wrong beside it. `stores` are those of the release,
    `solutions` those whose figures may be gates."""
    way = way_now()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(say("way_begin_with"))
        for name in PRESETS:
            st.button(say(name), key=f"way/{name}", on_click=_preset, args=(name,))
    strategy, wrong = _read(way)
    for at, wave in enumerate(way["waves"]):
        _wave(way, at, wave, stores, wrong)
    st.button(say("add_wave"), key="way/add", icon=":material/add:", on_click=_add_wave, args=(way,))
    with st.expander(say("watching_head"), icon=":material/monitor_heart:"):
        _times(way)
    with st.expander(say("gates_head"), icon=":material/rule:"):
        _gates(way, solutions)
    for text in wrong.get(-1, ()):
        st.error(text)
    return strategy


def _read(way: Way) -> tuple[Strategy | None, dict[int, list[str]]]:
    """The strategy, or what is wrong with it: by wave, -1 for the whole."""
    try:
        return Strategy.model_validate(way), {}
    except ValidationError as error:
        wrong: dict[int, list[str]] = {}
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            place = fault["loc"]
            at = int(place[1]) if len(place) > 1 and place[0] == "waves" and isinstance(place[1], int) else -1
            wrong.setdefault(at, []).append(_why(place, str(fault["msg"])))
        return None, wrong


def _why(place: Sequence[int | str], message: str) -> str:
    """A fault in the reader's language where the form can bring it about; the control plane's own words else."""
    words: dict[tuple[int | str, ...], str] = {(): "percents_rise", ("waves",): "wave_empty", ("waves", "name"): "wave_unnamed"}
    words[("agents",)] = "reject_above"
    word = words.get(tuple(part for part in place if not isinstance(part, int)))
    return say(word) if word else f"{'.'.join(map(str, place))}{say('colon')}{message}"


def _preset(name: str) -> None:
    _put({**{key: value for key, value in way_now().items() if key != "waves"}, **PRESETS[name]()})


def _add_wave(way: Way) -> None:
    _put({**way, "waves": [*way["waves"], {"name": say("wave_n", n=len(way["waves"]) + 1), "percent": 100}]})


def _drop_wave(way: Way, at: int) -> None:
    _put({**way, "waves": [wave for number, wave in enumerate(way["waves"]) if number != at]})


def _set(widget: str, way: Way, path: tuple[str | int, ...], make: Callable[[Any], Any]) -> None:
    """Hand a widget's edit to the way: None takes a key out."""
    value = make(st.session_state[widget])
    new = json.loads(json.dumps(way))
    inner = new
    for part in path[:-1]:
        inner = inner.setdefault(part, {}) if isinstance(inner, dict) else inner[part]
    if value is None and isinstance(inner, dict):
        inner.pop(path[-1], None)
    else:
        inner[path[-1]] = value
    _put(new)


def _bound(way: Way, path: tuple[str | int, ...], value: Any, make: Callable[[Any], Any] = lambda said: said) -> dict[str, Any]:
    """The arguments of a widget whose value is a place of the way; the value is the widget's default, too (see forms/widgets.py)."""
    return {"value": value, **_bound_choice(way, path, value, make)}


def _bound_choice(way: Way, path: tuple[str | int, ...], value: Any, make: Callable[[Any], Any] = lambda said: said) -> dict[str, Any]:
    """The same of a choice, which has its default by another name."""
    key = "way/" + "/".join(map(str, path))
    st.session_state[key] = value
    return {"key": key, "on_change": _set, "args": (key, way, path, make)}


def _wave(way: Way, at: int, wave: Mapping[str, Any], stores: Sequence[Mapping[str, Any]], wrong: Mapping[int, list[str]]) -> None:
    here: tuple[str | int, ...] = ("waves", at)
    with st.container(border=True):
        name, percent, hold, drop = st.columns([4, 3, 4, 2], vertical_alignment="bottom")
        name.text_input(say("wave_name", n=at + 1), **_bound(way, (*here, "name"), wave.get("name", "")), max_chars=100)
        value = wave.get("percent")
        percent.number_input(
            say("wave_percent"),
            min_value=0.0,
            max_value=100.0,
            step=1.0,
            format="%g",
            help=say("wave_percent_note"),
            **_bound(way, (*here, "percent"), None if value is None else min(100.0, max(0.0, float(value))), lambda said: said or None),
        )
        hold.toggle(say("wave_hold"), **_bound(way, (*here, "hold"), bool(wave.get("hold")), lambda said: said or None))
        drop.button(
            say("drop_row"),
            key=f"way/drop/{at}",
            icon=":material/delete:",
            disabled=len(way["waves"]) < 2,
            on_click=_drop_wave,
            args=(way, at),
        )
        _filters(way, at, wave, stores)
        for text in wrong.get(at, ()):
            st.error(text)


def _filters(way: Way, at: int, wave: Mapping[str, Any], stores: Sequence[Mapping[str, Any]]) -> None:
    """What narrows a wave: each filter that is set, and one more to set."""
    known: dict[str, list[Any]] = {
        "rings": sorted({one["ring"] for one in stores}),
        "regions": sorted({one["region"] for one in stores if one["region"]}),
        "tags": sorted({tag for one in stores for tag in one["tags"]}),
        "stores": [one["id"] for one in stores],
    }
    set_here = [name for name in FILTERS if wave.get(name)]
    for name in set_here:
        options = [*known[name], *(one for one in wave[name] if one not in known[name])]
        bound = _bound_choice(way, ("waves", at, name), wave[name], lambda said: list(said) or None)
        st.multiselect(say("only", what=say(FILTERS[name])), options, wave[name], **bound, placeholder=say("choose"))
    rest = {name: say(word) for name, word in FILTERS.items() if name not in set_here and known[name]}
    if rest:
        key = f"way/narrow/{at}/{'+'.join(set_here)}"
        st.selectbox(
            say("narrow"),
            list(rest),
            index=None,
            format_func=rest.__getitem__,
            key=key,
            placeholder=say("narrow_none"),
            on_change=_narrow,
            args=(way, at, key, known),
        )


def _narrow(way: Way, at: int, widget: str, known: Mapping[str, list[Any]]) -> None:
    name = st.session_state[widget]
    if name:
        waves = [{**wave, name: known[name][:1]} if number == at else wave for number, wave in enumerate(way["waves"])]
        _put({**way, "waves": waves})


def _number(way: Way, path: tuple[str, ...], word: str, default: float, unit: float, low: float, high: float, step: float = 1.0) -> None:
    """A number of the way in a reader's unit; the default where it says none."""
    said: Any = way
    for part in path:
        said = said.get(part) if isinstance(said, Mapping) else None
    whole = isinstance(default, int)
    shown = (default if said is None else float(said)) / unit
    bound = _bound(
        way,
        path,
        min(float(high), max(float(low), shown)),
        lambda value: None if value is None else (round(value * unit) if whole else value * unit),
    )
    st.number_input(say(word), min_value=float(low), max_value=float(high), step=step, format="%g", **bound)


def _times(way: Way) -> None:
    fresh = Strategy.model_construct(waves=[])
    left, right = st.columns(2)
    with left:
        _number(way, ("health_s",), "health_min", fresh.health_s, 60, 0, 1440)
        _number(way, ("soak_s",), "soak_min", fresh.soak_s, 60, 0, 43200)
        _number(way, ("looks",), "looks", fresh.looks, 1, 1, 20)
        _number(way, ("patience_s",), "patience_h", fresh.patience_s, 3600, 0, 720)
        st.toggle(
            say("any_time"), **_bound(way, ("any_time",), bool(way.get("any_time")), lambda said: said or None), help=say("any_time_note")
        )
    with right:
        _number(way, ("parallel_downloads",), "parallel_downloads", fresh.parallel_downloads, 1, 1, 100_000)
        _number(way, ("parallel_updates",), "parallel_updates", fresh.parallel_updates, 1, 1, 100_000)
        _number(way, ("quiet_s",), "quiet_min", fresh.quiet_s, 60, 1, 10_080)
        _number(way, ("least_heard",), "least_heard", fresh.least_heard, 0.01, 1, 100)
        labels, failure = {name: say(word) for name, word in FAILURES.items()}, str(way.get("on_failure"))
        failure = failure if failure in FAILURES else "roll_back"
        st.selectbox(
            say("on_failure"),
            list(FAILURES),
            index=list(FAILURES).index(failure),
            format_func=labels.__getitem__,
            **_bound_choice(way, ("on_failure",), failure),
        )


def _gates(way: Way, solutions: Sequence[str]) -> None:
    fresh = Strategy.model_construct(waves=[])
    for gate, fields in GATES.items():
        word, note = GATE_WORDS[gate]
        st.markdown(f"**{say(word)}**")
        st.caption(say(note))
        on = gate not in way or way[gate] is not None
        st.toggle(say("gate_on"), key=f"way/{gate}", value=on, on_change=_switch, args=(way, gate, on))
        usual = getattr(fresh, gate)
        if on:
            for column, (key, (label, low)) in zip(st.columns(3), fields.items(), strict=False):
                with column:
                    _number(way, (gate, key), label, getattr(usual, key), 0.01, low, 99, max(0.1, low))
    st.markdown(f"**{say('gate_figures')}**")
    st.caption(say("gate_figures_note"))
    for at, figure in enumerate(way.get("figures", ())):
        _figure(way, at, figure)
    _new_figure(way, solutions)


def _switch(way: Way, gate: str, on: bool) -> None:
    rest = {key: value for key, value in way.items() if key != gate}
    _put({**rest, gate: None} if on else rest)


def _figure(way: Way, at: int, figure: Mapping[str, Any]) -> None:
    here: tuple[str | int, ...] = ("figures", at)
    with st.container(border=True):
        st.markdown(figure_title(str(figure.get("solution", "")), str(figure.get("name", ""))))
        worse, margin, drop = st.columns([4, 4, 2], vertical_alignment="bottom")
        labels, now = {name: say(word) for name, word in WORSE.items()}, str(figure.get("worse"))
        now = now if now in WORSE else "lower"
        worse.selectbox(
            say("worse"),
            list(WORSE),
            index=list(WORSE).index(now),
            format_func=labels.__getitem__,
            **_bound_choice(way, (*here, "worse"), now),
        )
        said = figure.get("margin")
        bound = _bound(
            way,
            (*here, "margin"),
            None if said is None else min(99.0, max(0.0, said * 100)),
            lambda value: None if not value else value / 100,
        )
        margin.number_input(say("margin"), min_value=0.0, max_value=99.0, step=1.0, format="%g", help=say("margin_note"), **bound)
        drop.button(say("drop_row"), key=f"way/figure/drop/{at}", icon=":material/delete:", on_click=_drop_figure, args=(way, at))


def _drop_figure(way: Way, at: int) -> None:
    _put({**way, "figures": [one for number, one in enumerate(way["figures"]) if number != at]})


def _new_figure(way: Way, solutions: Sequence[str]) -> None:
    """One more figure to watch, of the release's solutions."""
    known = registry().catalogue.solutions
    held = {(one.get("solution"), one.get("name")) for one in way.get("figures", ())}
    pairs = [(name, kpi) for name in solutions if name in known for kpi in known[name]["kpis"] if (name, kpi) not in held]
    options = {pair: figure_title(*pair) for pair in pairs}
    if options:
        key = f"way/figure/new/{len(held)}"
        st.selectbox(
            say("add_figure"),
            list(options),
            index=None,
            format_func=options.__getitem__,
            key=key,
            placeholder=say("choose"),
            on_change=_add_figure,
            args=(way, key),
        )


def _add_figure(way: Way, widget: str) -> None:
    if st.session_state[widget]:
        solution, name = st.session_state[widget]
        _put({**way, "figures": [*way.get("figures", ()), {"solution": solution, "name": name, "worse": "lower"}]})


def figure_title(solution: str, name: str) -> str:
    """A figure of a solution in the reader's language."""
    entry = registry().catalogue.solutions.get(solution)
    if entry is None:
        return f"{solution} · {name}"
    kpis = entry["kpis"]
    return f"{title_of(entry.facts)} · {title_of(kpis[name]) if name in kpis else name}"
