"""EDIFACT and GS1 XML: messages written out by hand after the EANCOM 2002 and GS1 XML 3 examples, and what is said of faulty ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storeloom.hardware_adapters.edi.edifact import messages, text_of
from storeloom.hardware_adapters.edi.edifact_files import EdifactFiles
from storeloom.hardware_adapters.edi.gs1_xml_files import Gs1XmlFiles
from storeloom.hardware_adapters.edi.gs1_xml_files_twin import Gs1XmlFilesTwin
from storeloom.hardware_adapters.links.drop import BadFile, Problem
from storeloom.hardware_adapters.links.errors import DeviceError

AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
UNB = "UNB+UNOC:3+4012345500004:14+5412345000013:14+260302:1000+12345555'"
DESADV = [
    "BGM+351+DES587441+9", "DTM+137:20260302:102", "DTM+17:202603031000:203", "RFF+ON:128576", "NAD+BY+5412345000013::9",
    "NAD+SU+4012345500004::9", "TDT+20++30+31:::TRUCK++++:::B?'PL 12",
    "CPS+1", "PAC+2++201", "PCI+33E", "GIN+BJ+354107380000001051",
    "LIN+1++5410738000152:SRV", "QTY+12:12,5:KGM", "PCI+36E", "DTM+361:20260501:102", "GIN+BX+L?+42",
    "LIN+2++4000862141404:SRV", "QTY+12:48",
]  # fmt: skip
ORDRSP = [
    "BGM+231+ORSP1+4", "DTM+137:20260302:102", "DTM+69:20260305:102", "RFF+ON:128576", "NAD+SU+4012345500004::9",
    "LIN+1+3+5410738000152:EN", "QTY+21:48", "QTY+113:40", "LIN+2+7+4000862141404:EN", "QTY+21:10", "UNS+S",
]  # fmt: skip
INVOIC = [
    "BGM+380+IN432097+9", "DTM+137:20260308:102", "RFF+ON:128576", "NAD+SU+4012345500004::9", "CUX+2:EUR:4",
    "LIN+1++5410738000152:EN", "QTY+47:40", "PRI+AAA:699.84:::100", "LIN+2++4000862141404:EN", "QTY+47:12", "PRI+AAA:2.505", "UNS+S",
]  # fmt: skip


def message(kind: str, segments: list[str], ref: str = "ME1", directory: str = "D:01B", count: int | None = None) -> str:
    rows = [f"UNH+{ref}+{kind}:{directory}:UN:EAN007", *segments]
    return "".join(f"{one}'" for one in [*rows, f"UNT+{count or len(rows) + 1}+{ref}"])


def read(tmp_path: Path, content: bytes, **config: Any) -> list[Any]:
    path = tmp_path / "f.edi"
    path.write_bytes(content)
    driver = EdifactFiles("edi-1", EdifactFiles.Config(address=str(tmp_path), **config))
    return list(driver.read(path))


def one(tmp_path: Path, text: str) -> Any:
    [fact] = read(tmp_path, f"{UNB}{text}UNZ+1+12345555'".encode("iso8859-1"))
    return fact


def test_a_despatch_advice_of_d01b(tmp_path: Path) -> None:
    fact = one(tmp_path, message("DESADV", [row.replace("12,5", "12.5") for row in DESADV]))
    assert fact.stream == "shipment.notice" and fact.time == datetime(2026, 3, 2, 4, tzinfo=UTC)
    assert fact.data == {
        "shipment": "DES587441", "supplier": "4012345500004", "state": "dispatched", "eta": "2026-03-03T02:00:00Z", "order": "128576",
        "pallets": 2, "vehicle": "B'PL 12",
        "lines": [
            {"gtin": "5410738000152", "qty": 12.5, "weight_g": 12500, "lot": "L+42", "expiry": "2026-05-01", "sscc": "354107380000001051"},
            {"gtin": "4000862141404", "qty": 48, "sscc": "354107380000001051"},
        ],
    }  # fmt: skip


def test_a_decimal_comma_told_by_una(tmp_path: Path) -> None:
    [fact] = read(tmp_path, f"UNA:+,? '{UNB}{message('DESADV', DESADV)}UNZ+1+12345555'".encode())
    assert fact.data["lines"][0]["weight_g"] == 12500


def test_an_order_response_leaves_out_what_is_refused(tmp_path: Path) -> None:
    fact = one(tmp_path, message("ORDRSP", ORDRSP, directory="D:96A"))
    assert (fact.data["state"], fact.data["order"]) == ("planned", "128576")
    assert fact.data["lines"] == [{"gtin": "5410738000152", "qty": 40}]
    refused = one(tmp_path, message("ORDRSP", ["BGM+231+ORSP1+27", *ORDRSP[1:5]], directory="D:96A"))
    assert (refused.data["state"], refused.data["lines"]) == ("cancelled", [])


def test_an_invoice_moves_no_goods_and_gives_the_net_price_of_one(tmp_path: Path) -> None:
    facts = read(tmp_path, f"{UNB}{message('INVOIC', INVOIC)}UNZ+1+12345555'".encode())
    assert [fact.stream for fact in facts] == ["inventory.movement"] * 2
    assert facts[0].data == {
        "kind": "adjust", "gtin": "5410738000152", "qty": 0, "reason": "invoice", "supplier": "4012345500004", "invoice": "IN432097",
        "invoiced": 700, "invoiced_qty": 40.0, "order": "128576", "currency": "EUR",
    }  # fmt: skip
    assert facts[1].data["invoiced"] == 251


def test_a_faulty_message_is_told_with_its_place_and_holds_up_no_other(tmp_path: Path) -> None:
    bad = [row.replace("4000862141404", "4000862141405") for row in DESADV]
    good = [row.replace("12,5", "12.5") for row in DESADV]
    text = (
        message("DESADV", bad, "A")
        + message("DESADV", good, "B", count=9)
        + message("PRICAT", good[:1], "C")
        + message("DESADV", good, "D")
    )
    found = read(tmp_path, f"{UNB}{text}UNZ+4+12345555'".encode())
    assert [one.en if isinstance(one, Problem) else one.data["shipment"] for one in found] == [
        "f.edi, DESADV A, segment 14 (QTY): '12,5' is no number",
        "f.edi, DESADV B, segment 20 (UNT): it counts 9 segments, 20 came",
        "f.edi, PRICAT C, segment 1 (UNH): PRICAT is not read here; ORDRSP, DESADV, INVOIC are",
        "DES587441",
    ]
    assert found[0].zh == "f.edi, DESADV A，第 14 段（QTY）：“12,5”不是数字"


def test_what_is_cut_off_says_where(tmp_path: Path) -> None:
    good = [row.replace("12,5", "12.5") for row in DESADV]
    text = UNB + message("DESADV", good, "A") + message("DESADV", good, "B")[:200]
    first, second = read(tmp_path, text.encode())
    assert first.data["shipment"] == "DES587441"
    assert second.en.startswith("f.edi, DESADV B, segment 9 (CPS): what follows is cut off")
    [bad] = read(tmp_path, b"\xff\xfe\x00garbage")
    assert bad.en.startswith("f.edi, ")
    with pytest.raises(BadFile, match="it is empty"):
        read(tmp_path, b" \n")


def test_the_syntax_identifier_tells_the_encoding() -> None:
    assert text_of("UNB+UNOE:3+ЗАО".encode("iso8859-5"), "") == "UNB+UNOE:3+ЗАО"
    assert text_of("UNB+UNOC:3+上海".encode("gb18030"), "gb18030") == "UNB+UNOC:3+上海"
    with pytest.raises(UnicodeError):
        text_of("UNB+UNOA:3+é".encode("iso8859-1"), "")


def order(**over: Any) -> dict[str, Any]:
    line = {"gtin": "5410738000152", "qty": 48, "cost": 699, "reason": "need"}
    return {
        "proposal": "128576",
        "stage": "final",
        "kind": "buy",
        "supplier": "4012345500004",
        "deliver_on": "2026-03-04",
        "lines": [line],
        **over,
    }


def test_an_order_goes_out_once_as_orders(tmp_path: Path) -> None:
    config = EdifactFiles.Config(address=str(tmp_path), out=str(tmp_path), gln="5412345000013", currency="EUR", directory="D.96A")
    driver = EdifactFiles("edi-1", config)
    for _ in range(2):
        [told] = driver.command("order.propose", order(cmd="c1"), AT)
    assert told.data["cmd"] == "c1"
    [path] = tmp_path.glob("ORDERS_*.edi")
    text = path.read_text("iso8859-1")
    assert text.startswith("UNB+UNOC:3+5412345000013:14+4012345500004:14+260302:1630+")
    body = text[text.index("UNH") : text.index("UNZ")]
    assert body == (
        "UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+128576+9'DTM+137:202603021630:203'DTM+2:20260304:102'NAD+BY+5412345000013::9'"
        "NAD+SU+4012345500004::9'CUX+2:EUR:9'LIN+1++5410738000152:EN'QTY+21:48'PRI+AAA:6.99'UNS+S'CNT+2:1'UNT+13+1'"
    )
    [read_back] = messages(text)
    read_back.check()
    assert list(driver.command("order.propose", order(stage="draft"), AT)) == []
    driver.command("order.propose", order(stage="cancelled"), AT)
    assert sum("BGM+220+128576+1'" in path.read_text() for path in tmp_path.glob("ORDERS_*.edi")) == 1


def test_an_order_that_cannot_be_sent_is_refused(tmp_path: Path) -> None:
    driver = EdifactFiles("edi-1", EdifactFiles.Config(address=str(tmp_path), out=str(tmp_path / "gone"), gln="5412345000013"))
    with pytest.raises(DeviceError, match="names no supplier"):
        driver.command("order.propose", order(supplier=None), AT)
    with pytest.raises(DeviceError, match="there is no"):
        driver.command("order.propose", order(), AT)
    with pytest.raises(DeviceError, match="no folder for orders"):
        EdifactFiles("edi-1", EdifactFiles.Config(address=str(tmp_path))).command("order.propose", order(), AT)


def xml(tmp_path: Path, content: bytes) -> list[Any]:
    path = tmp_path / "f.xml"
    path.write_bytes(content)
    return list(Gs1XmlFiles("edi-1", Gs1XmlFiles.Config(address=str(tmp_path))).read(path))


def test_a_gs1_xml_despatch_advice_and_a_faulty_one_beside_it(tmp_path: Path) -> None:
    twin = Gs1XmlFilesTwin()
    bad, good = twin.content(1, wrong=True).decode(), twin.content(2).decode()
    inner = good[good.index(" <despatchAdvice>") : good.index("</d:despatchAdviceMessage>")]
    problem, fact = xml(tmp_path, bad.replace("</d:despatchAdviceMessage>", inner + "</d:despatchAdviceMessage>").encode())
    assert problem.en == "f.xml, despatchAdvice[1]/despatchAdviceLineItem[1]/gtin: '5410738000159' is no GTIN"
    assert fact.time == datetime(2026, 3, 2, 1, tzinfo=UTC)
    assert twin.said(2)[0].data == fact.data


def test_entities_and_broken_xml_are_refused(tmp_path: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "xx"><!ENTITY c SYSTEM "file:///etc/passwd">]><a>&c;</a>'
    with pytest.raises(BadFile, match="it is refused"):
        xml(tmp_path, bomb)
    with pytest.raises(BadFile, match=r"f\.xml:1:8: it is no XML"):
        xml(tmp_path, b"<a><b></a>")
