"""The fault harness is a package of its own, which `python -m tests.faults` runs too."""

import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)


@pytest.fixture
def small_slices(monkeypatch):
    """Compaction in slices so small that a short workload needs several."""
    from tests.faults import model

    monkeypatch.setattr("storeloom.core.runtime.retention.SLICE", model.SLICE)
