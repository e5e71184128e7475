"""Hostile input: what a stream's schema allows and nobody hopes for. A solution must not raise on it, nor on anything later because of it;
must put out nothing but what it declares; and must stay within the limits of its process.

A solution's own episode goes before, so that there is something to spoil. Then come, for each stream that it consumes, the data of that
episode with one thing nasty at a time (`nasty`), late, early, twice and backwards; then a day goes by, the episode's inputs come once
more, and another day. What the kernel refuses at the door is not sent.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from storeloom.core.conformance.labs import Case, Lab, lab_of
from storeloom.core.conformance.nasty import Nasty, example, nasty
from storeloom.core.conformance.rules import Found, Grade, Rule, Scope, Subject
from storeloom.core.kernel import schemas
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import Event
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.failure import Failure
from storeloom.core.runtime.intake import bounds
from storeloom.core.runtime.limits import MIB, Limits
from storeloom.core.virtual import differing
from storeloom.core.virtual.episode import Episode, Script

STEP = timedelta(seconds=1)
A_DAY = timedelta(hours=26)  # every schedule of a day comes within it, whatever it began with
MOST_TOLD = 20  # findings of one solution
MOST_WORDS = 400  # characters of a failure's words
CASES = 5  # episodes that a hostile config is tried with: those that cost the least
LARGE = 50_000  # characters
EDGES = 4  # sets of edge values
COLOUR = re.compile("#[0-9a-fA-F]{6}|[a-z]{3,6}")
FRAME = "camera.frame"
HIDDEN = frozenset({"pixels"})  # of a frame: made by the kernel, never from outside
IDLE = {"en": "it consumes nothing", "zh": "没有输入流"}
NO_EPISODE = {"en": "there is no episode to begin from", "zh": "没有可用的样例"}
NO_SETTING = {"en": "there is nothing to set", "zh": "没有配置项"}


@dataclass(frozen=True)
class Attack:
    """One hostile event: its stream and device, its data, how far its time lies from its arrival, and what is nasty about it."""

    stream: str
    source: str
    what: Nasty
    shift: timedelta = timedelta()


class Siege(Episode):
    """An episode with attacks behind it; `sent` has the attack of each event's id, `worst` the most bytes that one attack brought out."""

    def __init__(self, document: Document, registry: Registry, attacks: Sequence[Attack], like: Script) -> None:
        self.attacks, self.sent, self.worst = attacks, dict[str, Attack](), 0
        super().__init__(document, registry, strict=False, like=like)

    def play(self, timeline: Sequence[tuple[datetime, int, Any]]) -> None:
        super().play(timeline)
        at = self.engine.now
        for number, attack in enumerate(self.attacks):
            at += STEP
            event_id = f"HOSTILE{number:019}"
            self.sent[event_id] = attack
            before = len(self.result.outputs)
            self._arrive(Event(attack.stream, at + attack.shift, attack.what.data, event_id, self._store, attack.source, at))
            made = self.result.outputs[before:]
            self.worst = max(self.worst, sum(len(orjson.dumps(event.data)) for event in made))
        self.engine.advance(self.engine.now + A_DAY)
        self._once_more(timeline)
        self.engine.advance(self.engine.now + A_DAY)

    @property
    def _store(self) -> str:
        return str(self.plan.store["store"])

    def _arrive(self, event: Event) -> None:
        self.engine.advance(event.received or event.time, inclusive=False)
        self.engine.take_in(event)

    def _once_more(self, timeline: Sequence[tuple[datetime, int, Any]]) -> None:
        """The episode's inputs again, under other ids, as long after one another as they were."""
        if not timeline:
            return
        later = self.engine.now - timeline[0][0]
        for arrival, number, action in timeline:
            if not isinstance(action, Event) or action.id in self.engine.inputs.incomplete:
                continue
            data = self._resolved(action.data)
            if schemas.first_error(schemas.stream_file(action.stream), data) is None:
                new_id = f"AGAIN{number:09}{action.id[-12:]}"
                self._arrive(Event(action.stream, action.time + later, data, new_id, self._store, action.source, arrival + later))


# --- attacks ---


def attacks_on(lab: Lab, case: Case | None, streams: Sequence[str]) -> list[Attack]:
    """What is sent to a solution on these streams; the data are those of the case where it has some, else made from the schema."""
    found: list[Attack] = []
    limits = bounds({})
    for stream in streams:
        source, datum = _datum(case, stream)
        file = schemas.stream_file(stream)
        for what in nasty(file, datum):
            if not HIDDEN & what.data.keys() - datum.keys() and (stream != FRAME or _is_scene(what.data.get("scene"))):
                found.append(Attack(stream, source, what))
        if schemas.first_error(file, datum) is not None:
            continue
        late, ahead = limits[stream].late, limits[stream].ahead
        for en, zh, shift in (("late", "迟到的数据", -late), ("early", "超前的数据", ahead), ("twice", "重复上报", timedelta())):
            found.append(Attack(stream, source, Nasty(f"data that come {en}", zh, datum), shift))
        backwards = Nasty("data in the wrong order", "乱序的数据", datum)
        found += [Attack(stream, source, backwards, -STEP * back) for back in (2, 40, 20, 60)]
    return sorted(found, key=lambda one: len(str(one.what.data)) > LARGE)  # what fills the state comes last: all after it takes longer


