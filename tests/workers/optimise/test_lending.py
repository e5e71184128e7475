"""Loans between stores: the worked evening, ties, surplus, rest, months, every match of small problems, and settlement."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from random import Random

import pytest

from storeloom.workers.optimise.lending import Balance, Loan, Need, Problem, Rules, Stint, free, from_row, match, offers, settle, spare

DAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = Rules(40, 11 * HOUR, 4)


def at(hour):
    return DAY + hour * HOUR


def need(store, start=18, end=21, heads=1, name=None):
    return Need(name or f"g{store}", store, "cashier", at(start), at(end), heads, "2026-03")


def stint(staff, store="A", start=13, end=21, role="cashier"):
    return Stint(staff, store, role, at(start), at(end))


WAYS = {("li", "B"): 20, ("li", "C"): 35, ("wang", "B"): 25, ("wang", "C"): 30}


def offered(needs, stints, ways=None, agreed=(), rules=RULES, now=10, out=(), may=lambda staff, need: True):
    ways = WAYS if ways is None else ways
    return offers(needs, stints, agreed, lambda staff, home, to: ways.get((staff, to)), may, rules, at(now), out)


def solved(needs, found, surplus=2, lent=None, asked=(), unserved=240, rules=RULES):
    stretch = {("A", "cashier"): [(at(0), at(48), surplus)]}
    return match(Problem(tuple(needs), tuple(found), stretch, lent or {}, rules, unserved, frozenset(asked)))


def pairs(result):
    return sorted((loan.staff, loan.need.store) for loan in result.loans)


NEEDS = [need("B"), need("C")]
PEOPLE = [stint("li"), stint("wang")]


def test_the_worked_evening():
    result = solved(NEEDS, offered(NEEDS, PEOPLE))
    assert pairs(result) == [("li", "B"), ("wang", "C")]
    assert (result.proof.status, result.proof.objective, result.proof.bound) == ("optimal", 50, 50)


def test_with_one_to_spare_one_need_stays_open():
    result = solved(NEEDS, offered(NEEDS, PEOPLE), surplus=1)
    assert pairs(result) == [("li", "B")] and result.proof.objective == 260


def test_a_way_too_long_changes_the_match():
    result = solved(NEEDS, offered(NEEDS, PEOPLE, {**WAYS, ("wang", "C"): 45}))
    assert pairs(result) == [("li", "C"), ("wang", "B")] and result.proof.objective == 60


def test_the_rest_without_a_pair_that_is_ruled_out():
    only = [need("B")]
    assert pairs(solved(only, offered(only, PEOPLE, out={("gB", "li")}))) == [("wang", "B")]


def test_nobody_goes_where_the_way_costs_more_than_the_open_need():
    assert solved(NEEDS, offered(NEEDS, PEOPLE), unserved=30).proof.objective == 20 + 30
    empty = solved(NEEDS, [])
    assert empty.loans == () and empty.proof.objective == 480


def test_ties_go_to_asks_that_stand_then_to_the_fewest_loans_then_to_the_lowest_id():
    only, even = [need("B")], {("li", "B"): 20, ("wang", "B"): 20}
    found = offered(only, PEOPLE, even)
    assert pairs(solved(only, found)) == [("li", "B")]
    assert pairs(solved(only, found, lent={("li", "2026-03"): 1})) == [("wang", "B")]
    assert pairs(solved(only, found, lent={("li", "2026-02"): 1})) == [("li", "B")]
    assert pairs(solved(only, found, asked={("gB", "wang")})) == [("wang", "B")]
    both = {(who, store): 20 for who in ("li", "wang") for store in "BC"}
    assert pairs(solved(NEEDS, offered(NEEDS, PEOPLE, both))) == [("li", "B"), ("wang", "C")]


def test_the_most_loans_of_a_month():
    found = offered(NEEDS, PEOPLE)
    assert pairs(solved(NEEDS, found, lent={("li", "2026-03"): 4})) == [("wang", "B")]


def test_who_may_be_lent():
    only = [need("B")]
    assert offered(only, [stint("li", start=19)]) == offered(only, [stint("li", end=20)]) == []
    assert offered(only, [stint("li", role="fresh")]) == offered(only, [stint("li", "B")]) == []
    assert offered(only, [stint("zhao")]) == []
    assert offered(only, PEOPLE, may=lambda staff, need: staff != "li")[0].staff == "wang"
    assert [loan.staff for loan in offered(only, PEOPLE, now=17.65)] == ["li"]


@pytest.mark.parametrize(("start", "rested"), [(32.3, False), (32.34, True)])
def test_rest_counts_the_way_home(start, rested):
    """18:00 to 21:00 and 20 min home: eleven hours later it is 08:20 of the next day."""
    only = [need("B")]
    assert bool(offered(only, [stint("li"), stint("li", start=start, end=40)])) is rested


@pytest.mark.parametrize(("end", "rested"), [(6.67, False), (6.66, True)])
def test_rest_counts_the_way_there(end, rested):
    """A shift that begins with the loan begins with the way: at 17:40."""
    only = [need("B")]
    assert bool(offered(only, [stint("li", start=18), stint("li", start=1, end=end)])) is rested


def test_a_person_agreed_elsewhere_is_not_offered_again():
    loan = offered([need("C")], PEOPLE)[0]
    assert [one.staff for one in offered([need("B")], PEOPLE, agreed=[loan])] == ["wang"]


def test_one_person_takes_one_of_two_needs_without_rest_between():
    two = [need("B", 13, 16, name="early"), need("B", 17, 21, name="late")]
    assert len(solved(two, offered(two, [stint("li")])).loans) == 1


def test_spare_people_by_stretch():
    on = [stint("a"), stint("b"), stint("c", start=13, end=20), stint("d", start=13, end=20)]
    required = [(at(18), at(19), 1.2), (at(19), at(20.5), 2)]
    assert spare(on, [], required, at(18), at(21)) == [
        (at(18), at(19), 2), (at(19), at(20), 2), (at(20), at(20.5), 0), (at(20.5), at(21), 0),
    ]  # fmt: skip
    lent = Loan(need("B", 18, 19), "a", "A", 20, at(13), at(21))
    assert spare(on, [lent], required, at(18), at(20), 1) == [(at(18), at(19), 0), (at(19), at(20), 1)]


def test_what_lenders_have_to_spare_over_the_time_of_their_offers():
    found = offered(NEEDS, [*PEOPLE, stint("xu", "D"), stint("yan", start=17)])
    required = {("A", "cashier"): [(at(17), at(22), 1)]}
    assert free(found, PEOPLE, [], lambda *lender: required.get(lender, ()), 0) == {("A", "cashier"): [(at(18), at(21), 1)]}


def test_a_loan_goes_through_json():
    loan = offered([need("B")], PEOPLE)[0]
    again = from_row(loan.row())
    assert (again.staff, again.lender, again.travel_min, again.begins, again.ends) == (
        "li",
        "A",
        20,
        at(13),
        at(21) + timedelta(minutes=20),
    )
    assert (again.need.id, again.need.store, again.need.start, again.need.end) == ("gB", "B", at(18), at(21))


def test_surplus_is_shared_only_by_needs_that_overlap():
    two = [need("B", 13, 16), need("C", 17, 21)]
    assert len(solved(two, offered(two, PEOPLE), surplus=1).loans) == 2


@pytest.mark.parametrize("seed", range(15))
def test_no_match_is_cheaper(seed):
    chance = Random(seed)
    needs = [need(store, heads=chance.randint(1, 2)) for store in "BCD"]
    staff = ["li", "wang", "xu", "yan"]
    ways = {(who, store): chance.randint(10, 50) for who in staff for store in "BCD"}
    found, surplus = offered(needs, [stint(who) for who in staff], ways), chance.randint(1, 4)
    every = [
        chosen
        for count in range(surplus + 1)
        for chosen in combinations(found, count)
        if len({loan.staff for loan in chosen}) == count and all(sum(loan.need == one for loan in chosen) <= one.heads for one in needs)
    ]
    open_cost = 240 * sum(one.heads for one in needs)
    least = min(open_cost + sum(loan.travel_min - 240 for loan in chosen) for chosen in every)
    assert solved(needs, found, surplus).proof.objective == least


def test_settlement_is_netted_by_pair():
    assert settle([("A", "B", 3)], 3200) == [Balance("B", "A", 9600, 3, 0)]
    assert settle([("A", "B", 3), ("B", "A", 5), ("A", "C", 2)], 1000) == [Balance("A", "B", 2000, 5, 3), Balance("C", "A", 2000, 2, 0)]
    assert settle([("A", "B", 3), ("B", "A", 3)], 1000) == [Balance("B", "A", 0, 3, 3)]
