from storeloom.workers.optimise.channels import clashes, neighbours, plan

TRIANGLE = {"A": {"B": -60, "C": -60}, "B": {"A": -60, "C": -70}, "C": {"A": -60, "B": -60}, "D": {"C": -74, "A": -80, "street": -40}}


def test_points_are_neighbours_where_one_hears_the_other():
    near = neighbours(TRIANGLE, -75)
    assert {point: sorted(others) for point, others in near.items()} == {"A": ["B", "C"], "B": ["A", "C"], "C": ["A", "B", "D"], "D": ["C"]}
    assert near["B"]["C"] == -60
    assert neighbours(TRIANGLE, -74)["D"] == {}


def test_the_most_hemmed_in_choose_first():
    given = plan(neighbours(TRIANGLE, -75), [1, 6, 11])
    assert list(given.items()) == [("C", 1), ("A", 6), ("B", 11), ("D", 6)]
    assert clashes(neighbours(TRIANGLE, -75), given) == []


def test_where_no_channel_is_free_the_least_loud_is_taken():
    heard = {"A": {"B": -50, "C": -70}, "B": {"C": -50}, "C": {}}
    given = plan(neighbours(heard, -75), [1, 6])
    assert given == {"A": 1, "B": 6, "C": 1}
    assert clashes(neighbours(heard, -75), given) == [("A", "C")]
    assert clashes(neighbours(heard, -75), {"A": 1}) == []
