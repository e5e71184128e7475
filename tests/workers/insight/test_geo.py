import pytest

from storeloom.workers.insight.geo import EARTH_RADIUS_M, distance_m

PEOPLE_SQUARE = {"lat": 31.2304, "lon": 121.4737}


def test_a_step_north_is_its_angle_times_the_radius():
    assert distance_m({"lat": 31.24, "lon": 121.4737}, PEOPLE_SQUARE) == pytest.approx(1067.47, abs=0.01)
    assert distance_m(PEOPLE_SQUARE, PEOPLE_SQUARE) == 0


def test_a_step_east_shrinks_with_the_cosine_of_the_latitude():
    assert distance_m({"lat": 60, "lon": 0}, {"lat": 60, "lon": 0.001}) == pytest.approx(111.1949 / 2, abs=0.001)


def test_over_the_date_line_and_to_the_other_side_of_the_earth():
    assert distance_m({"lat": 0, "lon": 179.9995}, {"lat": 0, "lon": -179.9995}) == pytest.approx(111.1949, abs=0.001)
    assert distance_m({"lat": 0, "lon": 0}, {"lat": 0, "lon": 180}) == pytest.approx(3.141592653589793 * EARTH_RADIUS_M)
