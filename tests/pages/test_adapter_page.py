"""The page of an adapter: what a reader needs to wire and set it, all from the declaration, in one language."""

from __future__ import annotations

import pytest

from storeloom.core.cli import main
from storeloom.core.pages.adapter import AdapterPage


def test_all_that_a_reader_needs_stands_on_the_page(made):
    page = AdapterPage(made.facts, made.facts.adapters["modbus_relay"], "en").markdown()
    for line in (
        "# Modbus relays",
        "- Kind: Relay ([`relay`](index.md#relay))",
        'adapter = "modbus_relay"',
        "[devices.relay-1.settings]",
        "| `unit_id` | Unit id (slave address) | whole number; 0 … 255 | `1` | restart |",
        '| `relays[].after_loss` | State at the end, and after a lost connection | text; `keep`, `off`, `on` | `"keep"` | restart |',
        "- Takes: [`relay.set`](../streams/relay.set.md) (the higher priority wins)",
        "`storeloom plugin check modbus_relay` tries the driver on its virtual twin, with faults.",
    ):
        assert line in page.splitlines(), f"{line}\n{page}"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_adapter_says_what_it_feeds_takes_and_who_uses_it(made, lang):
    for entry in made.facts.adapters.values():
        page = made.pages[lang][f"adapters/{entry.id}.md"]
        assert page.startswith(f"# {entry[lang]}\n\n{entry[f'purpose_{lang}']}\n"), entry.id
        assert all(f"[`{stream}`](../streams/{stream}.md)" in page for stream in (*entry["feeds"], *entry["takes"])), entry.id


def test_the_command_writes_the_page_of_an_adapter_alone(tmp_path):
    assert main(["docs", str(tmp_path), "modbus_relay", "smart_cart"]) == 0
    page = (tmp_path / "zh" / "adapters" / "modbus_relay.md").read_text(encoding="utf-8")
    assert "`relay`" in page and "](../" not in page
    assert "(adapters/modbus_relay.md)" in (tmp_path / "en" / "index.md").read_text(encoding="utf-8")
    assert {path.name for path in (tmp_path / "en").iterdir()} == {"adapters", "solutions", "index.md"}
