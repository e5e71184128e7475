"""Forecasts in words, English and Chinese: why a method was chosen, and what each driver does to each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.workers.forecast.choice import CLASSES, Choice
from storeloom.workers.forecast.drivers import GROUPS
from storeloom.workers.forecast.grid import Array, Grid
from storeloom.workers.forecast.models import DRIVEN

ZH = {"smooth": "平稳", "erratic": "波动", "intermittent": "间断", "lumpy": "团块"}
TOLD = 0.005


def chosen(grid: Grid, kinds: NDArray[np.int64], choice: Choice) -> pl.DataFrame:
    """What was chosen for each series and why, in words."""
    singles = {one: number for number, one in enumerate(choice.sets)}
    naive = singles.get(("seasonal_naive",), singles.get(("naive",)))
    plain = [number for number, one in enumerate(choice.sets) if not set(one) & set(DRIVEN) and one != ("zero",)] if grid.drivers else []
    rows = []
    for row, name in enumerate(grid.ids):
        kind, pick = int(kinds[row]), int(choice.picks[row])
        loss = float(choice.losses[kind, pick])
        against = float("nan") if naive is None else float(choice.losses[kind, naive])
        without = np.array([choice.losses[kind, number] for number in plain])
        best = float(np.nanmin(without)) if (~np.isnan(without)).any() else float("nan")
        method = "+".join(choice.sets[pick])
        why, why_zh = _words(CLASSES[kind], method, loss, against, int(choice.origins[row]))
        if best > 0 and not np.isnan(loss) and method != "zero":
            driven = bool(set(choice.sets[pick]) & set(DRIVEN))
            why += f"; {'with' if driven else 'without'} drivers: {loss / best:.2f} of the best that knows none"
            why_zh += f"；{'考虑' if driven else '未考虑'}驱动因素：为不含驱动的最优方法的 {loss / best:.2f}"
        rows.append((name, CLASSES[kind], method, _known(loss), _known(against), why, why_zh))
    schema: dict[str, Any] = {
        "unique_id": pl.String,
        "pattern": pl.String,
        "method": pl.String,
        "loss": pl.Float64,
        "naive_loss": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema | {"why": pl.String, "why_zh": pl.String}, orient="row")


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _words(pattern: str, method: str, loss: float, naive: float, origins: int) -> tuple[str, str]:
    if method == "zero":
        return "it has never sold", "从未有销量"
    if np.isnan(loss):
        return f"{pattern} demand; too short a history to compare methods", f"{ZH[pattern]}需求；历史太短，无法比较各方法"
    ratio = f", error {loss / naive:.2f} of the seasonal naive's" if naive > 0 else ""
    ratio_zh = f"，误差为季节朴素法的 {loss / naive:.2f}" if naive > 0 else ""
    return (
        f"{pattern} demand; best of its class in {origins} back-tests{ratio}",
        f"{ZH[pattern]}需求；{origins} 次回测中同类最优{ratio_zh}",
    )


def effects(grid: Grid, means: Array, axis: pl.Series, told: Callable[[Grid], Array]) -> pl.DataFrame:
    """What each group of drivers does to each forecast, as shares (0.38: 38 % more than without it).

    `told` gives the means of a grid by the methods that were chosen, so that the shares are those of the forecast itself: each group in
    turn is put to rest ahead (no promotion, the usual price, an ordinary day, the weather of the last four weeks). Columns: `unique_id`,
    `ds`, a share a group, `en` and `zh` in words, biggest first, empty where nothing moves by half a per cent.
    """
    names = [name for name in GROUPS if name in grid.groups.values()]
    shares = {name: _share(means, told(grid.without(name))) for name in names}
    base = pl.DataFrame({"unique_id": grid.ids}).join(pl.DataFrame({"ds": axis}), how="cross", maintain_order="left_right")
    words = [_told(dict(zip(names, one, strict=True))) for one in zip(*(shares[name].ravel().tolist() for name in names), strict=True)]
    data = {name: pl.Series(share.ravel()) for name, share in shares.items()}
    return base.with_columns(
        **data, en=pl.Series([en for en, _ in words], dtype=pl.String), zh=pl.Series([zh for _, zh in words], dtype=pl.String)
    )


def _share(means: Array, without: Array) -> Array:
    found: Array = np.where(without > 1e-9, means / np.maximum(without, 1e-9) - 1, 0.0)
    return found


def _told(shares: Mapping[str, float]) -> tuple[str, str]:
    moved = sorted(((name, share) for name, share in shares.items() if abs(share) >= TOLD), key=lambda one: -abs(one[1]))
    return ", ".join(f"{name} {100 * share:+.0f} %" for name, share in moved), "，".join(
        f"{GROUPS[name]} {100 * share:+.0f}%" for name, share in moved
    )
