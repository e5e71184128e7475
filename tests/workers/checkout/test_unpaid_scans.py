"""Unpaid scans, added up by hand."""

from typing import Any

from storeloom.workers.checkout import unpaid_scans as scans


def basket(*events: dict[str, Any]) -> scans.Basket:
    made = scans.begin("R", "T")
    for seq, event in enumerate(events, 1):
        scans.scanned(made, {"seq": seq, **event})
    return made


def test_pieces_and_weights_less_what_is_voided() -> None:
    item = {"kind": "item", "line": 1, "price": 500, "qty": 2, "member": "M"}
    made = basket(item, {"kind": "weigh", "line": 2, "price": 1990, "weight_g": 250}, {"kind": "item", "line": 3, "price": 90})
    assert scans.due([made], "M") == 1000 + 498 + 90
    scans.scanned(made, {"seq": 4, "kind": "void", "line": 1})
    assert scans.due([made], "M") == 588
    scans.scanned(made, {"seq": 4, "kind": "void", "line": 3})
    assert scans.due([made], "M") == 588
    scans.scanned(made, {"seq": 5, "kind": "void"})
    assert scans.due([made], "M") == 0


def test_the_tills_total_stands_and_nobodys_basket_is_nobodys() -> None:
    made = basket({"kind": "item", "price": 500}, {"kind": "item", "price": 500})
    assert scans.due([made], "M") == 0 and sum(made["lines"].values()) == 1000
    scans.scanned(made, {"seq": 3, "kind": "total", "basket": [{"line": 1, "amount": 900}]})
    scans.scanned(made, {"seq": 4, "kind": "member", "member": "M"})
    assert scans.due([made], "M") == 900


def test_what_has_no_price_is_unpaid_and_what_is_free_is_not() -> None:
    made = basket({"kind": "item", "line": 1, "member": "M"}, {"kind": "item", "line": 2, "price": 0})
    assert scans.due([made], "M") == 0 and scans.unpaid([made], "M") and not scans.unpaid([made], "N")
    scans.scanned(made, {"seq": 3, "kind": "void", "line": 1})
    assert not scans.unpaid([made], "M")
    scans.scanned(made, {"seq": 4, "kind": "key", "line": 3, "price": 5})
    assert scans.unpaid([made], "M")


def test_a_sale_pays_its_receipt_or_the_members_basket_at_that_till() -> None:
    made = basket({"kind": "member", "member": "M"})
    assert scans.settles({"receipt": "R", "till": "X"}, made)
    assert scans.settles({"receipt": "S", "till": "T", "member": "M"}, made)
    assert not scans.settles({"receipt": "S", "till": "X", "member": "M"}, made)
    assert not scans.settles({"receipt": "S", "till": "T"}, scans.begin("R", "T"))
