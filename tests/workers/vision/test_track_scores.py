"""The measures of tracking: worked by hand, and beside what the benchmarks' evaluator (TrackEval 1.3.0) says of a made sequence."""

from dataclasses import astuple

import pytest

from storeloom.workers.vision.boxes import Box, iou_matrix
from storeloom.workers.vision.mot import score

HERE: Box = (0.0, 0.0, 1.0, 1.0)
THERE: Box = (2.0, 0.0, 1.0, 1.0)

REFERENCE = (0.4583129619, 0.6203033932, 0.3394024753, 0.80389167, 0.7819548872, 0.4942084942, 133, 16, 9, 4, 18)


def made() -> tuple[list[dict[int, Box]], list[dict[int, Box]]]:
    """40 frames of four things on crossing ways; found with shifts, gaps, exchanged names and false boxes."""
    truth: list[dict[int, Box]] = []
    found: list[dict[int, Box]] = []
    for t in range(40):
        places = {k: (0.1 + 0.2 * k + (-1) ** k * 0.01 * t, 0.1 * k, 0.15, 0.2) for k in range(4) if (t + 3 * k) % 20 < 17}
        truth.append(dict(places))
        frame = {
            k if t < 18 else (k + 1) % 4 + 10: (x + (t * 7 + k * 5) % 9 * 0.006 - 0.024, y + (t * 5 + k) % 7 * 0.006 - 0.018, w, h)
            for k, (x, y, w, h) in places.items()
            if (t * 3 + k * 7) % 11
        }
        found.append(frame | ({99: (0.8, 0.7, 0.1, 0.1)} if t % 6 == 0 else {}))
    truth[30], found[12] = {}, {}
    return truth, found


def test_a_perfect_run_scores_one() -> None:
    truth, _ = made()
    scores = score(truth, truth)
    assert (scores.hota, scores.mota, scores.idf1, scores.loca) == pytest.approx((1, 1, 1, 1))
    assert (scores.missed, scores.false, scores.switches) == (0, 0, 0)


def test_a_name_that_changes_half_way() -> None:
    # 4 boxes found exactly, two under each name: every one is a hit, each agrees with half its identity
    scores = score([{1: HERE}] * 4, [{"a": HERE}] * 2 + [{"b": HERE}] * 2)
    assert (scores.deta, scores.assa) == pytest.approx((1.0, 0.5))
    assert scores.hota == pytest.approx(0.5**0.5)
    assert (scores.switches, scores.fragments) == (1, 0)
    assert scores.mota == pytest.approx(3 / 4)
    # the best one-to-one naming gives 2 of 4 boxes the right name: 2 / ((4 + 4) / 2)
    assert scores.idf1 == pytest.approx(0.5)


def test_boxes_that_are_missed_and_boxes_that_are_not_there() -> None:
    # 3 boxes to find: one found, two missed, one false box elsewhere
    scores = score([{1: HERE}] * 3, [{"a": HERE}, {}, {"a": THERE}])
    assert (scores.boxes, scores.missed, scores.false) == (3, 2, 1)
    assert scores.mota == pytest.approx((1 - 1) / 3)
    assert scores.deta == pytest.approx(1 / (3 + 2 - 1))
    assert scores.idf1 == pytest.approx(1 / 2.5)


def test_an_overlap_of_a_half_counts_at_half_the_levels() -> None:
    # IoU 0.5 exactly: ten of the nineteen levels 0.05 to 0.95 lie at or under it
    half: Box = (0.0, 0.0, 1.0, 0.5)
    scores = score([{1: HERE}], [{"a": half}])
    assert scores.hota == pytest.approx(10 / 19)
    assert scores.mota == pytest.approx(1.0)


def test_a_track_that_comes_back_under_its_name_is_a_fragment() -> None:
    scores = score([{1: HERE}] * 3, [{"a": HERE}, {"a": THERE}, {"a": HERE}])
    assert (scores.switches, scores.fragments) == (0, 1)


def test_nothing_found_and_nothing_to_find() -> None:
    assert score([{1: HERE}] * 2, [{}, {}]).mota == 0
    assert score([{}, {}], [{"a": HERE}, {}]).false == 1


def test_the_reference_evaluator_says_the_same() -> None:
    scores = astuple(score(*made()))
    assert scores[:6] == pytest.approx(REFERENCE[:6], abs=1e-9)
    assert scores[6:] == REFERENCE[6:]


def test_the_reference_evaluator_still_says_so() -> None:
    metrics = pytest.importorskip("trackeval.metrics", reason="TrackEval absent")
    import numpy as np

    truth, found = made()
    names: tuple[dict[int, int], dict[int, int]] = ({}, {})
    sides = [
        [np.array([known.setdefault(name, len(known)) for name in frame], int) for frame in frames]
        for known, frames in zip(names, (truth, found), strict=True)
    ]
    data = {
        "gt_ids": sides[0],
        "tracker_ids": sides[1],
        "similarity_scores": [iou_matrix(list(a.values()), list(b.values())) for a, b in zip(truth, found, strict=True)],
        "num_timesteps": len(truth),
        "num_gt_ids": len(names[0]),
        "num_tracker_ids": len(names[1]),
        "num_gt_dets": sum(map(len, truth)),
        "num_tracker_dets": sum(map(len, found)),
    }
    hota = metrics.HOTA().eval_sequence(data)
    clear = metrics.CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    identity = metrics.Identity({"PRINT_CONFIG": False}).eval_sequence(data)
    said = [float(hota[key].mean()) for key in ("HOTA", "DetA", "AssA", "LocA")]
    said += [float(clear["MOTA"]), float(identity["IDF1"])]
    said += [int(clear["CLR_TP"] + clear["CLR_FN"]), *(int(clear[key]) for key in ("CLR_FN", "CLR_FP", "IDSW", "Frag"))]
    assert said == pytest.approx(REFERENCE, abs=1e-9)
