"""Episodes: behaviour written as data. Inputs in order, and the outputs and figures that they must bring.

An episode runs on the real kernel and runtime with a virtual clock; only devices and frames are made up. The format stands in
docs/episodes.md. Times of inputs are arrivals in the order of the file; an input that names both `time` and `received` is a late one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import BundleFault, Finding, InputFault, StoreloomError
from storeloom.core.kernel.events import Event, event_id, parse_time, plain
from storeloom.core.kernel.overlay import merge_patch
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Registry, hint
from storeloom.core.kernel.sources import open_document
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.log import StoreLog
from storeloom.core.virtual import differing
from storeloom.core.virtual.formats import SHAPES, default_profile
from storeloom.core.virtual.matching import matches
from storeloom.core.virtual.solo import ROOMY, compose_solo
from storeloom.core.virtual.tables import shared_tables

EPISODE = schemas.SCHEMAS / "episode.json"


@dataclass
class EpisodeResult:
    """What an episode brought: whether it held, what differs, outputs in order, figures, refused inputs.

    What differs and why inputs were refused stands in words: in English, and the same, in the same order, in Chinese.
    """

    path: str
    title: str
    differences: list[str] = field(default_factory=list)
    outputs: list[Event] = field(default_factory=list)
    figures: dict[str, dict[str, float | None]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    differences_zh: list[str] = field(default_factory=list)
    refused_zh: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.differences

    def as_dict(self, lang: str = "en") -> dict[str, Any]:
        outputs = [{"at": plain(e.time), "stream": e.stream, "source": e.source, "data": e.data} for e in self.outputs]
        zh = lang == "zh"
        return {
            "path": self.path,
            "title": self.title,
            "ok": self.ok,
            "differences": self.differences_zh if zh else self.differences,
            "outputs": outputs,
            "kpis": self.figures,
            "refused": self.refused_zh if zh else self.refused,
        }

    def _differs(self, words: differing.Words) -> None:
        self.differences.append(words["en"])
        self.differences_zh.append(words["zh"])

    def _refuses(self, finding: Finding) -> None:
        self.refused.append(finding.text())
        self.refused_zh.append(finding.text("zh"))


def find_episodes(paths: Iterable[str | Path]) -> list[Path]:
    """The episode files under files and folders, in order. DocumentFault for a path that is not there."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.suffix in (".yaml", ".yml") and p.is_file())
        else:
            found.append(path)
    return found


def run_episode(path: str | Path, registry: Registry, *, strict: bool = True) -> EpisodeResult:
    """Run one episode file. StoreloomError when the file is no episode; what differs stands in the result."""
    document = open_document(path)
    return Episode(document, registry, strict=strict).run()


@dataclass(frozen=True, slots=True)
class Script:
    """What an episode's document comes to: the plan that runs, and its inputs and table changes in order of arrival."""

    data: Mapping[str, Any]
    plan: Plan
    timeline: Sequence[tuple[datetime, int, Any]]

    def shares(self, data: Mapping[str, Any], *keys: str) -> bool:
        """Whether an episode has these keys from the very same objects."""
        return all(data.get(key) is self.data.get(key) for key in keys)


