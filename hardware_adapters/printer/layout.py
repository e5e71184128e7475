"""From a print job to ESC/POS bytes: lines, templates, bar codes and QR codes.

A line that begins with a word in square brackets is no plain text: `[centre]`, `[bold]` and `[big]` (also together) before a text set it
so, `[rule]` is a line across; `[ean13]`, `[ean8]`, `[upca]`, `[code128]`, `[gs1_128]` (with its AIs in brackets), `[qr]`, `[datamatrix]`
(ISO/IEC 16022) and `[gs1_datamatrix]` (AIs in brackets) print what follows as a code. QR codes are drawn by the printer where its profile
(of python-escpos) has them, else here, as the DataMatrix always is, and printed as pictures. Template lines hold `{field}`, or
`{field.2}` for money with two decimals; a line whose field is missing is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.escpos import MULTIBYTE, encoded, select_charset

TAG = re.compile(r"^\[([a-z0-9_]+)\]\s?")
FIELD = re.compile(r"\{(\w+)(?:\.(\d))?\}")
STYLES = ("centre", "bold", "big")
CODES: Mapping[str, str] = {"ean13": "EAN13", "ean8": "EAN8", "upca": "UPC-A", "code128": "CODE128", "gs1_128": "GS1-128"}
MATRICES = ("qr", "datamatrix", "gs1_datamatrix")
PICTURES = ("bitImageRaster", "graphics", "bitImageColumn")
COLUMN_DOTS = 12  # of font A
TEMPLATES: Mapping[str, Sequence[str]] = {
    "shelf_label": ("[big]{name}", "[bold][big]{price.2}", "{unit_price}", "{gtin}"),
    "markdown": ("[big]{name}", "{struck.2}", "[bold][big]{price.2}", "-{discount_pct}%", "{expiry}"),
}


def compose(job: Mapping[str, Any], config: Any, *, again: bool = False) -> bytes:
    """The bytes of a `print.job`, all its copies. `again`: it may have been printed before, and says so at its top.

    DeviceError (ILLEGAL) for a job without anything to print, a code that cannot be, and a sign that the charset lacks.
    """
    from escpos.printer import Dummy

    lines = list(job_lines(job, config.templates))
    if not lines:
        raise DeviceError(Code.ILLEGAL, "the job has neither lines nor fields", "打印任务没有内容")
    if again and config.reprint_text:
        lines.insert(0, f"[centre][bold]{config.reprint_text}")
    page = Dummy(profile=_need_profile(config.profile))
    _set_width(page.profile, config.columns)
    for _ in range(max(1, int(job.get("copies", 1)))):
        page.hw("INIT")
        page._raw(select_charset(config.charset))
        for line in lines:
            _line(page, line, config)
        if config.cut == "none":
            page.print_and_feed(config.feed)
        else:
            page.print_and_feed(config.feed)
            page._raw(b"\x1dV" + (b"\x00" if config.cut == "full" else b"\x01"))
    return bytes(page.output)


def job_lines(job: Mapping[str, Any], templates: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The lines of a job: those it brings, else its template's, else its fields by name; then the code among its fields."""
    fields = job.get("fields") or {}
    template = {**TEMPLATES, **templates}.get(job.get("template", ""))
    if job.get("lines"):
        yield from job["lines"]
    elif template is not None:
        yield from filled(template, fields)
    else:
        yield from (f"{name}: {value}" for name, value in fields.items() if name not in ("code", "symbology"))
    if fields.get("code"):
        wanted = str(fields.get("symbology", "qr"))
        yield f"[{wanted if wanted in CODES or wanted in MATRICES else 'qr'}]{fields['code']}"


def filled(template: Iterable[str], fields: Mapping[str, Any]) -> Iterator[str]:
    """A template's lines with the fields in their places."""

    def value(found: re.Match[str]) -> str:
        given, digits = fields[found[1]], found[2]
        return str(given) if digits is None else f"{int(given) / 10 ** int(digits):.{digits}f}"

    for line in template:
        if all(fields.get(name) is not None for name, _ in FIELD.findall(line)):
            yield FIELD.sub(value, line)


def _line(page: Any, line: str, config: Any) -> None:
    tags: list[str] = []
    while (found := TAG.match(line)) is not None and (found[1] in STYLES or found[1] in (*CODES, *MATRICES, "rule")):
        tags.append(found[1])
        line = line[found.end() :]
    code = next((one for one in tags if one in (*CODES, *MATRICES)), None)
    if code is not None:
        _code(page, code, line, config)
        return
    columns = config.columns // 2 if "big" in tags else config.columns
    page.set(align="center" if "centre" in tags else "left", bold="bold" in tags, **_size("big" in tags))
    for part in ["-" * columns] if "rule" in tags else wrapped(line, columns):
        page._raw(encoded(part, config.charset) + b"\n")
    page.set(align="left", bold=False, normal_textsize=True)


