"""Workbooks as tables of stores: what a spreadsheet program makes of cells reads as it was typed; what is none is told."""

from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from storeloom.core.kernel.registry import Registry

openpyxl = pytest.importorskip("openpyxl", reason="the extra studio is absent")
from storeloom.studio.stores import workbook as books  # noqa: E402
from storeloom.studio.stores.sheet import COLUMNS, read_sheet, template, template_rows  # noqa: E402


@pytest.fixture(scope="module")
def known() -> Any:
    return Registry().catalogue


def book(*rows: list[Any]) -> bytes:
    made, out = openpyxl.Workbook(), BytesIO()
    for row in rows:
        made.active.append(row)
    made.save(out)
    return out.getvalue()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_template_says_the_same_as_the_one_of_text(known: Any, lang: str) -> None:
    content = books.workbook(template_rows(lang, chain=True))
    assert read_sheet(content, known, ()) == read_sheet(template(lang, chain=True), known, ())
    assert read_sheet(content, known, ()).lines[0].findings == ()
    cell = openpyxl.load_workbook(BytesIO(content)).active["A2"]
    assert (cell.number_format, cell.value) == ("@", COLUMNS["store"][2])


def test_times_days_and_numbers_read_as_they_were_typed(known: Any) -> None:
    head = ["门店编号", "业态", "时区", "开门", "关门", "纬度", "经度", "闭店日期", "边缘主机核数", "边缘主机内存MB", "名称"]
    row = ["s-1", "超市", "Asia/Shanghai", time(8), timedelta(hours=24), 30.25, 120, date(2026, 2, 17), 4.0, 8192, 1001]
    (line,) = read_sheet(book(head, row), known, ()).lines
    assert line.findings == ()
    assert line.profile["hours"] == {"open": "08:00", "close": "24:00", "closed": ["2026-02-17"]}
    assert (line.profile["geo"], line.profile["edge"]) == ({"lat": 30.25, "lon": 120}, {"cores": 4, "memory_mb": 8192})
    assert line.profile["name"] == "1001"


def test_a_day_with_a_time_keeps_it() -> None:
    assert books.rows_of(book([datetime(2026, 2, 17, 8, 30), True, None])) == [["2026-02-17 08:30", "True"]]


def test_findings_are_those_of_the_same_table_in_text(known: Any) -> None:
    rows = [
        ["Store id", "Format", "Time zone", "Opens", "Closes"],
        ["A1", "super", "Mars/X", "8", "22:00"],
        [],
        ["a2", "mall", "UTC", "08:00"],
    ]
    text = "\n".join(",".join(row) for row in rows).encode()
    told, wanted = read_sheet(book(*rows), known, ()), read_sheet(text, known, ())
    assert [line.number for line in told.lines] == [2, 4] and told == wanted


def test_what_is_no_workbook_is_told_in_both_languages(known: Any) -> None:
    for content in (b"PK\x03\x04 and nothing more", book(["x"])[:200]):
        (finding,) = read_sheet(content, known, ()).findings
        assert finding.code == "SL-INP-01" and "xlsx" in finding.text("en") and "工作簿" in finding.text("zh")


def test_a_file_that_grows_beyond_measure_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "MOST_BYTES", 1_000_000)
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as file:
        file.writestr("xl/worksheets/sheet1.xml", b"0" * 2_000_000)
    assert len(packed.getvalue()) < 10_000
    with pytest.raises(books.NoWorkbook, match="> 1 MB"):
        books.rows_of(packed.getvalue())


def test_an_empty_workbook_is_told(known: Any) -> None:
    (finding,) = read_sheet(book(), known, ()).findings
    assert finding.code == "SL-INP-01" and "empty" in finding.text("en")
