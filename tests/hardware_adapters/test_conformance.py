"""Every adapter that names a twin, in a short form of `storeloom plugin check`: at work, closed and made again, broken off and back.

The long form, each fault at each moment and ten thousand messages: `storeloom plugin check --long`.
"""

from __future__ import annotations

import pytest

from storeloom.core.conformance.adapters import conform
from storeloom.core.kernel.registry import Registry

SHORT = ("settings", "round_trip", "restart", "fault:reset:between", "messages")
TWINNED = sorted(name for name, entry in Registry().catalogue.adapters.items() if entry.facts.get("twin"))


@pytest.mark.parametrize("adapter", TWINNED)
def test_an_adapter_works_and_comes_back_after_faults(adapter: str) -> None:
    checks = list(conform(Registry(), adapter, SHORT))
    assert [(one.name, one.got) for one in checks if not one.ok] == []
    assert {"settings", "round_trip", "restart", "messages"} <= {one.name for one in checks}
