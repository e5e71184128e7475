"""Cohen's kappa on tables worked by hand."""

from __future__ import annotations

import pytest

from storeloom.workers.insight.agreement import cohen_kappa


def table(**cells: int) -> list[tuple[str, str]]:
    """`pf=6`: the first says pass, the second fail, six times."""
    return [(cell[0], cell[1]) for cell, times in cells.items() for _ in range(times)]


def test_two_categories() -> None:
    found = cohen_kappa(table(pp=35, ff=5, pf=6, fp=4))
    assert (found.count, found.observed) == (50, 0.8)
    assert found.chance == pytest.approx(0.82 * 0.78 + 0.18 * 0.22)
    assert found.kappa == pytest.approx(0.1208 / 0.3208)


def test_who_is_first_does_not_matter() -> None:
    pairs = table(pp=35, ff=5, pf=6, fp=4, np=3)
    assert cohen_kappa((b, a) for a, b in pairs) == cohen_kappa(pairs)


def test_three_categories() -> None:
    # observed 6 / 9; first says p 4, f 3, n 2, second p 3, f 4, n 2; chance (12 + 12 + 4) / 81
    found = cohen_kappa(table(pp=2, pf=1, pn=1, ff=3, np=1, nn=1))
    assert found.kappa == pytest.approx((6 / 9 - 28 / 81) / (1 - 28 / 81))


def test_full_opposite_and_empty_agreement() -> None:
    assert cohen_kappa(table(pp=5, ff=5)).kappa == 1
    assert cohen_kappa(table(pf=5, fp=5)).kappa == -1
    assert cohen_kappa(table(pp=5, pf=5)).kappa == 0
    assert cohen_kappa(table(pp=10)).kappa is None
    with pytest.raises(ValueError, match="at least one"):
        cohen_kappa([])
