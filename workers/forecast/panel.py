"""The panel: many series in one long frame, checked and completed by stated rules.

A panel has the forecaster's columns `unique_id` (the series), `ds` (Date, or Datetime in the store's local time without zone) and `y`
(units; null: demand could not show). Each series is whole from its first row to the panel's last step. The rules:

- a step without a row sold nothing (0), or is unknown (null) where the panel is built so, where the calendar says closed, and where the
  clock skipped it;
- a row with null stays null; a step in `hidden` (sold out, not counted) is null, whatever was sold: what could be sold is estimated by
  `censored`;
- returns count against the sales of their step; what exceeds these is taken off the latest sales before, then dropped;
- receipt lines (`lines=True`) are put into their steps and summed; otherwise a repeated step is a fault, for it would count double;
- times with an offset become the store's local time; the hour that autumn brings twice is summed, the one that spring skips is null, and
  `skipped` names such hours ahead;
- rows more than 15 years before the last are a fault, as of a mistyped year: each step in between would be a row.

All that is wrong is raised at once; what was mended is kept in `Panel.findings`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from storeloom.core.kernel.errors import Finding

COLUMNS = ("unique_id", "ds", "y")
STEPS = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "1d": timedelta(days=1), "1w": timedelta(weeks=1)}
MOST = 1e9
SPIKE = 50
LONGEST = timedelta(days=15 * 366)
OFFSET = r"[T ]\d{2}:\d{2}.*(Z|[+-]\d{2}:?\d{2})$"

Step = date | datetime


class PanelFault(ValueError):
    """Rows that cannot become a panel; `findings` holds all that is wrong, in zh and en."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(f"{one.text()} {one.fix()}" for one in self.findings))


@dataclass(frozen=True)
class Panel:
    """Series of one step `freq`, sorted by series and step; `findings`: what was mended, and what deserves a look."""

    frame: pl.DataFrame
    freq: str = "1d"
    findings: tuple[Finding, ...] = ()

    @property
    def ids(self) -> list[str]:
        found: list[str] = self.frame["unique_id"].unique(maintain_order=True).to_list()
        return found

    @property
    def last(self) -> Step:
        found = self.frame["ds"].max()
        assert isinstance(found, date)
        return found

    def until(self, step: Step) -> Panel:
        """The panel as it was known at the end of a step; series that began later are gone."""
        return Panel(self.frame.filter(pl.col("ds") <= step), self.freq)


def build(
    rows: pl.DataFrame,
    freq: str = "1d",
    *,
    zone: str | None = None,
    until: Step | None = None,
    closed: pl.DataFrame | None = None,
    hidden: pl.DataFrame | None = None,
    lines: bool = False,
    gaps: float | None = 0.0,
    most: float = MOST,
) -> Panel:
    """A panel of rows `unique_id`, `ds`, `y` in any order.

    `freq`: step, one of 15m, 1h, 1d, 1w (weeks begin on Monday). `zone`: the store's, for times with an offset. `until`: last step known
    (default: the last of the rows); rows after it are a fault. `closed`, `hidden`: steps as `ds` and, where it differs, `unique_id`.
    `gaps`: what a step without a row counts, None for unknown. `most`: values beyond are a fault. Raises PanelFault.
    """
    if freq not in STEPS:
        raise ValueError(f"freq is {freq!r}; known: {', '.join(STEPS)}")
    missing = [
        Finding("SL-FCT-02", {"column": name, "known": ", ".join(rows.columns) or "-"}) for name in COLUMNS if name not in rows.columns
    ]
    if missing or not rows.height:
        raise PanelFault([*([] if rows.height else [Finding("SL-FCT-01")]), *missing])
    rows = rows.select(pl.col("unique_id").cast(pl.String), "ds", "y")
    values, bad = _values(rows, most)
    known = [*_unknown_zone(zone), *calendar_faults(closed), *calendar_faults(hidden)]
    steps, wrong = (None, []) if known else _steps(values, zone)
    faults = [*bad, *known, *wrong]
    if steps is None:
        raise PanelFault(faults)
    placed, off = _placed(steps, freq, lines or (freq in ("15m", "1h") and zone is not None), lines)
    faults += [*off, *_late(placed, until), *_old(placed)]
    if faults:
        raise PanelFault(faults)
    summed = (
        placed.group_by("unique_id", "ds").agg(pl.when(pl.col("y").is_not_null().any()).then(pl.col("y").sum())).sort("unique_id", "ds")
    )
    netted, returned = _net(summed)
    full, filled = _complete(netted, freq, zone, until, closed, hidden, gaps)
    return Panel(full, freq, (*returned, *filled, *_looks(full)))


