"""Figures: hours and the store's own day add up, over clock changes too; what is told twice, late or out of order ends the same."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.fleet import Region, Store
from storeloom.core.control.models.reports import Figure, FigureNews
from storeloom.core.control.reports import figures, sums
from tests.control.conftest import T0, profile

SHANGHAI = datetime(2026, 3, 1, 16, tzinfo=UTC)  # midnight of 2 March there


def row(value, name="seen", weight=1.0, begins=SHANGHAI, unit="count", span="day", instance="counter", solution="people_counter", **more):
    what = {"instance": instance, "solution": solution, "name": name, "unit": unit, "span": span}
    return {**what, "begins": begins.isoformat(), "value": value, "weight": weight, **more}


def keep(plane, rows, at, store="s-1", chain="north", release="r1"):
    with writing(plane.services.engine) as session:
        return figures.keep(session, chain, store, release, rows, at)


def told(plane, span, name="seen", store="s-1"):
    with reading(plane.services.engine) as session:
        found = select(Figure).where(Figure.chain == "north", Figure.store == store, Figure.span == span, Figure.name == name)
        return [(one.begins, one.day, one.value, one.weight) for one in session.exec(found.order_by(Figure.begins))]


def open_store(plane, name, zone="Asia/Shanghai", region=None):
    with writing(plane.services.engine) as session:
        where = {"region": region, "profile": profile(name, zone=zone)}
        session.add(Store(chain="north", id=name, name=name, tags=[], created=T0, changed=T0, **where))


def hour(number, begins=SHANGHAI):
    return begins + timedelta(hours=number)


def test_what_a_day_rose_by_is_the_hours_share(plane):
    for minutes, value in ((70, 4), (100, 9), (190, 10)):  # in the hours 1, 1 and 3 of the day
        assert keep(plane, [row(value)], SHANGHAI + timedelta(minutes=minutes)) == 1
    assert told(plane, "hour") == [(hour(1), "2026-03-02", 9, 1), (hour(3), "2026-03-02", 1, 1)]
    assert told(plane, "day") == [(SHANGHAI, "2026-03-02", 10, 1)]


def test_a_mean_is_weighed(plane):
    minutes = {"unit": "s", "name": "wait", "how": "mean"}
    keep(plane, [row(30.0, weight=2.0, **minutes)], SHANGHAI + timedelta(minutes=30))
    keep(plane, [row(50.0, weight=6.0, **minutes)], SHANGHAI + timedelta(minutes=90))
    assert told(plane, "hour", "wait") == [(hour(0), "2026-03-02", 60, 2), (hour(1), "2026-03-02", 240, 4)]  # four more waited 60 s each
    assert told(plane, "day", "wait") == [(SHANGHAI, "2026-03-02", 300, 6)]


@pytest.mark.parametrize(("how", "day"), [("last", 3.0), ("max", 8.0), ("min", 3.0), ("median", 3.0)])
def test_what_does_not_add_up_stands_as_it_stood(plane, how, day):
    for number, value in ((0, 5.0), (1, 8.0), (2, 3.0)):
        keep(plane, [row(value, name="queue", unit="m", how=how)], hour(number) + timedelta(minutes=5))
    assert [value for _, _, value, _ in told(plane, "hour", "queue")] == [5, 8, 3]
    assert told(plane, "day", "queue") == [(SHANGHAI, "2026-03-02", day, 1)]


def test_told_twice_late_or_out_of_order_it_ends_the_same(plane):
    chance = random.Random(5)
    reports, value, wait, weight = [], 0, 0.0, 0.0
    for number in range(60):
        value, weight = value + chance.randrange(5), weight + chance.randrange(1, 4)
        wait = chance.uniform(10, 60)
        rows = [row(value), row(wait, name="wait", unit="s", weight=weight), row(chance.randrange(9), name="queue", unit="m", how="max")]
        reports.append((rows, SHANGHAI + timedelta(minutes=24 * number + 3)))
    for rows, at in reports:
        keep(plane, rows, at)
    names = ("seen", "wait", "queue")
    straight = [told(plane, span, name) for span in ("hour", "day") for name in names]
    assert len(straight[0]) == 24 and straight[3][0][2] == value == sum(one[2] for one in straight[0])
    for store in ("s-2", "s-3"):
        open_store(plane, store)
        shuffled = reports * 2
        chance.shuffle(shuffled)
        for rows, at in shuffled:
            keep(plane, rows, at, store=store)
        again = [told(plane, span, name, store) for span in ("hour", "day") for name in names]
        assert [[one[:2] for one in some] for some in again] == [[one[:2] for one in some] for some in straight]
        for some, others in zip(again, straight, strict=True):
            assert [one[2:] for one in some] == [pytest.approx(one[2:]) for one in others]


@pytest.mark.parametrize(
    ("zone", "midnight", "hours", "day"),
    [
        ("Europe/Berlin", datetime(2026, 3, 28, 23, tzinfo=UTC), 23, "2026-03-29"),
        ("Europe/Berlin", datetime(2026, 10, 24, 22, tzinfo=UTC), 25, "2026-10-25"),
        ("America/Los_Angeles", datetime(2026, 3, 8, 8, tzinfo=UTC), 23, "2026-03-08"),
        ("Asia/Kolkata", datetime(2026, 3, 1, 18, 30, tzinfo=UTC), 24, "2026-03-02"),
    ],
)
def test_a_day_has_the_hours_that_its_clock_gives_it(plane, zone, midnight, hours, day):
    open_store(plane, "s-2", zone)
    for number in range(30):  # an agent that tells the day's figure for some time after its end
        keep(plane, [row(min(number + 1, hours), begins=midnight)], hour(number, midnight) + timedelta(minutes=59), store="s-2")
    assert [one[:3] for one in told(plane, "hour", store="s-2")] == [(hour(number, midnight), day, 1) for number in range(hours)]
    assert told(plane, "day", store="s-2") == [(midnight, day, hours, 1)]


def test_hours_that_are_told_as_such_make_the_day(plane):
    open_store(plane, "s-2", "Europe/Berlin")
    begins = datetime(2026, 10, 24, 22, tzinfo=UTC)
    rows = [row(number, begins=hour(number, begins), span="hour") for number in range(25)] + [row(7, begins=hour(25, begins), span="hour")]
    keep(plane, rows, hour(30, begins), store="s-2")
    days = [(day, value) for _, day, value, _ in told(plane, "day", store="s-2")]
    assert days == [("2026-10-25", sum(range(25))), ("2026-10-26", 7)]


def test_a_store_that_goes_back_to_an_older_copy_is_believed(plane):
    keep(plane, [row(100)], hour(5))
    keep(plane, [row(90)], hour(7))
    assert told(plane, "day")[0][2] == 90 and sum(one[2] for one in told(plane, "hour")) == 90


def test_what_is_malformed_is_left_out(plane):
    bad = [
        None,
        {},
        row("x"),
        row(float("nan")),
        row(1, weight=0),
        row(1, span="week"),
        row(1, begins=SHANGHAI - timedelta(days=500)),
        row(1, begins=SHANGHAI + timedelta(days=9)),
        {**row(1), "begins": "2026-03-02"},
    ]
    assert keep(plane, bad, hour(1)) == 0 and keep(plane, "figures", hour(1)) == 0
    assert keep(plane, [*bad, row(3)], hour(1)) == 1 and told(plane, "day")[0][2] == 3


def test_a_zone_that_nobody_knows_turns_no_figure_away(plane, caplog):
    open_store(plane, "s-2", "Mars/Base")
    assert keep(plane, [row(3)], hour(1), store="s-2") == 1
    assert told(plane, "day", store="s-2") == [(SHANGHAI, "2026-03-02", 3, 1)] and "no time zone 'Mars/Base'" in caplog.text


def make_sums(plane):
    sums.tick(plane.services)
    with reading(plane.services.engine) as session:
        assert session.exec(select(FigureNews)).all() == []


def totals(plane, within=None, day="2026-03-02"):
    with reading(plane.services.engine) as session:
        found = session.execute(sums.totals("north", within=within).where(sums.SUM.c.day == day)).all()
        return {one.name: (one.stores, pytest.approx(one.value)) for one in found}


def test_sums_over_regions_and_the_chain_keep_units_and_weights(plane):
    with writing(plane.services.engine) as session:
        session.add(Region(chain="north", id="east", name="East"))
        session.flush()
        session.add(Region(chain="north", id="coast", name="Coast", parent="east"))
    open_store(plane, "s-2", region="east")
    open_store(plane, "s-3", "Europe/Berlin", region="coast")
    berlin = datetime(2026, 3, 1, 23, tzinfo=UTC)
    for store, begins, seen, wait, weight, queue in (
        ("s-1", SHANGHAI, 1, 10, 1, 4),
        ("s-2", SHANGHAI, 2, 20, 3, 9),
        ("s-3", berlin, 4, 60, 6, 2),
    ):
        rows = [row(seen, begins=begins), row(wait, name="wait", unit="s", weight=weight, begins=begins)]
        keep(plane, [*rows, row(queue, name="queue", unit="m", how="max", begins=begins)], begins + timedelta(hours=3), store=store)
    make_sums(plane)
    assert totals(plane) == {"seen": (3, 7), "wait": (3, (10 + 60 + 360) / 10), "queue": (3, 9)}
    with reading(plane.services.engine) as session:
        east = sums.regions(session, "north", "east")
    assert sorted(east) == ["coast", "east"]
    assert totals(plane, east) == {"seen": (2, 6), "wait": (2, 420 / 9), "queue": (2, 9)}
    assert totals(plane, ["coast"]) == {"seen": (1, 4), "wait": (1, 60), "queue": (1, 2)}


def test_sums_are_made_anew_where_something_was_told_and_nowhere_else(plane):
    keep(plane, [row(5)], hour(2))
    make_sums(plane)
    plane.wait(minutes=5)
    keep(plane, [row(5)], hour(2))  # once more: nothing new
    make_sums(plane)
    with reading(plane.services.engine) as session:
        (first,) = session.execute(sums.totals("north")).all()
    assert (first.value, first.summed) == (5, T0)
    keep(plane, [row(8)], hour(3))
    make_sums(plane)
    assert totals(plane) == {"seen": (1, 8)}


def test_what_is_told_while_sums_are_made_is_not_crossed_off(plane, monkeypatch):
    if plane.services.engine.dialect.name == "sqlite":
        pytest.skip("writers queue: nothing is told meanwhile")
    keep(plane, [row(5)], hour(2))
    made = sums._sums

    def meanwhile(*args):
        keep(plane, [row(6)], hour(3))
        return made(*args)

    monkeypatch.setattr(sums, "_sums", meanwhile)
    sums.tick(plane.services)
    monkeypatch.undo()
    with reading(plane.services.engine) as session:
        assert [one.turn for one in session.exec(select(FigureNews))] == [2]
    make_sums(plane)
    assert totals(plane) == {"seen": (1, 6)}