class Episode:
    """One episode: its plan, tables and timeline, run once.

    `like` is the script of an episode of which this one is a variation: what both share is not worked out again.
    """

    def __init__(self, document: Document, registry: Registry, *, strict: bool = True, like: Script | None = None) -> None:
        self.document = document
        self.data = document.data
        if like is None or not like.shares(self.data, "given", "expect", "never", "solution", "bundle"):
            self._check_shape()
        composed = like is not None and like.shares(self.data, "solution", "bundle", "store", "config")
        self.plan = like.plan if like and composed else self._plan(registry)
        self.result = EpisodeResult(document.path, str(self.data.get("title", Path(document.path).stem)))
        told = like is not None and like.shares(self.data, "store", "given", "tables_at")
        self.timeline = like.timeline if like and told else list(self._timeline())
        first = min((item[0] for item in self.timeline), default=None)
        start = self._time(self.data["from"], "from") if "from" in self.data else first
        if start is None:
            raise self._fault("it has neither inputs nor `from`", "没有输入，也没有 from", "Add given: or from:.")
        self.engine = Engine(
            self.plan,
            registry,
            StoreLog(store=str(self.plan.store["store"])),
            self._tables(),
            start,
            commit_every=1_000_000,
            strict=strict,
            on_output=self.result.outputs.append,
            lenient=True,
        )

    @property
    def script(self) -> Script:
        return Script(self.data, self.plan, self.timeline)

    def run(self) -> EpisodeResult:
        """Feed the timeline, let the clock run on to `until`, compare."""
        self.play(self.timeline)
        until = self._time(self.data["until"], "until") if "until" in self.data else self.engine.now
        self.engine.advance(until)
        self.result.figures = self.engine.figures()
        incomplete = self.engine.inputs.incomplete
        for failure in self.engine.failures:
            if failure.event in incomplete:
                self.result._refuses(failure.finding)
        self._compare()
        return self.result

    def play(self, timeline: Sequence[tuple[datetime, int, Any]]) -> None:
        """Feed inputs and table changes, each when it arrives."""
        for arrival, _, action in timeline:
            self.engine.advance(arrival, inclusive=False)
            if isinstance(action, tuple):
                self.engine.replace_table(action[0], action[1], arrival)
            else:
                self._feed(action)

    def _feed(self, event: Event) -> None:
        try:
            self.engine.feed_event(
                Event(event.stream, event.time, self._resolved(event.data), event.id, event.store, event.source, event.received)
            )
        except InputFault as fault:
            self.result._refuses(fault.findings[0])

    def _fault(self, en: str, zh: str, remedy: str, *keys: str | int) -> InputFault:
        return InputFault(self._finding(en, zh, remedy, *keys))

    def _finding(self, en: str, zh: str, remedy: str, *keys: str | int) -> Finding:
        args = {"reason": {"en": en, "zh": zh}, "remedy": remedy}
        return Finding("SL-EPI-01", args, ".".join(map(str, keys)), self.document.path, self.document.line_of(*keys))

    def _check_shape(self) -> None:
        """InputFault with all that does not fit the format."""
        faults = schemas.check(EPISODE, self.data, place=lambda *keys: (self.document.path, self.document.line_of(*keys)))
        if ("solution" in self.data) == ("bundle" in self.data):
            en, zh = "it needs either `solution` or `bundle`", "需要 solution 或 bundle，二者选一"
            faults.append(self._finding(en, zh, "Name the solution that it tries."))
        for part in () if faults else ("given", "expect", "never"):
            for index, entry in enumerate(self.data.get(part, [])):
                stream = entry["stream"]
                if part != "given" and "at" in entry:
                    self._time(entry["at"], part, index, "at")
                if stream not in schemas.streams():
                    near = hint(stream, schemas.streams())
                    en, zh = f"there is no stream '{stream}'.{near['hint_en']}", f"没有数据流“{stream}”。{near['hint_zh']}"
                    faults.append(self._finding(en.rstrip("."), zh.rstrip("。"), "See schemas/streams.", part, index))
        if faults:
            raise InputFault(faults)

    def _plan(self, registry: Registry) -> Plan:
        if "bundle" in self.data:
            return compose(Path(self.document.path).parent / str(self.data["bundle"]), registry).require()
        solution = str(self.data["solution"])
        registry.catalogue.solution(solution)
        named = self.data.get("store", {}).get("format")
        base = default_profile(named if isinstance(named, str) and named in SHAPES else "supermarket")
        base["devices"] = {f"{kind}-1": {"kind": kind} for kind in registry.catalogue.adapter_kinds}
        base["edge"] = ROOMY
        given = self.data.get("store", {})
        store = merge_patch(base, given)
        if "hours" in given:
            store["hours"] = _shut_days(given["hours"])
        given = frozenset(schemas.streams())
        composed = compose_solo(registry, solution, store, self.data.get("config") or {}, self.document, given)
        if composed.plan is None:
            raise BundleFault(composed.errors)
        return composed.plan

    def _tables(self) -> dict[str, list[dict[str, Any]]]:
        tables = dict(shared_tables(str(self.plan.store["format"])))
        for name, rows in self.data.get("tables", {}).items():
            if name not in schemas.tables():
                raise self._fault(
                    f"there is no table '{name}'", f"没有数据表“{name}”", f"Known: {', '.join(schemas.tables())}.", "tables", name
                )
            tables[name] = rows or []
        return tables

    def _time(self, value: Any, *keys: str | int) -> datetime:
        try:
            return parse_time(value)
        except (TypeError, ValueError):
            raise self._fault(f"'{value}' is no time", f"“{value}”不是时间", "Write it in UTC, as 2026-03-02T10:00:00Z.", *keys) from None

    def _timeline(self) -> Iterator[tuple[datetime, int, Any]]:
        """Arrivals, in order: inputs (events) and table changes (name and rows)."""
        heap: list[tuple[datetime, int, int, Any]] = []
        last: datetime | None = None
        for order, entry in enumerate(self.data.get("tables_at", [])):
            heap.append((self._time(entry["at"], "tables_at", order), -1, order, (entry["table"], entry["rows"])))
        for order, entry in enumerate(self.data.get("given", [])):
            at = entry.get("at")
            both = at if isinstance(at, dict) else {"time": at, "received": at}
            time = self._time(both.get("time"), "given", order, "at")
            received = self._time(both.get("received", both.get("time")), "given", order, "at")
            last = received if last is None else max(last, received)
            for number, shift in enumerate(_shifts(entry)):
                event = self._event(entry, order, number, time + timedelta(seconds=shift), last + timedelta(seconds=shift), shift)
                for _ in range(1 + int(entry.get("repeat", 0))):
                    heap.append((event.received or event.time, order, number, event))
        heapq.heapify(heap)
        while heap:
            arrival, order, _, action = heapq.heappop(heap)
            yield arrival, order, action

    def _event(self, entry: Mapping[str, Any], order: int, number: int, time: datetime, received: datetime, shift: float) -> Event:
        stream = str(entry["stream"])
        source = str(entry.get("source") or _source(stream))
        new_id = str(entry.get("id") or event_id(time, source, "given", order, number))
        data = _turn(entry.get("data", {}), number)
        if number and isinstance(data.get("seq"), int):
            data["seq"] += number
        _move(data, shift)
        return Event(stream, time, data, new_id, str(entry.get("store") or self.plan.store["store"]), source, received)

    def _resolved(self, value: Any) -> Any:
        """A copy of the data with each `$from` replaced by what it points at among the outputs so far."""
        if isinstance(value, dict):
            if "$from" in value:
                return self._pointed(value)
            return {key: self._resolved(item) if isinstance(item, (dict, list)) else item for key, item in value.items()}
        return [self._resolved(item) for item in value] if isinstance(value, list) else value

    def _pointed(self, pointer: Mapping[str, Any]) -> Any:
        where = pointer.get("where", {})
        found = [event for event in self.result.outputs if event.stream == pointer["$from"] and matches(where, event.data)]
        nth = int(pointer.get("nth", 1))
        if len(found) < nth:
            self.result._differs(differing.few_to_point_at(pointer["$from"], where, len(found), nth))
            return None
        value: Any = found[nth - 1].data
        for key in str(pointer["field"]).split("."):
            value = value[int(key)] if isinstance(value, list) else value.get(key)
        return value

    def _compare(self) -> None:
        result = self.result
        for failure in self.engine.failures:
            if failure.event not in self.engine.inputs.incomplete:
                result._differs(differing.found(failure.finding))
        for expected in self.data.get("expect", []):
            found = [event for event in result.outputs if self._fits(expected, event)]
            times = expected.get("times")
            if (times is None and not found) or (times is not None and len(found) != times):
                same = [event for event in result.outputs if event.stream == expected["stream"]]
                result._differs(differing.missing(expected, len(found), same))
        for unwanted in self.data.get("never", []):
            found = [event for event in result.outputs if self._fits(unwanted, event)]
            for event in found[:3]:
                result._differs(differing.unwanted(unwanted, event))
        self._compare_figures()

    def _fits(self, expected: Mapping[str, Any], event: Event) -> bool:
        if event.stream != expected["stream"] or expected.get("source", event.source) != event.source:
            return False
        if "at" in expected:
            within = float(expected.get("within_s", 1))
            if abs((event.time - self._time(expected["at"], "expect")).total_seconds()) > within:
                return False
        return matches(expected.get("data", {}), event.data)

    def _compare_figures(self) -> None:
        for name, wanted in self.data.get("kpis", {}).items():
            if isinstance(wanted, dict) and "approx" not in wanted:
                pairs = [(name, figure, value) for figure, value in wanted.items()]
            else:
                instance, _, figure = name.rpartition(".")
                pairs = [(instance or self.plan.instances[0].name, figure, wanted)]
            for instance, figure, value in pairs:
                known = self.result.figures.get(instance, {})
                if figure not in known:
                    self.result._differs(differing.no_figure(figure, instance))
                    continue
                got = known[figure]
                if not matches(value, got) and not (value == 0 and got is None):
                    self.result._differs(differing.other_figure(figure, value, got))


