"""Label content and the order in which changes reach the shelf."""

from typing import Any

import pytest

from storeloom.workers.pricing.labels import NOTHING_SHOWN, Turn, content, gist, labelled, turn
from storeloom.workers.pricing.shelf import ShelfPrice

JAM: dict[str, Any] = {"gtin": "6901000000028", "name": "Jam", "net_content": 450, "content_unit": "g"}


def test_content_has_the_unit_price_and_a_version_of_its_own() -> None:
    shown = content(JAM["gtin"], JAM, ShelfPrice(790, "each", "base"), 1000)
    assert shown["fields"] == {"name": "Jam", "price": 790, "unit_price": 1756, "unit_basis_g": 1000}
    assert shown["template"] == "standard"
    assert content(JAM["gtin"], JAM, ShelfPrice(790, "each", "base"), 1000) == shown
    offer = content(JAM["gtin"], JAM, ShelfPrice(790, "each", "promotion", 990, "-20 %"), 1000)
    assert (offer["template"], offer["fields"]["struck"]) == ("promotion", 990)
    assert offer["version"] != shown["version"]
    assert "unit_price" not in content("1", {}, ShelfPrice(790, "each", "base"), 1000)["fields"]
    assert content("1", {}, ShelfPrice(790, "kg", "base"), 500)["fields"]["unit_price"] == 395


def test_gist() -> None:
    assert gist(None) == NOTHING_SHOWN
    shown = content(JAM["gtin"], JAM, ShelfPrice(790, "each", "base"), 1000)
    assert gist(shown) == {"version": shown["version"], "price": 790, "promo": None}


@pytest.mark.parametrize(
    ("visible", "wanted", "place"),
    [
        ([(790, None)], (990, None), Turn.RISE),
        ([(790, None), (990, None)], (890, None), Turn.RISE),
        ([(790, "offer")], (790, None), Turn.PROMOTION_ENDED),
        ([(990, None)], (790, "offer"), Turn.DROP),
        ([(990, None)], (990, "offer"), Turn.OTHER),
        ([(None, None)], (990, None), Turn.OTHER),
    ],
)
def test_turn(visible: list[tuple[int | None, str | None]], wanted: tuple[int, str | None], place: Turn) -> None:
    shown = [{"version": "", "price": price, "promo": promo} for price, promo in visible]
    assert turn(shown, {"version": "", "price": wanted[0], "promo": wanted[1]}) is place


def test_labels_of_the_planogram_and_slots_where_none_is_named() -> None:
    rows = [{"slot": "1", "gtin": "6901000000028", "label": "L1"}, {"slot": "2", "gtin": "6901000000011"}]
    rows_of, labels_of = labelled([*rows, {"slot": "3", "gtin": "6901000000011", "label": "L1"}])
    assert [row["slot"] for row in rows_of["L1"]] == ["1", "3"]
    assert list(labels_of.values()) == [["L1"], ["L1"]]
    assert list(labelled([{"slot": "1", "gtin": "6901000000028"}])[0]) == ["1"]