def _values(rows: pl.DataFrame, most: float) -> tuple[pl.DataFrame, list[Finding]]:
    """Rows with `y` as numbers; what is no number, not finite or beyond `most`, and rows without a series or step."""
    found = []
    y = pl.Series("y", [None] * rows.height, pl.Float64) if rows.schema["y"].is_nested() else rows["y"].cast(pl.Float64, strict=False)
    unread = int((y.is_null() & rows["y"].is_not_null()).sum())
    allowed = {"en": f"finite numbers of at most {most:g}", "zh": f"不超过 {most:g} 的有限数值"}
    huge = y.drop_nulls().filter(~(y.drop_nulls().abs() <= most)).len()
    for count, got in ((unread, {"en": "text", "zh": "文字"}), (huge, {"en": "huge or infinite values", "zh": "过大或非有限数值"})):
        if count:
            found.append(Finding("SL-FCT-03", {"column": "y", "got": got, "count": count, "allowed": allowed}))
    for name in ("unique_id", "ds"):
        if nulls := rows[name].null_count():
            nothing, something = {"en": "nothing", "zh": "空值"}, {"en": "a value in each row", "zh": "每行都有值"}
            found.append(Finding("SL-FCT-03", {"column": name, "got": nothing, "count": nulls, "allowed": something}))
    return rows.with_columns(y=y), found


def _steps(rows: pl.DataFrame, zone: str | None) -> tuple[pl.DataFrame | None, list[Finding]]:
    """Rows with `ds` as the store's local Date or Datetime; None where that cannot be said."""
    kind = rows.schema["ds"]
    if kind == pl.Date:
        return rows, []
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is None:
            return rows.with_columns(pl.col("ds").cast(pl.Datetime("us"))), []
        if zone is None:
            return None, [Finding("SL-FCT-07")]
        return rows.with_columns(pl.col("ds").dt.convert_time_zone(zone).dt.replace_time_zone(None).cast(pl.Datetime("us"))), []
    if kind != pl.String:
        return None, [_unread(rows.height, str(kind))]
    return _texts(rows, zone)


