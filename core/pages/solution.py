"""The page of one solution, from its declaration, its settings' schema, its module's docstring and its sample episode."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.events import Event, plain
from storeloom.core.kernel.registry import Entry, Registry
from storeloom.core.kernel.sources import open_document
from storeloom.core.pages.timeline import timeline
from storeloom.core.pages.words import word
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
    """The sample episode of a solution, run: its title, when which input came, and what came out."""

    title: str
    given: list[tuple[datetime, str]]
    made: list[Event]


def sample_of(registry: Registry, entry: Entry) -> Sample | None:
    """A solution's sample run; None where its package brings no episode."""
    path = registry.sample_episode(entry.id)
    if path is None:
        return None
    episode = Episode(open_document(path), registry, strict=False)
    result = episode.run()
    given = [(arrival, str(action.stream)) for arrival, _, action in episode.timeline if hasattr(action, "stream")]
    return Sample(result.title, given, result.outputs)


class SolutionPage:
    """A solution's page in one language, as Markdown; `plot` is the SVG of its sample run, empty where it has none."""

    def __init__(self, registry: Registry, entry: Entry, lang: str, sample: Sample | None) -> None:
        self.registry, self.entry, self.lang = registry, entry, lang
        self.plot, self._sample = ("", self._word("no_sample")) if sample is None else self._sampled(sample)

    def markdown(self) -> str:
        """The page."""
        entry = self.entry
        parts = [
            f"# {entry['zh' if self.lang == 'zh' else 'en']}",
            entry["purpose_zh" if self.lang == "zh" else "purpose_en"],
            self._facts(),
        ]
        parts += [self._section("author", self.entry.author_words())]
        parts += [self._section("inputs", self._inputs()), self._section("outputs", self._outputs())]
        parts += [self._section("kinds", self._kinds()), self._section("devices", self._devices()), self._section("tables", self._tables())]
        parts += [self._section("config", self._config()), self._section("kpis", self._kpis())]
        parts += [self._section("sample", self._sample), self._section("limits", self._limits())]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _word(self, key: str, **values: object) -> str:
        return word(key, self.lang, **values)

    def _said(self, facts: Mapping[str, Any]) -> str:
        return str(facts["zh" if self.lang == "zh" else "en"])

    def _section(self, key: str, text: str) -> str:
        return f"## {self._word(key)}\n\n{text or self._word('none')}"

    def _table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
        lines = [f"| {' | '.join(_cell(one) for one in row)} |" for row in rows]
        if not lines:
            return ""
        return "\n".join([f"| {' | '.join(self._word(head) for head in heads)} |", f"|{'---|' * len(heads)}", *lines])

    def _facts(self) -> str:
        entry = self.entry
        scenario = self.registry.catalogue.scenarios.get(entry["scenario"])
        place = f"{self._word(entry['pillar'])} / {self._said(scenario) if scenario else entry['scenario']}"
        formats = ", ".join(self._word(one) for one in entry["formats"])
        facts = {
            "id": f"`{entry.id}`",
            "version": entry["version"],
            "place": place,
            "formats": formats,
            "load": self._word(f"load_{entry['load']}"),
        }
        return "\n".join(f"- {self._word(key)}: {value}" for key, value in facts.items())

    def _inputs(self) -> str:
        rows = [(*self._stream(spec), self._word("no" if spec.endswith("?") else "yes")) for spec in self.entry["consumes"]]
        return self._table(("stream", "meaning", "needed"), rows)

    def _outputs(self) -> str:
        return self._table(("stream", "meaning"), [self._stream(spec) for spec in self.entry["produces"]])

    def _stream(self, spec: str) -> tuple[str, str]:
        stream = spec.rstrip("?")
        schema = schemas.load(schemas.stream_file(stream))
        title = str(schema.get("x-zh" if self.lang == "zh" else "title", stream))
        return f"`{stream}`", f"{title} ({self._word('command' if schemas.streams()[stream] else 'fact')})"

    def _kinds(self) -> str:
        return "\n".join(f"- `{name}`: {self._said(facts)}" for name, facts in self.entry["kinds"].items())

    def _devices(self) -> str:
        known = self.registry.catalogue.adapter_kinds
        lines = []
        for spec in self.entry["adapters"]:
            names = [f"{self._said(known[one])} (`{one}`)" if one in known else f"`{one}`" for one in spec.rstrip("?").split("|")]
            lines.append(f"- {self._word('or').join(names)}; {self._word('needed')}: {self._word('no' if spec.endswith('?') else 'yes')}")
        return "\n".join(lines)

    def _tables(self) -> str:
        return "\n".join(
            f"- `{spec.rstrip('?')}`; {self._word('needed')}: {self._word('no' if spec.endswith('?') else 'yes')}"
            for spec in self.entry["reads"]
        )

    def _config(self) -> str:
        rows = []
        for key, facts in schemas.load(self.entry.schema_file).get("properties", {}).items():
            title = facts.get("x-zh" if self.lang == "zh" else "title", key)
            note = facts.get("x-help-zh" if self.lang == "zh" else "description", "")
            default = f"{json.dumps(facts.get('default'), ensure_ascii=False)} {facts.get('x-unit', '')}".strip()
            rows.append((f"`{key}`", f"{title}. {note}".strip(), default, schemas.choice(facts)))
        return self._table(("setting", "meaning", "default", "allowed"), rows)

    def _kpis(self) -> str:
        return self._table(
            ("figure", "meaning", "unit"), [(f"`{name}`", self._said(facts), facts["unit"]) for name, facts in self.entry["kpis"].items()]
        )

    def _sampled(self, sample: Sample) -> tuple[str, str]:
        """The plot of the sample run, and what came of it in words."""
        told = self._word("sample_is", title=sample.title, inputs=f"{len(sample.given):,}", outputs=f"{len(sample.made):,}")
        rows = [(plain(event.time), f"`{event.stream}`", _short(event)) for event in sample.made[:MOST_OUTPUTS]]
        table = self._table(("at", "stream", "said"), rows)
        labels = self._word("inputs_of"), self._word("outputs_of"), self._word("time")
        plot = timeline(sample.given, [(event.time, event.stream) for event in sample.made], sample.title, labels)
        shown = f"![{_cell(sample.title)}]({self.entry.id}.svg)" if plot else ""
        return plot, "\n\n".join(part for part in (told, shown, table and f"{self._word('came_out')}:\n\n{table}") if part)

    def _limits(self) -> str:
        streams = [spec.rstrip("?") for spec in (*self.entry["consumes"], *self.entry["produces"])]
        kinds = [name for name, found in (("members", MEMBERS), ("staff", STAFF)) if any(one.startswith(found) for one in streams)]
        told = ["runs_with", "apart" if self.entry["load"] in APART else "in_store"]
        told += ["sees"] if any(one in SEEN for one in streams) else []
        told += kinds or (["nobody"] if "sees" not in told else [])
        return "\n".join(f"- {self._word(key)}" for key in told)


def _short(event: Event) -> str:
    text = json.dumps(event.data, ensure_ascii=False, default=str)
    return f"`{text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + '…'}`"


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")
