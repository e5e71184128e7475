"""Many stores as a table (CSV or xlsx): the template, and reading one with all that is wrong by row and column."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.hours import WEEKDAYS
from storeloom.core.kernel.registry import Catalogue, hint
from storeloom.studio.stores.keeping import store_findings
from storeloom.studio.stores.workbook import NoWorkbook, is_workbook, rows_of

# Column, its heading in English and Chinese, and an example.
COLUMNS: Mapping[str, tuple[str, str, str]] = {
    "store": ("Store id", "门店编号", "cn-hz-001"),
    "name": ("Name", "名称", "西湖店"),
    "format": ("Format", "业态", "supermarket"),
    "zone": ("Time zone", "时区", "Asia/Shanghai"),
    "currency": ("Currency", "货币", "CNY"),
    "language": ("Language", "语言", "zh"),
    "lat": ("Latitude", "纬度", "30.2500"),
    "lon": ("Longitude", "经度", "120.1300"),
    "open": ("Opens", "开门", "08:00"),
    "close": ("Closes", "关门", "22:00"),
    "mon": ("Monday", "周一", ""),
    "tue": ("Tuesday", "周二", ""),
    "wed": ("Wednesday", "周三", ""),
    "thu": ("Thursday", "周四", ""),
    "fri": ("Friday", "周五", "08:00-23:00"),
    "sat": ("Saturday", "周六", "08:00-23:00"),
    "sun": ("Sunday", "周日", ""),
    "closed": ("Closed on", "闭店日期", "2026-02-17; 2026-02-18"),
    "dates": ("Other hours on", "特殊日期营业", "2026-12-31 08:00-18:00"),
    "cores": ("Edge cores", "边缘主机核数", "4"),
    "memory_mb": ("Edge memory MB", "边缘主机内存MB", "8192"),
    "devices": ("Devices", "设备", "camera 4; pos 3; scale 2"),
    "region": ("Region", "区域", ""),
    "ring": ("Ring", "发布环", "1"),
    "tags": ("Tags", "标签", ""),
}
FORMATS = {"超市": "supermarket", "便利店": "convenience", "购物中心": "mall", "百货": "mall", "专业店": "specialty"}
LANGUAGES = {"中文": "zh", "english": "en", "英文": "en"}
CLOSED = frozenset({"closed", "false", "no", "-", "休息", "闭店", "不营业"})
CHAIN_ONLY = ("region", "ring", "tags")
MOST_DEVICES = 500
_PARTS = re.compile(r"[;；、\n]+")
_SPAN = re.compile(r"(\S+?)\s*[-–~—至]\s*(\S+)")
_DEVICE = re.compile(r"([A-Za-z_]+)\s*[x×*:：]?\s*(\d+)?")
_COLUMN_OF = {"geo.lat": "lat", "geo.lon": "lon", "geo": "lat", "hours.open": "open", "hours.close": "close", "hours": "open"}
_COLUMN_OF |= {"edge.cores": "cores", "edge.memory_mb": "memory_mb", "edge": "cores", "hours.closed": "closed", "hours.dates": "dates"}


@dataclass(frozen=True)
class Line:
    """One row of the table: its number in the file (the headings are 1), the profile, what a chain knows beside it, and the findings with
    the column that each is about."""

    number: int
    profile: Mapping[str, Any]
    beside: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[tuple[str, Finding], ...] = ()

    @property
    def store(self) -> str:
        return str(self.profile.get("store", ""))


@dataclass(frozen=True)
class Sheet:
    """A table that was read: its rows, and what is wrong with the file as a whole."""

    lines: tuple[Line, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def wrong(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.findings)

    @property
    def right(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if not line.findings)


def template(lang: str, *, chain: bool) -> bytes:
    """The table to fill in, with one example row; in UTF-8 with a mark that spreadsheet programs go by."""
    text = io.StringIO()
    csv.writer(text).writerows(template_rows(lang, chain=chain))
    return text.getvalue().encode("utf-8-sig")


def template_rows(lang: str, *, chain: bool) -> list[list[str]]:
    """Its headings, and one example row."""
    columns = [one for one in COLUMNS if chain or one not in CHAIN_ONLY]
    return [[COLUMNS[one][lang == "zh"] for one in columns], [COLUMNS[one][2] for one in columns]]


def read_sheet(content: bytes, catalogue: Catalogue, known: Collection[str], *, replace: bool = False) -> Sheet:
    """The stores of a table with zh or en headings in any order. `known` are the ids that are taken, which `replace` lets through."""
    try:
        rows = _rows(content)
    except InputFault as fault:
        return Sheet(findings=fault.findings)
    names, findings = _headings(rows[0])
    if findings:
        return Sheet(findings=tuple(findings))
    seen: dict[str, int] = {}
    lines = []
    for number, row in enumerate(rows[1:], 2):
        cells = {name: cell.strip() for name, cell in zip(names, row, strict=False) if name and cell.strip()}
        if cells:
            lines.append(_line(number, cells, len(row) > len(names), catalogue, seen, () if replace else known))
    return Sheet(tuple(lines))


def _rows(content: bytes) -> list[list[str]]:
    """The table's rows, the headings first. InputFault where it is no table."""
    if is_workbook(content):
        try:
            rows = rows_of(content)
        except NoWorkbook as error:
            words = {"en": f"it is no workbook that can be read ({error})", "zh": f"无法作为工作簿读取（{error}）"}
            remedy = {"en": "Save it as xlsx anew, or as CSV in UTF-8.", "zh": "请重新另存为 xlsx，或另存为 UTF-8 编码的 CSV。"}
            raise InputFault(Finding("SL-INP-01", {"file": "xlsx", "reason": words, "remedy": remedy})) from error
    else:
        text = _decoded(content)
        if text is None:
            words = {"en": "it is neither xlsx nor UTF-8 or GB 18030 text", "zh": "既不是 xlsx，也不是 UTF-8 或 GB 18030 文本"}
            remedy = {"en": "Save it as xlsx, or as CSV in UTF-8.", "zh": "请另存为 xlsx，或 UTF-8 编码的 CSV。"}
            raise InputFault(Finding("SL-INP-01", {"file": "CSV", "reason": words, "remedy": remedy}))
        head = text.split("\n", 1)[0]
        rows = list(csv.reader(io.StringIO(text), delimiter=max(",;\t", key=head.count)))
    if not any(rows):
        words = {"en": "it is empty", "zh": "文件为空"}
        raise InputFault(Finding("SL-INP-01", {"file": "CSV", "reason": words, "remedy": ""}))
    return rows


