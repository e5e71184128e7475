"""Fullness with hysteresis, and the weight of a full bin."""

import pytest

from storeloom.workers.vision.bins import state, weight_of_full


@pytest.mark.parametrize(
    ("now", "fullness", "after"),
    [
        ("ok", 0.38, "low"),
        ("ok", 0.4, "ok"),
        ("low", 0.55, "low"),
        ("low", 0.7, "ok"),
        ("unknown", 0.55, "ok"),
        ("unknown", 0.1, "low"),
    ],
)
def test_low_below_one_level_and_ok_again_only_at_the_other(now: str, fullness: float, after: str) -> None:
    assert state(now, fullness, 0.4, 0.7) == after


def test_one_wrong_weight_of_five_does_not_matter() -> None:
    pairs = [(0.2, 4.4), (0.4, 8.4), (0.6, 90.0), (0.8, 16.4), (1.0, 20.4)]
    assert weight_of_full(pairs) == pytest.approx(20.4)


@pytest.mark.parametrize("pairs", [[(0.5, 10.0)] * 9, [(0.1, 2.0), (0.9, 18.0)], [(k / 5, 10.0 - k) for k in range(6)]])
def test_too_few_too_alike_or_falling_weights_teach_nothing(pairs: list[tuple[float, float]]) -> None:
    assert weight_of_full(pairs) is None
