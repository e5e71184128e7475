"""The self-checkout under a camera: what the frames show is what the receipts and the truth say."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from itertools import pairwise

import pytest

from storeloom.core.kernel import schemas
from storeloom.core.virtual import VirtualStore, default_profile
from storeloom.core.virtual.tables_place import LANE_CAMERA, LANE_TILL
from tests.virtual.sco_trade_off import Lane

DAY = date(2026, 3, 2)
STREAMS = {"camera.frame", "pos.scan", "pos.sale"}


@pytest.fixture(scope="module")
def store():
    made = VirtualStore(default_profile("convenience"), seed=3, scale=1.0)
    made.seen = [f for f in made.run(DAY, 2, STREAMS) if f.data.get("camera") == LANE_CAMERA or f.data.get("till") == LANE_TILL]
    return made


def frames(store):
    return [fact for fact in store.seen if fact.stream == "camera.frame"]


def test_the_frames_of_a_receipt_leave_no_gap_of_two_seconds(store):
    assert all(not schemas.check(schemas.stream_file("camera.frame"), one.data) for one in frames(store)[:50])
    numbers = [one.data["seq"] for one in frames(store)]
    assert numbers == list(range(1, len(numbers) + 1))
    spans = defaultdict(list)
    for fact in store.seen:
        if fact.stream == "pos.scan":
            spans[fact.data["receipt"]].append(fact.received.timestamp())
    stamps = [one.received.timestamp() for one in frames(store)]
    for begin, end in ((min(times), max(times)) for times in spans.values()):
        inside = [stamp for stamp in stamps if begin - 1.1 <= stamp <= end + 1.1]
        assert max(b - a for a, b in pairwise(inside)) < 1.1
    assert len(spans) > 100


def test_goods_that_pass_are_those_on_the_receipt_and_those_left_unpaid(store):
    passed = defaultdict(set)
    for one in frames(store):
        for thing in one.data["scene"]["objects"]:
            passed[thing["id"].rpartition("-")[0]].add(thing["id"])
    unpaid = {case["receipt"] for case in store.truth.lane_cases if case["kind"] == "missed_scan"}
    sales = [fact.data for fact in store.seen if fact.stream == "pos.sale" and fact.data["kind"] == "sale"]
    for sale in sales:
        paid = sum(1 if "weight_g" in line else round(line["qty"]) for line in sale["lines"])
        assert len(passed[sale["receipt"]]) == paid + (sale["receipt"] in unpaid)
    assert unpaid & {sale["receipt"] for sale in sales}


def test_goods_unpaid_and_honest_slips_come_as_often_as_stated():
    store = VirtualStore(default_profile("convenience"), seed=5, scale=3.0)
    receipts = sum(fact.data["till"] == LANE_TILL for fact in store.run(DAY, 7, {"pos.sale"}))
    truth = store.truth
    assert receipts > 1500
    assert 0.02 < len(truth.lane_cases) / receipts < 0.09
    assert 0.03 < len(truth.lane_slips) / receipts < 0.07
    assert {case["kind"] for case in truth.lane_cases} == {"missed_scan", "label_switch"}


def test_the_books_balance_although_labels_are_switched(store):
    for row in store.truth.balance.values():
        assert row["opening"] + row["received"] - row["sold"] - row["waste"] - row["stolen"] == pytest.approx(row["closing"], abs=1e-6)


@pytest.mark.thorough
def test_the_guard_finds_cases_and_a_longer_match_troubles_fewer_honest_customers():
    lane = Lane(2, seed=3)
    strict, loose = lane.point("match_s", 2), lane.point("match_s", 9)
    assert loose.prompted > 0.5 and strict.prompted >= loose.prompted
    assert loose.prompted_in_vain < 0.15 < strict.prompted_in_vain
    assert strict.called >= loose.called and loose.called_in_vain < 0.05
