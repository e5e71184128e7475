"""Forecasts and orders of the solutions on real demand, beside a fixed (s,S) on the same days; the long form is the module `replay`."""

import pytest

from storeloom.core.bench.optimise_stock import DATA


@pytest.mark.skipif(not DATA.is_dir(), reason="shared/data/complete-journey absent")
def test_less_stock_and_less_waste_at_the_same_service() -> None:
    for needed in ("polars", "ortools", "statsforecast"):
        pytest.importorskip(needed)
    from tests.plugins.process.complete_journey.replay import replay

    found = replay(8, 28)
    own, fixed = found.accounts["solutions"], found.accounts["fixed_s_S"]
    assert own["all"].fill_rate > 0.97 and own["all"].fill_rate > fixed["all"].fill_rate - 0.01
    assert own["all"].stock < 0.8 * fixed["all"].stock
    assert own["perish"].waste_share < 0.9 * fixed["perish"].waste_share
    assert own["all"].cost < 0.9 * fixed["all"].cost
    assert found.wape < 0.9 * found.naive_wape
