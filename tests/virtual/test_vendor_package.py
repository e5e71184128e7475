"""A vendor's package as it would be delivered: indexed, found, and its episodes hold on the same kernel."""

from pathlib import Path

import pytest

from storeloom.core.kernel import index
from storeloom.core.kernel.registry import ROOT, Package, Registry, read_catalogue
from storeloom.core.virtual.episode import run_all

FOLDER = Path(__file__).parents[1] / "packages"


def test_the_vendors_index_is_fresh_and_its_episodes_hold(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    package = Package("acme_store", FOLDER / "acme_store")
    assert index.check(package) == []
    registry = Registry(read_catalogue([Package("storeloom", ROOT), package]))
    results = list(run_all([package.root / "tests" / "episodes"], registry))
    assert results and [result.differences for result in results if not result.ok] == []
    assert registry.sample_episode("cold_excursion") == package.root / "tests/episodes/cold_excursion/01_warm_spell.yaml"