def _is_scene(scene: Mapping[str, Any] | None) -> bool:
    """Whether there is no scene, or one that virtual cameras make: it stands for pixels, and no device sends any."""
    if scene is None:
        return True
    things = scene.get("objects")
    if things is None or any(not thing.get("class") or "box" not in thing for thing in things):
        return False
    named = [thing["id"] for thing in things if "id" in thing]
    colours = [thing["colour"] for thing in things if "colour" in thing]
    return len(named) == len(set(named)) and all(map(COLOUR.fullmatch, colours))


def _datum(case: Case | None, stream: str) -> tuple[str, dict[str, Any]]:
    """A device and the fullest of what it says on a stream in a case; an example of the schema where it says nothing."""
    said = [] if case is None else [action for _, _, action in case.script.timeline if isinstance(action, Event)]
    fitting = [event for event in said if event.stream == stream and b'"$from"' not in orjson.dumps(event.data)]
    fitting = [event for event in fitting if schemas.first_error(schemas.stream_file(stream), event.data) is None]
    if fitting:
        best = max(fitting, key=lambda event: len(event.data))
        return best.source, dict(best.data)
    return "episode", example(schemas.load(schemas.stream_file(stream)))


def _stages(lab: Lab) -> Iterator[tuple[Case, list[str]]]:
    """Episodes to attack, and the streams of each: every consumed stream once, in the cheapest episode that has it."""
    left = [name.rstrip("?") for name in lab.entry["consumes"]]
    for case in lab.cases:
        if case.outcome.raised or "bundle" in case.document.data:
            continue
        here = [stream for stream in left if stream in case.streams]
        left = [stream for stream in left if stream not in here]
        if here:
            yield case, here
    if left and lab.cases:
        yield lab.cases[0], left


# --- events ---


def events(subject: Subject, solution: str) -> Found:
    """Hostile events of every consumed stream, each in the middle of an episode of the solution's own."""
    lab = lab_of(subject, solution)
    if not lab.cases or not lab.entry["consumes"]:
        return Found(beside=IDLE if lab.cases else NO_EPISODE)
    found: dict[tuple[str, tuple[str, str]], Finding] = {}
    figures = {"hostile_events": 0.0, "state_kib": 0.0, "longest_s": 0.0, "answer_kib": 0.0}
    for case, streams in _stages(lab):
        siege = _besiege(lab, case, attacks_on(lab, case, streams))
        for failure, attack in _blamed(lab, case, siege):
            args = {"id": solution, "stream": attack.stream, "what": {"en": attack.what.en, "zh": attack.what.zh}}
            args["reason"] = {lang: _short(failure.finding.text(lang)) for lang in ("en", "zh")}
            found.setdefault((attack.stream, _kind(failure)), Finding("SL-CHK-41", args, file=str(lab.entry.file)))
        figures["hostile_events"] += len(siege.attacks)
        for name, value in _measured(siege, solution).items():
            figures[name] = max(figures[name], value)
    return Found((*itertools.islice(found.values(), MOST_TOLD), *_over(lab, figures)), figures)


def _short(words: str) -> str:
    """A finding's words to stand within another's."""
    words = words.rstrip(".。")
    return words if len(words) <= MOST_WORDS else f"{words[:100]}...{words[100 - MOST_WORDS :]}"


def _besiege(lab: Lab, case: Case, attacks: Sequence[Attack]) -> Siege:
    siege = Siege(case.document, lab.registry, attacks, case.script)
    siege.run()
    return siege


def _failures(siege: Siege) -> list[Failure]:
    return [failure for failure in siege.engine.failures if failure.event not in siege.engine.inputs.incomplete]


def _kind(failure: Failure) -> tuple[str, str]:
    """What is the same about failures of one fault: the finding's code, the exception's type and its line in the plugin."""
    told = re.fullmatch(r"(\w+).*?(\(line \d+\))?", str(failure.finding.args.get("reason")), re.DOTALL)
    return failure.finding.code, f"{told[1]} {told[2]}" if told else ""


def _blamed(lab: Lab, case: Case, siege: Siege) -> Iterator[tuple[Failure, Attack]]:
    """Failures with the attack that is to blame; for what broke later, the one without which it does not break."""
    seen: set[tuple[str, str]] = set()
    for failure in _failures(siege):
        if failure.event in siege.sent:
            yield failure, siege.sent[failure.event]
        elif _kind(failure) not in seen:
            seen.add(_kind(failure))
            yield failure, _behind(lab, case, siege.attacks, failure)


