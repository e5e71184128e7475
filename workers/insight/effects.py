"""What the causal figures have in common: an effect with its interval, a check that could have falsified it, and the rules for input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding
from storeloom.workers.insight.faults import InsightFault, complain, needed, require_setting, wrong

Floats = NDArray[np.float64]
MOST = 1e12
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Effect:
    """An estimate with its two-sided interval at `level`; `p_value` is of "no effect"; `se` is None where the interval comes without
    one."""

    value: float
    low: float
    high: float
    p_value: float
    level: float
    se: float | None = None

    def covers(self, truth: float) -> bool:
        return self.low <= truth <= self.high


@dataclass(frozen=True, slots=True)
class Check:
    """A check that would have spoken against an estimate: `value` met what was `expected`, or not (`held`)."""

    en: str
    zh: str
    value: float
    expected: str
    held: bool

    def finding(self) -> Finding:
        """The warning that belongs to a check that did not hold."""
        return Finding("SL-EXP-05", {"check": {"en": self.en, "zh": self.zh}, "got": f"{self.value:.3g}", "expected": self.expected})


def warnings(checks: Sequence[Check]) -> tuple[Finding, ...]:
    """A warning for each check that did not hold."""
    return tuple(check.finding() for check in checks if not check.held)


def student(value: float, se: float, df: float, level: float) -> Effect:
    """The effect of an estimate that is Student's t with `df` degrees of freedom about the truth."""
    from scipy.stats import t

    require_level(level)
    if se <= 0:
        return Effect(value, value, value, 1.0 if value == 0 else 0.0, level, se)
    half = float(t.ppf(0.5 + level / 2, df)) * se
    return Effect(value, value - half, value + half, float(2 * t.sf(abs(value) / se, df)), level, se)


def require_level(level: float) -> None:
    """A level of confidence lies strictly between one half and one."""
    require_setting("level", level, "0.5..1", 0.5 < level < 1)


def unusable(what_en: str, what_zh: str, reason_en: str, reason_zh: str) -> InsightFault:
    """The fault of an estimate that the design does not allow."""
    args = {"what": {"en": what_en, "zh": what_zh}, "reason": {"en": reason_en, "zh": reason_zh}}
    return InsightFault(Finding("SL-EXP-06", args))


def numbers(name: str, values: Any, least: int = 2) -> tuple[Floats, list[Finding]]:
    """Values as a vector, with what is wrong with them: too few, text, gaps, infinite or huge ones."""
    try:
        array = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return np.empty(0), wrong(name, "text or other values", "文字等非数值", len(values), "numbers", "数值")
    bad = int(np.sum(~(np.abs(array) <= MOST)))
    found = wrong(name, "missing, infinite or huge values", "空值、非有限或过大数值", bad, f"|x| <= {MOST:g}", f"绝对值不超过 {MOST:g}")
    return array, found + needed(f"values of {name}", f"{name} 的数值", array.size, least)


def same_length(**columns: Floats) -> list[Finding]:
    """A finding where vectors that belong together differ in length."""
    sizes = {name: column.size for name, column in columns.items()}
    if len(set(sizes.values())) <= 1:
        return []
    return wrong(" / ".join(sizes), "different lengths", "长度不一", len(set(sizes.values())), "one length", "长度一致")


def panel(frame: pl.DataFrame) -> pl.DataFrame:
    """A checked panel `unique_id`, `ds`, `y`, sorted; rows without `y` are left out (demand could not show). All that is wrong is
    raised."""
    names = ("unique_id", "ds", "y")
    known = ", ".join(frame.columns) or "-"
    complain([Finding("SL-EXP-01", {"column": n, "known": known, "needed": ", ".join(names)}) for n in names if n not in frame.columns])
    kind = frame.schema["ds"]
    plain = kind == pl.Date or (isinstance(kind, pl.Datetime) and kind.time_zone is None)
    allowed = ("Date, or Datetime in local time without zone", "日期，或无时区的当地时间")
    found = [] if plain else wrong("ds", f"type {kind}", f"类型 {kind}", frame.height, *allowed)
    blank = frame.select(pl.col("unique_id").is_null().sum() + pl.col("ds").is_null().sum()).item()
    found += wrong("unique_id, ds", "nothing", "空值", int(blank), "a value in each row", "每行都有值")
    y = frame["y"].cast(pl.Float64, strict=False)
    huge = int((y.is_not_null() & ~(y.abs() <= MOST)).sum()) + int((y.is_null() & frame["y"].is_not_null()).sum())
    found += wrong("y", "text, infinite or huge values", "文字、非有限或过大数值", huge, f"|y| <= {MOST:g}", f"绝对值不超过 {MOST:g}")
    complain(found + needed("rows", "数据行", frame.height, 1))
    rows = frame.select(pl.col("unique_id").cast(pl.String), "ds", pl.col("y").cast(pl.Float64)).sort("unique_id", "ds")
    twice = rows.filter(pl.struct("unique_id", "ds").is_duplicated())
    if twice.height:
        raise InsightFault(Finding("SL-EXP-04", {"count": twice.height, "unit": twice["unique_id"][0], "at": twice["ds"][0]}))
    return rows.drop_nulls("y")


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that control the family-wise error under any dependence (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * (p.size - np.arange(p.size))))
    return [float(one) for one in adjusted]
