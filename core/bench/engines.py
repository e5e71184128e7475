"""Area `engines`: what forecasts, rosters and offers cost beside the bare libraries, and what a second core brings.

Everything is made from seeds; nothing is read. Peers run in turn with ours on the same input, and each round gives one ratio, of which the
median counts, so that a busy machine hits both alike. Work of one thread is taken in processor seconds, work of pools by the clock.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storeloom.core.bench.harness import Result
from storeloom.core.bench.store_weeks import Week, roster
from storeloom.core.kernel.errors import Finding, InputFault

if TYPE_CHECKING:
    import polars as pl

    from storeloom.workers.pool import Pool, Ticks

NEEDED = {"forecast": ("statsforecast",), "insight": ("implicit", "threadpoolctl"), "optimise": ("ortools",), "ray": ("ray",)}
PEERS = ("sba", "tsb", "adida", "imapa", "dynamic_optimized_theta")
DAYS, AHEAD = 364, 28
FACTORS, BEST = 32, 10
CORES = 2


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: series, rounds of libraries; store-weeks, work of each (CP-SAT's deterministic time); members; items of the
    load of pools, their work, rounds."""

    series: int = 200
    rounds: int = 5
    weeks: int = 1_000
    work: float = 0.4
    members: int = 200
    load: int = 24
    load_work: float = 0.3
    load_rounds: int = 5


FULL = Size()
QUICK = Size(series=12, rounds=2, weeks=6, load=4, load_work=0.05, load_rounds=3)


def measure(quick: bool = False, progress: Ticks | None = None) -> list[Result]:
    """All figures; `quick`: each of them on little, in under a minute. `progress` is told how far the store-weeks are.

    InputFault (SL-INP-03) where an extra is not installed.
    """
    for extra, names in NEEDED.items():
        if any(importlib.util.find_spec(name) is None for name in names):
            raise InputFault(Finding("SL-INP-03", {"what": "bench engines", "extra": extra}))
    size = QUICK if quick else FULL
    return [*forecasts(size), *offers(size), *pools(size, progress)]


def paired(subjects: Mapping[str, Callable[[], Any]], rounds: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds of each subject in each round; every other round runs them backwards."""
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds):
        order = list(subjects) if number % 2 == 0 else list(subjects)[::-1]
        for name in order:
            start = clock()
            subjects[name]()
            found[name].append(clock() - start)
    return found


def ratio(found: Mapping[str, Sequence[float]], over: str, under: str) -> float:
    """The median over the rounds of one subject's seconds to another's."""
    return statistics.median(a / b for a, b in zip(found[over], found[under], strict=True))


def forecasts(size: Size) -> list[Result]:
    """Means of five of statsforecast's models through the chain, and by the library alone."""
    import statsforecast.models as library
    from statsforecast import StatsForecast

    from storeloom.workers.forecast.chain import means
    from storeloom.workers.forecast.panel import Panel

    panel = Panel(made_series(size.series), "1d")
    models: list[Any] = [library.CrostonSBA(), library.TSB(0.1, 0.1), library.ADIDA(), library.IMAPA(), library.DynamicOptimizedTheta(7)]
    bare = StatsForecast(models=models, freq="1d", n_jobs=1)
    calls = {"ours": lambda: means(panel, AHEAD, PEERS), "bare": lambda: bare.forecast(df=panel.frame, h=AHEAD)}
    paired(calls, 1, time.process_time)
    found = paired(calls, size.rounds, time.process_time)
    against = f"bare statsforecast, {size.series} daily series of a year, {len(PEERS)} models, processor seconds"
    pace = size.series / statistics.median(found["ours"])
    return [
        Result("forecast_against_statsforecast", ratio(found, "bare", "ours"), "ratio", ">= 0.9", against, size.rounds),
        Result("forecast_series_per_s", pace, "1/s", "", f"means of {len(PEERS)} models, one thread", size.rounds),
    ]


def made_series(count: int) -> pl.DataFrame:
    """Daily units of a year: a weekly rhythm and a level of their own, a third of them sold on few days."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(0)
    days = pl.date_range(pl.date(2025, 1, 6), pl.date(2025, 1, 6) + pl.duration(days=DAYS - 1), "1d", eager=True)
    week = 1 + 0.4 * np.sin(np.arange(DAYS) * 2 * np.pi / 7)
    rates = rng.gamma(1.5, 8.0, count)
    rates[::3] = 0.2
    units = rng.poisson(rates[:, None] * week).astype(float)
    ids = np.repeat([f"s{n:05d}" for n in range(count)], DAYS)
    return pl.DataFrame({"unique_id": ids, "ds": pl.concat([days] * count), "y": units.ravel()})


def offers(size: Size) -> list[Result]:
    """Ten items each for members of a fitted model, all items scored: beside implicit's own best ten, and the bare product of factors."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    from storeloom.core.bench.insight import ITEMS, made
    from storeloom.workers.insight import recommend

    purchases = made(500)
    data = recommend.interactions(purchases, purchases.until)
    model, hybrid = recommend.fit(data, "als", factors=FACTORS), recommend.fit(data, factors=FACTORS)
    who = data.members[: size.members]
    rows = np.arange(len(who))
    peer = _implicit(data)
    users, items = np.asarray(peer.user_factors)[rows], np.asarray(peer.item_factors).T

    def product() -> Any:
        scores = users @ items
        best = np.argpartition(-scores, BEST, axis=1)[:, :BEST]
        return np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1), axis=1)

    with threadpool_limits(limits=1, user_api="blas"):
        calls = {
            "ours": lambda: recommend.recommend(model, who),
            "hybrid": lambda: recommend.recommend(hybrid, who),
            "implicit": lambda: peer.recommend(rows, data.counts[rows], N=BEST, filter_already_liked_items=False),
            "product": product,
        }
        paired(calls, 1, time.process_time)
        found = paired(calls, 3 * size.rounds, time.process_time)
    pairs = len(who) * ITEMS
    same = f"{pairs} member-item pairs ({len(who)} members x {ITEMS} items), one thread, processor seconds"
    runs = 3 * size.rounds
    return [
        Result("offers_against_implicit", ratio(found, "implicit", "ours"), "ratio", ">= 0.2", f"implicit's ALS answering, {same}", runs),
        Result("offers_against_product", ratio(found, "product", "ours"), "ratio", ">= 0.9", f"numpy product and its best {BEST}", runs),
        Result("offers_hybrid_against_implicit", ratio(found, "implicit", "hybrid"), "ratio", "", "with repeats and popularity", runs),
        Result("offers_pairs_per_s", pairs / statistics.median(found["ours"]), "1/s", "", same, runs),
    ]


