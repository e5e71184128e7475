"""Every adapter that names a twin, in a short form of `storeloom plugin check`: at work, closed and made again, broken off and back.

`make thorough` has some hundreds of messages besides; the long form, each fault at each moment and ten thousand messages, is
`storeloom plugin check --long`. Most of the time is waiting, so some
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

SHORT = ("settings", "round_trip", "restart", "fault:reset:between")
TWINNED = sorted(name for name, entry in Registry().catalogue.adapters.items() if entry.facts.get("twin"))
AT_ONCE = 4
Told = list[tuple[str, bool, str]]


def conformed(adapter: str, checks: tuple[str, ...]) -> Told:
    """Each check of an adapter: its name, whether it is passed, what was seen."""
    return [(one.name, one.ok, one.got) for one in conform(Registry(), adapter, checks)]


@pytest.fixture(scope="module")
def at_work(request: pytest.FixtureRequest) -> Iterator[dict[tuple[str, tuple[str, ...]], Future[Told]]]:
    """All adapters that were asked for, under way."""
    params = [item.callspec.params for item in request.session.items if item.path == request.path]  # type: ignore[attr-defined]
    pool = ProcessPoolExecutor(AT_ONCE, get_context("spawn"))
    yield {(one["adapter"], one["checks"]): pool.submit(conformed, one["adapter"], one["checks"]) for one in params}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("checks", [SHORT, pytest.param(("messages",), marks=pytest.mark.thorough)], ids=["works", "carries"])
@pytest.mark.parametrize("adapter", TWINNED)
def test_an_adapter_works_and_comes_back_after_faults(
    adapter: str, checks: tuple[str, ...], at_work: dict[tuple[str, tuple[str, ...]], Future[Told]]
) -> None:
    told = at_work[adapter, checks].result()
    assert [(name, got) for name, ok, got in told if not ok] == []
    assert {name for name, _, _ in told} >= set(checks) - {"fault:reset:between"}
