"""The facts of a run: determinism, order, arithmetic, contracts."""

import json
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import jsonschema_rs
import pytest

from storeloom.core.virtual import VirtualStore, default_profile

SCHEMAS = Path(__file__).parents[2] / "schemas"


def as_bytes(facts):
    return json.dumps([astuple(fact) for fact in facts], default=str, ensure_ascii=False).encode()


def test_same_seed_gives_the_same_bytes(run):
    assert as_bytes(run().facts) == as_bytes(run().facts)


def test_another_seed_gives_another_day(run):
    sales = frozenset({"pos.sale"})
    first, other = run(streams=sales), run(streams=sales, seed=2)
    assert [data["total"] for data in first.data("pos.sale")] != [data["total"] for data in other.data("pos.sale")]


@pytest.mark.parametrize("stream", ["pos.sale", "sensor.reading", "vision.zone", "inventory.movement"])
def test_what_is_asked_for_does_not_change_the_world(run, stream):
    alone = run(streams=frozenset({stream}))
    together = run()
    assert alone.facts == [fact for fact in together.facts if fact.stream == stream]
    assert alone.store.truth.as_dict() == together.store.truth.as_dict()


def test_two_runs_in_a_row_are_one_long_run(run):
    whole = run(days=2, streams=frozenset({"pos.sale", "shipment.notice"}))
    store = VirtualStore(default_profile(), scale=0.05)
    streams = frozenset({"pos.sale", "shipment.notice"})
    parts = [*store.run(date(2026, 3, 2), 1, streams), *store.run(date(2026, 3, 3), 1, streams)]
    assert parts == whole.facts


def test_facts_arrive_in_order_and_never_before_they_happen(three_days):
    received = [fact.received for fact in three_days.facts]
    assert received == sorted(received)
    assert all(fact.time is None or fact.time < fact.received for fact in three_days.facts)
    assert {fact.received.tzinfo for fact in three_days.facts} == {UTC}


def test_run_covers_the_store_days_in_the_stores_zone(three_days):
    assert three_days.facts[0].received >= datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert three_days.facts[-1].received < datetime(2026, 3, 4, 16, tzinfo=UTC)


@pytest.mark.parametrize("store_format", ["supermarket", "mall", "convenience", "specialty"])
def test_every_fact_fits_its_stream(run, store_format):
    validators = {}
    wrong = set()
    for fact in run(store_format, days=2, start=date(2026, 3, 6)).facts:
        if fact.stream not in validators:
            schema = json.loads((SCHEMAS / "streams" / f"{fact.stream}.json").read_text(encoding="utf-8"))
            validators[fact.stream] = jsonschema_rs.validator_for(schema)
        wrong |= {(fact.stream, error.message) for error in validators[fact.stream].iter_errors(fact.data)}
    assert wrong == set()


def test_each_source_is_a_device_that_can_feed_the_stream(run):
    kinds = json.loads((SCHEMAS / "adapter_kinds.json").read_text(encoding="utf-8"))["kinds"]
    outside_the_list = {"payment.request", "member.consent"}
    for store_format in ("supermarket", "mall"):
        ran = run(store_format, scale=0.05)
        devices = ran.store.default_devices()
        pairs = {(devices[fact.source]["kind"], fact.stream) for fact in ran.facts}
        assert {pair for pair in pairs if pair[1] not in kinds[pair[0]]["feeds"] and pair[1] not in outside_the_list} == set()


def test_between_them_the_formats_produce_every_promised_stream(run, three_days, produced):
    seen = {fact.stream for fact in three_days.facts}
    seen |= {fact.stream for fact in run("mall").facts}
    seen |= {fact.stream for fact in run("specialty", days=3, scale=1.0).facts}
    assert seen == produced


def test_lines_and_payments_sum_to_the_total(three_days):
    sales = three_days.data("pos.sale")
    assert len(sales) > 1500
    for data in sales:
        assert sum(line["amount"] for line in data["lines"]) == data["total"]
        assert sum(payment["amount"] for payment in data["payments"]) == data["total"]
        for line in data["lines"]:
            units = line["weight_g"] / 1000 if "weight_g" in line else line["qty"]
            assert abs(line["price"] * abs(units) - abs(line.get("discount", 0)) - abs(line["amount"])) <= 1
    assert {data["kind"] for data in sales} == {"sale", "return"}
    assert {data["channel"] for data in sales} == {"till", "self_checkout", "cart", "online"}
    numbers = [data["receipt"] for data in sales]
    assert len(numbers) == len(set(numbers))