def _implicit(data: Any) -> Any:
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=FACTORS, regularization=50.0, alpha=5.0, iterations=15, num_threads=1, random_state=1)
    model.fit(data.counts, show_progress=False)
    return model


def pools(size: Size, progress: Ticks | None) -> list[Result]:
    """The store-weeks on local processes, then one load in turn inline, on processes and on Ray."""
    from storeloom.workers.pool import open_pool

    with open_pool("processes", CORES) as processes:
        _warm(processes)
        weeks = rosters(processes, size, progress)
        with open_pool("ray", CORES) as ray, open_pool() as inline:
            _warm(ray)
            return [*weeks, *speed_up({"inline": inline, "processes": processes, "ray": ray}, size)]


def _warm(pool: Pool) -> None:
    """Every worker has started and read its libraries."""
    pool.map(roster, [(seed, 0.02) for seed in range(2 * CORES)], chunk=1)


def rosters(pool: Pool, size: Size, progress: Ticks | None) -> list[Result]:
    """Rosters of store-weeks: how many a second, how many proved optimal, how far from the bound, what the rule of thumb costs beside."""
    start = time.perf_counter()
    found: list[Week] = pool.map(roster, [(seed, size.work) for seed in range(size.weeks)], chunk=1, progress=progress)
    seconds = time.perf_counter() - start
    words = f"12 people, 2 roles, 4 templates, contracts, wishes; {size.work:g} of CP-SAT's deterministic time each"
    made = [one for one in found if one.made_by == "cp_sat"]
    gap = statistics.mean(one.gap for one in made) if made else 1.0
    return [
        Result("rosters_mean_gap", gap, "share", "<= 0.02", f"best bound known, {words}", size.weeks),
        Result("rosters_not_solved", len(found) - len(made), "weeks", "<= 0", f"of {len(found)}: no roster found within the work", 1),
        Result("rosters_optimal", sum(one.gap <= 1e-6 for one in made) / len(found), "share", "", "proved", size.weeks),
        Result("rosters_widest_gap", max((one.gap for one in made), default=1.0), "share", "", "of any week", size.weeks),
        Result("rosters_per_s", len(found) / seconds, "1/s", "", f"{CORES} local processes", size.weeks),
        Result(
            "rosters_against_greedy",
            statistics.mean(one.to_greedy for one in found),
            "ratio",
            "<= 0.95",
            "cost of the rule of thumb",
            size.weeks,
        ),
    ]


def speed_up(places: Mapping[str, Pool], size: Size) -> list[Result]:
    """The same store-weeks at each place, which must answer alike."""
    items = [(10_000 + seed, size.load_work) for seed in range(size.load)]
    answers: dict[str, list[Week]] = {}

    def run(name: str) -> Callable[[], None]:
        def call() -> None:
            answers[name] = places[name].map(roster, items, chunk=1)

        return call

    found = paired({name: run(name) for name in places}, size.load_rounds, time.perf_counter)
    differ = sum(answers[name] != answers["inline"] for name in places)
    against = f"inline, {len(items)} store-weeks, {CORES} workers on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    return [
        *(
            Result(f"{name}_against_inline", ratio(found, "inline", name), "times", ">= 1.6", against, size.load_rounds)
            for name in ("ray", "processes")
        ),
        Result("pools_that_differ", differ, "pools", "<= 0", "answers of inline", len(places)),
    ]
