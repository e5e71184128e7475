"""Minutes over the limit against cases worked by hand."""

import pytest

from storeloom.workers.insight.coldchain import expose


def run(readings, limit=5.0, sensor="s1"):
    record = {"probes": {}, "last": None}
    return record, [expose(record, sensor, air, minute * 60, limit, 1800) for minute, air in readings]


def test_the_product_is_over_from_the_thirteenth_minute():
    _, found = run([(0, 3), *((minute, 9) for minute in range(1, 21))])
    assert [minute for minute, one in enumerate(found) if one.over_s] == list(range(13, 21))
    assert round(found[12].warmest_c, 2) == 4.98
    assert sum(one.over_s for one in found) == 8 * 60


def test_the_first_reading_is_the_product():
    _, found = run([(0, 12)])
    assert found == [(12, 0, 0)]


@pytest.mark.parametrize(("before", "after", "over"), [(3, 3, 0), (3, 9, 61), (9, 3, 61), (5, 5, 0)])
def test_a_long_gap_counts_unless_both_sides_are_under(before, after, over):
    _, found = run([(0, before), (61, after)])
    assert found[1].over_s == over * 60


def test_an_hour_is_no_long_gap():
    _, found = run([(0, 9), (60, 3)])
    assert found[1].over_s == 0


def test_a_late_reading_changes_nothing():
    record, found = run([(0, 3), (10, 3), (5, 40)])
    assert found[2] is None
    assert record == {"probes": {"s1": {"product": 3, "air": 3, "at": 600}}, "last": 600}


def test_the_warmest_of_two_sensors_counts_and_a_dead_one_is_forgotten():
    record = {"probes": {}, "last": None}
    expose(record, "s1", 8, 0, 5, 1800)
    assert expose(record, "s2", 3, 60, 5, 1800) == (8, 60, 60)
    assert expose(record, "s2", 3, 3660, 5, 1800).warmest_c == 3
