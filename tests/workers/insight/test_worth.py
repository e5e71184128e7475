"""What an effect is worth, worked by hand."""

import pytest

from storeloom.workers.insight.effects import Effect
from storeloom.workers.insight.faults import InsightFault
from storeloom.workers.insight.worth import worth

EFFECT = Effect(1000.0, -200.0, 2200.0, 0.1, 0.95)  # minor units a store and day


def test_gain_return_and_payback_carry_the_effects_interval() -> None:
    found = worth(EFFECT, stores=10, months=12, earned=0.25, one_off=30_000, running=1_000)
    assert found.cost == 10 * (30_000 + 12_000)
    assert (found.gain.value, found.gain.low, found.gain.high) == pytest.approx((913_125, -182_625, 2_008_875))
    assert found.net.value == pytest.approx(493_125) and found.roi.value == pytest.approx(493_125 / 420_000)
    assert found.payback_months.value == pytest.approx(30_000 / (7_609.375 - 1_000))
    assert found.payback_months.low == pytest.approx(30_000 / (16_740.625 - 1_000))
    assert found.payback_months.high is None  # at the low end it never comes back


def test_nothing_spent_has_no_return_and_is_back_at_once() -> None:
    found = worth(EFFECT, stores=1, months=1)
    assert found.roi.value is None and (found.payback_months.value, found.payback_months.high) == (0.0, None)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InsightFault):
        worth(EFFECT, stores=1, months=1, earned=-1.0)
