"""Answers to commands, and what commands change."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import jsonschema_rs
import pytest

from storeloom.core.virtual import VirtualStore, default_profile

SCHEMAS = Path(__file__).parents[2] / "schemas"
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)  # 12:00 in Shanghai
MONDAY = date(2026, 3, 2)


@pytest.fixture
def store():
    return VirtualStore(default_profile(), scale=0.1)


def good_label(store):
    return next(row["label"] for row in store.tables["planogram"] if row["label"] not in store.machines.labels)


COMMANDS = {
    "label.update": ({"label": "lbl-dairy-1-2-2", "version": "1", "template": "base", "fields": {"price": 990}}, {"label.ack"}),
    "payment.request": ({"payment": "p1", "amount": 100}, {"payment.result"}),
    "sign.play": ({"screen": "screen-1", "items": [{"asset": "a", "duration_s": 10}]}, {"sign.played"}),
    "audio.play": ({"zone": "z-sales-1", "kind": "promotion", "asset": "a"}, {"audio.played"}),
    "gate.open": ({"gate": "gate-1", "reason": "staff"}, {"gate.state"}),
    "cabinet.open": ({"cabinet": "cabinet-1", "session": "s", "reason": "sale"}, {"cabinet.event"}),
    "print.job": ({"printer": "printer-1", "job": "j", "kind": "receipt"}, {"device.status"}),
    "drawer.open": ({"drawer": "drawer-1", "till": "till-1", "reason": "no_sale"}, {"device.status", "pos.exception"}),
    "robot.go": ({"robot": "robot-1", "order": "o", "update": 0, "nodes": [{"node": "n", "x": 1.0, "y": 2.0}]}, {"robot.observation"}),
    "hvac.set": ({"unit": "hvac-1", "setpoint_c": 26.0}, {"device.status"}),
    "light.set": ({"group": "lighting-1", "level_pct": 40.0}, {"device.status"}),
    "refrigeration.set": ({"asset": "chiller-1", "defrost": True, "priority": "food"}, {"device.status"}),
    "relay.set": ({"relay": "relay-1", "on": True}, {"device.status"}),
    "network.set": ({"device": "network-1"}, {"device.status"}),
    "message.send": ({"message": "m", "channel": "sms", "to": "x", "purpose": "service"}, {"message.outcome"}),
    "gig.post": (
        {"gig": "g", "role": "cashier", "start": "2026-03-03T00:00:00Z", "end": "2026-03-03T08:00:00Z", "heads": 9, "pay": 6000},
        {"gig.accept"},
    ),
    "approval.request": ({"request": "r", "kind": "price", "title": "t", "fields": {}, "approvers": ["1001"]}, {"approval.result"}),
    "coupon.issue": (
        {"coupon": "c", "template": "welcome-10", "valid_from": "2026-03-02T00:00:00Z", "valid_to": "2026-03-09T00:00:00Z"},
        {"coupon.state"},
    ),
    "shift.propose": (
        {"shift": "s", "staff": "1004", "role": "cashier", "start": "2026-03-04T00:00:00Z", "end": "2026-03-04T08:00:00Z", "kind": "draft"},
        {"shift.fixed"},
    ),
    "cart.show": ({"cart": "cart-1", "session": "s", "screen": "offer"}, set()),
}


@pytest.mark.parametrize("stream", COMMANDS)
def test_each_command_is_answered_by_the_right_facts(store, stream):
    data, streams = COMMANDS[stream]
    told = store.command(stream, data, NOON)
    assert {fact.stream for fact in told} == streams
    assert all(fact.received >= NOON for fact in told)
    assert [fact.received for fact in told] == sorted(fact.received for fact in told)
    for fact in told:
        schema = json.loads((SCHEMAS / "streams" / f"{fact.stream}.json").read_text(encoding="utf-8"))
        assert [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(fact.data)] == []
        assert fact.source in store.default_devices()
    assert told == VirtualStore(default_profile(), scale=0.1).command(stream, data, NOON)


def test_the_commands_id_is_echoed(store):
    (ack,) = store.command("label.update", {"label": good_label(store), "version": "7", "template": "t", "fields": {}, "cmd": "c9"}, NOON)
    assert (ack.data["state"], ack.data["version"], ack.data["cmd"]) == ("shown", "7", "c9")


def test_a_faulty_label_answers_as_the_truth_says(store):
    fault = store.truth.label_faults[0]
    (ack,) = store.command("label.update", {"label": fault["label"], "version": "1", "template": "t", "fields": {}}, NOON)
    assert ack.data["state"] == fault["kind"]


def test_a_label_shows_its_new_price_to_the_shelf_camera(store):
    label = good_label(store)
    store.command("label.update", {"label": label, "version": "1", "template": "t", "fields": {"price": 123}}, NOON)
    frames = [f.data for f in store.run(MONDAY, 1, {"camera.frame"}) if f.data["camera"] == "cam-shelf"]
    assert {o["text"] for frame in frames for o in frame["scene"]["objects"] if o["id"] == label} == {"1.23"}


def order(gtin, **over):
    line = {"gtin": gtin, "qty": 48, "reason": "x"}
    return {"proposal": "po-1", "stage": "final", "kind": "buy", "lines": [line], "deliver_on": "2026-03-04", **over}


def test_a_final_order_fills_the_stock(store):
    gtin = next(row["gtin"] for row in store.tables["products"] if row["category"] == "drinks")
    told = store.command("order.propose", order(gtin), NOON)
    assert [fact.stream for fact in told] == ["shipment.notice", "inventory.movement"]
    notice, receipt = told
    assert notice.data["order"] == "po-1" and notice.data["lines"][0]["qty"] == receipt.data["qty"]
    assert receipt.received.astimezone(UTC) > datetime(2026, 3, 3, 22, tzinfo=UTC)  # after 06:00 on the 4th in Shanghai
    movements = [f for f in store.run(MONDAY, 3, {"inventory.movement"}) if f.data["gtin"] == gtin and f.data["kind"] == "receive"]
    assert movements == []  # the store's own policy no longer orders it, and the caller merges the answer
    assert store.truth.balance[gtin]["received"] == receipt.data["qty"]


def test_a_draft_order_brings_nothing(store):
    gtin = store.tables["products"][0]["gtin"]
    assert store.command("order.propose", order(gtin, stage="draft"), NOON) == []


def sold_of(gtin, price, scope=None):
    store = VirtualStore(default_profile(), scale=0.5)
    if price is not None:
        data = {"gtin": gtin, "price": price, "from": "2026-03-01T16:00:00Z", "kind": "base", "reason": "x", "state": "approved"}
        assert store.command("price.set", data | ({"scope": scope} if scope else {}), datetime(2026, 3, 1, 16, tzinfo=UTC)) == []
    rung = [line["price"] for f in store.run(MONDAY, 1, {"pos.sale"}) for line in f.data["lines"] if line["gtin"] == gtin]
    return store.truth.demand["2026-03-02"][gtin]["wanted"], set(rung)


def test_a_lower_price_sells_more_and_is_rung_up(store):
    promoted = {gtin for row in store.tables["promotions"] for gtin in row["gtins"]}
    row = max(
        (row for row in store.tables["products"] if row["category"] == "drinks" and row["gtin"] not in promoted),
        key=lambda row: store.demand.appeal[row["gtin"]],
    )
    half = row["list_price"] // 2
    base, _ = sold_of(row["gtin"], None)
    cheap, rung = sold_of(row["gtin"], half)
    assert cheap > 1.8 * base  # elasticity of at least 1.2 doubles it at half the price: 2 ** 1.2 = 2.3
    assert half in rung
    scoped, _ = sold_of(row["gtin"], half, {"zone": "z-exit"})
    assert scoped == base


def test_a_refill_task_fills_the_shelf(store):
    list(store.run(MONDAY, 1, ()))
    item = next(item for item in store.stock.items.values() if item.back > 0 and item.shelf < item.capacity)
    before = item.total
    at = datetime(2026, 3, 3, 1, tzinfo=UTC)
    for number in range(5):  # somebody may decline or forget
        task = {"task": f"t{number}", "kind": "shelf_refill", "title": "x", "priority": 2, "items": [{"gtin": item.gtin}], "minutes": 5}
        store.command("task.create", task, at)
    moved = [
        f for f in store.run(date(2026, 3, 3), 1, {"inventory.movement"}) if f.data["gtin"] == item.gtin and f.data["kind"] == "transfer"
    ]
    assert moved[0].received < at + timedelta(minutes=30)
    assert before >= item.capacity or item.back == 0


def test_a_task_is_done_by_somebody_on_duty(store):
    list(store.run(MONDAY, 1, ()))
    tasks = [
        store.command("task.create", {"task": f"t{n}", "kind": "check", "title": "x", "priority": 3, "role": "fresh"}, NOON)
        for n in range(60)
    ]
    done = [facts for facts in tasks if len(facts) == 2]
    assert len(done) > 45 and any(len(facts) < 2 for facts in tasks)
    fresh = {row["staff"] for row in store.tables["staff"] if row["roles"][0] == "fresh"}
    assert {facts[1].data["staff"] for facts in done} <= fresh
    assert all([fact.data["state"] for fact in facts] == ["accepted", "done"] for facts in done)


def test_a_task_at_night_waits_for_the_morning(store):
    night = datetime(2026, 3, 2, 18, tzinfo=UTC)  # 02:00 on the 3rd
    for number in range(5):
        for fact in store.command("task.create", {"task": str(number), "kind": "x", "title": "x", "priority": 3}, night):
            assert fact.received >= datetime(2026, 3, 3, 0, tzinfo=UTC)  # 08:00


def test_a_defrost_ends_an_excursion(store):
    store.world.begin_day(MONDAY)
    list(store.run(MONDAY, 0, ()))
    facts = store.run(MONDAY, 1, {"sensor.reading"})
    first = next(facts)
    (entry,) = store.truth.excursions
    halfway = datetime.fromisoformat(entry["from"]) + timedelta(minutes=30)
    store.command("refrigeration.set", {"asset": entry["asset"], "defrost": True, "priority": "food"}, halfway)
    readings = [f for f in [first, *facts] if f.source == entry["sensor"]]
    after = [f.data["value"] for f in readings if f.received > halfway + timedelta(minutes=100)]
    assert store.truth.excursions[0]["to"] == halfway.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert sorted(after)[len(after) // 2] < entry["limit_c"]


def test_dimmed_light_shows_on_the_lux_sensor_and_the_meter():
    def day(level):
        store = VirtualStore(default_profile(), scale=0.02)
        if level is not None:
            store.command("light.set", {"group": "lighting-1", "level_pct": level}, datetime(2026, 3, 1, 16, tzinfo=UTC))
        facts = list(store.run(MONDAY, 1, {"sensor.reading", "meter.reading"}))
        lux = max(f.data["value"] for f in facts if f.source == "sens-lux-1")
        kwh = max(f.data["total"] for f in facts if f.source == "meter-lighting")
        return lux, kwh

    bright, dim = day(None), day(50.0)
    assert dim[0] < 0.6 * bright[0]
    assert dim[1] < 0.65 * bright[1]