def _behind(lab: Lab, case: Case, attacks: Sequence[Attack], failure: Failure) -> Attack:
    """The attack that brings a later failure about, found by halving; where only several together do, the last of them."""
    if _kind(failure) in map(_kind, _failures(_besiege(lab, case, ()))):
        return Attack(attacks[0].stream, "", Nasty("its own inputs a second time", "重复的自身输入", {}))
    while len(attacks) > 1:
        half = len(attacks) // 2
        for part in (attacks[half:], attacks[:half]):
            if _kind(failure) in map(_kind, _failures(_besiege(lab, case, part))):
                attacks = part
                break
        else:
            break
    return attacks[-1]


def _measured(siege: Siege, solution: str) -> dict[str, float]:
    """What a solution remembers after it all, how long its longest call took, and the most that one event brought out."""
    member = next(member for member in siege.engine.crew if member.item.solution == solution)
    state = sum(len(value) + len(key) for key, value in siege.engine.log.load_state(member.name).items())
    return {"state_kib": state / 1024, "longest_s": member.meter.longest_s, "answer_kib": siege.worst / 1024}


def _over(lab: Lab, figures: Mapping[str, float]) -> Iterator[Finding]:
    limits = Limits.of(lab.entry)
    for name, limit, unit, scale, en, zh in (
        ("state_kib", limits.state_mb, "MiB", MIB / 1024, "remembers too much of hostile events", "对恶意事件记忆过多"),
        ("answer_kib", limits.message_mb, "MiB", MIB / 1024, "answers one event with too much", "对单个事件的输出过大"),
        ("longest_s", limits.handler_s, "s", 1, "takes too long for one event", "处理单个事件过久"),
    ):
        got = figures[name] / scale
        if got > limit:
            args = {"id": lab.entry.id, "what": {"en": en, "zh": zh}, "got": round(got, 1), "limit": limit, "unit": unit}
            yield Finding("SL-CHK-43", args, file=str(lab.entry.file))


# --- configs ---


def configs(subject: Subject, solution: str) -> Found:
    """All config keys at the edge of what is allowed, together: the smallest, the largest, the first and the last of each."""
    lab = lab_of(subject, solution)
    cases = [case for case in lab.cases if not case.outcome.raised and "bundle" not in case.document.data][:CASES]
    if not lab.properties or not cases:
        return Found(beside=NO_SETTING if cases else NO_EPISODE)
    found: dict[str, Finding] = {}
    for number in range(EDGES):
        for case in cases:
            config = _at_the_edge(lab, case, number)
            outcome = lab.run(case, config=config)
            for fault in outcome.raised if outcome else ():
                args = {"id": solution, "values": schemas.show(config, 300), "reason": differing.within(fault)}
                found.setdefault(fault.text(), Finding("SL-CHK-42", args, file=case.file))
    return Found(tuple(itertools.islice(found.values(), MOST_TOLD)))


def _at_the_edge(lab: Lab, case: Case, number: int) -> dict[str, Any]:
    """A config with every key at its edge of this number, as far as composing takes them together."""
    config = case.config
    for key, schema in lab.properties.items():
        edges = list(_edges(schema, lab.schema))
        if edges:
            tried = {**config, key: edges[(number + len(key) * (number > 1)) % len(edges)]}
            if lab.composes(case, tried):
                config = tried
    return config


def _edges(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[Any]:
    """The values at the edge of what a config key may be."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    for option in schema.get("anyOf", ()):
        yield from _edges(option, whole)
    kind = schema.get("type")
    if "enum" in schema:
        yield from (schema["enum"][0], schema["enum"][-1])
    elif kind == "boolean":
        yield from (False, True)
    elif kind in ("integer", "number"):
        whole_number = kind == "integer"
        low, high = schema.get("minimum"), schema.get("maximum")
        over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        tiny = 1 if whole_number else 1e-9
        yield from (
            one for one in (low, None if over is None else over + tiny, high, None if under is None else under - tiny) if one is not None
        )
    elif kind == "null":
        yield None
    elif kind == "array" and not schema.get("minItems"):
        yield []
    elif kind == "object" and not schema.get("required"):
        yield {}
    elif kind == "string":
        yield from ("", "x" * schema.get("maxLength", 1000))


RULES: tuple[Rule, ...] = (
    Rule("hostile.events", Grade.BRONZE, Scope.SOLUTION, "No event that its streams allow breaks it, at once or later",
         "其数据流允许的任何事件都不会使其出错", "Devices fail, feeds change without a word, and somebody will try.",
         "设备会出故障，数据源会悄然变更，也总有人尝试攻击。", events),
    Rule("hostile.configs", Grade.BRONZE, Scope.SOLUTION, "No settings at the edge of what is allowed break it",
         "各配置项同取边界值时不会出错", "Who sets it up may move every slider to its end.", "配置人员可能把每项都调到极限。", configs),
)  # fmt: skip
