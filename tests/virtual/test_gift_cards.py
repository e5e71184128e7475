"""Gift cards sold and used."""

from collections import defaultdict

import pytest

STREAMS = frozenset({"pos.scan", "payment.result", "pos.sale"})


@pytest.fixture(scope="module")
def ran(run):
    return run(days=3, scale=0.3, streams=STREAMS)


def test_a_card_is_scanned_with_its_face_and_paid(ran):
    sold = {data["code"]: data for data in ran.data("pos.scan") if data["kind"] == "card"}
    paid = {data["receipt"]: data["amount"] for data in ran.data("payment.result") if data["status"] == "approved" and "receipt" in data}
    assert 3 <= len(sold) <= 18
    assert {code: data["price"] for code, data in sold.items()} == {code: row["face"] for code, row in ran.store.truth.gift_cards.items()}
    assert all(paid[data["receipt"]] == data["price"] for data in sold.values())
    assert all(("buyer" in data) == ("member" in data) for data in sold.values())


def test_what_cards_pay_is_scanned_before_the_end_and_never_more_than_the_face(ran):
    named = {data["code"]: data.get("member") for data in ran.data("pos.scan") if data["kind"] == "card"}
    tenders = {data["receipt"]: data for data in ran.data("pos.scan") if data["kind"] == "tender"}
    spent = defaultdict(int)
    sales = [data for data in ran.data("pos.sale") if data["kind"] == "sale"]
    for data in sales:
        for payment in data["payments"]:
            if payment["method"] == "stored_value" and payment.get("ref") in named:
                spent[payment["ref"]] += payment["amount"]
                assert named[payment["ref"]] in (None, data.get("member"))
                assert (tenders[data["receipt"]]["code"], tenders[data["receipt"]]["price"]) == (payment["ref"], payment["amount"])
    assert sum(spent.values()) > 0
    truth = ran.store.truth.gift_cards
    assert dict(spent) == {code: row["spent"] for code, row in truth.items() if row["spent"]}
    assert all(row["spent"] <= row["face"] for row in truth.values())


def test_numbers_of_the_scans_of_a_receipt_rise_by_one(ran):
    seen = defaultdict(list)
    for data in ran.data("pos.scan"):
        seen[data["receipt"]].append(data["seq"])
    assert all(sorted(numbers) == list(range(1, len(numbers) + 1)) for numbers in seen.values())
