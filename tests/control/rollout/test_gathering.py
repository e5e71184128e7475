"""What a figure gate sees of sums: an hour in which one did not move has no row, and is not an hour that nobody told of."""

from datetime import timedelta

import pytest
from sqlalchemy import insert
from sqlmodel import select

from storeloom.core.bench.fleet_stores import make_chain, make_release
from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.agents import Agent
from storeloom.core.control.models.reports import Figure
from storeloom.core.control.models.rollouts import Rollout
from storeloom.core.control.rollout.gathering import _figure
from storeloom.core.control.rollout.strategy import FigureGate
from tests.control.conftest import T0

CHAIN, PAST = "fleet", 14 * 24
UPDATED, OTHERS = ("s-0", "s-1", "s-2"), ("s-3", "s-4", "s-5", "s-6")


@pytest.fixture
def told(plane):
    """A sum of 10 in every other hour of two weeks; then, for a day, in the updated stores every fourth, and two of the others leave out
    one. `told(how, ends)` keeps it, the updated stores' ending after so many hours of that day; and gives what the gate sees."""

    def tell(how="sum", worse="lower", ends=24, seen=26):
        rows = []
        for store in UPDATED + OTHERS:
            for hour in range(PAST + 24):
                after = hour - PAST
                step = 4 if store in UPDATED and after >= 0 else 2
                left_out = (store in OTHERS[:2] and after == 12) or (store in UPDATED and after >= ends)
                if hour % step == 0 and not left_out:
                    key = {"chain": CHAIN, "store": store, "instance": "till", "name": "sales", "span": "hour"}
                    at = {"begins": T0 + timedelta(hours=after), "solution": "till", "unit": "CNY", "how": how}
                    rows.append({**key, **at, "value": 10.0, "weight": 1.0})
        gate = FigureGate(solution="till", name="sales", worse=worse, history_d=14, least_stores=3)
        row = Rollout(chain=CHAIN, id="r-1", release="good-1", strategy={}, plan_digest="", created=T0, created_by="", changed=T0)
        with writing(plane.services.engine) as session:
            make_chain(session, CHAIN, UPDATED + OTHERS, T0)
            make_release(session, CHAIN, "good-1", 1, UPDATED + OTHERS, T0)
            session.connection().execute(insert(Figure), rows)
            for agent in session.exec(select(Agent).where(Agent.chain == CHAIN)):
                agent.seen = T0 + timedelta(hours=seen)
                session.add(agent)
        with reading(plane.services.engine) as session:
            return _figure(session, row, gate, dict.fromkeys(UPDATED, T0), OTHERS, T0, T0 + timedelta(hours=24))

    return tell


def test_hours_without_a_row_count_as_nothing_sold(told):
    # 23 hours (the others' last row is of the 23rd): 60 of 120 are missing, over a mean of 5 an hour; two of four others miss 10
    found = told()
    assert (found.treated, found.controls) == (3, 4)
    assert found.harm == pytest.approx((60 - 10 / 2) / (23 * 5))


def test_a_mean_is_not_known_in_hours_without_a_row(told):
    assert told(how="mean").harm is None  # what rows there are say that nothing changed, and no two stores differ


def test_a_sum_that_ended_with_the_release_speaks_against_it_where_less_is_worse(told):
    assert told(ends=0).harm == pytest.approx((120 - 10 / 2) / (23 * 5))


def test_a_sum_that_ended_says_nothing_where_more_is_worse(told):
    found = told(worse="higher", ends=0)
    assert found.harm is None and found.treated == 0


def test_a_store_that_was_not_heard_sold_nothing_that_is_known(told):
    found = told(ends=0, seen=0)
    assert found.harm is None and found.treated == 0


def test_an_hour_that_may_still_be_told_of_does_not_count(told):
    # heard at 16:00 of that day: hours 1 to 15 count, in which 80 were due
    assert told(ends=0, seen=16).harm == pytest.approx((80 - 10 / 2) / (15 * 5))
