"""Gi* worked by hand, and against its definition on chance maps."""

import math

import numpy as np
import pytest

from storeloom.workers.insight.hot_spots import CellMap, gi_star


def test_a_block_of_nine_in_twenty_five() -> None:
    values = [100.0 if 1 <= k % 5 <= 3 and 1 <= k // 5 <= 3 else 0.0 for k in range(25)]
    spots = gi_star([CellMap(5, 5, values, range(25))])
    assert (spots.mean, spots.deviation) == pytest.approx((36, 48))
    z = spots.z[0]
    assert [round(z[k], 2) for k in (12, 7, 6)] == [4.9, 2.35, 0.65]
    assert sum(one >= 1.96 for one in z) == 5 and min(z) > -1.96


def test_even_and_empty_floors_have_no_spots() -> None:
    assert set(gi_star([CellMap(2, 2, [0.1 + 0.2, 0.3, 0.3, 0.3], range(4))]).z[0]) == {0.0}
    assert gi_star([]).z == ()
    assert gi_star([CellMap(1, 1, [5.0], [0])]).z == ((0.0,),)


def test_several_maps_share_mean_and_deviation_but_no_neighbours() -> None:
    rng = np.random.default_rng(7)
    maps = [
        CellMap(4, 3, rng.uniform(0, 9, 12).tolist(), set(range(12)) - {0, 5}),
        CellMap(2, 5, rng.uniform(5, 30, 10).tolist(), range(10)),
    ]
    every = [one.values[k] for one in maps for k in sorted(one.inside)]
    mean = sum(every) / len(every)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in every) / len(every))
    for one, z in zip(maps, gi_star(maps).z, strict=True):
        for k in range(one.cols * one.rows):
            near = [j for j in one.inside if abs(j % one.cols - k % one.cols) <= 1 and abs(j // one.cols - k // one.cols) <= 1]
            w, n = len(near), len(every)
            wanted = (sum(one.values[j] for j in near) - mean * w) / (deviation * math.sqrt((n * w - w * w) / (n - 1)))
            assert z[k] == pytest.approx(wanted if k in one.inside else 0.0)
