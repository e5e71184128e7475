"""A customer display: rows from their first column, Chinese, behind a printer, blank again after its seconds."""

from __future__ import annotations

import pytest

from storeloom.core.conformance.rig import Rig
from storeloom.hardware_adapters.display.escpos_display import EscposDisplay, shown
from storeloom.hardware_adapters.display.escpos_display_twin import EscposDisplayTwin

pytest.importorskip("escpos", reason="python-escpos is not installed")


def test_rows_are_cleared_placed_and_padded() -> None:
    data = shown(["合计", "9.90"], EscposDisplay.Config(columns=8))
    assert data == b"\x1b@\x1c&\x0c\x1f$\x01\x01" + "合计    ".encode("gb18030") + b"\x1f$\x01\x029.90    "


def test_what_does_not_fit_is_left_out_and_a_printer_is_passed_through() -> None:
    data = shown(["one two three four", "x"], EscposDisplay.Config(columns=8, rows=2, charset="cp437", behind_printer=True))
    assert data == b"\x1b=\x02\x1b@\x1c.\x1bt\x00\x0c\x1f$\x01\x01one two \x1f$\x01\x02three   \x1b=\x01"


def test_it_goes_back_to_its_idle_text_after_the_seconds() -> None:
    with EscposDisplayTwin() as twin:
        rig = Rig(EscposDisplay("unit-1", EscposDisplay.Config(**twin.settings())))
        try:
            assert rig.wait_for(lambda: rig.state() == "online", 5.0)
            assert rig.send("display.show", {"display": "unit-1", "lines": ["合计 9.90"], "seconds": 0, "cmd": "c1"}, 5.0) is None
            wanted = ["合计 9.90", "欢迎光临"]
            assert rig.wait_for(lambda: [one["text"].strip() for one in twin.jobs] == wanted, 5.0)
            assert rig.faults == []
        finally:
            rig.close(5.0)
