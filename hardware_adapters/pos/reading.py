"""CSV and Parquet files read column by column, each cell checked; what cannot be taken in is told with file, line and cell.

Cells of a CSV stay text until their column is asked for, so nothing is guessed from the first rows. Money becomes whole minor units
without passing through binary fractions where the file holds text.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.schemas import show

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".parquet")
MONEY = r"^([+-]?)(\d+)(?:\.(\d+))?$"
LATEST = 7_258_118_400_000_000
"""2200-01-01 in microseconds of the epoch; a time past it, or before 1970, is a damaged cell."""


@dataclass(frozen=True)
class Source:
    """One file: the columns it has, and whether its cells are text (CSV) or typed (Parquet)."""

    path: Path
    columns: tuple[str, ...]
    text: bool
    separator: str = ","


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name; InputFault where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        allowed = {"en": "an IANA time zone such as America/New_York", "zh": "IANA 时区名，如 America/New_York"}
        args = {"got": show(name), "allowed": allowed, "remedy_en": "", "remedy_zh": ""}
        raise InputFault(Finding("SL-CFG-03", args, path="config.zone")) from error


def refuse(path: Path | str, en: str, zh: str, remedy: str, line: int | None = None) -> InputFault:
    """The fault of a file that cannot be taken in, at a line where one is known."""
    args = {"file": str(path), "reason": {"en": en, "zh": zh}, "remedy": remedy}
    return InputFault(Finding("SL-INP-01", args, file=str(path), line=line))


def needs_polars() -> None:
    """InputFault (SL-INP-03) where polars is not installed."""
    try:
        import polars as pl  # noqa: F401
    except ImportError as error:
        raise InputFault(Finding("SL-INP-03", {"what": "receipts_file", "extra": "data"})) from error


def found(path: str, separator: str = ",") -> list[Source]:
    """The CSV and Parquet files of a folder in order of name, or the one file given. InputFault where there is nothing to read."""
    needs_polars()
    place = Path(path)
    if not path:
        raise refuse("config.path", "no path is set", "未设置路径", "Set path to a file or folder of receipts.")
    if place.is_dir():
        files = sorted(item for item in place.iterdir() if item.is_file() and item.suffix.lower() in SUFFIXES)
        if not files:
            raise refuse(place, "the folder holds no CSV or Parquet file", "文件夹中没有 CSV 或 Parquet 文件", "Put receipts there.")
        return [_source(item, separator) for item in files]
    if not place.exists():
        raise refuse(place, "there is no such file or folder", "文件或文件夹不存在", "Check the path.")
    if place.suffix.lower() not in SUFFIXES:
        raise refuse(place, f"'{place.suffix}' is no kind of file read here", f"不支持的文件类型“{place.suffix}”", "Give CSV or Parquet.")
    return [_source(place, separator)]


def _source(path: Path, separator: str) -> Source:
    import polars as pl

    if path.stat().st_size == 0:
        raise refuse(path, "the file is empty (0 bytes)", "文件为空（0 字节）", "Export it again, or copy it again from its source.")
    with _told(path):
        if path.suffix.lower() == ".parquet":
            return Source(path, tuple(pl.read_parquet_schema(path)), False)
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            names = tuple(next(csv.reader(file, delimiter=separator), ()))
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise refuse(path, f"it has two columns '{twice}'", f"列“{twice}”重复", "Rename or delete one of them.", 1)
    return Source(path, names, True, separator)


@contextmanager
def _told(path: Path, source: Source | None = None) -> Iterator[None]:
    """What polars raises over a file, as the fault that names the file and, where it can be found, the line."""
    import polars as pl

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, csv.Error) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        line = _ragged_line(source) if source is not None and source.text else None
        remedy = "Export or copy the file again; it is cut off, damaged or not of its kind."
        raise refuse(path, reason, f"文件损坏、被截断或格式不符（{reason}）", remedy, line) from error


def _records(source: Source) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV after its header, each with the line on which it starts; ends at one that cannot be told apart."""
    with source.path.open(encoding="utf-8-sig", errors="replace", newline="") as file, suppress(csv.Error):
        reader = csv.reader(file, delimiter=source.separator)
        next(reader, None)
        start = reader.line_num + 1
        for record in reader:
            yield start, record
            start = reader.line_num + 1


def _ragged_line(source: Source) -> int | None:
    return next((line for line, record in _records(source) if len(record) > len(source.columns)), None)


