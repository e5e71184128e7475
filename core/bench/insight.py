"""Area `insight`: what figures of customers are worth on a year of real receipts (Complete Journey), and what a night's offers cost.

Each method stands beside the plain rule that it must beat, on purchases that it did not see: popularity, the own rate so far, the base
rate. The defaults of `hybrid` were chosen on four weeks each from 4 April, 5 September and 31 October; the splits here are others.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections import Counter
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from storeloom.core.bench import insight_causes
from storeloom.core.bench.harness import Result, cold, interleaved, require_file
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.registry import ROOT

if TYPE_CHECKING:
    import polars as pl

    from storeloom.workers.insight.purchases import Purchases

DATA = ROOT.parent / "shared" / "data" / "complete-journey"
NEEDED = ("implicit", "polars", "scipy", "sklearn")
FILES = ("transactions.parquet", "products.parquet")
LAST = date(2018, 1, 1)
RANKING_CUTS = (date(2017, 5, 2), date(2017, 6, 6), date(2017, 7, 4), date(2017, 8, 1), date(2017, 12, 5))
LIFETIME_CUTS = (date(2017, 7, 4), date(2017, 10, 3))
CHURN_CUTS = (date(2017, 5, 2), date(2017, 7, 4), date(2017, 9, 5), date(2017, 12, 5))
DAYS_AHEAD = 28
MEMBERS, ITEMS, A_MEMBER = 20_000, 5_000, 50
FEWER, RUNS = 4_000, 3
MOST_MIB = 1_024
CHILD = "from storeloom.core.bench.insight import night; night({0})"


def measure(data: Path = DATA) -> list[Result]:
    """Back-tests on the data set in the folder `data`, and the throughput on made members.

    InputFault (SL-INP-03) where the extra `insight` is not installed, (SL-INP-01) where the data set is absent.
    """
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise InputFault(Finding("SL-INP-03", {"what": "bench insight", "extra": "insight"}))
    require_files(data)
    cost = throughput()  # first: the peak of a child process is never below what its parent held at the start
    purchases, kinds = read(data)
    customers = [*ranking(purchases), *lifetime(purchases), *churn(purchases), *rules(purchases, kinds), *cost, bare()]
    return [*customers, *insight_causes.measure(data)]


def require_files(data: Path) -> None:
    """InputFault (SL-INP-01) where the data set is absent."""
    for name in FILES:
        require_file(data / name, "Name the folder of the Complete Journey data set: storeloom bench insight --data FOLDER")


def read(data: Path) -> tuple[Purchases, pl.DataFrame]:
    """Receipt lines without fuel and coupon bookings, and the category of each item."""
    import polars as pl

    from storeloom.workers.insight.purchases import read as checked

    products = pl.read_parquet(data / FILES[1])
    lines = pl.read_parquet(data / FILES[0]).join(products, on="product_id", how="left")
    goods = lines.filter((pl.col("department") != "FUEL") & (pl.col("product_category") != "COUPON/MISC ITEMS"))
    table = goods.select(
        pl.col("household_id").alias("member"),
        pl.col("basket_id").alias("receipt"),
        pl.col("transaction_timestamp").dt.date().alias("ds"),
        pl.col("product_id").alias("item"),
        pl.col("quantity").alias("qty"),
        pl.col("sales_value").alias("amount"),
    )
    return checked(table, until=LAST), products.select(pl.col("product_id").alias("item"), pl.col("product_category").alias("category"))


def ranking(purchases: Purchases) -> list[Result]:
    """Hit rate and NDCG of the first ten against popularity: all purchases to come, then only items new to the member."""
    from storeloom.workers.insight.ranking import backtest

    found = []
    for name, drop in (("recommend", False), ("recommend_new_items", True)):
        table = backtest(purchases, RANKING_CUTS, days_ahead=DAYS_AHEAD, drop_bought=drop).table
        for row in table.filter(table["method"] == "hybrid").iter_rows(named=True):
            popular = table.filter((table["method"] == "popular") & (table["figure"] == row["figure"])).row(0, named=True)
            against = f"popularity {popular['value']:.4f}, next {DAYS_AHEAD} days, 95 % {row['low']:.4f}..{row['high']:.4f}"
            found.append(Result(f"{name}_{row['figure']}_at_10", row["value"], "", "", against, len(RANKING_CUTS)))
            goal = "" if drop else ">= 1"
            low = f"lower end of 95 %, ratio {row['ratio']:.3f} ({row['ratio_low']:.3f}..{row['ratio_high']:.3f}) to popularity"
            found.append(Result(f"{name}_{row['figure']}_against_popular", row["ratio_low"], "ratio", goal, low, len(RANKING_CUTS)))
    return found


def lifetime(purchases: Purchases) -> list[Result]:
    """Each member's purchases to the end of the year: squared error of BG/NBD against naive rules, and whether the total was foreseen."""
    from storeloom.workers.insight.lifetime import hold_out

    found = []
    for cut in LIFETIME_CUTS:
        check = hold_out(purchases, cut)
        name = f"lifetime_{cut:%m}"
        for row in check.errors.filter(check.errors["rule"] != "expected").iter_rows(named=True):
            against = f"RMSE over that of {row['rule']}, 95 % {row['low']:.3f}..{row['high']:.3f}"
            found.append(Result(f"{name}_error_against_{row['rule']}", row["model_to_it"], "ratio", "<= 1", against, 1))
        whole = check.total
        against = f"{whole['expected']:.0f} expected ({whole['low']:.0f}..{whole['high']:.0f}), {whole['actual']:.0f} made"
        found.append(Result(f"{name}_expected_over_actual", whole["expected"] / whole["actual"], "ratio", "", against, 1))
        found.append(Result(f"{name}_classes_covered", check.covered, "share", "", "frequency classes inside their 95 % interval", 1))
    return found


