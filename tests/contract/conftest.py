"""Episodes run with something changed: a config value, a stream dropped, a restart half-way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import StoreloomError
from storeloom.core.kernel.events import plain
from storeloom.core.kernel.registry import ROOT, Entry, Package, Registry, read_catalogue
from storeloom.core.kernel.sources import open_document
from storeloom.core.runtime.engine import Engine
from storeloom.core.virtual.episode import Episode, EpisodeResult

EPISODES = ROOT / "tests" / "episodes"


class Cut(Episode):
    """An episode whose state is read back from JSON at every step; its store is stopped and started again before the middle input.

    Frames are not logged, so a tracker would begin anew: an episode with frames is not stopped.
    """

    def __init__(self, document: Document, registry: Registry) -> None:
        self.registry = registry
        self.frames = any(entry["stream"] == "camera.frame" for entry in document.data.get("given", []))
        super().__init__(document, registry, strict=True)

    def play(self, timeline: Sequence[tuple[datetime, int, Any]]) -> None:
        middle = len(timeline) if self.frames else len(timeline) // 2
        super().play(timeline[:middle])
        if self.frames:
            return
        self.engine.flush()
        before, took = self.engine, self.result.outputs.append
        tables = {name: before.tables.all(name) for name in schemas.tables()}
        self.engine = Engine(self.plan, self.registry, before.log, tables, before.now, on_output=took, strict=True, lenient=True)
        self.engine.failures, self.engine.inputs.incomplete = before.failures, before.inputs.incomplete
        super().play(timeline[middle:])


@dataclass(frozen=True)
class Outcome:
    """All that can be told from outside of a run: what came out and when, the figures, what was refused, and handlers that raised."""

    outputs: str
    figures: str
    refused: tuple[str, ...]
    raised: tuple[str, ...]
    end: str

    @property
    def seen(self) -> tuple[Any, ...]:
        return self.outputs, self.figures, self.refused, self.raised


def outcome(episode: Episode, result: EpisodeResult) -> Outcome:
    outs = [(plain(event.time), event.stream, event.source, dict(event.data)) for event in result.outputs]
    raised = tuple(f.finding.text() for f in episode.engine.failures if f.event not in episode.engine.inputs.incomplete)
    figures = json.dumps(result.figures, sort_keys=True)
    return Outcome(json.dumps(outs, sort_keys=True, default=str), figures, tuple(result.refused), raised, plain(episode.engine.now))


@dataclass
class Case:
    """One episode file and its run as it stands; `cost` grows with its number of inputs."""

    document: Document
    result: EpisodeResult
    outcome: Outcome
    cost: float

    @property
    def streams(self) -> set[str]:
        return {entry["stream"] for entry in self.document.data.get("given", [])}

    @property
    def start(self) -> str:
        times = [entry["at"] for entry in self.document.data.get("given", [])]
        first = [at.get("received", at["time"]) if isinstance(at, Mapping) else at for at in times]
        return str(self.document.data.get("from") or min(first))


class Lab:
    """The episodes of one solution, run as they stand and with changes."""

    def __init__(self, registry: Registry, entry: Entry) -> None:
        self.registry, self.entry = registry, entry
        self.properties: dict[str, Any] = schemas.load(entry.schema_file).get("properties", {})

    @cached_property
    def cases(self) -> list[Case]:
        """Every episode of the solution, those with the fewest inputs first."""
        found = []
        for path in episode_files(self.entry.id):
            document = open_document(path)
            episode = Episode(document, self.registry, strict=False)
            result = episode.run()
            found.append(Case(document, result, outcome(episode, result), 30 + len(episode.timeline)))
        return sorted(found, key=lambda case: case.cost)

    def run(self, case: Case, **changes: Any) -> Outcome | None:
        """The outcome of an episode with some of its keys replaced, None where composing refuses them."""
        document = Document(case.document.path, {**case.document.data, **changes}, case.document.lines)
        try:
            episode = Episode(document, self.registry, strict=False)
        except StoreloomError:
            return None
        return outcome(episode, episode.run())

    def differs_by(self, key: str) -> tuple[bool, list[str]]:
        """Whether another value of a config key changes some episode's outcome, and what handlers raised under values that are allowed."""
        raised: list[str] = []
        for case, value in self._tries(key):
            config = {**(case.document.data.get("config") or {}), key: value}
            got = self.run(case, config=config)
            if got is None:
                continue
            raised += [
                f"{Path(case.document.path).name} with {key} = {value!r}: {text}" for text in got.raised[:1] if not case.outcome.raised
            ]
            if got.seen != case.outcome.seen:
                return True, raised
        return False, raised

    def _tries(self, key: str) -> list[tuple[Case, Any]]:
        """Episodes and values to try them with: the cheap first, and those that set the key."""
        whole = schemas.load(self.entry.schema_file)
        tries = []
        for case in self.cases:
            cost = case.cost / (10 if key in (case.document.data.get("config") or {}) else 1)
            values = perturbed(self.properties[key], self.value(case, key), whole)
            tries += [(cost * place, case, value) for place, value in enumerate(values, 1)]
        return [(case, value) for _, case, value in sorted(tries, key=lambda item: item[0])]

    def value(self, case: Case, key: str) -> Any:
        return (case.document.data.get("config") or {}).get(key, self.properties[key].get("default"))

    def needs(self, stream: str) -> bool:
        """Whether some episode's outcome changes when the inputs of a stream are left out."""
        for case in self.cases:
            if stream not in case.streams:
                continue
            given = [entry for entry in case.document.data["given"] if entry["stream"] != stream]
            until = case.document.data.get("until", case.outcome.end)
            got = self.run(case, given=given, until=until, **{"from": case.start})
            if got is None or got.seen != case.outcome.seen:
                return True
        return False


