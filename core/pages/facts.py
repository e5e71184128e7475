"""What the pages are made from: the catalogue, sample runs, and who feeds, takes and reads what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.registry import Entry, Registry
from storeloom.core.pages.solution import Sample

MOST_EXAMPLE = 900


@dataclass(frozen=True)
class Facts:
    """All that is installed. `samples` are the sample runs by solution; a solution without one has no drawn run and gives no examples."""

    registry: Registry
    samples: Mapping[str, Sample | None] = field(default_factory=dict)

    @property
    def solutions(self) -> Mapping[str, Entry]:
        return self.registry.catalogue.solutions

    @property
    def adapters(self) -> Mapping[str, Entry]:
        return self.registry.catalogue.adapters

    @property
    def kinds(self) -> Mapping[str, Mapping[str, Any]]:
        """The kinds of adapters."""
        return self.registry.catalogue.adapter_kinds

    def declaring(self, way: str, name: str) -> list[tuple[Entry, bool]]:
        """The solutions that name a stream, table or kind under `produces`, `consumes`, `reads` or `adapters`, and whether they need it."""
        found = []
        for entry in self.solutions.values():
            for spec in entry[way]:
                if name in spec.rstrip("?").split("|"):
                    found.append((entry, not spec.endswith("?")))
        return found

    @cached_property
    def examples(self) -> Mapping[str, tuple[Entry, Mapping[str, Any]]]:
        """Of each stream that a sample run shows, one event's data and the solution in whose run it stands."""
        found: dict[str, tuple[Entry, Mapping[str, Any]]] = {}
        for stream, entry, data in self._shown():
            text = json.dumps(data, ensure_ascii=False, default=str)
            if stream not in found and len(text) <= MOST_EXAMPLE and "$from" not in text and self._fits(stream, data):
                found[stream] = (entry, data)
        return found

    def _fits(self, stream: str, data: Mapping[str, Any]) -> bool:
        return schemas.first_error(schemas.stream_file(stream), data) is None

    def _shown(self) -> Iterator[tuple[str, Entry, Mapping[str, Any]]]:
        for name, sample in self.samples.items():
            if sample is not None:
                yield from ((event.stream, self.solutions[name], event.data) for event in sample.made)
        for name, sample in self.samples.items():
            if sample is not None:
                yield from ((stream, self.solutions[name], data) for stream, data in sample.first.items())
