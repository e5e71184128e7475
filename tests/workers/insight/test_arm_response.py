"""The T-learner by arm: rates where nothing is to be learnt, effects where they are, and a Qini that tells one from the other."""

import numpy as np
import pytest

from storeloom.workers.insight import arm_response

ARMS = ("none", "c5", "c10")


def trial(seed: int, members: int, lift: float) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Members with x in 0..1, drawn arms; a coupon adds `lift` x (1 - x) to a chance of 0.1 + 0.3 x."""
    rng = np.random.default_rng(seed)
    x = rng.random(members)
    arm = rng.integers(0, 3, members)
    chance = 0.1 + 0.3 * x + lift * (1 - x) * (arm > 0)
    return x.reshape(-1, 1), [ARMS[one] for one in arm], (rng.random(members) < chance).astype(float)


def test_those_who_are_moved_are_found() -> None:
    rows, arm, y = trial(1, 6000, 0.4)
    found = arm_response.fit(rows, arm, y, ARMS).chances(np.array([[0.05], [0.95]]))
    assert found[0, 1] - found[0, 0] == pytest.approx(0.38, abs=0.06)
    assert abs(found[1, 1] - found[1, 0]) < 0.06
    told = arm_response.qini(rows, arm, y, ARMS)
    assert told.value > 0 and told.low > 0


def test_a_ranking_of_nothing_is_worth_nothing() -> None:
    rows, arm, y = trial(2, 3000, 0.0)
    told = arm_response.qini(rows, arm, y, ARMS)
    assert told.low < 0 < told.high


def test_an_arm_whose_members_did_alike_has_its_smoothed_rate() -> None:
    found = arm_response.fit(np.array([[0.0], [1.0], [2.0]]), ["none", "none", "c5"], [0, 0, 1], ("none", "c5"))
    assert found.chances(np.array([[7.0]]))[0] == pytest.approx([1 / 4, 2 / 3])


def test_skewed_features_are_on_the_log_scale() -> None:
    rows = arm_response.matrix([{"recency": np.e - 1, "discount_share": 0.2}], ["discount_share", "recency"])
    assert rows.tolist() == [[0.2, pytest.approx(1.0)]]
    assert arm_response.matrix([{"recency": 1.0}], []).shape == (1, 0)
