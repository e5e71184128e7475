"""A small supermarket for the tests of the virtual store, run once a module."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from storeloom.core.virtual import PRODUCED, Fact, VirtualStore, default_profile

MONDAY = date(2026, 3, 2)


@dataclass
class Ran:
    store: VirtualStore
    facts: list[Fact]

    def data(self, stream: str) -> list[dict[str, Any]]:
        return [fact.data for fact in self.facts if fact.stream == stream]


Runner = Callable[..., Ran]


def run_store(
    store_format: str = "supermarket",
    *,
    days: int = 1,
    seed: int = 1,
    scale: float = 0.05,
    streams: frozenset[str] = PRODUCED,
    start: date = MONDAY,
    **over: Any,
) -> Ran:
    store = VirtualStore(default_profile(store_format, **over), seed=seed, scale=scale)
    return Ran(store, list(store.run(start, days, streams)))


@pytest.fixture(scope="session")
def run() -> Runner:
    return run_store


@pytest.fixture(scope="session")
def produced() -> frozenset[str]:
    return PRODUCED


@pytest.fixture(scope="session")
def full_week() -> Ran:
    """Monday to Saturday at full traffic."""
    return run_store(days=6, scale=1.0, streams=frozenset({"pos.sale", "pos.exception"}))


@pytest.fixture(scope="session")
def three_days() -> Ran:
    return run_store(days=3, scale=0.25)
