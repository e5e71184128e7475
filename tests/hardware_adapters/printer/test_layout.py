"""Print jobs as bytes, against Epson's ESC/POS command reference; widths of Chinese lines; templates."""

from __future__ import annotations

from typing import Any

import pytest

from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.printer.escpos_printer import EscposPrinter
from storeloom.hardware_adapters.printer.layout import compose, filled, gs1_128, job_lines, wrapped

pytest.importorskip("escpos", reason="python-escpos is not installed")


def page(job: dict[str, Any], again: bool = False, **settings: Any) -> bytes:
    return compose({"printer": "p", "job": "j", "kind": "receipt", **job}, EscposPrinter.Config(**settings), again=again)


def test_a_chinese_receipt_is_gb18030_between_init_and_cut() -> None:
    data = page({"lines": ["牛奶 1 9.90"]})
    assert data.startswith(b"\x1b@\x1c&")  # ESC @ initialise, FS & Kanji mode
    assert "牛奶 1 9.90\n".encode("gb18030") in data
    assert data.endswith(b"\x1bd\x05\x1dV\x01")  # ESC d 5 feed, GS V 1 partial cut


def test_a_code_page_is_selected_by_its_number() -> None:
    data = page({"lines": ["Café 2 €"]}, charset="cp858", cut="full")
    assert data.startswith(b"\x1b@\x1c.\x1bt\x13")  # FS . no Kanji, ESC t 19 PC858
    assert b"Caf\x82 2 \xd5\n" in data
    assert data.endswith(b"\x1dV\x00")
    with pytest.raises(DeviceError) as caught:
        page({"lines": ["牛奶"]}, charset="cp858")
    assert (caught.value.code, caught.value.words["en"]) == (Code.ILLEGAL, "the charset cp858 lacks '牛'")


def test_emphasis_centre_and_size() -> None:
    data = page({"lines": ["[centre][bold][big]ABC"]})
    before, _, after = data.partition(b"ABC\n")
    assert b"\x1ba\x01" in before  # ESC a 1 centred
    assert b"\x1bE\x01" in before  # ESC E 1 bold
    assert b"\x1b!0" in before  # ESC ! 0x30 double width and height
    assert b"\x1ba\x00" in after
    assert b"\x1bE\x00" in after


def test_an_ean_13_is_gs_k_67() -> None:
    data = page({"lines": ["[ean13]6901234567892"]}, bar_height=80, bar_width=2)
    assert b"\x1dh\x50\x1dw\x02" in data  # GS h 80, GS w 2
    assert b"\x1dk\x43\x0d6901234567892" in data  # GS k 67 n=13
    with pytest.raises(DeviceError, match="cannot be printed as ean13"):
        page({"lines": ["[ean13]69012A"]})
    with pytest.raises(DeviceError, match="cannot be printed as ean13"):
        page({"lines": ["[ean13]6901234567893"]})  # its check digit is 2


def test_a_gs1_128_is_gs_k_74_with_its_ais_in_parentheses() -> None:
    text = "(01)95012345678903(3102)000400"  # the data of the reference's example
    assert gs1_128(text) == text
    assert b"\x1dk\x4a" + bytes([len(text)]) + text.encode() in page({"lines": [f"[gs1_128]{text}"]})
    assert gs1_128("(01)95012345678903(10)AB(17)261231") == "(01)95012345678903(10)AB{1(17)261231"  # FNC1 after a lot
    with pytest.raises(DeviceError, match="cannot be printed as gs1_128"):
        page({"lines": ["[gs1_128]milk"]})


def test_a_code_128_begins_in_code_set_b() -> None:
    assert b"\x1dk\x49\x08{B{{AB-1" in page({"lines": ["[code128]{AB-1"]})


def test_a_qr_code_is_stored_and_printed_by_gs_k() -> None:
    data = page({"lines": ["[qr]https://id.gs1.org/01/09501101530003"]}, qr_size=4)
    text = b"https://id.gs1.org/01/09501101530003"
    assert b"\x1d(k\x03\x001C\x04" in data  # fn 167: module of 4 dots
    assert b"\x1d(k" + bytes([len(text) + 3, 0]) + b"1P0" + text in data  # fn 180: store
    assert b"\x1d(k\x03\x001Q0" in data  # fn 181: print


