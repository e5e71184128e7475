import pytest

from storeloom.workers.optimise import size_runs
from storeloom.workers.optimise.size_runs import Size

CORE = ["S", "M", "L"]


def window(**reads):
    found = {}
    for zone, (times, dbm) in reads.items():
        size_runs.add_read(found, zone, dbm, times)
    return found


@pytest.mark.parametrize(
    ("reads", "zone"),
    [
        ({"back": (5, -50), "floor": (7, -50)}, "back"),
        ({"back": (4, -50), "floor": (9, -50)}, "floor"),
        ({"back": (3, -50), "floor": (20, -70)}, "back"),
        ({"floor": (3, -60)}, "floor"),
        ({"floor": (2, -60)}, "back"),
        ({}, "back"),
    ],
)
def test_a_tag_moves_to_the_strongest_zone_with_enough_more_reads(reads, zone):
    assert size_runs.decide(window(**reads), "back", 3) == zone


def test_a_new_tag_is_where_it_is_read():
    assert size_runs.decide(window(floor=(1, -60)), None, 3) == "floor"


def size(style, name, floor, behind, rate, coming=0):
    return Size(f"{style}{name}", style, name, floor, 1, behind, rate, coming)


def styles():
    one = [size("1", "S", 1, 0, 5), size("1", "M", 0, 2, 6), size("1", "L", 0, 1, 2)]
    two = [size("2", "S", 1, 0, 5), size("2", "M", 0, 1, 8), size("2", "L", 1, 0, 5)]
    return {"1": one, "2": two}


def test_best_sellers_of_broken_runs_come_first():
    found = [(one.gtin, pieces, round(priority, 2)) for one, pieces, priority in size_runs.fill(styles(), CORE)]
    assert found == [("2M", 1, 10.67), ("1M", 1, 10.0), ("1L", 1, 3.33)]


def test_what_is_under_way_is_missing_but_not_wanted():
    run = [size("1", "M", 0, 2, 6, coming=1)]
    assert size_runs.fill({"1": run}, CORE) == []
    assert not size_runs.is_whole(run, CORE)


def test_a_style_without_core_sizes_needs_all_of_its_own():
    assert not size_runs.is_whole([size("1", "38", 1, 0, 1), size("1", "39", 0, 0, 1)], CORE)
    assert size_runs.is_whole([size("1", "S", 1, 0, 1), size("1", "XXL", 0, 0, 1)], CORE)
