"""What an episode expected and what it got instead, in words, in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import Event, plain
from storeloom.core.kernel.schemas import show
from storeloom.core.virtual.matching import matches

Words = Mapping[str, str]
LANGS = ("en", "zh")
SHOWN = 200  # characters of an output's data where two runs part


def found(finding: Finding) -> Words:
    """A finding's text."""
    return {lang: finding.text(lang) for lang in LANGS}


def within(finding: Finding) -> Words:
    """A finding's text, to stand in another's sentence."""
    return {lang: text.rstrip(".。") for lang, text in found(finding).items()}


def missing(expected: Mapping[str, Any], got: int, same: Sequence[Event]) -> Words:
    """An expectation that another number of outputs fits; `same` are the outputs of its stream."""
    times = expected.get("times")
    en = f"expected {'at least once' if times is None else f'{times} times'}, got {got}"
    zh = f"期望{'至少一次' if times is None else f' {times} 次'}，实得 {got} 次"
    return {
        "en": f"{en}: {_line(expected, 'en')}{_closest(expected, same, 'en')}",
        "zh": f"{zh}：{_line(expected, 'zh')}{_closest(expected, same, 'zh')}",
    }


def unwanted(never: Mapping[str, Any], event: Event) -> Words:
    """An output that fits what must never come."""
    at, data = plain(event.time), dict(event.data)
    return {"en": f"never expected: {_line(never, 'en')}; got at {at} {data}", "zh": f"不应出现：{_line(never, 'zh')}；实得于 {at} {data}"}


def few_to_point_at(stream: str, where: Mapping[str, Any], there: int, nth: int) -> Words:
    """A `$from` that points beyond the outputs so far."""
    like = f" like {dict(where)}" if where else ""
    such = f"符合 {dict(where)} 的 " if where else ""
    return {
        "en": f"$from: only {there} {stream}{like} so far, number {nth} is asked for",
        "zh": f"$from：至此只有 {there} 个{such}{stream}，要的是第 {nth} 个",
    }


def no_figure(figure: str, instance: str) -> Words:
    """A figure that is not kept."""
    return {"en": f"there is no figure {figure} of {instance}", "zh": f"{instance} 没有指标 {figure}"}


def other_figure(figure: str, wanted: Any, got: float | None) -> Words:
    """A figure of another value."""
    return {"en": f"figure {figure}: expected {wanted}, got {got}", "zh": f"指标 {figure}：期望 {wanted}，实得 {got}"}


def _line(expected: Mapping[str, Any], lang: str) -> str:
    at = expected.get("at")
    when = "" if at is None else f"（{at}）" if lang == "zh" else f" at {at}"
    return f"{expected['stream']}{when} {dict(expected.get('data', {}))}"


def _closest(expected: Mapping[str, Any], outputs: Sequence[Event], lang: str, most: int = 3) -> str:
    """The outputs of the stream that fit most of the expectation, as lines to print below it."""
    wanted = expected.get("data", {})
    ranked = sorted(outputs, key=lambda event: -sum(matches(value, event.data.get(name), name) for name, value in wanted.items()))
    head = "实得于" if lang == "zh" else "got at"
    return "".join(f"\n    {head} {plain(event.time)}: {dict(event.data)}" for event in ranked[:most])


def parted(first: Sequence[Event], second: Sequence[Event]) -> Words | None:
    """The first output that two runs do not share; None where all are the same."""
    for number, (one, other) in enumerate(zip_longest(first, second), 1):
        if one is None or other is None or _all(one) != _all(other):
            renamed = one is not None and other is not None and _all(one)[1:] == _all(other)[1:]
            en, zh = ((_shown(event, lang) for event in (one, other)) for lang in ("en", "zh"))
            return {
                "en": "output {} is {}, then {}".format(number, *en) + (", with another id" if renamed else ""),
                "zh": "第 {} 个输出先是{}，后是{}".format(number, *zh) + ("，标识不同" if renamed else ""),
            }
    return None


def figure_parted(name: str, first: float | None, second: float | None) -> Words:
    """A figure that is another in a second run."""
    return {"en": f"the figure {name} is {first}, then {second}", "zh": f"指标 {name} 先是 {first}，后是 {second}"}


def refusals_parted(first: int, second: int) -> Words:
    """Numbers of refused inputs in two runs."""
    return {"en": f"refused were {first} inputs, then {second}", "zh": f"先拒收 {first} 个输入，后拒收 {second} 个"}


def _all(event: Event) -> tuple[str, str, str, Any]:
    return event.id, event.stream, plain(event.time), event.data


def _shown(event: Event | None, lang: str) -> str:
    if event is None:
        return "没有" if lang == "zh" else "nothing"
    data = show(event.data, SHOWN)
    return f" {plain(event.time)} 的 {event.stream} {data}" if lang == "zh" else f"{event.stream} at {plain(event.time)} {data}"
