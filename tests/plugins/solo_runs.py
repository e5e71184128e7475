"""One solution on the real engine, fed with facts that a test has made from real data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.events import Event, Fact
from storeloom.core.kernel.registry import Registry
from storeloom.core.virtual.formats import default_profile
from storeloom.core.virtual.solo import ROOMY, compose_solo
from storeloom.core.virtual.trial import Trial


@dataclass
class Done:
    """What a solution brought: outputs in order, its figures, and its state at the end."""

    outputs: list[Event]
    figures: Mapping[str, float | None]
    state: Mapping[str, Any]

    def of(self, stream: str, **fields: Any) -> list[Event]:
        """Outputs on a stream whose data have these values."""
        return [one for one in self.outputs if one.stream == stream and all(one.data.get(name) == value for name, value in fields.items())]


def alone(
    registry: Registry,
    solution: str,
    facts: Iterable[Fact],
    tables: Mapping[str, Any],
    span: tuple[datetime, datetime],
    *,
    config: Mapping[str, Any] | None = None,
    store: Mapping[str, Any] | None = None,
) -> Done:
    """The facts, in order of arrival, through a solution of its defaults and `config`; no handler may fail."""
    profile = {**default_profile("supermarket"), "language": "en", "edge": ROOMY, **(store or {})}
    composed = compose_solo(registry, solution, profile, config or {}, Document(solution, {}, {}), given=frozenset(schemas.streams()))
    trial = Trial(composed.require(), registry, tables, span[0])
    result = trial.run(facts, span[1])
    assert result.failures == []
    return Done(result.outputs, result.solutions[solution].figures, trial.engine.instances[solution].state.snapshot())
