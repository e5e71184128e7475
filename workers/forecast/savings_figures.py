"""What reports of measurement and verification show, as `{name: (value, unit)}`: a model, a period's savings, a raw comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.workers.forecast.measurement import Day, Savings

Figures = dict[str, tuple[float, str]]

MODEL_UNITS = {
    "base_kwh": "kWh",
    "closed_base_kwh": "kWh",
    "cooling_kwh_per_k": "kWh/K",
    "cooling_from_c": "C",
    "heating_kwh_per_k": "kWh/K",
    "heating_from_c": "C",
    "sigma_kwh": "kWh",
    "r2": "",
    "cv_rmse_pct": "%",
    "nmbe_pct": "%",
    "held_nmbe_pct": "%",
}


def of_model(fitted: Mapping[str, Any] | None, days: int, accepted: bool) -> Figures:
    """`fitted`: `Baseline.as_dict()`, None where the days allowed no model. `days`: those of the baseline that count."""
    known = {name: (fitted[name], unit) for name, unit in MODEL_UNITS.items() if fitted[name] is not None} if fitted else {}
    return known | {"days": (days, "d"), "accepted": (int(accepted), "")}


def of_savings(found: Savings, price: float, carbon_kg: float) -> Figures:
    """`price` in minor units and `carbon_kg` of a kWh."""
    kwh = {
        "adjusted": found.adjusted_kwh,
        "actual": found.actual_kwh,
        "saved": found.saved_kwh,
        "low": found.low_kwh,
        "high": found.high_kwh,
    }
    money = {"cost_saved": found.saved_kwh, "cost_low": found.low_kwh, "cost_high": found.high_kwh}
    return {
        **{f"{name}_kwh": (value, "kWh") for name, value in kwh.items()},
        **{name: (round(value * price), "minor") for name, value in money.items()},
        "saved_pct": (100 * found.fraction, "%"),
        "co2_kg": (found.saved_kwh * carbon_kg, "kg"),
        "days": (len(found.days), "d"),
        "foreign_days": (len(found.foreign), "d"),
    }


def day_rows(found: Savings) -> list[dict[str, Any]]:
    """The days of a period's savings one by one."""
    names = ("adjusted_kwh", "actual_kwh", "saved_kwh")
    return [{"day": day.isoformat(), **{name: round(value, 3) for name, value in zip(names, kwh, strict=True)}} for day, *kwh in found.days]


def of_comparison(rows: Sequence[Day], baseline: Sequence[Day]) -> Figures:
    """Use a day beside that of the baseline's same month, or of all of it where it had none; weather is not taken out.

    `rows`: at least one, of one month.
    """
    same = [row for row in baseline if row.day.month == rows[0].day.month] or baseline
    now, before = (sum(row.kwh for row in days) / len(days) if days else 0.0 for days in (rows, same))
    figures: Figures = {"actual_kwh_a_day": (now, "kWh"), "days": (len(rows), "d")}
    if before > 0:
        figures |= {"baseline_kwh_a_day": (before, "kWh"), "change_pct": (100 * (now / before - 1), "%")}
    return figures