class Sheet:
    """The rows of one file that are not blank, with the columns asked for. InputFault names the line of the first bad cell."""

    def __init__(self, source: Source, columns: Collection[str]) -> None:
        import polars as pl

        self.source = source
        wanted = [name for name in source.columns if name in columns]
        with _told(source.path, source):
            if source.text:
                frame = pl.read_csv(source.path, infer_schema=False, columns=wanted, separator=source.separator)
                frame = frame.with_columns(pl.all().str.strip_chars().replace("", None))
            else:
                frame = pl.read_parquet(source.path, columns=wanted)
        frame = frame.with_row_index("#row")
        self.frame = frame.filter(~pl.all_horizontal(pl.col(wanted).is_null()))

    @property
    def rows(self) -> pl.Series:
        """The number of each row in the file, from 0."""
        return self.frame["#row"]

    def refuse_at(self, row: int, en: str, zh: str, remedy: str) -> NoReturn:
        """Raise the fault of a row of the file (from 0): by line in a CSV, by row in a Parquet file."""
        if self.source.text:
            line = next((start for start, _ in islice(_records(self.source), row, None)), None)
            raise refuse(self.source.path, en, zh, remedy, line)
        raise refuse(self.source.path, f"row {row + 1}: {en}", f"第 {row + 1} 行：{zh}", remedy)

    def refuse_where(self, bad: pl.Series, column: str, en: str, zh: str, remedy: str) -> None:
        """Raise for the first row at which `bad` holds; the reason starts with the column and what stands there."""
        at = bad.fill_null(False).arg_max()
        if at is not None and bool(bad[at]):
            got = show(self.frame[column].to_physical()[at])  # Python cannot hold every time that a damaged file does
            self.refuse_at(int(self.rows[at]), f"column '{column}' has {got}; {en}", f"列“{column}”的值为 {got}；{zh}", remedy)

    def text(self, column: str, *, required: bool = True) -> pl.Series:
        """A column as text."""
        import polars as pl

        series = self.frame[column]
        if required:
            self._filled(column, series)
        if series.dtype.is_float() and bool((series == series.round()).all()):
            series = series.cast(pl.Int64)
        return series.cast(pl.String)

    def money(self, column: str, digits: int, *, limit: int, required: bool = True) -> pl.Series:
        """A column of amounts with so many decimals, in whole minor units. `limit` is the largest in minor units."""
        import polars as pl

        series = self.frame[column]
        if required:
            self._filled(column, series)
        en, zh = f"an amount with at most {digits} decimals is needed", f"应为至多 {digits} 位小数的金额"
        remedy = "Mend that line; write amounts as 12.50, without currency or thousands signs."
        whole = _minor_text(series, digits) if series.dtype == pl.String else _minor_number(series, digits)
        self.refuse_where(whole.is_null() & series.is_not_null(), column, en, zh, remedy)
        self._within(column, whole, limit, f"{limit / 10**digits:g}")
        return whole

    def number(self, column: str, *, limit: float, required: bool = True) -> pl.Series:
        """A column of finite numbers, none larger than `limit` either way."""
        import polars as pl

        series = self.frame[column]
        if required:
            self._filled(column, series)
        value = series.cast(pl.Float64, strict=False)
        bad = (value.is_null() & series.is_not_null()) | ~value.is_finite().fill_null(True)
        self.refuse_where(bad, column, "a number is needed", "应为数字", "Mend that line.")
        self._within(column, value, limit, f"{limit:g}")
        return value

    def times(self, column: str, zone: ZoneInfo) -> pl.Series:
        """A column of instants in microseconds of the epoch; a time that names no zone is the zone's own, the earlier of two."""
        import polars as pl

        series = self.frame[column]
        self._filled(column, series)
        if isinstance(series.dtype, pl.Datetime):
            if series.dtype.time_zone is None:
                series = series.dt.replace_time_zone(zone.key, ambiguous="earliest", non_existent="null")
            instants = series.dt.epoch("us")
        else:
            known = {text: instant(text, zone) for text in series.cast(pl.String).unique().to_list()}
            instants = pl.Series(column, [known[text] for text in series.cast(pl.String).to_list()], dtype=pl.Int64)
        instants = instants.set(~instants.is_between(0, LATEST), None)
        wanted = f"a time such as 2026-03-02 18:05:00 that exists in {zone.key} is needed"
        wanted_zh = f"应为 {zone.key} 中存在的时间，如 2026-03-02 18:05:00"
        self.refuse_where(instants.is_null(), column, wanted, wanted_zh, "Mend that line.")
        return instants

    def days(self, column: str) -> pl.Series:
        """A column of calendar days."""
        import polars as pl

        series = self.frame[column]
        self._filled(column, series)
        if series.dtype == pl.String:
            days = series.str.head(10).str.to_date("%Y-%m-%d", strict=False)
        else:
            days = series.cast(pl.Date, strict=False)
        days = days.set(~days.dt.year().is_between(1970, 2199), None)
        self.refuse_where(days.is_null(), column, "a day such as 2026-03-02 is needed", "应为日期，如 2026-03-02", "Mend that line.")
        return days

    def _filled(self, column: str, series: pl.Series) -> None:
        self.refuse_where(series.is_null(), column, "a value is needed", "此处必须有值", "Fill that cell; the line may be cut off.")

    def _within(self, column: str, value: pl.Series, limit: float, shown: str) -> None:
        en, zh = f"no more than {shown} either way is taken in", f"绝对值不得超过 {shown}"
        self.refuse_where(value.abs() > limit, column, en, zh, "Mend that line, or raise the limit in the adapter's config.")


