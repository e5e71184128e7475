"""Every adapter that names a twin, in a short form of `storeloom plugin check`: at work, closed and made again, broken off and back.

The long form, each fault at each moment and ten thousand messages: `storeloom plugin check --long`. Most of the time is waiting, so some
adapters are at work at once, each in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from storeloom.core.conformance.adapters import conform
from storeloom.core.kernel.registry import Registry

pytestmark = pytest.mark.long

SHORT = ("settings", "round_trip", "restart", "fault:reset:between", "messages")
TWINNED = sorted(name for name, entry in Registry().catalogue.adapters.items() if entry.facts.get("twin"))
AT_ONCE = 4
Told = list[tuple[str, bool, str]]


def conformed(adapter: str) -> Told:
    """Each check of an adapter: its name, whether it is passed, what was seen."""
    return [(one.name, one.ok, one.got) for one in conform(Registry(), adapter, SHORT)]


@pytest.fixture(scope="module")
def at_work(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Told]]]:
    """All adapters that were asked for, under way."""
    asked = [item.callspec.params["adapter"] for item in request.session.items if item.path == request.path]  # type: ignore[attr-defined]
    pool = ProcessPoolExecutor(AT_ONCE, get_context("spawn"))
    yield {adapter: pool.submit(conformed, adapter) for adapter in asked}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("adapter", TWINNED)
def test_an_adapter_works_and_comes_back_after_faults(adapter: str, at_work: dict[str, Future[Told]]) -> None:
    checks = at_work[adapter].result()
    assert [(name, got) for name, ok, got in checks if not ok] == []
    assert {"settings", "round_trip", "restart", "messages"} <= {name for name, _, _ in checks}