def perturbed(schema: Mapping[str, Any], value: Any, whole: Mapping[str, Any]) -> Iterator[Any]:
    """Other values that a config key's schema may allow, the likeliest to matter first."""
    seen = {json.dumps(value)}
    for candidate in _candidates(schema, value, whole):
        text = json.dumps(candidate)
        if text not in seen:
            seen.add(text)
            yield candidate


def _candidates(schema: Mapping[str, Any], value: Any, whole: Mapping[str, Any]) -> Iterator[Any]:
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    if "default" in schema:
        yield schema["default"]
    yield from schema.get("enum", ())
    for option in schema.get("anyOf", ()):
        yield from _candidates(option, value, whole)
    kind = schema.get("type")
    if kind == "null":
        yield None
    elif kind == "boolean":
        yield not value
    elif kind in ("integer", "number"):
        yield from _numbers(schema, value, kind == "integer")
    elif kind == "string":
        yield from _texts(schema, value)
    elif kind == "array":
        yield from _lists(schema, value, whole)
    elif kind == "object":
        yield from _maps(schema, value, whole)


def _numbers(schema: Mapping[str, Any], value: Any, whole_number: bool) -> Iterator[float]:
    base = value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    inside = (low or 0) if low is not None else None
    for number in (low, high, base * 2, base / 2, base + 1, base - 1, base * 10, None if inside is None else inside + 1, 0, 1, -1):
        if number is None or (low is not None and number < low) or (high is not None and number > high):
            continue
        yield int(number) if whole_number else float(number)


def _texts(schema: Mapping[str, Any], value: Any) -> Iterator[str]:
    text = value if isinstance(value, str) else ""
    pattern = schema.get("pattern", "")
    yield from (text + "x", text[:-1], "", "x")
    if ":" in text or ":" in pattern or schema.get("x-widget") == "time" or text.startswith(("open", "close")):
        yield from ("00:00", "05:00", "12:00", "18:30", "23:30", "06:00-12:00", "00:00-24:00", "open", "close", "open+2h", "close-2h")
    yield from (text.upper(), text.swapcase(), "A", "en", "zh", "USD", "1")


def _lists(schema: Mapping[str, Any], value: Any, whole: Mapping[str, Any]) -> Iterator[list[Any]]:
    items = list(value or [])
    yield []
    yield items[:-1]
    yield items[1:]
    yield items[::-1]
    inner = schema.get("items", {})
    for place, item in enumerate(items):
        for other in _candidates(inner, item, whole):
            yield [*items[:place], other, *items[place + 1 :]]
    for other in _candidates(inner, items[0] if items else None, whole):
        yield [*items, other]


def _maps(schema: Mapping[str, Any], value: Any, whole: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    entries = dict(value) if isinstance(value, Mapping) else {}
    yield {}
    parts = schema.get("properties", {})
    for key, item in entries.items():
        yield {name: other for name, other in entries.items() if name != key}
        inner = parts.get(key, schema.get("additionalProperties", {}))
        for other in _candidates(inner if isinstance(inner, Mapping) else {}, item, whole):
            yield {**entries, key: other}
    for key in parts.keys() - entries.keys():
        for other in _candidates(parts[key], None, whole):
            yield {**entries, key: other}


def episode_files(solution: str) -> list[Path]:
    return sorted((EPISODES / solution).glob("*.yaml"))


@pytest.fixture(scope="session")
def registry() -> Registry:
    """One registry over the built-in plugins for the whole run."""
    return Registry(read_catalogue([Package("storeloom", ROOT)]))


@pytest.fixture(scope="session")
def lab_of(registry: Registry) -> Callable[[str], Lab]:
    """The lab of a solution, made once."""
    made: dict[str, Lab] = {}

    def lab(solution: str) -> Lab:
        if solution not in made:
            made[solution] = Lab(registry, registry.catalogue.solution(solution))
        return made[solution]

    return lab


@pytest.fixture
def run_cut(registry: Registry) -> Callable[[Path], EpisodeResult]:
    """Runs an episode from state read back at every step, stopped and started again half-way."""
    return lambda path: Cut(open_document(path), registry).run()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`solution`, `adapter` and `episode_file` run over all that is built in."""
    catalogue = read_catalogue([Package("storeloom", ROOT)])
    if "solution" in metafunc.fixturenames:
        metafunc.parametrize("solution", list(catalogue.solutions))
    if "adapter" in metafunc.fixturenames:
        metafunc.parametrize("adapter", list(catalogue.adapters))
    if "episode_file" in metafunc.fixturenames:
        files = [path for solution in catalogue.solutions for path in episode_files(solution)]
        metafunc.parametrize("episode_file", files, ids=[f"{path.parent.name}/{path.stem}" for path in files])
