from datetime import date, timedelta

from storeloom.workers.insight import layers

TODAY = date(2026, 3, 2)


def bought(*pairs):
    return [(TODAY - timedelta(days=ago), amount) for ago, amount in pairs]


def test_five_members_by_hand():
    last, receipts = (1, 5, 10, 30, 90), (1, 9, 4, 6, 2)
    found = layers.scores({f"m{n}": bought(*[(a, 100)] * c) for n, (a, c) in enumerate(zip(last, receipts, strict=True))}, TODAY, 180)
    assert [(s.r, s.f) for s in found.values()] == [(5, 1), (4, 5), (3, 3), (2, 4), (1, 2)]
    assert [s.layer for s in found.values()] == ["new", "core", "growing", "at_risk", "lost"]


def test_ties_go_by_name_and_fifths_keep_their_sizes():
    assert layers.quintiles(dict.fromkeys("abcdefghij", 1)) == dict(zip("abcdefghij", (5, 5, 4, 4, 3, 3, 2, 2, 1, 1), strict=True))
    assert layers.quintiles({"b": 1, "a": 1}) == {"a": 5, "b": 3} and layers.quintiles({"a": 0}) == {"a": 5}
    assert layers.quintiles({}) == {}


def test_only_the_last_days_count_and_the_sum_is_money():
    found = layers.scores({"a": bought((180, 10)), "b": bought((181, 900)), "c": bought((1, 5), (200, 900))}, TODAY, 180)
    assert set(found) == {"a", "c"} and found["a"].m == 5 and found["c"].r == 5


def test_growing_is_what_is_left():
    assert layers.Scores(5, 3, 1).layer == "growing" == layers.Scores(3, 5, 1).layer
