"""Wald's test by hand: shares of 1 % and 5 %, errors of 1 % and 10 %."""

import pytest

from storeloom.workers.insight import sprt


def test_the_limits_of_the_usual_errors() -> None:
    assert sprt.limits(0.01, 0.10) == pytest.approx((-2.2925, 4.4998), abs=1e-4)


def test_marks_and_clean_ones_until_the_larger_share_is_taken() -> None:
    total, seen = 0.0, []
    for hit in (False, True, True, False, True):
        total = sprt.step(total, hit, 0.01, 0.05)
        seen.append((round(total, 3), sprt.verdict(total, 0.01, 0.10)))
    assert seen == [(-0.041, None), (1.568, None), (3.178, None), (3.136, None), (4.746, "larger")]


def test_only_clean_ones_speak_for_the_smaller_share_at_the_56th() -> None:
    total = sum(sprt.step(0.0, False, 0.01, 0.05) for _ in range(55))
    assert round(total, 3) == -2.268
    assert sprt.verdict(total, 0.01, 0.10) is None
    assert sprt.verdict(sprt.step(total, False, 0.01, 0.05), 0.01, 0.10) == "smaller"
