"""Floor calibration by hand."""

import math

import pytest

from storeloom.workers.vision.errors import GeometryError
from storeloom.workers.vision.floorplan import fit, shoelace

# a camera that sees a trapezium: far edge half as wide; the floor is 4 m x 6 m
PICTURE = [(0.25, 0.2), (0.75, 0.2), (1.0, 1.0), (0.0, 1.0)]
FLOOR = [(0.0, 6.0), (4.0, 6.0), (4.0, 0.0), (0.0, 0.0)]


def test_four_points_fix_the_floor_and_tell_nothing_of_the_error() -> None:
    plan = fit(PICTURE, FLOOR)
    for point, metres in zip(PICTURE, FLOOR, strict=True):
        assert plan.at(point) == pytest.approx(metres, abs=1e-9)
    assert (plan.points, plan.held_out_m) == (4, None)
    assert plan.worst_m == pytest.approx(0, abs=1e-9)
    # the middle of the picture's trapezium lies, by its symmetry, on x = 2 m; the diagonals cross at the floor's middle
    assert plan.at((0.5, 0.2 + 0.8 / 3)) == pytest.approx((2.0, 3.0), abs=1e-9)


def test_area_of_a_zone_on_the_floor() -> None:
    plan = fit(PICTURE, FLOOR)
    assert plan.area_m2(PICTURE) == pytest.approx(24.0)
    assert shoelace([(0, 0), (2, 0), (2, 3)]) == 3.0


def test_nothing_lies_above_the_horizon() -> None:
    # the sides x = 0.25..0 and 0.75..1 meet at (0.5, -0.6)
    plan = fit(PICTURE, FLOOR)
    assert plan.at((0.5, -0.7)) is None
    with pytest.raises(GeometryError, match="horizon"):
        plan.area_m2([(0.2, 0.5), (0.8, 0.5), (0.5, -0.9)])


# three metres away the floor is 1.5 times as far as at the near edge: x = 0.5 - 0.25 / 1.5, y = -0.6 + 1.6 / 1.5
FIFTH = (1 / 3, 7 / 15)


def test_a_fifth_point_states_the_error() -> None:
    right = fit([*PICTURE, FIFTH], [*FLOOR, (1.0, 3.0)])
    assert right.held_out_m == pytest.approx(0, abs=1e-6)
    off = fit([*PICTURE, FIFTH], [*FLOOR, (1.0, 3.3)])
    assert 0 < off.rms_m < off.worst_m < 0.3
    # the other four put it at 3 m
    assert off.held_out_m is not None and off.held_out_m >= 0.3 - 1e-6


def test_a_point_that_only_the_others_in_a_line_could_check_has_no_bound() -> None:
    plan = fit([*PICTURE, (0.5, 0.2 + 0.8 / 3)], [*FLOOR, (2.0, 3.0)])
    assert plan.held_out_m == math.inf


def test_a_point_far_off_is_named() -> None:
    with pytest.raises(GeometryError, match=r"Point \d lies \d.\d\d m from where the other points put it"):
        fit([*PICTURE, FIFTH], [*FLOOR, (1.0, 5.5)])


@pytest.mark.parametrize(
    ("picture", "floor", "words"),
    [
        (PICTURE[:3], FLOOR[:3], "3 picture points"),
        ([(0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.9, 0.1)], FLOOR, "in a line"),
        (PICTURE, [(0, 0), (1, 0), (2, 0), (0, 3)], "floor points lie in a line"),
        (PICTURE, [FLOOR[1], FLOOR[0], FLOOR[2], FLOOR[3]], "swapped"),
    ],
)
def test_degenerate_points_are_refused(picture: list[tuple[float, float]], floor: list[tuple[float, float]], words: str) -> None:
    with pytest.raises(GeometryError, match=words):
        fit(picture, floor)


def test_points_of_a_line_among_five_are_fine_where_the_others_span() -> None:
    plan = fit([(0, 0), (1, 0), (1, 1), (0, 1), (0.5, 0)], [(0, 0), (2, 0), (2, 2), (0, 2), (1, 0)])
    assert plan.at((0.25, 0.5)) == pytest.approx((0.5, 1.0))
    assert math.isclose(plan.rms_m, 0, abs_tol=1e-9)
