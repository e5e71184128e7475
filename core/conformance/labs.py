"""A solution's episodes, run as they stand and with something changed: a config value, a stream dropped, a restart half-way."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from storeloom.core.conformance.perturbed import perturbed
from storeloom.core.conformance.rules import Subject
from storeloom.core.kernel import schemas
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import Finding, StoreloomError
from storeloom.core.kernel.events import plain
from storeloom.core.kernel.registry import Entry, Registry
from storeloom.core.kernel.sources import open_document
from storeloom.core.runtime.engine import Engine
from storeloom.core.virtual import differing
from storeloom.core.virtual.differing import Words
from storeloom.core.virtual.episode import Episode, EpisodeResult, Script, find_episodes

KINDED = ("alert.raise", "task.create", "insight.report")
SET_UP = 30  # what it costs to set an episode up, in events
SET_ON_PURPOSE = 5  # how much likelier a key matters where an episode sets it


class Cut(Episode):
    """An episode whose state is read back from JSON at every step; its store is stopped and started again before the middle input.

    Frames are not logged, so a tracker would begin anew: an episode with frames is not stopped.
    """

    def __init__(self, document: Document, registry: Registry, like: Script | None = None) -> None:
        self.registry = registry
        self.frames = any(entry["stream"] == "camera.frame" for entry in document.data.get("given", []))
        super().__init__(document, registry, strict=True, like=like)

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
    """All that can be told from outside of a run: what came out and when, the figures, what was refused (`seen`, as a digest; `told` has
    the outputs' ids too), the handlers that raised, and when it ended."""

    seen: bytes
    told: bytes
    raised: tuple[Finding, ...]
    end: str


def outcome(episode: Episode, result: EpisodeResult) -> Outcome:
    outs = [(plain(event.time), event.stream, event.source, event.data) for event in result.outputs]
    raised = tuple(f.finding for f in episode.engine.failures if f.event not in episode.engine.inputs.incomplete)
    seen = _digest(outs, result.figures, result.refused, [finding.text() for finding in raised])
    ids = [event.id for event in result.outputs]
    return Outcome(seen, _digest(seen.hex(), ids), raised, plain(episode.engine.now))


def _digest(*parts: Any) -> bytes:
    return hashlib.blake2b(orjson.dumps(parts, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)).digest()


@dataclass
class Case:
    """One episode file and its run as it stands: the config keys that its handlers read and how often, what it put out by stream and
    kind, the figures that it moved; `cost` grows with its inputs and with what its handlers do."""

    document: Document
    script: Script
    outcome: Outcome
    differing: Sequence[Words]
    reads: Counter[str]
    made: frozenset[str]
    kinds: frozenset[str]
    moved: frozenset[str]
    cost: float

    @property
    def file(self) -> str:
        return self.document.path

    @property
    def name(self) -> str:
        return Path(self.file).name

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.document.data.get("config") or {})

    @property
    def streams(self) -> set[str]:
        return {entry["stream"] for entry in self.document.data.get("given", [])}

    @property
    def start(self) -> str:
        times = [entry["at"] for entry in self.document.data.get("given", [])]
        first = [at.get("received", at["time"]) if isinstance(at, Mapping) else at for at in times]
        return str(self.document.data.get("from") or min(first))


@dataclass(frozen=True)
class Shown:
    """Whether another value of a config key changed some episode's outcome, and what handlers raised under values that are allowed:
    the episode's file, the value, the finding."""

    differs: bool
    raised: tuple[tuple[str, Any, Finding], ...] = ()


