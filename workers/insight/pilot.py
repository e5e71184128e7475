"""What a pilot project did in its stores: every comparison that its stores allow, side by side, with what would refute each.

Two or more pilot stores are held against comparable ones by differences in differences; their mean against a weighted mean of the others
by synthetic control. Both rest on the others not being touched by the pilot. A comparison that cannot be made says why; none is made up.
Drivers are the same difference in differences of other figures, their p-values adjusted together: they tell where an effect came from as
far as figures move together, and prove no cause.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TypeVar

import polars as pl

from storeloom.core.kernel.errors import Finding
from storeloom.workers.insight import did, synthetic
from storeloom.workers.insight.effects import Effect, holm, panel
from storeloom.workers.insight.faults import InsightFault, complain, wrong

PILOT = "pilot stores"
Made = TypeVar("Made")


@dataclass(frozen=True)
class Driver:
    """What another figure did: its effect (p-value adjusted over all drivers) and that as a share of what it would have been."""

    name: str
    effect: Effect
    share: float | None


@dataclass(frozen=True)
class Judged:
    """`effect` is the one to go by, of `method` (`did` or `synthetic`), a mean of a pilot store's day; `findings` holds why a comparison
    could not be made, and each check that spoke against one."""

    method: str
    effect: Effect
    share: float | None
    change: did.Change | None
    study: did.Study | None
    placebos: tuple[tuple[object, Effect], ...]
    twin: synthetic.Synthetic | None
    drivers: tuple[Driver, ...]
    findings: tuple[Finding, ...]


def judge(
    frame: pl.DataFrame,
    treated: Sequence[str],
    controls: Sequence[str],
    start: date,
    *,
    drivers: Mapping[str, pl.DataFrame] | None = None,
    seed: int = 0,
) -> Judged:
    """Judge what began at `start` in the treated stores by the panel `unique_id`, `ds` (days), `y`, which ends with the pilot.

    InsightFault where no comparison can be made at all.
    """
    both = sorted(set(treated) & set(controls))
    complain(
        wrong("controls", f"pilot stores ({', '.join(both)})", f"试点门店（{'、'.join(both)}）", len(both), "other stores", "其他门店")
    )
    rows = panel(frame).filter(pl.col("unique_id").is_in([*treated, *controls]))
    starts = dict.fromkeys(treated, start)
    findings: list[Finding] = []
    change = _tried(lambda: did.change(rows, starts, seed=seed), findings)
    twin = _tried(lambda: synthetic.control(_against_mean(rows, treated), PILOT, start), findings)
    if change is None and twin is None:
        raise InsightFault(findings)
    study = (
        None if change is None else _tried(lambda: did.event_study(_by_week(rows, start), dict.fromkeys(treated, _week(start, start))), [])
    )
    placebos = () if change is None else _tried(lambda: did.placebo_dates(rows, starts), findings) or ()
    findings += [one for part in (change, twin) if part is not None for one in part.findings]
    moved = _drivers(drivers or {}, treated, controls, start)
    if change is not None:
        return Judged("did", change.effect, change.share, change, study, placebos, twin, moved, tuple(findings))
    assert twin is not None
    base = float(rows.filter(pl.col("unique_id").is_in(treated) & (pl.col("ds") >= start))["y"].mean() or 0.0) - twin.effect.value  # type: ignore[arg-type]
    share = twin.effect.value / base if base > 0 else None
    return Judged("synthetic", twin.effect, share, None, None, (), twin, moved, tuple(findings))


def _tried(made: Callable[[], Made], findings: list[Finding]) -> Made | None:
    try:
        return made()
    except InsightFault as fault:
        findings += [one for one in fault.findings if one not in findings]
        return None


def _against_mean(rows: pl.DataFrame, treated: Sequence[str]) -> pl.DataFrame:
    """The panel with the pilot stores as one, their mean on days that all of them have."""
    ours = rows.filter(pl.col("unique_id").is_in(treated)).group_by("ds").agg(pl.col("y").mean(), pl.len().alias("n"))
    mean = ours.filter(pl.col("n") == len(set(treated))).select(pl.lit(PILOT).alias("unique_id"), "ds", "y")
    return pl.concat([mean, rows.filter(~pl.col("unique_id").is_in(treated)).select("unique_id", "ds", "y")])


def _week(day: date, start: date) -> date:
    """The first day of a day's week, weeks counted from the start."""
    return date.fromordinal(day.toordinal() - (day.toordinal() - start.toordinal()) % 7)


def _by_week(rows: pl.DataFrame, start: date) -> pl.DataFrame:
    """Means of whole weeks counted from the start."""
    week = pl.col("ds") - pl.duration(days=(pl.col("ds") - pl.lit(start)).dt.total_days() % 7)
    found = rows.group_by("unique_id", week.alias("ds")).agg(pl.col("y").mean(), pl.len().alias("n"))
    return found.filter(pl.col("n") == 7).select("unique_id", "ds", "y")


def _drivers(panels: Mapping[str, pl.DataFrame], treated: Sequence[str], controls: Sequence[str], start: date) -> tuple[Driver, ...]:
    def change(frame: pl.DataFrame) -> did.Change:
        rows = panel(frame).filter(pl.col("unique_id").is_in([*treated, *controls]))
        return did.change(rows, dict.fromkeys(treated, start), draws=0)

    tried = {name: _tried(partial(change, frame), []) for name, frame in panels.items()}
    found = {name: one for name, one in tried.items() if one is not None}
    adjusted = holm([one.effect.p_value for one in found.values()]) if found else []
    return tuple(Driver(name, replace(one.effect, p_value=p), one.share) for (name, one), p in zip(found.items(), adjusted, strict=True))
