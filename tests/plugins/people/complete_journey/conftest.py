"""The slice of Complete Journey, made once for all modules."""

from __future__ import annotations

import pytest

from storeloom.core.kernel.registry import ROOT
from tests.plugins.people.complete_journey.journey import Journey

RECEIPTS = ROOT.parent / "shared" / "data" / "complete-journey"


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    if not RECEIPTS.is_dir():
        pytest.skip("shared/data/complete-journey absent")
    pytest.importorskip("polars")
    return Journey(RECEIPTS, tmp_path_factory.mktemp("journey"))