def _decoded(content: bytes) -> str | None:
    for coding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(coding)
        except UnicodeDecodeError:
            continue
    return None


def _headings(row: Iterable[str]) -> tuple[list[str], list[Finding]]:
    """The column that each heading names; findings for one that is unknown or comes twice, and for an id that is missing."""
    by_words = {word.lower(): name for name, (en, zh, _) in COLUMNS.items() for word in (name, en, zh)}
    names, findings = [], []
    for cell in row:
        word = cell.strip()
        name = by_words.get(word.lower(), "")
        if word and not name:
            known = [f"{en} / {zh}" for en, zh, _ in COLUMNS.values()]
            findings.append(Finding("SL-CFG-02", {"key": word, "got": word, "known": known, **hint(word, list(by_words))}, word))
        elif name and name in names:
            findings.append(Finding("SL-API-12", {"name": word}, word))
        names.append(name)
    if "store" not in names and not findings:
        findings.append(Finding("SL-CFG-04", {"key": " / ".join(COLUMNS["store"][:2]), "known": [" / ".join(COLUMNS["store"][:2])]}))
    return names, findings


def _line(number: int, cells: Mapping[str, str], longer: bool, catalogue: Catalogue, seen: dict[str, int], known: Collection[str]) -> Line:
    profile, beside, own = _profile(cells)
    findings = [*own, *((_column(finding, cells), finding) for finding in store_findings(profile, catalogue))]
    name = profile.get("store", "")
    if name in seen or name in known:
        findings.append(("store", Finding("SL-API-12", {"name": name}, "store")))
    seen.setdefault(name, number)
    if longer:
        words = {"en": "no more cells than headings", "zh": "单元格数不多于表头列数"}
        findings.append(("", Finding("SL-CFG-03", {"got": "…", "allowed": words, "remedy_en": "", "remedy_zh": ""})))
    once = {(column, finding.text()): (column, finding) for column, finding in findings}
    return Line(number, profile, beside, tuple(once.values()))