def _texts(rows: pl.DataFrame, zone: str | None) -> tuple[pl.DataFrame | None, list[Finding]]:
    text = rows["ds"].drop_nulls()
    offsets = int(text.str.contains(OFFSET).sum())
    if 0 < offsets < len(text):
        return None, [Finding("SL-FCT-06", {"count": offsets, "total": len(text)})]
    if offsets and zone is None:
        return None, [Finding("SL-FCT-07")]
    if offsets:
        read = pl.col("ds").str.to_datetime("%+", strict=False, time_unit="us", time_zone="UTC")
        parsed = rows.with_columns(read.dt.convert_time_zone(zone or "UTC").dt.replace_time_zone(None))
    else:
        moment = (
            pl.col("ds")
            .str.replace("T", " ")
            .str.replace(r"\.\d+$", "")
            .str.pad_end(19, "#")
            .str.replace("#{9}$", " 00:00:00")
            .str.replace("#{3}$", ":00")
        )
        parsed = rows.with_columns(moment.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us"))
    unread = parsed["ds"].null_count() - rows["ds"].null_count()
    if unread:
        return None, [_unread(unread, rows.filter(parsed["ds"].is_null() & rows["ds"].is_not_null())["ds"][0])]
    return parsed, []


def _unread(count: int, example: str) -> Finding:
    allowed = {"en": "dates or times such as 2026-03-02 or 2026-03-02T10:00", "zh": "日期或时间，如 2026-03-02 或 2026-03-02T10:00"}
    return Finding("SL-FCT-03", {"column": "ds", "got": repr(example), "count": count, "allowed": allowed})


def _placed(rows: pl.DataFrame, freq: str, repeats: bool, lines: bool) -> tuple[pl.DataFrame, list[Finding]]:
    """Rows with `ds` as the begin of a step; those off the grid, and repeats, unless lines are summed."""
    rows = rows.drop_nulls(["unique_id", "ds"])
    whole = pl.col("ds").cast(pl.Datetime("us")).dt.truncate(freq)
    days = freq in ("1d", "1w")
    begun = rows.with_columns(begin=whole.dt.date() if days else whole)
    found = []
    off = begun.filter(pl.col("ds").cast(pl.Datetime("us")) != pl.col("begin").cast(pl.Datetime("us"))).sort("unique_id", "ds")
    if off.height and not lines:
        found.append(Finding("SL-FCT-08", {"count": off.height, "freq": freq, "series": off["unique_id"][0], "step": str(off["ds"][0])}))
    placed = begun.select("unique_id", ds="begin", y="y")
    again = placed.filter(pl.struct("unique_id", "ds").is_duplicated()).sort("unique_id", "ds")
    if again.height and not repeats:
        count = again.height - again.select("unique_id", "ds").unique().height
        found.append(Finding("SL-FCT-04", {"count": count, "series": again["unique_id"][0], "step": str(again["ds"][0])}))
    return placed, found


def _late(rows: pl.DataFrame, until: Step | None) -> list[Finding]:
    if until is None:
        return []
    late = rows.filter(pl.col("ds") > pl.lit(until).cast(rows.schema["ds"])).sort("unique_id", "ds")
    if not late.height:
        return []
    return [Finding("SL-FCT-05", {"count": late.height, "until": str(until), "series": late["unique_id"][0], "step": str(late["ds"][0])})]


def _old(rows: pl.DataFrame) -> list[Finding]:
    """Rows too far before the last one."""
    last = rows["ds"].max()
    if not isinstance(last, date):
        return []
    old = rows.filter(pl.col("ds") < pl.lit(last - LONGEST).cast(rows.schema["ds"])).sort("unique_id", "ds")
    if not old.height:
        return []
    return [Finding("SL-FCT-36", {"count": old.height, "last": str(last), "series": old["unique_id"][0], "step": str(old["ds"][0])})]


def _unknown_zone(zone: str | None) -> list[Finding]:
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return [Finding("SL-FCT-35", {"zone": zone})]
    return []


def calendar_faults(steps: pl.DataFrame | None) -> list[Finding]:
    """What is wrong with steps that are named, as closed or hidden: no `ds`, or text that is no date."""
    if steps is None or not steps.height:
        return []
    if "ds" not in steps.columns:
        return [Finding("SL-FCT-02", {"column": "ds", "known": ", ".join(steps.columns)})]
    days = steps["ds"]
    bad = (
        days.is_null()
        if days.dtype.is_temporal()
        else days.cast(pl.String).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).is_null()
    )
    return [_unread(int(bad.sum()), str(days.filter(bad)[0]))] if bad.any() else []


