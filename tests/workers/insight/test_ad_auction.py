"""Auctions of sponsored places, worked by hand."""

from fractions import Fraction

import pytest

from storeloom.workers.insight import ad_auction
from storeloom.workers.insight.ad_auction import Ad

A, B, C = Ad("A", "A", 120, Fraction(5, 100)), Ad("B", "B", 200, Fraction(2, 100)), Ad("C", "C", 90, Fraction(6, 100))


def prices(*ads, slots=2, reserve=50):
    return [(ad.name, price) for ad, price in ad_auction.auction(ads, slots, reserve)]


def test_the_generalised_second_price():
    assert prices(A, B, C) == [("A", 108), ("C", 67)]
    assert prices(A, C) == [("A", 108), ("C", 50)]
    assert prices(A, C, slots=1) == [("A", 108)]
    assert prices() == []


def test_a_brand_wins_one_place_and_pays_no_more_than_its_bid():
    assert prices(A, Ad("A2", "A", 119, A.rate), C) == [("A", 108), ("C", 50)]
    assert prices(Ad("x", "x", 60, Fraction(1, 10)), Ad("y", "y", 60, Fraction(1, 10))) == [("x", 60), ("y", 50)]


def test_a_new_ad_has_the_prior_worth_100_impressions():
    assert ad_auction.click_rate(4, 100, 2) == Fraction(3, 100)
    assert ad_auction.click_rate(0, 0, 2) == Fraction(2, 100)


@pytest.mark.parametrize(
    ("category", "text", "mean"),
    [("milk", "", 0.5), ("milk", "Fresh MILK deal", 0.75), (None, "milk cheap", 0.5), ("tea", "", 0), (None, "", 0)],
)
def test_relevance(category, text, mean):
    assert ad_auction.relevance(category, text, {"milk"}, ["milk", "cheap"]) == mean


def test_pacing_and_increment():
    assert ad_auction.sits_out(0.25, 0.5) == 0.5
    assert ad_auction.sits_out(0.6, 0.5) == 0
    cells = {"exposed": 10000, "exposed_sales": 500000, "held": 2000, "held_sales": 80000}
    assert ad_auction.incremental_sales(cells) == 100000
    assert ad_auction.incremental_sales({**cells, "held": 0}) is None