def needs_rows(paths: Sequence[Path], rows: int) -> None:
    """InputFault where files that should hold receipt lines hold none."""
    if not rows:
        raise refuse(paths[0], "it holds no receipt line", "没有任何小票行", "Export it again; only the header is there.")


def missing(source: Source, columns: Iterable[str]) -> None:
    """InputFault where a file lacks some of these columns: which, and which it has."""
    lacking = [name for name in columns if name not in source.columns]
    if lacking:
        names, there = ", ".join(lacking), ", ".join(source.columns)
        en, zh = f"it lacks the columns {names}; it has {there}", f"缺少列 {names}；现有列：{there}"
        remedy = "Name the columns by the adapter's config key 'columns', or export them too."
        raise refuse(source.path, en, zh, remedy, 1 if source.text else None)


def _minor_text(series: pl.Series, digits: int) -> pl.Series:
    import polars as pl

    sign, whole, rest = (series.str.extract(MONEY, group) for group in (1, 2, 3))
    rest = rest.fill_null("").str.strip_chars_end("0")
    fits = rest.str.len_chars() <= digits
    number = (whole + rest.str.pad_end(digits, "0")).cast(pl.Int64, strict=False)
    frame = pl.DataFrame({"sign": sign, "number": number, "fits": fits})
    signed = pl.when(pl.col("sign") == "-").then(-pl.col("number")).otherwise(pl.col("number"))
    fitting = pl.when("fits").then(signed).otherwise(None)
    return frame.select(fitting.alias(series.name))[series.name]


def _minor_number(series: pl.Series, digits: int) -> pl.Series:
    import polars as pl

    if series.dtype.is_integer():
        return series.cast(pl.Int64) * pl.Series([10**digits])
    scaled = series.cast(pl.Float64, strict=False) * float(10**digits)
    whole = scaled.round()
    frame = pl.DataFrame({"scaled": scaled, "whole": whole.cast(pl.Int64, strict=False)})
    exact = pl.col("scaled").is_finite() & ((pl.col("scaled") - pl.col("whole")).abs() < 1e-4)
    return frame.select(pl.when(exact).then("whole").otherwise(None).alias(series.name))[series.name]


def instant(text: str, zone: ZoneInfo) -> int | None:
    """Microseconds of the epoch of ISO 8601 text; None when it is none, or a time that the zone's clocks skip."""
    try:
        time = datetime.fromisoformat(text)
        utc = (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
        skipped = time.tzinfo is None and utc.astimezone(zone).replace(tzinfo=None) != time
    except (ValueError, OverflowError):
        return None
    if skipped or len(text) <= 10:
        return None
    since = utc - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(micros: int) -> datetime:
    """The UTC time of microseconds of the epoch."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


def slices(frame: pl.DataFrame, size: int = 20_000) -> Iterator[dict[str, Any]]:
    """The rows of a frame as mappings, made a slice at a time."""
    for part in frame.iter_slices(size):
        yield from part.iter_rows(named=True)


def count(number: float) -> int | float:
    """A quantity, whole where it is whole."""
    return int(number) if number == int(number) else number
