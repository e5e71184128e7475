"""Fading counts, shrunk rates and rank correlation, worked by hand."""

from datetime import date

import pytest
from scipy.stats import spearmanr

from storeloom.workers.insight.stage_counts import add, as_of, is_faded, rank_correlation, shrunk

DAY, WEEK_LATER = date(2026, 3, 2), date(2026, 3, 9)


def test_a_count_halves_with_each_half_life() -> None:
    book = add(None, 2, 0, 100, DAY, 7)
    book = add(book, 2, 0, 100, WEEK_LATER, 7)
    assert book == {"day": "2026-03-09", "counts": [150.0, 0.0]}
    assert add(book, 2, 1, 8, DAY, 7)["counts"] == [150.0, 4.0]
    assert as_of(book, date(2026, 3, 16), 7)["counts"] == [75.0, 0.0]
    assert as_of(book, DAY, 7) == book
    assert not is_faded(book) and is_faded(as_of(book, date(2027, 3, 9), 7))


def test_rates_are_pulled_to_the_mean() -> None:
    assert shrunk(20, 200, 0.1, 20) == pytest.approx(0.1)
    assert shrunk(2, 20, 0.3, 20) == pytest.approx(0.2)
    assert shrunk(0, 0, 0.3, 0) is None


def test_rank_correlation_is_spearmans() -> None:
    one, other = [3, 1, 4, 1, 5, 9, 2, 6], [2, 7, 1, 8, 2, 8, 1, 8]
    assert rank_correlation(one, other) == pytest.approx(float(spearmanr(one, other).statistic))
    assert rank_correlation([1, 2, 3], [30, 20, 10]) == pytest.approx(-1)
    assert rank_correlation([1], [1]) is None and rank_correlation([1, 2], [3, 3]) is None
