"""A workbook (xlsx) as rows of text, as a table of text would hold them; and rows as a workbook."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

SIGNATURE = b"PK\x03\x04"
MOST_BYTES = 200_000_000
"""Of all that is packed in a file: one that grows to more is not unpacked."""
MOST_ROWS, MOST_COLUMNS = 50_000, 200
TEXT = "@"


class NoWorkbook(ValueError):
    """The content is no workbook, or a larger one than is read. Says why, as far as a library told."""


def is_workbook(content: bytes) -> bool:
    """Whether a file says of itself that it is one."""
    return content.startswith(SIGNATURE)


def rows_of(content: bytes) -> list[list[str]]:
    """The rows of the first sheet, empty ones among them. NoWorkbook where it cannot be read."""
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(one.file_size for one in packed.infolist()) > MOST_BYTES:
                raise NoWorkbook(f"> {MOST_BYTES // 1_000_000} MB")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        try:
            return list(_texts(book.worksheets[0].iter_rows(max_row=MOST_ROWS, max_col=MOST_COLUMNS, values_only=True)))
        finally:
            book.close()
    except NoWorkbook:
        raise
    except Exception as error:  # a damaged file fails in the library in many ways
        raise NoWorkbook(f"{type(error).__name__}: {error}") from error


def workbook(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as a workbook whose cells are text, so that a spreadsheet program leaves ids and times as they are typed."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet: Any = book.active
    for at, row in enumerate(rows):
        sheet.append(list(row))
        if not at:
            for cell in sheet[1]:
                cell.font = Font(bold=True)
    for column in range(1, sheet.max_column + 1):
        letter = get_column_letter(column)
        sheet.column_dimensions[letter].width = 18
        sheet.column_dimensions[letter].number_format = TEXT
        for cell in sheet[letter]:
            cell.number_format = TEXT
    sheet.freeze_panes = "A2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _texts(rows: Iterable[Sequence[Any]]) -> Iterator[list[str]]:
    for row in rows:
        cells = [_text(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        yield cells


def _text(value: Any) -> str:
    """A cell as somebody would have typed it: times as HH:MM (24:00 as it stands), days as in ISO 8601, numbers without needless zeros."""
    if value is None:
        return ""
    if isinstance(value, timedelta):
        minutes = round(value.total_seconds() / 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == time() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value)