def _shut_days(hours: Mapping[str, Any]) -> dict[str, Any]:
    """Opening hours as an episode gives them; a day that is null is closed, as false is in a profile."""
    return {key: _shut_days(value) if key == "dates" else (False if value is None else value) for key, value in hours.items()}


@cache
def _source(stream: str) -> str:
    """The virtual device that a stream comes from, where the episode names none."""
    feeds = [f"{kind}-1" for kind, facts in schemas.adapter_kinds().items() if stream in facts["feeds"]]
    return feeds[0] if feeds else "episode"


def _shifts(entry: Mapping[str, Any]) -> list[float]:
    """Seconds after `at` at which an input comes: once, or every `every_s` up to and including `for_s`.

    A `list` value with one element less than that fixes the number of repeats: its last element comes at `for_s - every_s`.
    """
    if "every_s" not in entry:
        return [0.0]
    step, span = float(entry["every_s"]), float(entry.get("for_s", 0))
    count = int(span / step + 1e-9) + 1
    lengths = list(_list_lengths(entry.get("data", {})))
    if lengths and max(lengths) < count:
        count = max(lengths)
    return [step * number for number in range(count)]


def _list_lengths(value: Any) -> Iterator[int]:
    if isinstance(value, Mapping):
        if set(value) == {"list"} and isinstance(value["list"], list):
            yield len(value["list"])
        else:
            for item in value.values():
                yield from _list_lengths(item)
    elif isinstance(value, list):
        for item in value:
            yield from _list_lengths(item)


