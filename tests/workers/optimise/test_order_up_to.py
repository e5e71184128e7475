"""The newsvendor on samples and (R,S): against counting by hand, against the normal formula, against a simulated cycle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.workers.optimise.order_up_to import Review, hold_out, level_for, mean_cost, newsvendor, order_up_to, service_of, sums
from storeloom.workers.optimise.stock_input import OrderFault


def test_the_critical_quantile_of_ten_days():
    # under 3, over 1: ratio 0.75; of ten days the 8th smallest is the first that covers 75 %
    choice = newsvendor([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], under=3, over=1)
    assert (choice.qty, choice.ratio, choice.served) == (8, 0.75, 0.8)
    # days 9 and 10 miss 1 and 2 units (9), days 1 to 7 leave 7+6+...+1 = 28: 37 over ten days
    assert choice.cost == pytest.approx(3.7)
    assert choice.low == 5 and choice.high is None  # of ten days, 5 or fewer lie under the quantile with chance 0.02, all with 0.06


@given(st.lists(st.integers(0, 30), min_size=2, max_size=40), st.integers(1, 9), st.integers(1, 9), st.integers(1, 7))
def test_no_number_of_cases_costs_less(days, under, over, case):
    choice = newsvendor(days, under, over, case=case)
    tried = [mean_cost(np.array(days, dtype=float), n * case, under, over) for n in range(0, 40)]
    assert choice.cost == pytest.approx(min(tried))
    assert choice.qty % case == 0


def test_too_few_days_leave_the_upper_end_open():
    assert newsvendor([3, 5, 8], under=99, over=1).high is None


def test_the_interval_covers_the_true_quantile():
    # Poisson(20): the 75 % quantile is 23; 400 histories of 60 days, a 90 % interval
    rng = np.random.default_rng(5)
    covered = [one.low <= 23 <= one.high for one in (newsvendor(rng.poisson(20, 60), 3, 1) for _ in range(400))]
    assert 0.9 <= np.mean(covered) <= 1.0


def test_later_days_show_what_an_order_costs():
    rng = np.random.default_rng(2)
    skewed = np.where(rng.random(400) < 0.2, rng.poisson(40, 400), rng.poisson(5, 400)).astype(float)
    check = hold_out(skewed, under=3, over=1)
    assert check.days == 372
    assert check.empirical < check.normal and check.empirical < check.mean
    assert check.covered == pytest.approx(0.75, abs=0.06)


def test_wrong_input_is_named_at_once():
    with pytest.raises(OrderFault) as fault:
        newsvendor([1, 2], under=0, over=-1, case=0)
    assert [one.args["setting"] for one in fault.value.findings] == ["under", "over", "case"]
    with pytest.raises(OrderFault, match="negative values in 1 places"):
        newsvendor([1, -2, 3], 1, 1)
    with pytest.raises(OrderFault, match="text"):
        newsvendor(["a", "b"], 1, 1)
    with pytest.raises(OrderFault, match="days of demand"):
        newsvendor([], 1, 1)
    with pytest.raises(OrderFault, match="days of demand"):
        newsvendor([4.0, None], 1, 1)


def test_sums_of_days_in_a_row_leave_out_the_unknown():
    days = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0])
    assert sums(days, 2).tolist() == [3, 9, 11]
    assert sums(days, 0).tolist() == [0]
    assert sums(days, 7).size == 0


def test_alpha_and_beta_of_a_demand_of_two_values():
    # each day 0 or 4, by turns: one review day, no lead time. S=4 covers every day; S=2 covers half the days and half of the demand
    days = [0, 4] * 10
    assert service_of(days, Review(1), 4) == (1.0, 1.0)
    assert service_of(days, Review(1), 2) == (0.5, 0.5)
    assert order_up_to(days, Review(1), "beta", 0.5).up_to == 2
    assert order_up_to(days, Review(1), "alpha", 0.6).up_to == 4


def test_the_textbook_normal_case():
    # alpha for a normal demand of 50, sd 10 a day over R=1, L=2: 150 + 1.645 * 10 * sqrt(3) = 178.5
    rng = np.random.default_rng(0)
    days = rng.normal(50, 10, 20_000).clip(0)
    assert level_for(days, Review(1, 2), "alpha", 0.95) == pytest.approx(178.5, abs=1.5)
    # type 2 by the loss function: 1 - 10 * sqrt(3) * G(k) / 50 = 0.98 gives G(k) = 0.0577, k = 1.19 (less the loss in the lead time)
    assert level_for(days, Review(1, 2), "beta", 0.98) == pytest.approx(150 + 1.19 * 17.32, abs=1.5)


def test_whole_cases_lower_the_level_for_the_same_service():
    rng = np.random.default_rng(1)
    days = rng.poisson(6, 200)
    targets = [order_up_to(days, Review(3, 2, case), "beta", 0.98) for case in (1, 6, 12)]
    assert targets[0].up_to > targets[1].up_to > targets[2].up_to
    assert all(one.beta >= 0.98 and one.low <= one.up_to <= one.high for one in targets)
    assert targets[0].safety == pytest.approx(targets[0].up_to - 30, abs=1)


def test_an_uncertain_lead_time_takes_more():
    days = np.random.default_rng(1).poisson(6, 200)
    assert level_for(days, Review(3, {1: 0.5, 3: 0.5}), "alpha", 0.95) > level_for(days, Review(3, 2), "alpha", 0.95)


def test_the_same_seed_gives_the_same_interval_and_zeros_need_nothing():
    days = np.random.default_rng(1).poisson(6, 60)
    assert order_up_to(days, Review(7, 1), "beta", 0.95, seed=3) == order_up_to(days, Review(7, 1), "beta", 0.95, seed=3)
    assert order_up_to([0] * 30, Review(1), "beta", 0.95).up_to == 0


@pytest.mark.parametrize(
    ("days", "review", "words"),
    [
        ([5] * 13, Review(1), "days of demand"),
        ([5] * 20, Review(14), "spans of known days"),
        ([5] * 40, Review(0), "review_days is 0"),
        ([5] * 40, Review(1, {1: 0.5, 2: 0.6}), "lead_days"),
        ([5] * 39 + [float("inf")], Review(1), "infinite or huge"),
    ],
)
def test_reviews_that_cannot_be(days, review, words):
    with pytest.raises(OrderFault, match=words):
        order_up_to(days, review, "beta", 0.95)
