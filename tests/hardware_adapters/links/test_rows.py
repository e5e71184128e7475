"""Rows of files and feeds: types, units, encodings; what is wrong with one is told without what stands there."""

from __future__ import annotations

from typing import Any

import pytest

from storeloom.hardware_adapters.links.errors import DeviceError
from storeloom.hardware_adapters.links.rows import BadRow, Row, Rows, RowsConfig


def read(stream: str, content: bytes, **config: Any) -> list[Row | BadRow]:
    return list(Rows(stream, RowsConfig(**config)).read(content))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_time_clocks_lines_in_its_own_words_and_encoding(encoding: str) -> None:
    text = "工号;时间;类型\n1007;2026/03/02 08:00:05;上班\n"
    names = {"staff": "工号", "kind": "类型", "time": "时间"}
    found = read("staff.clock", text.encode(encoding), columns=names, fixed={"terminal": "t-1"}, words={"kind": {"上班": "in"}})
    assert isinstance(found[0], Row)
    assert (found[0].data, found[0].time.isoformat()) == ({"staff": "1007", "kind": "in", "terminal": "t-1"}, "2026-03-02T00:00:05+00:00")


def test_a_text_without_a_heading_parted_by_blanks() -> None:
    text = b"1007 2026-03-02T08:00:00+08:00 0\n\n1008 2026-03-02T08:01:00+08:00 1\n"
    found = read("staff.clock", text, names=["staff", "time", "kind"], fixed={"terminal": "t"}, words={"kind": {"0": "in", "1": "out"}})
    assert [one.data["kind"] for one in found if isinstance(one, Row)] == ["in", "out"]


def test_amounts_become_minor_units_without_binary_fractions() -> None:
    rows = b"competitor,gtin,price,seen,source\nc,1,0.29,2026-03-02T10:00:00Z,web\nc,2,19.99,2026-03-02T10:00:00Z,web\n"
    assert [one.data["price"] for one in read("competitor.price", rows) if isinstance(one, Row)] == [29, 1999]
    assert [one.data["price"] for one in read("competitor.price", rows.replace(b"0.29", b"29"), minor_units=True, decimals=2)[:1]
            if isinstance(one, Row)] == [29]  # fmt: skip


def test_json_lists_objects_and_lines_read_the_same() -> None:
    row = b'{"competitor":"c","gtin":"1","price":9.9,"seen":"2026-03-02T10:00:00Z","source":"web"}'
    forms = [b"[" + row + b"]", b'{"data":{"rows":[' + row + b"]}}", row + b"\n" + row + b"\n"]
    first = read("competitor.price", forms[0])[0]
    assert read("competitor.price", forms[1], rows_path="$.data.rows") == [first]
    assert read("competitor.price", forms[2]) == [first, first]


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        ("c,1,cheap,2026-03-02T10:00:00Z,web", "row 1, price"),
        ("c,1,9.999,2026-03-02T10:00:00Z,web", "row 1, price"),
        ("c,1,9.90,SECRET,web", "row 1, seen"),
        ("c,1,9.90,,web", "row 1, seen"),
        (",1,9.90,2026-03-02T10:00:00Z,web", "competitor"),
        ("c,1,1e400,2026-03-02T10:00:00Z,web", "row 1, price"),
    ],
)
def test_a_bad_cell_is_told_by_its_place_alone_and_the_others_count(cells: str, place: str) -> None:
    good = "c,2,1.00,2026-03-02T10:00:00Z,web"
    found = read("competitor.price", f"competitor,gtin,price,seen,source\n{cells}\n{good}\n".encode())
    assert isinstance(found[0], BadRow) and place in found[0].en and "SECRET" not in found[0].en
    assert isinstance(found[1], Row)


@pytest.mark.parametrize("content", [b"[1, 2]", b"{", b'{"a": [', b"\x80\xff\x80\xff"])
def test_what_is_no_file_of_rows_is_told(content: bytes) -> None:
    with pytest.raises(DeviceError):
        read("competitor.price", content)
