"""Differences between two bundles as a reader takes them in: solutions that come and go, settings by their titles, devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.overlay import Difference, Layered, differences
from storeloom.core.kernel.registry import Entry
from storeloom.core.kernel.sources import Sources
from storeloom.studio.common import heading_of, registry, say, title_of
from storeloom.studio.composing.common import instance_title, listed
from storeloom.studio.forms.model import Form

WIDE = 60
STEPS = {"come": ":green[:material/add: {}]", "go": ":red[:material/remove: {}]"}


@dataclass(frozen=True)
class Line:
    """One change: what it is about, which value of it, and that value before and after (empty where there is none)."""

    about: str
    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """What one bundle is beside another: instances that come and go, and all else that differs."""

    come: tuple[str, ...]
    gone: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def nothing(self) -> bool:
        return not (self.come or self.gone or self.lines)


def change_between(before: Sources, after: Sources) -> Change:
    """What changes from one bundle to another, store profile and name among it."""
    one, other = _instances(before.value), _instances(after.value)
    kept = [d for d in differences(before.value, after.value) if not (d.path[0] == "solutions" and _whole(d, one, other))]
    profile = [
        Difference(("store", *d.path), d.before, d.after, d.had, d.has)
        for d in differences(before.store.value if before.store else {}, after.store.value if after.store else {})
    ]
    name = [Difference(("name",), before.name, after.name)] if before.name != after.name else []
    come, gone = [other[key] for key in other if key not in one], [one[key] for key in one if key not in other]
    return Change(tuple(come), tuple(gone), tuple(_lines([*name, *kept, *profile], {**before.value, **after.value})))


def change_of_layer(layered: Layered, at: int) -> Change:
    """What a layer changes over those below it; what the defaults say is below all."""
    layer = layered.layers[at]
    below, upto = Layered(layered.layers[:at]).value, Layered(layered.layers[: at + 1]).value
    named = {name for one in layered.layers[1:at] for name in one.data.get("solutions", {})}
    here = {name: body for name, body in layer.data.get("solutions", {}).items() if isinstance(body, Mapping)}
    come = [_title(name, upto) for name, body in here.items() if name not in named and body.get("enabled") is not False]
    gone = [_title(name, upto) for name, body in here.items() if name in named and body.get("enabled") is False]
    lines = [d for d in differences(below, upto) if d.path[0] != "solutions" or d.path[2:] not in ((), ("enabled",))]
    return Change(tuple(come), tuple(gone), tuple(_lines(lines, upto)))


def _instances(value: Mapping[str, Any]) -> dict[str, str]:
    """The titles of the instances that are not switched off."""
    found = value.get("solutions", {})
    return {name: _title(name, value) for name, body in found.items() if isinstance(body, Mapping) and body.get("enabled") is not False}


def _whole(difference: Difference, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether a difference goes with an instance that comes or goes as a whole, or is what says so."""
    name = difference.path[1] if len(difference.path) > 1 else ""
    return (name in before) != (name in after) or difference.path[2:] == ("enabled",)


def _title(name: str, value: Mapping[str, Any]) -> str:
    return instance_title(name, _entry(name, value))


def _entry(name: str, value: Mapping[str, Any]) -> Entry | None:
    body = value.get("solutions", {}).get(name)
    solution = body.get("solution", name) if isinstance(body, Mapping) else name
    return registry().catalogue.solutions.get(str(solution))


def _lines(found: Iterable[Difference], value: Mapping[str, Any]) -> Iterable[Line]:
    for one in found:
        about, what, unit = _worded(one.path, value)
        yield Line(about, what, _said(one.before, unit) if one.had else "", _said(one.after, unit) if one.has else "")


def _worded(path: tuple[Any, ...], value: Mapping[str, Any]) -> tuple[str, str, str]:
    """What a path is about, which value of it, and its unit."""
    if path[:1] == ("solutions",) and len(path) > 1:
        name = str(path[1])
        if path[2:3] == ("config",) and len(path) > 3:
            return _title(name, value), *_setting(_entry(name, value), path[3:])
        return _title(name, value), _joined(path[2:]) or say("selected"), ""
    if path[:1] == ("profiles",) and len(path) > 2:
        _, what, unit = _worded(path[2:], value)
        return say("runtime_profile", name=path[1]), what if path[2:3] != ("solutions",) else f"{_title(path[3], value)} › {what}", unit
    if path[:2] == ("store", "devices") and len(path) > 2:
        return say("devices"), _joined(path[2:]), ""
    if path[:1] == ("store",):
        return say("store_profile"), _joined(path[1:]), ""
    return say("whole_bundle"), say("name") if path == ("name",) else _joined(path), ""


def _setting(entry: Entry | None, keys: Sequence[Any]) -> tuple[str, str]:
    """A setting by the titles on its way, and its unit."""
    node: Any = Form(schemas.load(entry.schema_file), {}).root.settled.facts if entry else {}
    words, unit = [], ""
    for key in keys:
        node = node.get("properties", {}).get(key, {}) if isinstance(node, Mapping) else {}
        words.append(heading_of(node, str(key)))
        unit = str(node.get("x-unit", ""))
    return " › ".join(words), unit


def _joined(keys: Sequence[Any]) -> str:
    return schemas.join("", keys)


def _said(value: Any, unit: str) -> str:
    """A value in words: of rows how many, of plain values all, as far as there is room."""
    if isinstance(value, bool):
        return say("yes" if value else "no")
    if value in (None, "", [], {}):
        return say("none")
    if isinstance(value, list):
        nested = any(isinstance(one, (list, Mapping)) for one in value)
        return say("rows_n", n=len(value)) if nested else _cut(listed([_said(one, "") for one in value]))
    if isinstance(value, Mapping):
        return _cut(listed([f"{key}{say('colon')}{_said(one, '')}" for key, one in value.items()]))
    text = value if isinstance(value, str) else schemas.show(value, WIDE)
    return f"{text} {unit}" if unit and isinstance(value, (int, float)) else text


def _cut(text: str) -> str:
    return text if len(text) <= WIDE else f"{text[: WIDE - 1]}…"


def show_change(change: Change, key: str) -> None:
    """A change as lists of what comes and goes and a table of values."""
    if change.nothing:
        st.info(say("no_change"))
        return
    for word, names in (("come", change.come), ("go", change.gone)):
        for name in names:
            st.markdown(STEPS[word].format(f"{say(word)}{say('colon')}{name}"))
    if change.lines:
        st.dataframe(
            [
                {say("about"): line.about, say("setting"): line.what, say("before"): line.before, say("after"): line.after}
                for line in change.lines
            ],
            hide_index=True,
            key=key,
        )


def solution_words(names: Iterable[str]) -> list[str]:
    """Solutions by their titles."""
    known = registry().catalogue.solutions
    return [title_of(known[name].facts) if name in known else name for name in names]