def _column(finding: Finding, cells: Mapping[str, str]) -> str:
    """The column that a finding about the profile is about."""
    path = finding.path
    if finding.code == "SL-CFG-04":
        path = f"{path}.{finding.args['key']}".lstrip(".")
    while path:
        if path in COLUMNS:
            return path
        if path in _COLUMN_OF:
            return _COLUMN_OF[path]
        short = path.rpartition(".")[0].partition("[")[0]
        if path.startswith("hours.") and path.split(".")[1] in COLUMNS:
            return path.split(".")[1]
        path = short
    return "store"


def _profile(cells: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any], list[tuple[str, Finding]]]:
    """The profile that a row says; a number that is none stays text, so that the check of the profile says what is wrong."""
    found: dict[str, Any] = {key: cells[key] for key in ("store", "name", "format", "zone", "currency", "language") if key in cells}
    own: list[tuple[str, Finding]] = []
    if "format" in found:
        found["format"] = FORMATS.get(found["format"], found["format"].lower())
    if "language" in found:
        found["language"] = LANGUAGES.get(found["language"].lower(), found["language"])
    for part, keys in (("geo", ("lat", "lon")), ("edge", ("cores", "memory_mb"))):
        inside = {key: _number(cells[key]) for key in keys if key in cells}
        if inside:
            found[part] = inside
    hours = _hours(cells, own)
    if hours:
        found["hours"] = hours
    if "devices" in cells:
        found["devices"] = _devices(cells["devices"], own)
    beside: dict[str, Any] = {"region": cells.get("region"), "tags": _PARTS.split(cells["tags"]) if "tags" in cells else []}
    ring = cells.get("ring", "1")
    if not re.fullmatch(r"\d", ring):
        words = {"en": "0 to 9", "zh": "0 至 9"}
        own.append(("ring", Finding("SL-CFG-03", {"got": ring, "allowed": words, "remedy_en": "", "remedy_zh": ""}, "ring")))
    return found, {**beside, "ring": int(ring) if ring.isdigit() else 1}, own


def _number(text: str) -> Any:
    try:
        value = float(text.replace(",", "") if text.count(",") and "." in text else text)
    except ValueError:
        return text
    return int(value) if value.is_integer() and "." not in text else value


def _hours(cells: Mapping[str, str], own: list[tuple[str, Finding]]) -> dict[str, Any]:
    hours: dict[str, Any] = {key: cells[key] for key in ("open", "close") if key in cells}
    for day in WEEKDAYS:
        if day in cells:
            hours[day] = _day(day, cells[day], own)
    if "closed" in cells:
        hours["closed"] = [part.strip() for part in _PARTS.split(cells["closed"]) if part.strip()]
    if "dates" in cells:
        special = {}
        for part in filter(None, map(str.strip, _PARTS.split(cells["dates"]))):
            when, _, span = part.partition(" ")
            special[when] = _day("dates", span.strip(), own)
        hours["dates"] = special
    return hours


def _day(column: str, text: str, own: list[tuple[str, Finding]]) -> Any:
    """Hours of a day, or false for closed."""
    if text.lower() in CLOSED:
        return False
    span = _SPAN.fullmatch(text)
    if span is None:
        words = {"en": "hours such as 09:00-21:00, or closed", "zh": "如 09:00-21:00 的时段，或“休息”"}
        own.append((column, Finding("SL-CFG-03", {"got": text, "allowed": words, "remedy_en": "", "remedy_zh": ""}, column)))
        return False
    return {"open": span[1], "close": span[2]}


def _devices(text: str, own: list[tuple[str, Finding]]) -> dict[str, Any]:
    """Devices by kind and number, `camera 4; pos 3`: ids are the kind and a number."""
    found: dict[str, Any] = {}
    for part in filter(None, map(str.strip, re.split(r"[;；、,，\n]+", text))):
        match = _DEVICE.fullmatch(part)
        many = int(match[2] or 1) if match else 0
        if match is None or many > MOST_DEVICES:
            words = {"en": "kinds and numbers such as camera 4; pos 3", "zh": "类别与数量，如 camera 4; pos 3"}
            own.append(("devices", Finding("SL-CFG-03", {"got": part, "allowed": words, "remedy_en": "", "remedy_zh": ""}, "devices")))
            continue
        kind = match[1].lower()
        first = 1 + sum(one["kind"] == kind for one in found.values())
        found |= {f"{kind.replace('_', '-')}-{n}": {"kind": kind} for n in range(first, first + many)}
    return found
