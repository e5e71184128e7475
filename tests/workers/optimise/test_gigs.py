from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.optimise import gigs
from storeloom.workers.optimise.gigs import Block

DAY = datetime(2026, 3, 2, tzinfo=UTC)


def at(hour):
    return DAY + timedelta(hours=hour)


def slots(*gaps, first=17.0, step=1.0):
    return [(at(first + step * place), at(first + step * (place + 1)), need) for place, need in enumerate(gaps)]


def test_gaps_join_and_holes_of_one_slot_are_bridged():
    assert gigs.blocks(slots(1, 3, 2, 1), [], 3) == [Block(at(17), at(21), 3)]
    assert gigs.blocks(slots(2, 0, 1, 0, 0, 1), [], 3) == [Block(at(17), at(20), 2)]
    assert gigs.blocks(slots(2, 0, 0, 1), [], 2) == []
    assert gigs.blocks(slots(1, 1, 1, 1, 1, step=0.5), [], 3) == []


def test_fixed_people_fill_whole_slots():
    assert gigs.blocks(slots(2, 2, 2), [(at(17), at(20)), (at(17.5), at(20))], 1) == [Block(at(17), at(18), 1)]
    assert gigs.blocks(slots(1.2, 1.2, 1.2), [(at(16), at(21))], 3) == [Block(at(17), at(20), 1)], "a need is rounded up"


def test_places_against_no_shows():
    assert gigs.chance(3, 3, 0.92) == pytest.approx(0.779, abs=5e-4) and gigs.chance(4, 3, 0.92) == pytest.approx(0.966, abs=5e-4)
    assert gigs.places(3, 0.92, 0.9) == 4
    assert gigs.places(3, 1, 0.99) == 3
    assert gigs.places(1, 0.3, 0.99) == 3, "no more than three for each"


def test_conflicts():
    duty = (at(17), at(21))
    assert gigs.conflict(duty, [(at(20), at(22))]) == "overlap"
    assert gigs.conflict(duty, [(at(0), at(7))]) == "rest" and gigs.conflict(duty, [(at(0), at(6))]) is None
    assert gigs.conflict(duty, [(at(31), at(35)), (at(18), at(19))]) == "overlap"
    assert gigs.hours([duty, (at(0), at(0.5))]) == 4.5


def test_verified_time():
    block = (at(17), at(21))
    punches = [(DAY + timedelta(hours=17, minutes=8), "in"), (DAY + timedelta(hours=21, minutes=5), "out")]
    assert gigs.clocked(punches, block) == 232
    assert gigs.payable(232, 15) == 225 and gigs.payable(225, 15) == 225 and gigs.payable(14, 15) == 0
    assert gigs.pay(225, 2400) == 9000
    assert gigs.clocked([(at(16), "in"), (at(18), "break_start"), (at(18.5), "break_end")], block) == 60 + 150


@pytest.mark.parametrize(
    ("history", "rate"), [({}, 0.92), ({"posts": 29, "booked": 60, "came": 30}, 0.92), ({"posts": 30, "booked": 60, "came": 30}, 0.5)]
)
def test_the_learned_show_rate(history, rate):
    assert gigs.show_rate(history, 0.92) == rate
