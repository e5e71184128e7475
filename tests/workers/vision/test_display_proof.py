"""Proof of paid displays: days by their slots, contracts by the store's hours, fees, evidence; worked by hand."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.vision import display_proof

HOURS = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "21:30", "dates": {"2026-03-03": False}})
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROW = {"promo": "P", "gtins": ["6901234560001"], "fixture": "E1", "from": "2026-03-02", "to": "2026-03-05", "fee": 900}


@pytest.mark.parametrize(
    ("good", "bad", "slots", "state"),
    [
        (10, 2, 14, "passed"),
        (9, 3, 14, "failed"),
        (4, 1, 5, "passed"),
        (3, 0, 5, "passed"),
        (2, 0, 5, "unproven"),
        (0, 0, 5, "unproven"),
        (0, 5, 5, "failed"),
    ],
)
def test_day(good, bad, slots, state):
    seen = {str(n): n < good for n in range(good + bad)}
    assert display_proof.day(seen, slots, 80, 40) == display_proof.Day(good, good + bad, slots, state)


def test_nothing_seen_is_unproven_whatever_the_limit():
    assert display_proof.day({}, 5, 80, 100).state == "unproven"


def test_fee_is_half_up():
    assert display_proof.fee_due(1_400_000, 11, 14) == 1_100_000
    assert (display_proof.fee_due(5, 1, 2), display_proof.fee_due(401, 1, 3), display_proof.fee_due(5, 0, 0)) == (3, 134, 0)


def test_contract_days_are_open_days_and_slots_fill_them():
    contract = display_proof.contract_of(ROW, "Z1", HOURS, None, NOW)
    assert (contract["from"], contract["to"], contract["items"]) == ("2026-03-01T16:00:00Z", "2026-03-04T16:00:00Z", ["06901234560001"])
    assert display_proof.contract_days(contract, HOURS) == [date(2026, 3, 2), date(2026, 3, 4)]
    opens, closes, slots = display_proof.slots_of(contract, HOURS, date(2026, 3, 2), 60)
    assert ((closes - opens).total_seconds() / 3600, slots) == (13.5, 14)
    assert display_proof.slots_of(contract, HOURS, date(2026, 3, 5), 60) is None


def test_slots_lie_within_the_contract():
    row = {**ROW, "from": "2026-03-02T06:00:00Z", "to": "2026-03-04T04:00:00Z"}
    contract = display_proof.contract_of(row, "Z1", HOURS, None, NOW)
    opens, closes, slots = display_proof.slots_of(contract, HOURS, date(2026, 3, 2), 60)
    assert (opens, closes, slots) == (datetime(2026, 3, 2, 6, tzinfo=UTC), datetime(2026, 3, 2, 13, 30, tzinfo=UTC), 8)
    assert display_proof.slots_of(contract, HOURS, date(2026, 3, 4), 60)[1:] == (datetime(2026, 3, 4, 4, tzinfo=UTC), 4)
    night = StoreHours("Asia/Shanghai", {"open": "18:00", "close": "02:00"})
    assert display_proof.slots_of(display_proof.contract_of(ROW, "Z1", night, None, NOW), night, date(2026, 3, 1), 60) is None


def test_contracts_without_an_end_or_that_are_over_are_none():
    assert display_proof.contract_of({**ROW, "to": None}, None, HOURS, None, NOW) is None
    over = {**ROW, "from": "2026-02-01", "to": "2026-02-10"}
    assert display_proof.contract_of(over, None, HOURS, None, NOW) is None
    assert display_proof.contract_of(over, None, HOURS, {"from": "x", "alert": True}, NOW)["alert"]
    assert display_proof.contract_of({**ROW, "from": None}, None, HOURS, None, NOW)["from"] == "2026-03-01T00:00:00Z"


def test_evidence_of_pixels_is_a_small_picture_with_people_hidden():
    np, cv2 = pytest.importorskip("numpy"), pytest.importorskip("cv2")
    rows = np.arange(1080, dtype=np.uint8)[:, None, None]
    pixels = np.repeat(np.repeat(rows, 1920, axis=1), 3, axis=2)
    person = SimpleNamespace(cls="person", box=(0.0, 0.0, 0.5, 1.0), score=0.9)
    observation = SimpleNamespace(of=lambda *classes: [person], faint=[])
    view = SimpleNamespace(pixels=pixels, time=NOW, t_s=0.0, observation=observation)
    data, digest = display_proof.evidence(view, "P-1", {})
    small = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (270, 480, 3)
    assert len(digest) == 64
    hidden, shown = (np.abs(np.diff(small[:, column, 0].astype(int))).max() for column in (100, 450))
    assert hidden < shown / 4
