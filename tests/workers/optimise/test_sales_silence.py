import pytest

from storeloom.workers.optimise import sales_silence


@pytest.mark.parametrize(("expected", "k", "chance"), [(4.5, None, 0.0111), (5.25, None, 0.0052), (7.5, 5, 0.0102), (8.25, 5, 0.0077)])
def test_the_chance_of_no_sale(expected, k, chance):
    assert sales_silence.chance(expected, k) == pytest.approx(chance, abs=5e-5)


def test_hourly_sales_that_vary_give_a_shape_and_even_ones_do_not():
    assert sales_silence.shape([(10, 30, 138)], 1.2) == pytest.approx(5)
    assert sales_silence.shape([(10, 30, 138)], 1.7) is None
    assert sales_silence.shape([(10, 30, 90)], 1.2) is None
    assert sales_silence.shape([], 1.2) is None


def test_the_threshold_moves_by_a_factor_of_two_within_its_limits():
    assert sales_silence.tuned(0.01, 0.5, 0.6, 0.0001, 0.1) == 0.005
    assert sales_silence.tuned(0.01, 0.7, 0.6, 0.0001, 0.1) == 0.02
    assert sales_silence.tuned(0.08, 0.7, 0.6, 0.0001, 0.1) == 0.1
    assert sales_silence.tuned(0.01, 0.6, 0.6, 0.0001, 0.1) == 0.01
