"""The virtual twin of a scanner on a serial line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.serial_twin import SerialTwin
from storeloom.hardware_adapters.links.twin import Said
from storeloom.workers.gs1 import check_digit


def scans(number: int) -> tuple[str, Mapping[str, Any]]:
    """What is scanned next, as it is sent, and what must be made of it: EAN-13, GS1-128, goods weighed in the store, a Digital Link."""
    stem = f"69012345{number % 10000:04d}"
    gtin = stem + str(check_digit(stem))
    weighed = f"2300042{350 + number % 1000:05d}"
    kinds: Sequence[tuple[str, Mapping[str, Any]]] = (
        (f"]E0{gtin}", {"code": gtin, "symbology": "ean13", "gtin": gtin}),
        (
            f"]C1010{gtin}1727010110A{number}\x1d21S{number}",
            {"symbology": "gs1_128", "gtin": gtin, "ai": {"01": f"0{gtin}", "17": "270101", "10": f"A{number}", "21": f"S{number}"}},
        ),
        (weighed + str(check_digit(weighed)), {"symbology": "ean13", "gtin": "2300042000005", "values": {"weight_g": 350 + number % 1000}}),
        (f"]Q1https://id.gs1.org/01/0{gtin}/10/B{number}", {"symbology": "digital_link", "gtin": gtin}),
    )
    return kinds[number % len(kinds)]


class SerialScannerTwin(SerialTwin):
    """`odd`: bytes of another charset."""

    faults = (*(one for one in SerialTwin.faults if one not in ("late",)), "odd")
    at_once = 4

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "repeat_s": 0.1, "pause_s": 0.1, "till": "till-1"}

    def act(self, number: int) -> Sequence[Said]:
        text, said = scans(number)
        self.say(b"\xff\xfe\x90\r" if self.fault == "odd" else text.encode() + self.end)
        return [Said("scanner.code", {"scanner": "unit-1", "till": "till-1", **said})]