def churn(purchases: Purchases) -> list[Result]:
    """No purchase within 28 days: fitted a month before, judged on the members of the day."""
    import polars as pl

    from storeloom.workers.insight import bgnbd
    from storeloom.workers.insight import churn as engine

    chances, silent, left, who = [], [], [], []
    for cut in CHURN_CUTS:
        before = cut - timedelta(days=DAYS_AHEAD)
        learnt, table = engine.features(purchases, before), engine.features(purchases, cut)
        model = engine.fit(learnt, engine.churned(purchases, learnt, before, DAYS_AHEAD), draws=0)
        chances.append(pl.Series(model.predict(table)))
        who.append(table["member"])
        left.append(pl.Series(engine.churned(purchases, table, cut, DAYS_AHEAD)))
        summary = bgnbd.summarise(purchases.before(cut))
        silent.append(pl.Series(engine.no_purchase(bgnbd.fit(summary, draws=20), summary, DAYS_AHEAD)))
    found = []
    for name, given in (("churn_logistic", chances), ("churn_bg_nbd", silent)):
        judged = engine.judge(pl.concat(given).to_numpy(), pl.concat(left).to_numpy(), members=pl.concat(who).to_list())
        auc, low, high = judged.auc
        found.append(Result(f"{name}_auc", auc, "", ">= 0.5", f"95 % {low:.3f}..{high:.3f}; chance is 0.5", len(CHURN_CUTS)))
        brier, low, high = judged.brier
        base = judged.base_rate * (1 - judged.base_rate)
        against = f"Brier {brier:.4f} ({low:.4f}..{high:.4f}) over {base:.4f} of the base rate {judged.base_rate:.3f}"
        found.append(Result(f"{name}_brier_against_base_rate", brier / base, "ratio", "<= 1", against, len(CHURN_CUTS)))
        found.append(
            Result(f"{name}_calibration_gap", judged.calibration_gap, "share", "", "predicted from observed, by decile", len(CHURN_CUTS))
        )
    return found


