"""An order as an EANCOM ORDERS message (D.96A or D.01B), one interchange a message."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from storeloom.hardware_adapters.edi.gtins import is_gtin
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.workers.pricing.money import written

Directory = Literal["D.96A", "D.01B"]
RELEASES = {"D.96A": ("96A", "EAN008"), "D.01B": ("01B", "EAN010")}
ITEM_TYPES = {"D.96A": "EN", "D.01B": "SRV"}
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def control_of(*parts: str) -> str:
    """An interchange control reference (an..14) made from what the interchange says, so that a repeat has the same."""
    value, text = int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:10], "big"), ""
    for _ in range(14):
        value, digit = divmod(value, 36)
        text += DIGITS[digit]
    return text


def orders(
    data: Mapping[str, Any], *, buyer: str, deliver_to: str, directory: Directory, currency: str, at: datetime, zone: ZoneInfo
) -> bytes:
    """The interchange of an `order.propose`: original, or the cancellation of one. DeviceError (ILLEGAL) for what ORDERS cannot say."""
    from pydifact.segmentcollection import Interchange, Message
    from pydifact.segments import Segment

    number, supplier, cancelled = str(data["proposal"]), str(data.get("supplier") or ""), data["stage"] == "cancelled"
    _need(
        0 < len(number) <= 35 and number.isascii(),
        f"'{number}' is no order number of up to 35 characters",
        f"“{number}”不是 35 个字符以内的单号",
    )
    _need(bool(supplier), f"order {number} names no supplier", f"订单 {number} 未注明供应商")
    _need(bool(data["lines"]) or cancelled, f"order {number} has no line", f"订单 {number} 没有商品行")
    local, control = at.astimezone(zone), control_of(number, supplier, str(data["stage"]), repr(data["lines"]))
    release, version = RELEASES[directory]
    message = Message("1", ["ORDERS", "D", release, "UN", version])
    rows: list[Sequence[Any]] = [
        ("BGM", "220", number, "1" if cancelled else "9"),
        ("DTM", ["137", local.strftime("%Y%m%d%H%M"), "203"]),
    ]
    if data.get("deliver_on"):
        rows.append(("DTM", ["2", str(data["deliver_on"]).replace("-", ""), "102"]))
    rows += [("NAD", "BY", [buyer, "", "9"]), ("NAD", "SU", [supplier, "", "9"])]
    rows += [("NAD", "DP", [deliver_to, "", "9"])] if deliver_to else []
    rows += [("CUX", ["2", currency, "9"])] if currency else []
    for place, line in enumerate(data["lines"], 1):
        _need(is_gtin(str(line["gtin"])), f"order {number}: {line['gtin']} is no GTIN", f"订单 {number}：{line['gtin']} 不是有效的 GTIN")
        rows.append(("LIN", str(place), "", [str(line["gtin"]), ITEM_TYPES[directory]]))
        rows.append(("QTY", ["21", f"{line['qty']:.10g}"]))
        rows += [("PRI", ["AAA", written(int(line["cost"]), currency)])] if line.get("cost") is not None and currency else []
    rows += [("UNS", "S"), ("CNT", ["2", str(len(data["lines"]))])]
    message.add_segments(Segment(*row) for row in rows)
    syntax = ("UNOC", 3)
    interchange = Interchange([buyer, "14"], [supplier, "14"], control, syntax, timestamp=local.replace(tzinfo=None))
    interchange.add_message(message)
    text: str = interchange.serialize()
    return text.encode("iso8859-1")


def _need(holds: bool, en: str, zh: str) -> None:
    if not holds:
        raise DeviceError(Code.ILLEGAL, en, zh)