def test_online_receipts_carry_what_was_picked(three_days):
    picked = {}
    for data in three_days.data("pick.done"):
        picked[data["order"]] = {line["gtin"]: line.get("weight_g", line["picked"]) for line in data["lines"] if line["picked"]}
    online = [data for data in three_days.data("pos.sale") if data["channel"] == "online"]
    assert online
    for data in online:
        sold = {line["gtin"]: line.get("weight_g", line["qty"]) for line in data["lines"]}
        assert sold == picked[data["payments"][0]["ref"]]


def test_smart_cart_sessions_add_up(three_days):
    totals = {data["till"] + data["started"]: data["total"] for data in three_days.data("pos.sale") if data["channel"] == "cart"}
    paid = [data["total"] for data in three_days.data("cart.event") if data["kind"] == "pay"]
    assert sorted(paid) == sorted(totals.values())
    sessions = {}
    for data in three_days.data("cart.event"):
        sessions.setdefault(data["session"], []).append(data)
    for events in sessions.values():
        assert events[0]["kind"] == "login"
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def test_a_closed_store_sells_nothing(run):
    closed = {"open": "08:00", "close": "22:00", "closed": ["2026-03-02"], "tue": None, "dates": {"2026-03-04": None}}
    ran = run(days=3, hours=closed)
    assert not {fact.stream for fact in ran.facts} & {"pos.sale", "order.placed", "staff.clock", "vision.count", "camera.frame"}
    assert ran.data("sensor.reading")
    assert ran.store.truth.arrivals == {}


def test_sales_lie_within_opening_hours(run):
    ran = run(days=2, hours={"open": "09:30", "close": "20:00"}, streams=frozenset({"pos.sale"}))
    times = [(fact.time or fact.received) + timedelta(hours=8) for fact in ran.facts]
    assert all("09:30" <= f"{time:%H:%M}" < "20:00" for time in times)


def test_a_store_may_close_after_midnight(run):
    ran = run("convenience", days=2, scale=0.6, hours={"open": "07:00", "close": "02:00"}, streams=frozenset({"pos.sale"}))
    hours = {((fact.time or fact.received) + timedelta(hours=8)).hour for fact in ran.facts}
    assert hours & {0, 1}
    assert not hours & {2, 3, 4, 5, 6}


def test_a_till_off_line_sends_late_but_loses_nothing(run):
    ran = run(scale=0.3, streams=frozenset({"pos.sale"}))
    store = VirtualStore(default_profile(), scale=0.3)
    begin, end = datetime(2026, 3, 2, 2, tzinfo=UTC), datetime(2026, 3, 2, 4, tzinfo=UTC)
    facts = []
    for fact in store.run(date(2026, 3, 2), 1, {"pos.sale"}):
        store.world.outages["till-1"] = (begin.timestamp(), end.timestamp())
        facts.append(fact)
    late = [fact for fact in facts if fact.source == "till-1" and begin <= (fact.time or fact.received) < end]
    assert late and all(fact.received >= end for fact in late)
    assert sorted(fact.data["receipt"] for fact in facts) == sorted(fact.data["receipt"] for fact in ran.facts)


def test_misuse_is_refused(run):
    store = VirtualStore(default_profile(), scale=0.01)
    with pytest.raises(ValueError, match="days must not be negative, got -1"):
        store.run(date(2026, 3, 2), -1, ())
    list(store.run(date(2026, 3, 2), 1, ()))
    with pytest.raises(ValueError, match="already past 2026-03-02"):
        store.run(date(2026, 3, 2), 1, ())
    with pytest.raises(ValueError, match="unknown format 'kiosk'"):
        VirtualStore({"format": "kiosk"})
    with pytest.raises(ValueError, match="devices without an adapter kind: x"):
        VirtualStore(default_profile(devices={"x": {"zone": "z-exit"}}))
    with pytest.raises(ValueError, match="needs a zone"):
        store.command("gate.open", {"gate": "gate-1", "reason": "x"}, datetime(2026, 3, 3))