def _turn(value: Any, number: int) -> Any:
    """A copy of the data; a `list` value gives its element of this repeat, the last one when the list is over."""
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(value.get("list"), list) and value["list"]:
            return _turn(value["list"][min(number, len(value["list"]) - 1)], number)
        return {key: _turn(item, number) if isinstance(item, (dict, list)) else item for key, item in value.items()}
    return [_turn(item, number) for item in value] if isinstance(value, list) else value


def _move(data: dict[str, Any], seconds: float) -> None:
    """Shift the objects of a scene by their `move` (shares of the picture a second)."""
    scene = data.get("scene")
    for thing in scene.get("objects", []) if isinstance(scene, dict) else []:
        step = thing.pop("move", None)
        if step and "box" in thing:
            x, y, width, height = thing["box"]
            thing["box"] = [x + step[0] * seconds, y + step[1] * seconds, width, height]


def run_all(paths: Iterable[str | Path], registry: Registry) -> Iterator[EpisodeResult]:
    """Run episodes one by one; a file that is no episode is a result that says why."""
    for path in find_episodes(paths):
        try:
            yield run_episode(path, registry)
        except StoreloomError as fault:
            result = EpisodeResult(str(path), path.stem)
            for finding in fault.findings:
                result._differs({lang: finding.render(lang) for lang in differing.LANGS})
            yield result
