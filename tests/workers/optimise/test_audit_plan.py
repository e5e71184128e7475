"""What one audit checks: the worked choice, musts first, the share kept for lots."""

from datetime import date

from storeloom.workers.optimise.audit_plan import Chosen, Item, choose

DAY = date(2026, 3, 1)
X, Y = Item("X", 6, 0.9375, DAY), Item("Y", 4, 0.90, DAY)
Z, W = Item("Z", 3, 0.40, DAY), Item("W", 4, 0.50, DAY)


def last_first(name):
    return -ord(name[0])


def test_the_worked_audit():
    assert choose([X, Y, Z, W], 10, 0, last_first) == Chosen((), ("X", "Y"), ())


def test_minutes_that_worth_leaves_unused_go_to_lots():
    """2 of 11 minutes are kept; Y and W (8 min) leave 1 of 9 unused: together enough for Z."""
    assert choose([X, Y, Z, W], 11, 20, last_first) == Chosen((), ("W", "Y"), ("Z",))


def test_the_share_kept_for_lots_is_not_filled_by_worth():
    """40 % of 10 minutes: 6 for worth (X), 4 for lots (W before Z, which no longer fits)."""
    assert choose([X, Y, Z, W], 10, 40, "WZY".find) == Chosen((), ("X",), ("W",))


def test_musts_enter_first_and_the_longest_unchecked_of_them():
    old, older, long = Item("old", 4, 0, date(2026, 1, 2), True), Item("older", 5, 0, date(2026, 1, 1), True), Item("M", 9, 9, DAY, True)
    assert choose([X, old, long, older], 9.5, 10, last_first) == Chosen(("older", "old"), (), ())
    assert choose([Y, old], 9, 50, last_first) == Chosen(("old",), (), ("Y",))


def test_a_tie_goes_to_the_item_checked_longest_ago():
    assert choose([Y, Item("A", 4, 0.90, DAY), Item("V", 4, 0.90, date(2026, 2, 1))], 4, 0, last_first).risk == ("V",)


def test_minutes_are_rounded_up_to_half_minutes():
    assert choose([Item("A", 0.6, 1, DAY), Item("B", 0.4, 1, DAY)], 1, 0, last_first).risk == ("A",)
    assert choose([Item("A", 0.5, 1, DAY), Item("B", 0.4, 1, DAY)], 1, 0, last_first).risk == ("A", "B")