@dataclass
class Lab:
    """The episodes of one solution, run as they stand and with changes; each run that several rules need is made once."""

    registry: Registry
    entry: Entry
    files: list[Path]
    faults: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    _shown: dict[str, Shown] = field(default_factory=dict)
    _cuts: dict[str, Words | None] = field(default_factory=dict)
    _twice: dict[str, Words | None] = field(default_factory=dict)

    @cached_property
    def schema(self) -> dict[str, Any]:
        return schemas.load(self.entry.schema_file)

    @cached_property
    def properties(self) -> dict[str, Any]:
        found: dict[str, Any] = self.schema.get("properties", {})
        return found

    @cached_property
    def cases(self) -> list[Case]:
        """Every episode of the solution that runs, those with the fewest inputs first; what keeps others from running is in `faults`."""
        found = []
        for path in self.files:
            try:
                document = open_document(path)
                with watched(self.registry, self.entry.id) as reads:
                    episode = Episode(document, self.registry, strict=False)
                    result = episode.run()
            except StoreloomError as fault:
                self.faults[str(path)] = fault.findings
                continue
            found.append(_case(document, episode, result, reads))
        return sorted(found, key=lambda case: case.cost)

    def cut(self, case: Case) -> Words | None:
        """What differs from the run as it stands after a restart half-way, in words; None where all is the same."""
        if case.file not in self._cuts:
            episode = Cut(case.document, self.registry, case.script)
            result = episode.run()
            same = outcome(episode, result).told == case.outcome.told
            self._cuts[case.file] = None if same else _difference(self._again(case)[1], result)
        return self._cuts[case.file]

    def twice(self, case: Case) -> Words | None:
        """What differs when an episode is run again as it stands, in words; not run where it was the same after a restart."""
        if case.file not in self._twice and self.cut(case):
            episode, result = self._again(case)
            same = outcome(episode, result).told == case.outcome.told
            self._twice[case.file] = None if same else _difference(self._again(case)[1], result)
        return self._twice.get(case.file)

    def _again(self, case: Case) -> tuple[Episode, EpisodeResult]:
        episode = Episode(case.document, self.registry, strict=False, like=case.script)
        return episode, episode.run()

    def run(self, case: Case, **changes: Any) -> Outcome | None:
        """The outcome of an episode with some of its keys replaced, None where composing refuses them."""
        document = Document(case.file, {**case.document.data, **changes}, case.document.lines)
        try:
            episode = Episode(document, self.registry, strict=False, like=case.script)
        except StoreloomError:
            return None
        return outcome(episode, episode.run())

    def composes(self, case: Case, config: Mapping[str, Any]) -> bool:
        """Whether a config can be composed for an episode."""
        document = Document(case.file, {**case.document.data, "config": config}, case.document.lines)
        try:
            Episode(document, self.registry, strict=False, like=case.script)
        except StoreloomError:
            return False
        return True

    def shown(self, key: str) -> Shown:
        """What other values of a config key bring; those are tried that differ the likeliest, until one does."""
        if key not in self._shown:
            self._shown[key] = self._differs_by(key)
        return self._shown[key]

    def _differs_by(self, key: str) -> Shown:
        raised: list[tuple[str, Any, Finding]] = []
        for case, value in self.tries(key):
            got = self.run(case, config={**case.config, key: value})
            if got is None:
                continue
            if not case.outcome.raised:
                raised += [(case.file, value, finding) for finding in got.raised[:1]]
            if got.seen != case.outcome.seen:
                return Shown(True, tuple(raised))
        return Shown(False, tuple(raised))

    def tries(self, key: str) -> list[tuple[Case, Any]]:
        """Episodes and values to try them with: the cheap first, those that set the key, and where fewer values were tried in vain. An
        episode whose handlers do not read the key is left out: it cannot change."""
        tries = []
        for case in self.cases:
            if not case.reads[key]:
                continue
            cost = case.cost / (SET_ON_PURPOSE if key in case.config else 1)
            now = case.config.get(key, self.properties[key].get("default"))
            values = perturbed(self.properties[key], now, self.schema)
            tries += [(cost * place**2, case, value) for place, value in enumerate(values, 1)]
        return [(case, value) for _, case, value in sorted(tries, key=lambda item: item[0])]

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


def _difference(first: EpisodeResult, second: EpisodeResult) -> Words:
    """Where two runs of one episode part, in words."""
    if words := differing.parted(first.outputs, second.outputs):
        return words
    for solution, figures in first.figures.items():
        for name, value in figures.items():
            other = second.figures.get(solution, {}).get(name)
            if other != value:
                return differing.figure_parted(name, value, other)
    return differing.refusals_parted(len(first.refused), len(second.refused))


def _case(document: Document, episode: Episode, result: EpisodeResult, reads: Counter[str]) -> Case:
    kinds = {event.data["kind"] for event in result.outputs if event.stream in KINDED}
    moved = {name for figures in result.figures.values() for name, value in figures.items() if value}
    made = {event.stream for event in result.outputs}
    ran = outcome(episode, result)
    differs = [{"en": en, "zh": zh} for en, zh in zip(result.differences, result.differences_zh, strict=True)]
    cost = SET_UP + len(episode.timeline) + reads.total()
    return Case(document, episode.script, ran, differs, reads, frozenset(made), frozenset(kinds), frozenset(moved), cost)


@contextmanager
def watched(registry: Registry, solution: str) -> Iterator[Counter[str]]:
    """Counts what is read of a solution's config meanwhile, by key; reading it as a whole counts for every key."""
    cls, reads = registry.load(solution).cls, Counter[str]()
    usual = cls.Config
    keys = frozenset(usual.model_fields)

    class Watched(usual):  # type: ignore[misc, valid-type]
        def __init__(self, **given: Any) -> None:
            before = reads.copy()
            super().__init__(**given)
            reads.clear()
            reads.update(before)

        def __getattribute__(self, name: str) -> Any:
            reads.update((name,) if name in keys else keys)
            return super().__getattribute__(name)

    cls.Config = Watched  # type: ignore[misc]
    try:
        yield reads
    finally:
        cls.Config = usual  # type: ignore[misc]


def lab_of(subject: Subject, solution: str) -> Lab:
    """The lab of a solution, made once for a check."""
    labs: dict[str, Lab] = subject.notes.setdefault("labs", {})
    if solution not in labs:
        labs[solution] = Lab(subject.registry, subject.registry.catalogue.solution(solution), episode_files(subject, solution))
    return labs[solution]


def episode_files(subject: Subject, solution: str) -> list[Path]:
    """The episodes of a solution: those that its package brings, else those of the source tree."""
    roots = [subject.registry.catalogue.solution(solution).package.root, *([subject.folder] if subject.folder else [])]
    for root in roots:
        folder = root / "tests" / "episodes" / solution
        if folder.is_dir() and (found := find_episodes([folder])):
            return found
    return []