def rules(purchases: Purchases, kinds: pl.DataFrame) -> list[Result]:
    """Pairs of categories on one receipt: FP-growth's counts against each pair counted by hand."""
    from storeloom.workers.insight.rules import association_rules, baskets_of

    baskets = baskets_of(purchases.bought.join(kinds, on="item", how="left"), "category")
    start = time.perf_counter()
    table = association_rules(baskets, min_support=0.0, min_together=2)
    seconds = time.perf_counter() - start
    pairs = Counter(pair for basket in baskets for pair in combinations(sorted(basket), 2))
    direct = {pair: count for pair, count in pairs.items() if count >= 2}
    ours = {
        tuple(sorted((left[0], right))): count for left, right, count in table.select("antecedent", "consequent", "together").iter_rows()
    }
    differ = len(set(direct.items()) ^ set(ours.items()))
    against = f"direct counting of {len(direct)} pairs in {len(baskets)} baskets"
    sure = table.filter(table["q_value"] <= 0.05).height
    return [
        Result("rules_pairs_that_differ", differ, "pairs", "<= 0", against, 1),
        Result("rules_beyond_chance", sure, "rules", "", f"of {table.height}, false discovery rate 5 %", 1),
        Result("rules_s", seconds, "s", "", f"{table.height} rules, one thread", 1),
    ]


def throughput() -> list[Result]:
    """Ten items each for all members, from fitting to the table, in a process of its own."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    _, idle = cold([sys.executable, "-c", CHILD.format(0)], env)
    seconds, peak = cold([sys.executable, "-c", CHILD.format(MEMBERS)], env)
    against = f"{MEMBERS * A_MEMBER} member-item pairs, {MEMBERS} members x {ITEMS} items, one thread, start included"
    return [
        Result("recommend_million_pairs_s", seconds, "s", "", against, 1),
        Result("recommend_million_pairs_mib", peak, "MiB", f"<= {MOST_MIB}", f"peak; {idle:.0f} MiB with the libraries alone", 1),
    ]


def bare() -> Result:
    """Fitting and answering beside the library alone: its ALS of the same size, its own best ten, without repeats, reasons or a table."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    from storeloom.workers.insight import recommend

    purchases = made(FEWER)
    data = recommend.interactions(purchases, purchases.until)

    def ours() -> None:
        recommend.recommend(recommend.fit(data), data.members)

    def library() -> None:
        model = AlternatingLeastSquares(factors=32, regularization=50.0, alpha=5.0, iterations=15, num_threads=1, random_state=1)
        model.fit(data.counts, show_progress=False)
        model.recommend(range(len(data.members)), data.counts, N=10, filter_already_liked_items=False)

    with threadpool_limits(limits=1, user_api="blas"):
        found = interleaved({"ours": ours, "bare": library}, RUNS)
    against = f"implicit's ALS and its best ten, {FEWER} members x {ITEMS} items, one thread"
    return Result("recommend_against_bare_implicit", found["bare"] / found["ours"], "ratio", ">= 0.5", against, RUNS)


def night(members: int) -> None:
    """Made purchases of `members` (none: imports alone) fitted and answered."""
    from storeloom.workers.insight import recommend

    if not members:
        return
    purchases = made(members)
    model = recommend.fit(recommend.interactions(purchases, purchases.until))
    offered = recommend.recommend(model, model.data.members)
    if offered.height != 10 * members:
        raise RuntimeError(f"{offered.height} recommendations for {members} members")


def made(members: int) -> Purchases:
    """Purchases of `members` (a multiple of 500), each of 50 different items of a long-tailed assortment, by the seed 0."""
    import numpy as np
    import polars as pl

    from storeloom.workers.insight.purchases import Purchases

    rng = np.random.default_rng(0)
    weights = 1 / np.arange(1, ITEMS + 1) ** 0.7
    items = np.concatenate(
        [np.argpartition(rng.exponential(size=(500, ITEMS)) / weights, A_MEMBER)[:, :A_MEMBER].ravel() for _ in range(members // 500)]
    )
    people = np.repeat(np.arange(members), A_MEMBER)
    lines = pl.DataFrame(
        {
            "member": pl.Series(people).cast(pl.String),
            "receipt": pl.Series(people).cast(pl.String),
            "ds": pl.Series(rng.integers(0, 300, people.size)).cast(pl.Int32).cast(pl.Date),
            "item": pl.Series(items).cast(pl.String),
            "qty": pl.Series(np.ones(people.size)),
            "amount": pl.Series(np.ones(people.size)),
        }
    )
    return Purchases(lines, date(1970, 10, 28))
