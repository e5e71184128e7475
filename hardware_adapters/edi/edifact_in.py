"""EANCOM messages (D.96A and D.01B) as facts: ORDRSP and DESADV become `shipment.notice`, INVOIC `inventory.movement`.

ORDRSP: what the supplier agrees to deliver, state `planned`; lines that it refuses are left out, an order refused as a whole is
`cancelled`. DESADV: what has left, state `dispatched`, with lot, expiry, SSCC, pallets, vehicle. INVOIC: a movement of kind `adjust` and
quantity 0 for each line, since goods move when they are received, not when they are billed; `invoiced` is the net price of one, and
`invoiced_qty` and `invoice` say what was billed. Segments of no use here are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from storeloom.core.kernel.events import Fact, rfc3339
from storeloom.hardware_adapters.edi.edifact import Faulty, Message, Segment, day, number, time
from storeloom.hardware_adapters.edi.gtins import is_gtin, is_sscc
from storeloom.workers.pricing.money import decimals

ARRIVALS = ("17", "132", "191", "358", "69", "2", "35", "11")  # UN/EDIFACT 2005: delivery estimated ... requested, actual, despatch
REFUSED_ORDER, REFUSED_LINE, CANCELLATION = "27", "7", "1"
GRAMS = {"KGM": 1000, "GRM": 1, "TNE": 1_000_000}


def facts_of(message: Message, device: str, now: datetime, zone: ZoneInfo, currency: str) -> list[Fact]:
    """The facts of a message. Faulty where it is not right, or of a type that is not read."""
    message.check()
    if message.type not in READ:
        known = ", ".join(READ)
        raise message.segments[0].bad(f"{message.type} is not read here; {known} are", f"不支持 {message.type}，可读取 {known}")
    if message.directory not in ("D.96A", "D.01B"):
        raise message.segments[0].bad(
            f"{message.directory} is not read here; D.96A and D.01B are", f"不支持 {message.directory}，可读取 D.96A 与 D.01B"
        )
    bgm = message.first("BGM")
    if bgm is None or not bgm.at(2):
        raise (bgm or message.segments[0]).bad("there is no document number", "缺少单据编号")
    issued = message.first("DTM", code="137")
    at = now if issued is None else time(issued, zone)
    key = f"{message.type}|{_supplier(message)}|{bgm.at(2)}|{bgm.at(3)}"
    if message.type == "INVOIC":
        lines = list(_invoiced(message, bgm, currency))
        return [Fact(now, "inventory.movement", device, data, at, f"{key}|{place}") for place, data in enumerate(lines, 1)]
    notice = _response(message, bgm, zone) if message.type == "ORDRSP" else _despatch(message, bgm, zone)
    return [Fact(now, "shipment.notice", device, notice, at, key)]


def _supplier(message: Message) -> str:
    seller = message.first("NAD", code="SU") or message.first("NAD", code="SE")
    return (seller.at(2) if seller else "") or message.sender


def _eta(message: Message, zone: ZoneInfo) -> str:
    for code in ARRIVALS:
        found = message.first("DTM", code=code)
        if found is not None:
            return rfc3339(time(found, zone))
    raise message.segments[-1].bad("no DTM says when the goods arrive", "没有 DTM 说明到货时间")


def _order(segments: list[Segment]) -> dict[str, str]:
    found = next((one.at(1, 1) for one in segments if one.tag == "RFF" and one.at(1) == "ON" and one.at(1, 1)), "")
    return {"order": found} if found else {}


def _lines(message: Message) -> Iterator[tuple[Segment, list[Segment], str]]:
    """Each LIN with its own segments and the SSCC of its package."""
    sscc = ""
    current: Segment | None = None
    own: list[Segment] = []
    for one in message.segments:
        if one.tag in ("CPS", "LIN", "UNS", "UNT", "CNT") and current is not None:
            yield current, own, sscc
            current = None
        if one.tag == "CPS":
            sscc = ""
        elif one.tag == "LIN":
            current, own = one, []
        elif current is not None:
            own.append(one)
        elif one.tag == "GIN" and one.at(1) == "BJ":
            sscc = _sscc(one)


def _sscc(one: Segment) -> str:
    if not is_sscc(one.at(2)):
        raise one.bad(f"'{one.at(2)}' is no SSCC", f"“{one.at(2)}”不是有效的 SSCC")
    return one.at(2)


def _gtin(line: Segment) -> str:
    if not is_gtin(line.at(3)):
        raise line.bad(f"'{line.at(3)}' is no GTIN", f"“{line.at(3)}”不是有效的 GTIN")
    return line.at(3)


def _quantity(line: Segment, own: list[Segment], codes: tuple[str, ...], mark: str) -> tuple[Decimal, str] | None:
    for code in codes:
        found = next((one for one in own if one.tag == "QTY" and one.at(1) == code), None)
        if found is not None:
            return number(found, 1, 1, mark), found.at(1, 2)
    return None


def _goods(line: Segment, own: list[Segment], codes: tuple[str, ...], mark: str) -> dict[str, Any]:
    told = _quantity(line, own, codes, mark)
    if told is None:
        raise line.bad(f"it has no QTY {' or '.join(codes)}", f"缺少 QTY {' 或 '.join(codes)}")
    amount, unit = told
    if amount < 0:
        raise line.bad("its quantity is below 0", "数量为负")
    data: dict[str, Any] = {"gtin": _gtin(line), "qty": int(amount) if amount == int(amount) else float(amount)}
    if unit in GRAMS:
        data["weight_g"] = int((amount * GRAMS[unit]).quantize(Decimal(1), ROUND_HALF_UP))
    for one in own:
        if one.tag == "GIN" and one.at(1) == "BX" and one.at(2):
            data["lot"] = one.at(2)
        elif one.tag == "RFF" and one.at(1) == "BT" and one.at(1, 1):
            data["lot"] = one.at(1, 1)
        elif one.tag == "DTM" and one.at(1) in ("361", "36"):
            data["expiry"] = day(one)
    return data


def _notice(message: Message, bgm: Segment, zone: ZoneInfo, state: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    head: dict[str, Any] = {"shipment": bgm.at(2), "supplier": _supplier(message), "state": state, "eta": _eta(message, zone)}
    before = [one for one in message.segments if one.tag in ("RFF", "LIN")]
    cut = next((place for place, one in enumerate(before) if one.tag == "LIN"), len(before))
    return head | {"lines": lines} | (_order(before[:cut]) or _order(before))


def _response(message: Message, bgm: Segment, zone: ZoneInfo) -> dict[str, Any]:
    lines = []
    for line, own, _ in _lines(message):
        if line.at(2) != REFUSED_LINE:
            goods = _goods(line, own, ("113", "12", "194", "21"), message.mark)
            lines += [goods] if goods["qty"] else []
    refused = bgm.at(3) in (REFUSED_ORDER, CANCELLATION) or not lines
    return _notice(message, bgm, zone, "cancelled" if refused else "planned", lines)


def _despatch(message: Message, bgm: Segment, zone: ZoneInfo) -> dict[str, Any]:
    lines = [_goods(line, own, ("12", "46"), message.mark) | ({"sscc": sscc} if sscc else {}) for line, own, sscc in _lines(message)]
    cancelled = bgm.at(3) == CANCELLATION
    if not lines and not cancelled:
        raise message.segments[-1].bad("there is no line (LIN)", "没有商品行（LIN）")
    notice = _notice(message, bgm, zone, "cancelled" if cancelled else "dispatched", lines)
    pallets = sum(int(number(one, 1, 0)) for one in message.segments if one.tag == "PAC" and one.at(3) in ("201", "202", "PX", "09", "08"))
    way = message.first("TDT")
    vehicle = (way.at(8, 3) or way.at(8)) if way is not None else ""
    return notice | ({"pallets": pallets} if pallets else {}) | ({"vehicle": vehicle} if vehicle else {})


def _invoiced(message: Message, bgm: Segment, currency: str) -> Iterator[dict[str, Any]]:
    cux = message.first("CUX")
    given = (cux.at(1, 1) if cux is not None else "") or currency
    sign = -1 if bgm.at(1) == "381" else 1
    header = _order([one for one in message.segments if one.tag == "RFF"])
    for line, own, _ in _lines(message):
        told = _quantity(line, own, ("47", "46", "12"), message.mark)
        price = next((one for code in ("AAA", "AAB") for one in own if one.tag == "PRI" and one.at(1) == code), None)
        if told is None or price is None:
            raise line.bad("it has no QTY 47 or no PRI", "缺少 QTY 47 或 PRI")
        basis = number(price, 1, 4, message.mark) if price.at(1, 4) else Decimal(1)
        if basis <= 0:
            raise price.bad("its price basis is not above 0", "价格基准须大于 0")
        each = number(price, 1, 1, message.mark) / basis
        data = {"kind": "adjust", "gtin": _gtin(line), "qty": 0, "reason": "invoice", "supplier": _supplier(message), "invoice": bgm.at(2)}
        data |= {"invoiced": int(each.scaleb(decimals(given)).quantize(Decimal(1), ROUND_HALF_UP)), "invoiced_qty": float(told[0] * sign)}
        yield data | (_order(own) or header) | ({"currency": given} if given else {})


READ: Mapping[str, Callable[..., Any]] = {"ORDRSP": _response, "DESADV": _despatch, "INVOIC": _invoiced}
__all__ = ["Faulty", "facts_of"]
