"""What is left of a budget while baskets hold and spend it."""

from storeloom.workers.pricing.budgets import hold, new_ledger, rest, spend


def test_others_cannot_take_what_a_basket_holds() -> None:
    ledger = new_ledger()
    hold(ledger, "r1", 800)
    assert (rest(ledger, 1000, "r1"), rest(ledger, 1000, "r2")) == (1000, 200)
    hold(ledger, "r1", 300)
    assert rest(ledger, 1000, "r2") == 700
    hold(ledger, "r1", 0)
    assert ledger == new_ledger()


def test_paid_is_spent_once_and_never_below_zero() -> None:
    ledger = new_ledger()
    hold(ledger, "r1", 800)
    spend(ledger, "r1", 800)
    assert ledger == {"spent": 800, "held": {}}
    spend(ledger, "r2", 400)
    assert rest(ledger, 1000, "r3") == 0
