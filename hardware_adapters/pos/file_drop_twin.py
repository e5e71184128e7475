"""The virtual twin of a sales system that drops a CSV file a receipt."""

from __future__ import annotations

from collections.abc import Sequence

from storeloom.hardware_adapters.links.drop_twin import DropTwin
from storeloom.hardware_adapters.links.twin import Said


class FileDropTwin(DropTwin):
    def content(self, number: int, *, odd: bool = False, wrong: bool = False) -> bytes:
        qty = "many" if odd else number % 3 + 1
        sign = "-" if wrong else ""
        head = "receipt,time,gtin,qty,price,amount,method\n"
        return f"{head}R{number},2026-03-02 18:05:00,6901234567892,{qty},2.50,{sign}{2.5 * (number % 3 + 1):.2f},cash\n".encode()

    def said(self, number: int) -> Sequence[Said]:
        amount = 250 * (number % 3 + 1)
        return [Said("pos.sale", {"receipt": f"R{number}", "total": amount, "payments": [{"method": "cash", "amount": amount}]})]
