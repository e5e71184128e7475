"""Things on boards: where the rule of thumb fails the solver finds a way, and says so when there is none."""

from storeloom.workers.optimise.board_fit import fit


def used(widths, found, boards):
    return [sum(widths[name] for name, n in found.items() if n == k) for k in range(len(boards))]


def test_what_first_fit_decreasing_misses_is_found():
    """Largest first leaves 30 + 30 + 30 and 26 to spare; 44 + 30 + 26 and 40 + 30 + 30 fill both boards."""
    widths = {"a": 44, "b": 40, "c": 30, "d": 30, "e": 30, "f": 26}
    found = fit(widths, [100, 100], {name: [0, 1] for name in widths})
    assert found is not None and used(widths, found, [100, 100]) == [100, 100]


def test_places_that_are_not_for_all():
    allowed = {"a": [1], "b": [0, 1], "c": [0]}
    assert fit({"a": 60, "b": 50, "c": 50}, [100, 60], allowed) == {"a": 1, "b": 0, "c": 0}
    assert fit({"a": 60, "b": 50, "c": 51}, [100, 60], allowed) is None
    assert fit({"a": 1}, [10], {"a": []}) is None


def test_no_way_is_told_where_the_sum_would_fit():
    assert fit({"a": 60, "b": 60, "c": 60}, [90, 90], {name: [0, 1] for name in "abc"}) is None
