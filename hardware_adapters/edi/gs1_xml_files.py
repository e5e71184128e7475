"""GS1 XML by files: despatch advices (GS1 XML 3, `despatchAdviceMessage`, and the older `despatchAdvice` of 2.x) become `shipment.notice`.

Elements are known by their local names, whatever their prefix. DTDs and entities are refused (defusedxml): the files come from outside. A
faulty despatch advice is told with file, number and element, and holds up no other of its message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact, rfc3339
from storeloom.hardware_adapters.edi.edifact_in import GRAMS
from storeloom.hardware_adapters.edi.gtins import is_gtin, is_sscc
from storeloom.hardware_adapters.links.drop import BadFile, DropConfig, DropDriver, Problem
from storeloom.hardware_adapters.pos.reading import instant, moment, zone_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MOST_BYTES = 64 << 20
ARRIVALS = ("estimatedDeliveryDateTime", "requestedDeliveryDateTime", "actualShipDateTime", "despatchDateTime", "shipDateTime")


class _Faulty(Exception):
    def __init__(self, at: str, en: str, zh: str) -> None:
        super().__init__(en)
        self.at, self.en, self.zh = at, en, zh


class Gs1XmlFiles(DropDriver):
    zh, en = "GS1 XML 文件", "GS1 XML files"
    purpose_zh = "读取文件夹中的 GS1 XML 发货通知（despatchAdvice），输出发货通知；拒绝 DTD 与实体；错误单据注明位置，不影响其他单据。"
    kind = "edi"
    feeds = ("shipment.notice", "device.status")
    twin = "storeloom.hardware_adapters.edi.gs1_xml_files_twin:Gs1XmlFilesTwin"
    problem_code = "bad_message"

    class Config(DropConfig):
        patterns: list[str] = setting(
            lambda: ["*.xml"], "File names (* and ? as wild cards)", "文件名（可用 * 与 ? 通配）", effect="restart", min_length=1
        )
        zone: str = setting("Asia/Shanghai", "Zone of times without one", "无时区时间所属时区", effect="restart")

    def read(self, path: Path) -> Iterable[Fact | Problem]:
        from xml.etree.ElementTree import ParseError

        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import parse

        if path.stat().st_size > MOST_BYTES:
            raise BadFile(Problem(f"{path.name}: larger than {MOST_BYTES >> 20} MiB", f"{path.name}：超过 {MOST_BYTES >> 20} MiB"))
        try:
            root = parse(path, forbid_dtd=True).getroot()
        except ParseError as error:
            line, column = error.position
            raise BadFile(
                Problem(f"{path.name}:{line}:{column}: it is no XML ({error})", f"{path.name}:{line}:{column}：不是有效的 XML（{error}）")
            ) from error
        except (DefusedXmlException, ValueError, LookupError) as error:
            raise BadFile(Problem(f"{path.name}: it is refused ({error})", f"{path.name}：拒绝读取（{error}）")) from error
        return self._facts(path.name, root)

    def _facts(self, name: str, root: Element) -> Iterator[Fact | Problem]:
        advices = [one for one in root.iter() if _local(one) == "despatchAdvice"]
        if not advices:
            raise BadFile(Problem(f"{name}: there is no despatchAdvice in it", f"{name}：其中没有 despatchAdvice"))
        zone, now = zone_of(self.config.zone), self.now()
        for place, one in enumerate(advices, 1):
            try:
                data = _notice(one, zone)
                at = _time(one, "creationDateTime", zone) or now
                key = f"DESADV|{data['supplier']}|{data['shipment']}|{_text(one, 'documentActionCode')}{_text(one, 'documentStatusCode')}"
                yield Fact(now, "shipment.notice", self.device, data, at, key)
            except _Faulty as fault:
                at_ = f"{name}, despatchAdvice[{place}]{fault.at}"
                yield Problem(f"{at_}: {fault.en}", f"{at_}：{fault.zh}")


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _all(element: Element, name: str) -> list[Element]:
    return [one for one in element.iter() if _local(one) == name]


def _text(element: Element, *path: str) -> str:
    """The text at a way of local names, each anywhere beneath the one before; empty where there is none."""
    for name in path:
        found = next((one for one in element.iter() if one is not element and _local(one) == name), None)
        if found is None:
            return ""
        element = found
    return (element.text or "").strip()


def _child(element: Element, name: str) -> Element | None:
    return next((one for one in element if _local(one) == name), None)


def _time(element: Element, name: str, zone: ZoneInfo) -> datetime | None:
    text = _text(element, name)
    if not text:
        return None
    micros = instant(text if len(text) > 10 else f"{text}T12:00:00", zone)
    if micros is None:
        raise _Faulty(f"/{name}", f"'{text}' is no time", f"“{text}”不是时间")
    return moment(micros)


def _notice(advice: Element, zone: ZoneInfo) -> dict[str, Any]:
    head = _child(advice, "despatchAdviceIdentification")
    number = _text(head, "entityIdentification") or _text(head, "uniqueCreatorIdentification") if head is not None else ""
    number = number or str(advice.get("uniqueCreatorIdentification") or "")
    if not number:
        raise _Faulty("/despatchAdviceIdentification", "the document has no number", "缺少单据编号")
    supplier = next((found for name in ("seller", "shipper", "supplier") if (found := _text(advice, name, "gln"))), "")
    if not supplier:
        raise _Faulty("/shipper", "no GLN of the shipper", "缺少发货方 GLN")
    arrives = next((when for name in ARRIVALS if (when := _time(advice, name, zone)) is not None), None)
    if arrives is None:
        raise _Faulty("/despatchInformation", "nothing says when the goods arrive", "未说明到货时间")
    cancelled = _text(advice, "documentActionCode").upper() == "DELETE"
    lines = [_line(advice, one, place) for place, one in enumerate(_all(advice, "despatchAdviceLineItem"), 1)]
    if not lines and not cancelled:
        raise _Faulty("", "there is no despatchAdviceLineItem", "没有 despatchAdviceLineItem")
    data = {
        "shipment": number,
        "supplier": supplier,
        "state": "cancelled" if cancelled else "dispatched",
        "eta": rfc3339(arrives),
        "lines": lines,
    }
    order = _text(advice, "purchaseOrder", "entityIdentification") or _text(advice, "purchaseOrder", "uniqueCreatorIdentification")
    return data | ({"order": order} if order else {})


def _line(advice: Element, line: Element, place: int) -> dict[str, Any]:
    at = f"/despatchAdviceLineItem[{place}]"
    gtin, asked = _text(line, "transactionalTradeItem", "gtin") or _text(line, "gtin"), _all(line, "despatchedQuantity")
    if not is_gtin(gtin):
        raise _Faulty(f"{at}/gtin", f"'{gtin}' is no GTIN", f"“{gtin}”不是有效的 GTIN")
    try:
        amount = Decimal((asked[0].text or "").strip()) if asked else Decimal("nan")
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or amount < 0:
        raise _Faulty(f"{at}/despatchedQuantity", "there is no quantity of 0 or more", "缺少不小于 0 的数量")
    data: dict[str, Any] = {"gtin": gtin, "qty": int(amount) if amount == int(amount) else float(amount)}
    unit = asked[0].get("measurementUnitCode", "")
    if unit in GRAMS:
        data["weight_g"] = int((amount * GRAMS[unit]).quantize(Decimal(1), ROUND_HALF_UP))
    lot = _text(line, "batchNumber") or _text(line, "lotNumber")
    expiry = _text(line, "itemExpirationDate") or _text(line, "bestBeforeDate")
    sscc = _sscc_of(advice, line, at)
    return data | ({"lot": lot} if lot else {}) | ({"expiry": expiry[:10]} if expiry else {}) | ({"sscc": sscc} if sscc else {})


def _sscc_of(advice: Element, line: Element, at: str) -> str:
    """The SSCC of the innermost logistic unit that holds the line."""
    holding = [unit for unit in _all(advice, "despatchAdviceLogisticUnit") if any(one is line for one in unit.iter())]
    sscc = _text(holding[-1], "sscc") if holding else ""
    if sscc and not is_sscc(sscc):
        raise _Faulty(f"{at}/sscc", f"'{sscc}' is no SSCC", f"“{sscc}”不是有效的 SSCC")
    return sscc