def test_copies_are_cut_one_by_one_and_a_repeat_says_so() -> None:
    assert page({"lines": ["A"], "copies": 3}).count(b"\x1dV\x01") == 3
    assert "补打".encode("gb18030") in page({"lines": ["A"]}, again=True)
    assert "补打".encode("gb18030") not in page({"lines": ["A"]}, again=True, reprint_text="")


def test_wide_signs_take_two_columns() -> None:
    assert wrapped("有机牛奶 1 盒", 8) == ["有机牛奶", "1 盒"]
    assert wrapped("有机牛奶", 7) == ["有机牛", "奶"]
    assert wrapped("two words here", 9) == ["two words", "here"]
    assert wrapped("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert wrapped("", 10) == [""]


def test_templates_leave_out_lines_whose_fields_are_missing() -> None:
    fields = {"name": "苹果", "price": 990, "struck": None}
    assert list(filled(["{name}", "{struck.2}", "¥{price.2}"], fields)) == ["苹果", "¥9.90"]


def test_what_a_job_prints() -> None:
    markdown = {"name": "酸奶", "price": 495, "struck": 990, "discount_pct": 50, "expiry": "2026-03-04",
                "code": "(01)06901234567892(17)260304(10)L1", "symbology": "gs1_128"}  # fmt: skip
    assert list(job_lines({"template": "markdown", "fields": markdown}, {})) == [
        "[big]酸奶", "9.90", "[bold][big]4.95", "-50%", "2026-03-04", "[gs1_128](01)06901234567892(17)260304(10)L1",
    ]  # fmt: skip
    assert list(job_lines({"template": "own", "fields": {"a": 1}}, {"own": ["A {a}"]})) == ["A 1"]
    assert list(job_lines({"fields": {"a": 1, "b": "x"}}, {})) == ["a: 1", "b: x"]
    assert list(job_lines({"lines": ["as it is"], "template": "own", "fields": {"a": 1}}, {"own": ["A {a}"]})) == ["as it is"]
    with pytest.raises(DeviceError, match="neither lines nor fields"):
        page({})


def decoded(data: bytes) -> Any:
    """What a code says that was printed by GS v 0 (raster bit image: m, bytes a line, lines)."""
    zxing, image = pytest.importorskip("zxingcpp"), pytest.importorskip("PIL.Image")
    at = data.index(b"\x1dv0")
    width, height = int.from_bytes(data[at + 4 : at + 6], "little"), int.from_bytes(data[at + 6 : at + 8], "little")
    picture = image.frombytes("1", (8 * width, height), bytes(255 - one for one in data[at + 8 : at + 8 + width * height]))
    [found] = zxing.read_barcodes(picture.convert("L"))
    return found


def test_a_datamatrix_is_a_picture_that_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert decoded(page({"lines": ["[datamatrix]奶粉 A-77"]})).text == "奶粉 A-77"
    gs1 = decoded(page({"fields": {"code": "(01)09501101530003(17)250101(10)AB-123", "symbology": "gs1_datamatrix"}}))
    assert (gs1.text, gs1.symbology_identifier) == ("(01)09501101530003(17)250101(10)AB-123", "]d2")
    with pytest.raises(DeviceError, match="cannot be printed as gs1_datamatrix"):
        page({"lines": ["[gs1_datamatrix](01)123"]})
    with pytest.raises(DeviceError, match="cannot be printed as datamatrix"):
        page({"lines": [f"[datamatrix]{'x' * 300}"]}, qr_size=16, columns=32)  # wider than the paper
    assert capsys.readouterr() == ("", "")


def test_a_qr_code_is_the_printers_own_where_its_profile_has_it_and_else_a_picture() -> None:
    assert b"\x1d(k" in page({"lines": ["[qr]https://example.org"]}, profile="TM-T88V")  # GS ( k, the printer draws it
    drawn = page({"lines": ["[qr]https://example.org"]}, profile="ZJ-5870")
    assert b"\x1d(k" not in drawn and decoded(drawn).text == "https://example.org"
    with pytest.raises(DeviceError, match="python-escpos has no profile NX-1"):
        page({"lines": ["x"]}, profile="NX-1")
    with pytest.raises(DeviceError, match="prints no such code and no picture"):
        page({"lines": ["[qr]x"]}, profile="OCD-100")