def _net(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
    """Steps below 0 become 0 and what they lack is taken off the latest sales before them."""
    below = rows.filter(pl.col("y") < 0)
    if not below.height:
        return rows, []
    taken = left = 0.0
    y = rows["y"].to_numpy().copy()
    starts = rows["unique_id"].rle_id().to_numpy()
    for index in np.flatnonzero(y < 0).tolist():
        owed, y[index], before = -y[index], 0.0, index - 1
        while owed > 0 and before >= 0 and starts[before] == starts[index]:
            part = 0.0 if np.isnan(y[before]) else min(owed, y[before])
            y[before] -= part
            owed -= part
            taken += part
            before -= 1
        left += owed
    finding = Finding("SL-FCT-10", {"count": below.height, "units": f"{taken:g}", "left": f"{left:g}"})
    return rows.with_columns(y=pl.Series(y, nan_to_null=True)), [finding]


def _complete(
    rows: pl.DataFrame,
    freq: str,
    zone: str | None,
    until: Step | None,
    closed: pl.DataFrame | None,
    hidden: pl.DataFrame | None,
    gaps: float | None,
) -> tuple[pl.DataFrame, list[Finding]]:
    kind = rows.schema["ds"]
    last = pl.lit(until).cast(kind) if until is not None else pl.lit(rows["ds"].max(), dtype=kind)
    ranges = pl.date_ranges if kind == pl.Date else pl.datetime_ranges
    spans = rows.group_by("unique_id").agg(pl.col("ds").min()).sort("unique_id")
    grid = spans.with_columns(ds=ranges("ds", last, freq)).explode("ds", empty_as_null=False)
    known = rows.with_columns(gap=pl.lit(False))
    full = grid.join(known, on=["unique_id", "ds"], how="left", maintain_order="left").with_columns(pl.col("gap").fill_null(True))
    shut = _marked(full, closed)
    skipped = pl.Series(np.zeros(full.height, dtype=bool))
    if zone is not None and kind != pl.Date:
        skipped = full["ds"].dt.replace_time_zone(zone, non_existent="null", ambiguous="earliest").is_null()
    unknown = full["gap"] & (shut | skipped if gaps is not None else True)
    traded = full.filter(shut & ~full["gap"] & (full["y"] != 0))
    zero, blank = int((full["gap"] & ~unknown).sum()), int(unknown.sum())
    findings = []
    if zero + blank:
        series = full.filter(pl.col("gap"))["unique_id"].n_unique()
        findings.append(Finding("SL-FCT-09", {"count": zero + blank, "series": series, "zero": zero, "unknown": blank}))
    if traded.height:
        where = {"series": traded["unique_id"][0], "step": str(traded["ds"][0])}
        findings.append(Finding("SL-FCT-13", {"count": traded.height, **where}))
    fresh = pl.when(pl.col("gap") & ~pl.Series(unknown)).then(gaps or 0.0).otherwise("y")
    filled = full.with_columns(y=fresh)
    return filled.with_columns(y=pl.when(_marked(full, hidden)).then(None).otherwise("y")).select(COLUMNS), findings


def _marked(full: pl.DataFrame, steps: pl.DataFrame | None) -> pl.Series:
    """Which rows of the panel stand in `steps`."""
    if steps is None or not steps.height:
        return pl.Series(np.zeros(full.height, dtype=bool))
    keys = [name for name in ("unique_id", "ds") if name in steps.columns]
    marks = steps.select(pl.col(keys)).with_columns(pl.col("ds").cast(full.schema["ds"])).unique().with_columns(mark=True)
    return full.join(marks, on=keys, how="left", maintain_order="left")["mark"].fill_null(False)


def _looks(full: pl.DataFrame) -> Iterator[Finding]:
    """What is sound but deserves a look: single points, series that never sold, spikes."""
    by = full.group_by("unique_id", maintain_order=True).agg(pl.len(), top=pl.col("y").max().fill_null(0.0))
    single, never = by.filter(pl.col("len") == 1), by.filter(pl.col("top") == 0)
    if single.height:
        yield Finding("SL-FCT-11", {"count": single.height, "series": single["unique_id"][0]})
    if never.height:
        yield Finding("SL-FCT-12", {"count": never.height, "series": never["unique_id"][0]})
    usual = pl.col("y").filter(pl.col("y") > 0).median().over("unique_id")
    spikes = full.filter(pl.col("y") > SPIKE * usual)
    if spikes.height:
        where = {"series": spikes["unique_id"][0], "step": str(spikes["ds"][0]), "got": f"{spikes['y'][0]:g}"}
        yield Finding("SL-FCT-14", {"count": spikes.height, "times": SPIKE, **where})


def skipped(last: Step, freq: str, horizon: int, zone: str) -> pl.DataFrame:
    """Local times ahead that a change of the clock skips, as `ds`: name them as closed, and nothing is forecast there."""
    steps = pl.DataFrame({"ds": ahead(last, freq, horizon)})
    if steps.schema["ds"] == pl.Date:
        return steps.clear()
    return steps.filter(pl.col("ds").dt.replace_time_zone(zone, non_existent="null", ambiguous="earliest").is_null())


def ahead(last: Step, freq: str, horizon: int) -> list[Step]:
    """The `horizon` steps after a panel's last one."""
    return [shifted(last, freq, step) for step in range(1, horizon + 1)]


def shifted(step: Step, freq: str, steps: int) -> Step:
    """A step so many steps later; earlier where negative."""
    return step + steps * STEPS[freq]
