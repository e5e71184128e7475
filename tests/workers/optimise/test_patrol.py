from datetime import datetime

import pytest

from storeloom.workers.optimise import patrol


def test_a_cell_is_drawn_to_the_mean_of_its_stop():
    assert patrol.heat(360, 6, 40, 4) == 52
    assert patrol.heat(0, 0, 40, 4) == 40 and patrol.heat(0, 0, 40, 0) == 40 and patrol.heat(90, 1, 40, 0) == 90


def test_the_way_costs_buyers():
    stay, go = patrol.Stop("P", 40, 0.08, 0), patrol.Stop("Q", 55, 0.05, 200)
    assert [patrol.value(stop, 0.1) for stop in (stay, go)] == pytest.approx([3.2, 2.55])
    assert patrol.best([go, stay], 0.1) == "P" and patrol.best([go, stay._replace(heat=20)], 0.1) == "Q"
    assert patrol.best([], 0.1) is None
    assert patrol.best([patrol.Stop("far", 10, 0.1, 50), patrol.Stop("near", 10, 0.1, 10)], 0) == "near"


def test_hours_of_the_week():
    assert patrol.hour_of_week(datetime(2026, 3, 2, 0)) == 0 and patrol.hour_of_week(datetime(2026, 3, 8, 23)) == 167


def test_rates_of_stops_without_contacts_are_those_of_all():
    assert patrol.rates({"P": 8}, {"P": 100, "Q": 0, "R": 100}) == {"P": 0.08, "Q": 0.04, "R": 0.0}
    assert patrol.rates({}, {"P": 100, "Q": 0}) == {"P": 1.0, "Q": 1.0}
