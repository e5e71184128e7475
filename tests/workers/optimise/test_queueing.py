"""M/M/c against values worked by hand and by the closed form."""

import math

import pytest

from storeloom.workers.optimise.queueing import erlang_b, erlang_c, mean_wait, servers_needed, service_level


def closed_form(c: int, a: float) -> float:
    top = a**c / math.factorial(c) * c / (c - a)
    return top / (sum(a**k / math.factorial(k) for k in range(c)) + top)


@pytest.mark.parametrize(("c", "a"), [(1, 0.5), (3, 2.4), (4, 2.4), (6, 4.5), (12, 9.3)])
def test_erlang_c_is_the_closed_form(c: int, a: float) -> None:
    assert erlang_c(c, a) == pytest.approx(closed_form(c, a), rel=1e-12)


def test_single_server() -> None:
    assert erlang_b(1, 0.5) == pytest.approx(1 / 3)
    assert erlang_c(1, 0.5) == pytest.approx(0.5)
    assert mean_wait(1, 0.5, 1.0) == pytest.approx(1.0)


def test_lanes_of_the_catalogue() -> None:
    assert erlang_c(3, 2.4) == pytest.approx(0.647, abs=5e-4)
    assert service_level(3, 2.0, 1.2, 2.0) == pytest.approx(0.762, abs=5e-4)
    assert erlang_c(4, 2.4) == pytest.approx(0.287, abs=5e-4)
    assert service_level(4, 2.0, 1.2, 2.0) == pytest.approx(0.980, abs=5e-4)
    assert servers_needed(2.0, 1.2, 2.0, 0.8) == 4
    assert service_level(5, 3.0, 1.5, 2.0) == pytest.approx(0.609, abs=5e-4)
    assert service_level(6, 3.0, 1.5, 2.0) == pytest.approx(0.943, abs=5e-4)
    assert servers_needed(3.0, 1.5, 2.0, 0.8) == 6


def test_tills_of_the_labour_forecast() -> None:
    assert service_level(2, 1.0, 1.5, 1.0) == pytest.approx(0.539, abs=5e-4)
    assert service_level(3, 1.0, 1.5, 1.0) == pytest.approx(0.913, abs=5e-4)


def test_edges() -> None:
    assert servers_needed(0.0, 1.2, 2.0, 0.8) == 0
    assert service_level(2, 2.0, 1.0, 5.0) == 0.0 and erlang_c(2, 2.0) == 1.0 and math.isinf(mean_wait(2, 2.0, 1.0))
    assert service_level(0, 0.0, 1.0, 1.0) == 1.0 and erlang_c(3, 0.0) == 0.0 and mean_wait(1, 0.0, 1.0) == 0.0
    assert servers_needed(2.0, 1.0, 0.0, 0.3) == 3
