"""Booked services, parcels, fitting rooms and skin tests."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import fmean

import pytest

from storeloom.core.virtual.fitting import sgtin_uri
from storeloom.core.virtual.skin_tests import SCORES
from storeloom.workers.gs1.epc import sgtin


@pytest.fixture(scope="module")
def shop(run):
    """Eight days of a clothes shop."""
    return run("specialty", days=8, scale=1.0, streams=frozenset({"kiosk.event", "order.placed", "rfid.read", "pos.sale"}))


def sessions(ran, prefix):
    found = defaultdict(list)
    for fact in ran.facts:
        if fact.stream == "kiosk.event" and fact.data["session"].startswith(prefix):
            found[fact.data["session"]].append(fact)
    return found


def test_services_are_wished_for_a_quarter_of_an_hour_within_opening_hours(shop):
    orders = [fact for fact in shop.facts if fact.stream == "order.placed" and fact.data["kind"] == "service" and not fact.data["total"]]
    assert 30 < len(orders) < 70
    for fact in orders:
        wish = datetime.fromisoformat(fact.data["wish"])
        assert wish > fact.time
        assert wish - fact.time < timedelta(hours=55)
        assert "10:00" <= f"{wish + timedelta(hours=8):%H:%M}" <= "20:30"
        assert wish.minute % 15 == 0


def test_nine_guests_of_ten_come_and_say_which_order(shop):
    bookings = {row["order"]: row for row in shop.store.truth.bookings}
    came = {}
    for session, facts in sessions(shop, "guest-").items():
        assert [fact.data["kind"] for fact in facts] == ["start", "login", "end"]
        came[session.removeprefix("guest-")] = facts[1]
    assert all(bookings[order]["comes"] and bookings[order]["member"] == fact.data["member"] for order, fact in came.items())
    last = datetime(2026, 3, 9, tzinfo=UTC)
    due = {order for order, row in bookings.items() if row["comes"] and datetime.fromisoformat(row["wish"]) < last}
    assert due <= set(came)
    assert 0.75 < sum(row["comes"] for row in bookings.values()) / len(bookings) <= 1
    for order, fact in came.items():
        early = (datetime.fromisoformat(bookings[order]["wish"]) - (fact.time or fact.received)).total_seconds() / 60
        assert -7 < early < 13


def test_parcels_are_scanned_with_size_and_receiver_and_the_truth_knows_who_agreed(run):
    ran = run("convenience", days=3, scale=1.0, streams=frozenset({"scanner.code"}))
    scanned = {data["code"]: data["values"] for data in ran.data("scanner.code") if "phone_hash" in data.get("values", {})}
    truth = {row["waybill"]: row for row in ran.store.truth.parcels}
    assert set(scanned) <= set(truth)
    assert 40 < len(scanned) < 85
    assert all((values["size"], values["consent"]) == (truth[code]["size"], truth[code]["agreed"]) for code, values in scanned.items())
    assert not any(data.get("staff") for data in ran.data("scanner.code") if data["code"] in scanned)


def test_a_receiver_comes_with_the_code_that_the_message_told(run):
    store = run("convenience", scale=0.01, streams=frozenset()).store
    looked, wrong = 0, 0
    for number in range(300):
        code = f"{number * 3331 % 10**6:06d}"
        params = {"code": code, "place": "locker-1-01"}
        data = {
            "message": f"p-{number}",
            "channel": "sms",
            "to": f"ph-{number}",
            "purpose": "service",
            "template": "parcel_arrived",
            "params": params,
        }
        facts = [fact for fact in store.command("message.send", data, datetime(2026, 3, 2, 6, tzinfo=UTC)) if fact.stream == "kiosk.event"]
        if not facts:
            continue
        tried = [fact.data["value"] for fact in facts if fact.data["kind"] == "lookup"]
        assert tried[-1] == code
        assert all(fact.data["values"]["phone_hash"] == f"ph-{number}" for fact in facts if fact.data["kind"] == "lookup")
        looked, wrong = looked + 1, wrong + (len(tried) == 2)
        assert 6 <= (facts[0].received + timedelta(hours=8)).hour < 23
    assert 0.86 < looked / 300 < 0.97
    assert 2 <= wrong < 30


def test_a_message_without_a_code_brings_nobody_to_the_kiosk(run):
    store = run("convenience", scale=0.01, streams=frozenset()).store
    data = {"message": "p", "channel": "sms", "to": "m-1", "purpose": "marketing", "params": {"coupon": "c"}}
    facts = store.command("message.send", data, datetime(2026, 3, 2, 6, tzinfo=UTC))
    assert {fact.stream for fact in facts} == {"message.outcome"}


def test_tags_are_read_in_the_room_and_then_sold_on_the_floor_or_gone(shop):
    rooms, floor = defaultdict(list), set()
    for fact in shop.facts:
        if fact.stream == "rfid.read" and fact.data.get("zone") == "z-fitting":
            rooms[fact.data["epc"]].append((fact.time or fact.received).timestamp())
        elif fact.stream == "rfid.read" and fact.data["antenna"] == "floor":
            floor.add(fact.data["epc"])
    sold = {line["epc"] for data in shop.data("pos.sale") if data["kind"] == "sale" for line in data["lines"] if "epc" in line}
    lost = {row["epc"] for row in shop.store.truth.fitting_losses}
    assert len(rooms) > 400
    assert sold and lost
    assert set(rooms) == sold | floor | lost
    assert not (sold & floor or sold & lost or floor & lost)
    assert len(lost) < 0.02 * len(rooms)
    for stamps in rooms.values():
        assert 110 < stamps[-1] - stamps[0] + 10 < 320
        assert all(9 < later - earlier < 11 for earlier, later in pairwise(stamps))


def test_an_epc_names_its_product():
    assert sgtin(sgtin_uri("6981552901080", "77")) == ("06981552901080", "77")


def test_a_guest_is_measured_three_times_near_the_true_scores_after_consent(shop):
    truth = {row["session"]: row for row in shop.store.truth.skin_tests}
    kinds = Counter()
    for session, facts in sessions(shop, "skin-").items():
        steps = [fact.data for fact in facts]
        measured = [data["values"] for data in steps if data["kind"] == "measure"]
        kinds[len(measured)] += 1
        assert bool(measured) == (session in truth)
        if measured:
            assert steps[1]["value"] == "skin_data"
            for name in SCORES:
                assert fmean(values[name] for values in measured[-3:]) == pytest.approx(
                    truth[session]["scores"][name], abs=16 if len(measured) == 3 else 6
                )
    assert set(kinds) == {0, 3, 6}
    assert kinds[3] > kinds[6] > 0


def test_neither_guests_nor_skin_tests_where_nothing_is_tried_on(run):
    ran = run("supermarket", days=2, scale=0.5, streams=frozenset({"kiosk.event", "rfid.read", "order.placed"}))
    assert not sessions(ran, "guest-") and not sessions(ran, "skin-")
    assert {data["antenna"] for data in ran.data("rfid.read")} & {"z-fitting", "floor"} == set()
