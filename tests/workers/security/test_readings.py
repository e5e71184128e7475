"""Units and conditions of readings."""

import pytest

from storeloom.workers.security.readings import meets, standard


def test_other_names_of_a_unit_become_the_standard_one():
    assert standard(71.6, "F") == pytest.approx(22)
    assert standard(295.15, "K") == pytest.approx(22)
    assert (standard(0.3, "klx"), standard(0.25, "A"), standard(22.5, "C")) == (300, 250, 22.5)


def test_bounds_are_strict_and_a_bare_state_must_be_on():
    assert meets(299, None, 300, None) and not meets(300, None, 300, None)
    assert meets(31, 30, 40, None) and not meets(30, 30, 40, None)
    assert meets(1, None, None, 1) and not meets(0, None, None, 1)
    assert meets(2, None, None, None) and not meets(0, None, None, None)
