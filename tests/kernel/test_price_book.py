"""Price books as files, and a quote made with one."""

from pathlib import Path

import pytest

from storeloom.core.kernel.compose import compose_sources
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import DocumentFault
from storeloom.core.kernel.quote import Price, Span, quote, read_price_book
from storeloom.core.kernel.registry import ROOT, Registry
from storeloom.core.kernel.sources import gather


def test_the_example_is_read_and_a_range_is_put_in_order(tmp_path: Path) -> None:
    book = read_price_book(ROOT / "examples" / "prices.toml")
    assert book["edge", "CNY"].cost_high == 900000
    file = tmp_path / "p.toml"
    row = 'prices = [{ kind = "pos", currency = "CNY", cost = [9, 5], power_w = [1, 2] }]'
    file.write_text(f'document = "prices/1"\n{row}\n', encoding="utf-8")
    assert read_price_book(file) == {("pos", "CNY"): Price("pos", "CNY", 5, 9, 1, 2)}


def test_what_is_wrong_with_a_book_is_said_all_at_once(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    rows = '[[prices]]\nkind = "pos"\n[[prices]]\nkind = "A!"\ncurrency = "CNY"\ncost = [-1, 2]\n'
    file.write_text(f'document = "prices/1"\n{rows}', encoding="utf-8")
    with pytest.raises(DocumentFault) as fault:
        read_price_book(file)
    assert sorted(one.path for one in fault.value.findings) == ["prices[0]", "prices[1].cost[0]", "prices[1].kind"]


def test_a_quote_sums_what_is_priced_and_names_the_rest() -> None:
    registry = Registry()
    profile = {"store": "s", "format": "supermarket", "zone": "UTC", "currency": "CNY", "hours": {"open": "08:00", "close": "22:00"}}
    profile |= {"devices": {"a": {"kind": "cart"}, "b": {"kind": "cart"}, "c": {"kind": "gate"}}, "edge": {"cores": 1, "memory_mb": 200}}
    body = {"document": "bundle/1", "solutions": {"smart_cart": {}}, "store": profile}
    composition = compose_sources(gather(Document("b.toml", body, {}), registry.catalogue), registry)
    book = {("cart", "CNY"): Price("cart", "CNY", 100, 300, 10.0, 20.0, 10)}
    made = quote("s", composition, profile, book)
    assert (made.cost, made.energy_kwh_year, made.unpriced) == (Span(200, 600), Span(73.0, 146.0), ("gate", "edge"))
    assert made.cores.fits == "yes" and made.memory_mb.fits == "perhaps" and not made.complete
