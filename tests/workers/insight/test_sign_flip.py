"""The sign-flip test by hand."""

import pytest

from storeloom.workers.insight.sign_flip import p_value


def test_two_of_64_signings_reach_the_sum_of_six_pairs() -> None:
    assert p_value([12000, 8000, 15000, -2000, 9000, 6000]) == 2 / 64


def test_ties_count_whatever_the_last_bit_says() -> None:
    assert p_value([12000, 8000, 15000, -6000, 9000, 6000]) == 3 / 64
    assert p_value([0.1, 0.2, -0.3]) == p_value([1, 2, -3]) == 5 / 8


def test_both_sides_of_eight_blocks_and_the_lower_side_alone() -> None:
    blocks = [3, 5, -1, 4, 2, 6, 1, 4]
    assert p_value(blocks, "two") == 6 / 256
    assert p_value([-one for one in blocks], "less") == 3 / 256
    assert p_value([]) == 1


def test_above_15_drawn_signings_come_close_and_the_seed_fixes_them() -> None:
    many = [1.0] * 12 + [-1.0] * 5
    exact = sum((6188, 2380, 680, 136, 17, 1)) / 2**17
    assert p_value(many) == pytest.approx(exact, abs=0.006)
    assert p_value(many, seed=7) == p_value(many, seed=7)
