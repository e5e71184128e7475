"""Stored-value cards by hand."""

from datetime import date

from storeloom.workers.loyalty import stored_value as cards

DAY = date(2024, 2, 29)


def test_a_card_is_authorised_captured_and_given_back():
    card = cards.new_card(50000, DAY)
    assert cards.authorise(card, "r1", 32000) and cards.available(card) == 18000
    assert not cards.authorise(card, "r2", 20000)
    assert not cards.authorise(card, "r2", 0)
    assert cards.capture(card, "r1", 32000) == 0
    assert card["balance"] == 18000 and cards.available(card) == 18000
    assert cards.give_back(card, "r1", 5000, card) == 5000
    assert cards.available(card) == 23000
    assert cards.give_back(card, "r1", 30000, card) == 27000
    assert cards.give_back(card, "r9", 100, card) == 0


def test_a_return_goes_to_the_successor():
    old, new = cards.new_card(1000, DAY, "m1"), cards.new_card(0, DAY, "m1")
    cards.capture(old, "r1", 400)
    assert cards.give_back(old, "r1", 400, new) == 400
    assert (old["balance"], new["balance"]) == (600, 400)


def test_what_was_never_there_is_told():
    card = cards.new_card(300, DAY)
    assert cards.capture(card, "r1", 500) == 200
    assert card["balance"] == 0
    assert cards.difference([0], {"sold": 300, "refunded": 0, "captured": 500}) == 200


def test_unnamed_cards_end_and_named_ones_do_not():
    assert cards.years_after(DAY, 3) == date(2027, 2, 28)
    assert cards.years_after(date(2024, 5, 1), 3) == date(2027, 5, 1)
    card = cards.new_card(100, DAY)
    assert not cards.has_expired(card, date(2027, 2, 28), 3)
    assert cards.has_expired(card, date(2027, 3, 1), 3)
    assert not cards.has_expired(cards.new_card(100, DAY, "m1"), date(2099, 1, 1), 3)


def test_escrow_is_rounded_up():
    assert cards.escrow_need(80_000_000, 20) == 16_000_000
    assert cards.escrow_need(101, 20) == 21
