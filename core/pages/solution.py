"""The page of one solution, from its declaration, its settings' schema, its module's docstring and its sample episode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.events import Event, plain
from storeloom.core.kernel.registry import Entry, Registry
from storeloom.core.kernel.sources import open_document
from storeloom.core.pages.page import Page, cell, whole
from storeloom.core.pages.shapes import Shapes
from storeloom.core.pages.timeline import timeline
from storeloom.core.virtual.episode import Episode

MOST_OUTPUTS, MOST_TEXT = 8, 160
SEEN, MEMBERS, STAFF = (
    ("camera.frame", "robot.observation"),
    ("member.", "points.", "coupon.", "message."),
    ("staff.", "shift.", "training.", "gig."),
)
APART = ("forecast", "optimise")


@dataclass(frozen=True)
class Sample:
    """The sample episode of a solution, run: its title, when which input came, what came out, and the first input of each stream."""

    title: str
    given: list[tuple[datetime, str]]
    made: list[Event]
    first: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def sample_of(registry: Registry, entry: Entry) -> Sample | None:
    """A solution's sample run; None where its package brings no episode."""
    path = registry.sample_episode(entry.id)
    if path is None:
        return None
    episode = Episode(open_document(path), registry, strict=False)
    result = episode.run()
    came = [(arrival, action) for arrival, _, action in episode.timeline if isinstance(action, Event)]
    first = {event.stream: event.data for _, event in reversed(came)}
    return Sample(result.title, [(arrival, event.stream) for arrival, event in came], result.outputs, first)


class SolutionPage(Page):
    """A solution's page in one language, as Markdown; `plot` is the SVG of its sample run, empty where it has none."""

    def __init__(self, registry: Registry, entry: Entry, lang: str, sample: Sample | None, alone: bool = False) -> None:
        super().__init__(lang, alone)
        self.registry, self.entry = registry, entry
        self.plot, self._sample = ("", self.word("no_sample")) if sample is None else self._sampled(sample)

    def markdown(self) -> str:
        """The page."""
        entry = self.entry
        parts = [f"# {self.said(entry.facts)}", entry["purpose_zh" if self.lang == "zh" else "purpose_en"], self._facts()]
        parts += [self.section("author", self.entry.author_words())]
        parts += [self.section("inputs", self._inputs()), self.section("outputs", self._outputs())]
        parts += [self.section("kinds", self._kinds()), self.section("devices", self._devices()), self.section("tables", self._tables())]
        schema = schemas.load(entry.schema_file)
        parts += [self.section("config", Shapes(self.lang, schema).settings(schema)), self.section("kpis", self._kpis())]
        parts += [self.section("sample", self._sample), self.section("limits", self._limits())]
        return whole(parts)

    def _facts(self) -> str:
        entry = self.entry
        scenario = self.registry.catalogue.scenarios.get(entry["scenario"])
        place = f"{self.word(entry['pillar'])} / {self.said(scenario) if scenario else entry['scenario']}"
        facts = {
            "id": f"`{entry.id}`",
            "version": entry["version"],
            "place": place,
            "formats": ", ".join(self.word(one) for one in entry["formats"]),
            "load": self.word(f"load_{entry['load']}"),
        }
        return "\n".join(f"- {self.word(key)}{self.colon}{value}" for key, value in facts.items())

    def _inputs(self) -> str:
        rows = [(*self._stream(spec), self.word("no" if spec.endswith("?") else "yes")) for spec in self.entry["consumes"]]
        return self.table(("stream", "meaning", "needed"), rows)

    def _outputs(self) -> str:
        return self.table(("stream", "meaning"), [self._stream(spec) for spec in self.entry["produces"]])

    def _stream(self, spec: str) -> tuple[str, str]:
        stream = spec.rstrip("?")
        title = self.titled(schemas.load(schemas.stream_file(stream)), stream)
        nature = self.word("command" if schemas.streams()[stream] else "fact")
        return self.link(f"`{stream}`", f"../streams/{stream}.md"), title + self.aside(nature)

    def _kinds(self) -> str:
        return "\n".join(f"- `{name}`{self.colon}{self.said(facts)}" for name, facts in self.entry["kinds"].items())

    def _devices(self) -> str:
        known = self.registry.catalogue.adapter_kinds
        lines = []
        for spec in self.entry["adapters"]:
            names = [
                self.said(known[one]) + self.aside(self.link(f"`{one}`", f"../adapters/index.md#{one}")) if one in known else f"`{one}`"
                for one in spec.rstrip("?").split("|")
            ]
            lines.append(f"- {self.word('or').join(names)}{self._needed(spec)}")
        return "\n".join(lines)

    def _tables(self) -> str:
        lines = []
        for spec in self.entry["reads"]:
            table = spec.rstrip("?")
            title = self.titled(schemas.load(schemas.table_file(table)), table)
            lines.append(f"- {self.link(f'`{table}`', f'../tables/{table}.md')} {title}{self._needed(spec)}")
        return "\n".join(lines)

    def _needed(self, spec: str) -> str:
        return f"{self.semicolon}{self.word('needed')}{self.colon}{self.word('no' if spec.endswith('?') else 'yes')}"

    def _kpis(self) -> str:
        return self.table(
            ("figure", "meaning", "unit"), [(f"`{name}`", self.said(facts), facts["unit"]) for name, facts in self.entry["kpis"].items()]
        )

    def _sampled(self, sample: Sample) -> tuple[str, str]:
        """The plot of the sample run, and what came of it in words."""
        told = self.word("sample_is", title=sample.title, inputs=f"{len(sample.given):,}", outputs=f"{len(sample.made):,}")
        rows = [(plain(event.time), f"`{event.stream}`", _short(event)) for event in sample.made[:MOST_OUTPUTS]]
        table = self.table(("at", "stream", "said"), rows)
        labels = self.word("inputs_of"), self.word("outputs_of"), self.word("time")
        plot = timeline(sample.given, [(event.time, event.stream) for event in sample.made], sample.title, labels)
        shown = f"![{cell(sample.title)}]({self.entry.id}.svg)" if plot else ""
        return plot, "\n\n".join(part for part in (told, shown, table and f"{self.word('came_out')}:\n\n{table}") if part)

    def _limits(self) -> str:
        streams = [spec.rstrip("?") for spec in (*self.entry["consumes"], *self.entry["produces"])]
        kinds = [name for name, found in (("members", MEMBERS), ("staff", STAFF)) if any(one.startswith(found) for one in streams)]
        told = ["runs_with", "apart" if self.entry["load"] in APART else "in_store"]
        told += ["sees"] if any(one in SEEN for one in streams) else []
        told += kinds or (["nobody"] if "sees" not in told else [])
        return "\n".join(f"- {self.word(key)}" for key in told)


def _short(event: Event) -> str:
    text = json.dumps(event.data, ensure_ascii=False, default=str)
    return f"`{text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + '…'}`"
