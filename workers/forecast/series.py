"""Daily series of an item as plain JSON, and the record of how its forecasts did.

An item is `{"first": date, "units": [net units a day or None], "scored": [...], ...}`; a scored day is
`{"actual": units, "published": units, <method>: units, ...}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from storeloom.workers.forecast.accuracy import challenger_wins, mean_absolute, naive_scale, tracking_signal

Item = dict[str, Any]


def extend(item: Item, news: Mapping[str, Mapping[str, Any]], today: date, earliest: date) -> None:
    """Carry a series on to `today` and enter the news of its days: `{day: {"units": net units, "out": seen out of stock}}`.

    A day without news is one without sales. News of days before the series lengthens it; what lies before `earliest` is dropped. A
    day on which nothing sold and the shelf was seen empty is None until a sale of it comes in.
    """
    first = date.fromisoformat(item["first"])
    begin = max(earliest, min([first, *(date.fromisoformat(day) for day in news)]))
    units = [0.0] * max(0, (first - begin).days) + item["units"][max(0, (begin - first).days) :]
    units += [0.0] * ((today - begin).days + 1 - len(units))
    for day, facts in news.items():
        index = (date.fromisoformat(day) - begin).days
        if 0 <= index < len(units):
            sold = round((units[index] or 0) + facts["units"], 3)
            units[index] = None if sold <= 0 and (facts["out"] or units[index] is None) else sold
    item["first"], item["units"] = begin.isoformat(), units


def weekly_sales(series: Sequence[float | None], days: int) -> float:
    """Units a week over the last `days` days (of a younger series: all), counting known days only; 0 where none is known."""
    known = [max(0.0, units) for units in series[-days:] if units is not None]
    return 7 * sum(known) / len(known) if known else 0.0


def champion(current: str, scored: Sequence[Mapping[str, float]], methods: Iterable[str], gain: float, days: int) -> str:
    """The method that goes on: the best challenger where it beats the current one by the share `gain` over the last `days` scored days.

    The methods are scored on the same days against the same scale, so that the comparison of MASE is one of mean absolute errors.
    With fewer scored days the current method stays; equal challengers rank in the order of `methods`.
    """
    if len(scored) < days:
        return current
    found = {method: mean_absolute([row["actual"] - row[method] for row in scored[-days:]]) for method in methods}
    best = min(found, key=found.__getitem__)
    return best if challenger_wins(found[current], found[best], gain) else current


def mase(method: str, scored: Sequence[Mapping[str, float]], series: Sequence[float | None]) -> float | None:
    """Mean absolute scaled error of a method's true forecasts; None before there are any, or on a series that repeats itself exactly."""
    scale = naive_scale(series)
    return mean_absolute([row["actual"] - row[method] for row in scored]) / scale if scale and scored else None


def signal(scored: Sequence[Mapping[str, float]], days: int) -> float:
    """Tracking signal of what was published, 0 before `days` days are scored."""
    return tracking_signal([row["actual"] - row["published"] for row in scored[-days:]]) if len(scored) >= days else 0.0


def latest_known(item: Item, days: int) -> str:
    """The day from which on a series holds just that many known days (its first day where it has fewer)."""
    known = [index for index, units in enumerate(item["units"]) if units is not None]
    index = known[-days] if len(known) >= days else 0
    return (date.fromisoformat(item["first"]) + timedelta(days=index)).isoformat()
