"""Losses between counts, worked by hand."""

import pytest

from storeloom.workers.insight import shrink


def interval(**sums: float) -> shrink.Interval:
    made = shrink.begin(0.0, 100)
    for field, qty in sums.items():
        shrink.add(made, field, qty, 10.0)
    return made


def test_a_loss_of_one_case() -> None:
    made = interval(received=48, sold=90, waste=3, sales_value=54000)
    shrink.close(made, 31, 100.0)
    assert (shrink.book(made), shrink.loss(made)) == (55, 24)


def test_what_came_back_is_counted_once_however_it_is_told() -> None:
    assert shrink.book(interval(returned=2, paid_back=3)) == 103
    assert shrink.book(interval(moved_in=5, made=4, moved_out=7)) == 102


def test_a_count_told_late_hands_on_what_moved_after_it() -> None:
    made = shrink.begin(0.0, 100)
    shrink.remember(made, "sold", 5, 50.0, 3600)
    shrink.remember(made, "sold", 2, 60.0, 3600)
    shrink.remember(made, "waste", 1, 61.0, 3600)
    after = shrink.close(made, 95, 60.0)
    assert (shrink.loss(made), made["sums"]["waste"], made["wastes"]) == (-2, 0, [])
    assert (after["start"], after["sums"]["waste"], after["wastes"]) == (95, 1, [[61.0, 1]])


def test_only_recent_moves_are_kept_one_by_one() -> None:
    made = shrink.begin(0.0, 100)
    for t_s in (0, 3600, 3601):
        shrink.remember(made, "sold", 1, t_s, 3600)
    assert [one[0] for one in made["recent"]] == [3600, 3601]
    assert made["sums"]["sold"] == 3


@pytest.mark.parametrize(
    ("lost", "received", "case_pack", "weighed", "later", "cause"),
    [
        (24, 48, 24, False, 0, "receiving"),
        (48, 48, 24, False, 0, "receiving"),
        (72, 48, 24, False, 0, "theft_or_unknown"),
        (25, 48, 24, False, 0, "theft_or_unknown"),
        (3, 48, 1, False, 0, "theft_or_unknown"),
        (3, 48, None, False, 3, "late_waste"),
        (3, 48, None, False, 2, "theft_or_unknown"),
        (5, 100, None, True, 0, "yield"),
        (5.1, 100, None, True, 0, "theft_or_unknown"),
        (5, 100, None, False, 0, "theft_or_unknown"),
    ],
)
def test_the_first_cause_that_fits(lost: float, received: float, case_pack: float | None, weighed: bool, later: float, cause: str) -> None:
    sums = {"received": received}
    assert shrink.cause_of(lost, sums, case_pack=case_pack, weighed=weighed, later_waste=later, yield_pct=5) == cause


def test_waste_within_its_days_after_the_count() -> None:
    waste = [[0.0, 1.0], [10.0, 2.0], [10.0 + 2 * 86400, 4.0], [11.0 + 2 * 86400, 8.0]]
    assert shrink.wasted_after(waste, 10.0, 2) == 4.0
    assert shrink.wasted_after(waste, 9.0, 2) == 2.0


@pytest.mark.parametrize(
    ("other", "price", "fits"), [(-3, 660, True), (-3, 661, False), (-3, 540, True), (-2, 600, False), (3, 600, False), (-3, None, False)]
)
def test_a_swap_is_as_many_pieces_at_about_the_same_price(other: float, price: float | None, fits: bool) -> None:
    assert shrink.swapped(3, other, 600, price, 10) is fits


def test_time_in_common() -> None:
    one = {"from_s": 0.0, "to_s": 10.0}
    assert shrink.overlap(one, {"from_s": 9.0, "to_s": 20.0})
    assert not shrink.overlap(one, {"from_s": 10.0, "to_s": 20.0})
