"""The virtual twin of a supplier behind an EDI mailbox: drops DESADV, reads the ORDERS that are left for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storeloom.hardware_adapters.links.drop_twin import DropTwin
from storeloom.hardware_adapters.links.twin import Said

SUPPLIER, STORE, GTIN = "4012345500004", "5412345000013", "5410738000152"


class EdifactFilesTwin(DropTwin):
    ending = ".edi"

    def start(self) -> None:
        super().start()
        self.out.mkdir()

    @property
    def out(self) -> Path:
        return Path(self._home) / "out"

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "out": str(self.out), "gln": STORE, "deliver_to": STORE}

    def content(self, number: int, *, odd: bool = False, wrong: bool = False) -> bytes:
        gtin, quantity = ("123" if odd else GTIN), ("lots" if odd else number % 40 + 1)
        segments = [
            "UNH+1+DESADV:D:01B:UN:EAN007",
            f"BGM+351+D{number}+9",
            "DTM+137:20260302:102",
            "DTM+17:202603031000:203",
            "RFF+ON:PO77",
            f"NAD+BY+{STORE}::9",
            f"NAD+SU+{SUPPLIER}::9",
            "CPS+1",
            "PAC+1++201",
            "PCI+33E",
            "GIN+BJ+354107380000001051",
            f"LIN+1++{gtin}:SRV",
            f"QTY+12:{quantity}",
            "PCI+36E",
            "DTM+361:20260501:102",
            "GIN+BX+L42",
        ]
        segments.append(f"UNT+{len(segments) + (2 if wrong else 1)}+1")
        head = f"UNB+UNOC:3+{SUPPLIER}:14+{STORE}:14+260302:0900+{number}"
        return "".join(f"{one}'" for one in [head, *segments, f"UNZ+1+{number}"]).encode()

    def said(self, number: int) -> Sequence[Said]:
        line = {"gtin": GTIN, "qty": number % 40 + 1, "lot": "L42", "expiry": "2026-05-01", "sscc": "354107380000001051"}
        return [
            Said(
                "shipment.notice", {"shipment": f"D{number}", "supplier": SUPPLIER, "state": "dispatched", "order": "PO77", "lines": [line]}
            )
        ]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        line = {"gtin": GTIN, "qty": 12, "cost": 250, "reason": "need"}
        data = {"proposal": f"P{number}", "stage": "final", "kind": "buy", "supplier": SUPPLIER, "deliver_on": "2026-03-04"}
        return "order.propose", {**data, "lines": [line], "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return [{"file": one.name} for one in sorted(self.out.glob("*.edi"))]