def _size(big: bool) -> Mapping[str, bool]:
    return {"double_width": True, "double_height": True} if big else {"normal_textsize": True}


def _code(page: Any, kind: str, text: str, config: Any) -> None:
    from escpos.exceptions import Error

    from storeloom.workers.gs1 import normalise_gtin

    try:
        if kind == "qr":
            page.set(align="center")
            native = page.profile.supports("qrCode")
            page.qr(text, native=native, size=config.qr_size, image_arguments=None if native else {"impl": _picture_way(page)})
        elif kind in MATRICES:
            page.set(align="center")
            page.image(_datamatrix(text, kind == "gs1_datamatrix", config.qr_size), impl=_picture_way(page))
        else:
            if kind in ("ean13", "ean8", "upca"):
                normalise_gtin(text)
            data = gs1_128(text) if kind == "gs1_128" else "{B" + text.replace("{", "{{") if kind == "code128" else text
            # The library has no check for GS1-128, and its public method prints on the console.
            check, size = kind != "gs1_128", {"height": config.bar_height, "width": config.bar_width}
            page._hw_barcode(data, CODES[kind], **size, function_type="B", check=check)
    except (Error, ValueError) as error:
        raise DeviceError(Code.ILLEGAL, f"{text!r} cannot be printed as {kind}", f"{text!r} 无法打印为 {kind}") from error
    page._raw(b"\n")
    page.set(align="left")
    if config.charset in MULTIBYTE:
        page._raw(select_charset(config.charset))


def _need_profile(name: str) -> str | None:
    """The profile's name, None for the library's own. DeviceError for one that python-escpos does not have."""
    from escpos.capabilities import CAPABILITIES

    if name and name not in CAPABILITIES["profiles"]:
        raise DeviceError(Code.ILLEGAL, f"python-escpos has no profile {name}", f"python-escpos 没有型号配置 {name}")
    return name or None


def _set_width(profile: Any, columns: int) -> None:
    """Give a profile the paper's width, where it knows none: the library says so on the console for each picture."""
    media = profile.profile_data["media"]
    if not str(media["width"]["pixels"]).isdigit():
        profile.profile_data = {**profile.profile_data, "media": {**media, "width": {"mm": "Unknown", "pixels": COLUMN_DOTS * columns}}}


def _picture_way(page: Any) -> str:
    """How this printer prints pictures. DeviceError where it does not."""
    found = next((way for way in PICTURES if page.profile.supports(way)), None)
    if found is None:
        raise DeviceError(
            Code.ILLEGAL, "by its profile it prints no such code and no picture", "按其型号配置，设备不支持此码制，也不支持图像"
        )
    return found


def _datamatrix(text: str, gs1: bool, module: int) -> Any:
    """A picture of a DataMatrix with its quiet zone, `module` dots a module. ValueError for what cannot be one."""
    from PIL import Image
    from zxingcpp import BarcodeFormat, create_barcode, write_barcode_to_image

    picture: Any = write_barcode_to_image(create_barcode(text, BarcodeFormat.DataMatrix, force_square=True, gs1=gs1), scale=module)
    drawn: Any = memoryview(picture)
    height, width = drawn.shape
    return Image.frombytes("L", (width, height), drawn.tobytes())


def gs1_128(text: str) -> str:
    """An element string for GS k 74: AIs in parentheses, which are printed and not encoded, FNC1 (`{1`) after what has no set length.

    ValueError for what is no element string.
    """
    from biip import BiipException, ParseConfig
    from biip.gs1_messages import GS1Message

    config = ParseConfig(gs1_element_strings_verify_date=False)
    try:
        parse = GS1Message.parse_hri if text.startswith("(") else GS1Message.parse
        elements = parse(text, config=config).element_strings
    except BiipException as error:
        raise ValueError(str(error)) from error
    parts = []
    for number, element in enumerate(elements, 1):
        value = re.sub(r"([{()*])", r"{\1", element.value)
        parts.append(f"({element.ai.ai}){value}" + ("{1" if element.ai.separator_required and number < len(elements) else ""))
    return "".join(parts)


def width(text: str) -> int:
    """Columns that a text takes: two for a wide sign."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def wrapped(text: str, columns: int) -> list[str]:
    """A text in lines of at most so many columns, broken at blanks where there are some."""
    lines: list[str] = []
    line = ""
    for sign in text:
        if width(line + sign) <= columns:
            line += sign
            continue
        head, blank, tail = line.rpartition(" ")
        keep = bool(blank and head.strip()) and sign != " "
        lines.append(head if keep else line)
        line = (tail if keep else "") + ("" if sign == " " else sign)
    return [*lines, line]


def plain(text: str, columns: int, charset: str) -> bytes:
    """A text cut and padded to exactly so many columns, encoded."""
    first = wrapped(text, columns)[0]
    return encoded(first + " " * (columns - width(first)), charset)
