from hashlib import sha256

from storeloom.workers.loyalty import vouchers
from storeloom.workers.loyalty.consents import FIRST


def test_the_remainder_is_carried():
    account = vouchers.new_account()
    assert vouchers.earn(account, 4000, 1500) == 2 and account == {"balance": 2, "carry": 1000}
    assert vouchers.earn(account, 700, 1500) == 1 and account == {"balance": 3, "carry": 200}
    assert vouchers.earn(account, -500, 1500) == 0 and account["carry"] == 200


def test_returns_take_back_in_proportion_of_all_that_came_back():
    receipt = vouchers.new_receipt(4500, 3)
    assert vouchers.take_back(receipt, "x1", 2250) == 1  # half of three, rounded down
    assert vouchers.take_back(receipt, "x1", 2250) == 0  # the same return again
    assert vouchers.take_back(receipt, "x2", 2250) == 2  # now the whole
    assert vouchers.take_back(receipt, "x3", 2250) == 0  # nothing is left


def test_an_exception_without_a_name_is_the_return_of_the_same_amount():
    receipt = vouchers.new_receipt(3000, 2)
    assert vouchers.take_back(receipt, None, 1500) == 1
    assert vouchers.take_back(receipt, "x1", 1500) == 0
    assert vouchers.take_back(receipt, "x2", 1500) == 1


def test_a_receipt_without_spend_has_nothing_to_take():
    assert vouchers.take_back(vouchers.new_receipt(0, 0), "x", 100) == 0


def test_an_entry_is_hashed_over_the_one_before_it():
    ledger = {}
    number, proof = vouchers.append(ledger, {"member": "m1", "points": 2})
    assert (number, proof) == (1, sha256(FIRST.encode() + b'{"member":"m1","points":2}').hexdigest())
    _, second = vouchers.append(ledger, {"member": "m1", "points": -2})
    assert second == sha256(proof.encode() + b'{"member":"m1","points":-2}').hexdigest()


def test_the_walk_finds_the_first_entry_that_was_altered_taken_out_or_is_not_what_was_shown():
    ledger = {}
    for points in (2, -2, 1):
        vouchers.append(ledger, {"points": points})
    assert vouchers.first_broken(ledger, {}) is None
    assert vouchers.first_broken(ledger, {3: ledger["entry:3"]["hash"]}) is None
    assert vouchers.first_broken(ledger, {3: "0" * 64}) == 3
    assert vouchers.first_broken(ledger, {4: "0" * 64}) == 4
    ledger["entry:2"]["entry"] = {"points": -1}
    assert vouchers.first_broken(ledger, {}) == 2
    del ledger["entry:1"]
    assert vouchers.first_broken(ledger, {}) == 1
