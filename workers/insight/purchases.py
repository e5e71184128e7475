"""Receipt lines of members, checked by stated rules: what every figure of customers starts from.

Lines have the columns `member` (str), `receipt` (str), `ds` (Date, or Datetime in the store's local time without zone), `item` (str), `qty`
and `amount` (paid for the line, in any one unit of money). The rules:

- lines of one item on one receipt are summed; a receipt counts on the day of its first line;
- returns are lines with negative qty and amount; a receipt that comes to nothing or less is no purchase;
- on a receipt that is a purchase, items whose qty comes to nothing or less were not bought; their amount (a return, a discount) counts.

All that is wrong is raised at once; what was mended or deserves a look is kept in `Purchases.findings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from storeloom.core.kernel.errors import Finding
from storeloom.workers.insight.faults import InsightFault, require_setting

COLUMNS = ("member", "receipt", "ds", "item", "qty", "amount")
MOST = 1e9
SPIKE = 100


@dataclass(frozen=True)
class Purchases:
    """`lines`: member, receipt, ds (Date), item, qty, amount, one row an item and receipt; `until`: the last day known."""

    lines: pl.DataFrame
    until: date
    findings: tuple[Finding, ...] = ()

    @property
    def bought(self) -> pl.DataFrame:
        """The lines of items that were taken home."""
        return self.lines.filter(pl.col("qty") > 0)

    @property
    def receipts(self) -> pl.DataFrame:
        """member, receipt, ds, amount, one row a receipt, by day."""
        found = self.lines.group_by("member", "receipt", "ds").agg(pl.col("amount").sum())
        return found.sort("ds", "member", "receipt")

    @property
    def days(self) -> pl.DataFrame:
        """member, ds, amount: several receipts of a day are one purchase, as is usual where time counts in days."""
        return self.lines.group_by("member", "ds").agg(pl.col("amount").sum()).sort("member", "ds")

    def before(self, day: date) -> Purchases:
        """What was known on the morning of `day`."""
        return Purchases(self.lines.filter(pl.col("ds") < day), _eve(day))

    def within(self, first: date, last: date) -> Purchases:
        """Purchases from `first` to `last`, both counted."""
        return Purchases(self.lines.filter(pl.col("ds").is_between(first, last)), last)


def read(lines: pl.DataFrame, *, until: date | None = None, most: float = MOST) -> Purchases:
    """Checked purchases. `until`: the last day known (default: the last of the lines); `most`: amounts and quantities beyond are a fault.

    Raises InsightFault with all that is wrong.
    """
    require_setting("most", most, "> 0", most > 0)
    faults = [] if lines.height else [Finding("SL-CUS-01")]
    faults += [
        Finding("SL-CUS-02", {"column": name, "known": ", ".join(lines.columns) or "-"}) for name in COLUMNS if name not in lines.columns
    ]
    if faults:
        raise InsightFault(faults)
    faults = [*_names(lines), *_numbers(lines, most), *_times(lines)]
    if faults:
        raise InsightFault(faults)
    typed = lines.select(
        *(pl.col(name).cast(pl.String) for name in ("member", "receipt", "item")),
        pl.col("ds").cast(pl.Date),
        *(pl.col(name).cast(pl.Float64) for name in ("qty", "amount")),
    )
    last = until or _last(typed)
    faults = [*_late(typed, last), *_shared(typed)]
    if faults:
        raise InsightFault(faults)
    return _netted(typed, last)


def _last(lines: pl.DataFrame) -> date:
    found = lines["ds"].max()
    assert isinstance(found, date)
    return found


def _eve(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


def _wrong(column: str, got: tuple[str, str], count: int, allowed: tuple[str, str]) -> Finding:
    words = {"got": dict(zip(("en", "zh"), got, strict=True)), "allowed": dict(zip(("en", "zh"), allowed, strict=True))}
    return Finding("SL-CUS-03", {"column": column, "count": count, **words})


def _names(lines: pl.DataFrame) -> list[Finding]:
    found = []
    for name in ("member", "receipt", "item"):
        if count := int((lines[name].is_null() | (lines[name].cast(pl.String).str.strip_chars() == "")).sum()):
            found.append(_wrong(name, ("nothing", "空值"), count, ("a value in each row", "每行都有值")))
    return found


def _numbers(lines: pl.DataFrame, most: float) -> list[Finding]:
    found = []
    for name in ("qty", "amount"):
        value = lines[name].cast(pl.Float64, strict=False)
        if count := int((~(value.abs() <= most).fill_null(False)).sum()):
            got = ("text, nothing, huge or infinite values", "文字、空值、过大或非有限数值")
            found.append(_wrong(name, got, count, (f"finite numbers of at most {most:g}", f"不超过 {most:g} 的有限数值")))
    return found


def _times(lines: pl.DataFrame) -> list[Finding]:
    kind = lines.schema["ds"]
    allowed = ("Date, or Datetime in the store's local time without zone", "日期，或门店当地的无时区时间")
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return [_wrong("ds", (f"times of zone {kind.time_zone}", f"带时区 {kind.time_zone} 的时间"), lines.height, allowed)]
    if not (kind == pl.Date or isinstance(kind, pl.Datetime)):
        return [_wrong("ds", (f"type {kind}", f"类型 {kind}"), lines.height, allowed)]
    if nulls := lines["ds"].null_count():
        return [_wrong("ds", ("nothing", "空值"), nulls, allowed)]
    return []


def _late(lines: pl.DataFrame, until: date) -> list[Finding]:
    late = lines.filter(pl.col("ds") > until).sort("ds", "receipt")
    if not late.height:
        return []
    first = late.row(0, named=True)
    return [Finding("SL-CUS-04", {"count": late.height, "until": until, "receipt": first["receipt"], "day": first["ds"]})]


def _shared(lines: pl.DataFrame) -> list[Finding]:
    owners = lines.group_by("receipt").agg(pl.col("member").n_unique()).filter(pl.col("member") > 1).sort("receipt")
    return [Finding("SL-CUS-05", {"count": owners.height, "receipt": owners["receipt"][0]})] if owners.height else []


def _netted(lines: pl.DataFrame, until: date) -> Purchases:
    whole = (
        lines.with_columns(pl.col("ds").min().over("receipt"))
        .group_by("member", "receipt", "ds", "item")
        .agg(pl.col("qty", "amount").sum())
    )
    totals = whole.group_by("receipt").agg(pl.col("amount").sum()).sort("receipt")
    paid = totals.filter(pl.col("amount") > 0)
    findings = []
    if paid.height < totals.height:
        findings.append(Finding("SL-CUS-06", {"count": totals.height - paid.height, "total": totals.height}))
    huge = paid.filter(pl.col("amount") > SPIKE * pl.col("amount").median())
    if huge.height:
        args = {"count": huge.height, "times": SPIKE, "receipt": huge["receipt"][0], "got": f"{huge['amount'][0]:g}"}
        findings.append(Finding("SL-CUS-09", args))
    kept = whole.join(paid.select("receipt"), on="receipt", how="semi")
    return Purchases(kept.sort("ds", "member", "receipt", "item"), until, tuple(findings))
