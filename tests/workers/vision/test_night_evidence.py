"""Evidence that a moving track is a rodent."""

import math

import pytest

from storeloom.workers.vision.night_evidence import MOST_POINTS, new_track, posterior, see
from storeloom.workers.vision.zones import distance_to_edge

ROOM = [(0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)]


def walk(*points: tuple[float, float], score: float | None = None) -> dict[str, object]:
    track = new_track(0)
    for t_s, point in enumerate(points):
        see(track, t_s, point, [ROOM], score)
    return track


def test_the_nearest_side_counts() -> None:
    assert distance_to_edge((1, 0.2), ROOM) == pytest.approx(0.2)
    assert distance_to_edge((5, 4), ROOM) == pytest.approx(math.sqrt(2))
    assert distance_to_edge((1, 1), []) == math.inf


@pytest.mark.parametrize(
    ("points", "edge"),
    [
        ([(1, 0.3), (1.5, 0.3)], True),
        ([(1, 0.3), (1.49, 0.3)], False),
        ([(1, 0.31), (1.5, 0.3), (1.9, 0.3)], False),
        ([(1, 0.1), (1.3, 0.1), (1.4, 0.8), (1.5, 0.1), (1.7, 0.1)], False),
        ([(1, 1), (2, 1.5), (3, 1)], False),
    ],
)
def test_a_path_along_a_wall(points: list[tuple[float, float]], edge: bool) -> None:
    assert walk(*points)["edge"] is edge


def test_evidence_adds_up_each_kind_once() -> None:
    both = walk((1, 0.1), (1.4, 0.1), (1.8, 0.1), (2.2, 0.1), score=0.5)
    assert posterior(both, 0.01, 3.0, 1.2, 2.5) == pytest.approx(0.402, abs=0.0005)
    assert posterior({**both, "sensor": True}, 0.01, 3.0, 1.2, 2.5) == pytest.approx(0.891, abs=0.0005)
    assert posterior(walk((1, 1), score=0.9), 0.01, 3.0, 1.2, 2.5) == pytest.approx(0.01)
    assert posterior(walk((1, 1), (1, 1.1), (1, 1.2), score=0.49), 0.01, 3.0, 1.2, 2.5) == pytest.approx(0.01)


def test_a_long_path_is_thinned_and_keeps_its_ends() -> None:
    track = walk(*((1 + k / 100, 1.0) for k in range(200)))
    points = track["points"]
    assert isinstance(points, list)
    assert (len(points) <= MOST_POINTS, points[0][0], points[-1][0]) == (True, 0, 199)
