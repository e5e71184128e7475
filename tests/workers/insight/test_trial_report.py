"""Trials of shares in percent and points."""

import pytest

from storeloom.workers.insight.trial_report import any_arm, by_segment, counts, share_fields


def test_a_hundred_of_a_thousand_against_sixty():
    found = share_fields({"none": (60, 1000), "c5": (100, 1000)}, "none", "c5")
    assert found is not None
    assert found["arms"] == [{"arm": "none", "n": 1000, "value": 6.0}, {"arm": "c5", "n": 1000, "value": 10.0}]
    assert found["effect"] == pytest.approx(4.0)
    # pooled z: 0.04 / sqrt(0.08 x 0.92 x 2 / 1000) = 3.297, p 0.00098
    assert found["p"] == pytest.approx(0.00098, abs=1e-5)
    assert 1.5 < found["lo"] < 4 < found["hi"] < 6.5 and found["decision"] == "keep"


def test_worse_is_dropped_unclear_goes_on_and_single_units_say_nothing():
    worse = share_fields({"none": (100, 1000), "c5": (60, 1000)}, "none", "c5")
    unclear = share_fields({"none": (6, 100), "c5": (8, 100)}, "none", "c5")
    assert worse is not None and worse["decision"] == "drop"
    assert unclear is not None and unclear["decision"] == "extend"
    assert share_fields({"none": (1, 1), "c5": (8, 100)}, "none", "c5") is None


def outcomes(arm: str, bought: int, units: int, **segments: str) -> list[dict[str, object]]:
    return [{"arm": arm, "bought": int(number < bought), "segments": segments} for number in range(units)]


def test_all_coupons_together_and_segment_by_segment():
    found = [*outcomes("none", 2, 10, age="new"), *outcomes("c5", 4, 10, age="new"), *outcomes("c10", 8, 10, age="old")]
    assert counts(found, ("none", "c5", "c10", "c20")) == {"none": (2, 10), "c5": (4, 10), "c10": (8, 10), "c20": (0, 0)}
    pooled = any_arm(found, "none")
    assert pooled is not None and pooled["effect"] == pytest.approx(40)  # 12 of 20 less 2 of 10
    told = by_segment(found, "none")  # the old ones have no control
    assert [(row["scheme"], row["segment"], row["uplift"]) for row in told] == [("age", "new", pytest.approx(20))]
    with pytest.raises(KeyError):
        counts(found, ("none", "c5"))
