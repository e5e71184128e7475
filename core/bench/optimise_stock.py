"""Area `optimise_stock`: order policies against a fixed (s,S), elasticity on later weeks, joint orders of 500 items, brute force.

Real demand is Complete Journey's (sales of a sample of households over all stores, so that a category sells as in one small shop). What the
data do not hold is set here and the same for all policies: a margin of 30 %, days of keeping by department, an order every other day.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from storeloom.core.bench.harness import Result, require_file
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.registry import ROOT

if TYPE_CHECKING:
    import polars as pl

    from storeloom.workers.optimise.joint_orders import Problem
    from storeloom.workers.optimise.policies import Case
    from storeloom.workers.optimise.pricing import Task

DATA = ROOT.parent / "shared" / "data" / "complete-journey"
FILES = ("transactions.parquet", "products.parquet", "promotions.parquet")
NO_GOODS = ("COUPON/MISC ITEMS", "FUEL", "MISC. TRANS.", "MISCELLANEOUS")
FIRST, CUT, LAST = date(2017, 1, 2), date(2017, 8, 14), date(2017, 12, 31)
WEEK_CUT = date(2017, 10, 2)
CATEGORIES, EVERY, MOST_UNITS, LEAST_WEEKS = 48, 70, 100, 20
KEEPS = {"PRODUCE": 5, "MEAT": 3, "MEAT-PCKGD": 7, "SEAFOOD-PCKGD": 3, "DELI": 3, "PASTRY": 2, "SALAD BAR": 2, "FLORAL": 4}
MARGIN, HOLDING_YEAR, LINE, FRESH_PICK = 0.3, 0.25, 0.05, 0.33
ITEMS, SMALL, SMALL_TASKS = 500, 40, 12


def measure(data: Path | None = DATA) -> list[Result]:
    """All figures; those on real demand are left out where `data` is None.

    InputFault (SL-INP-03) where the extra `optimise` is not installed, (SL-INP-01) where the data set is absent.
    """
    try:
        lines = None if data is None else read(data)
        real = [] if lines is None else [*policies(lines), *elasticity(lines)]
        return [*real, *virtual(), *joint(), *agreement(), *lots()]
    except ImportError as error:
        raise InputFault(Finding("SL-INP-03", {"what": "bench optimise_stock", "extra": "optimise"})) from error


def read(data: Path) -> pl.DataFrame:
    """Receipt lines of goods: product, category, department, ds, y, price a unit, and whether the week had a display or a mailer for it."""
    import polars as pl

    for name in FILES:
        require_file(data / name, "Name the folder of the Complete Journey data set with --data FOLDER.")
    lines = pl.read_parquet(data / FILES[0]).join(pl.read_parquet(data / FILES[1]), on="product_id", how="left")
    shown = pl.read_parquet(data / FILES[2]).select("product_id", "week", pl.lit(1.0).alias("promo")).unique()
    lines = lines.join(shown, on=["product_id", "week"], how="left").with_columns(ds=pl.col("transaction_timestamp").dt.date())
    goods = ~pl.col("product_category").is_in(NO_GOODS) & (pl.col("department") != "FUEL")
    sold = (pl.col("quantity") > 0) & (pl.col("quantity") < MOST_UNITS) & (pl.col("sales_value") > 0)
    return lines.filter(goods & sold & pl.col("ds").is_between(FIRST, LAST)).select(
        pl.col("product_id").alias("unique_id"),
        pl.col("product_category").alias("category"),
        "department",
        "ds",
        pl.col("quantity").alias("y"),
        ((pl.col("sales_value") + pl.col("coupon_match_disc")) / pl.col("quantity")).alias("price"),
        pl.col("promo").fill_null(0.0),
    )


def cases(lines: pl.DataFrame) -> list[Case]:
    """Daily demand of the categories that sold most before the cut, as items on trial."""
    import polars as pl

    from storeloom.workers.optimise.perishable import Costs, Flow
    from storeloom.workers.optimise.policies import Case

    before = (
        lines.filter(pl.col("ds") < CUT).group_by("category").agg(pl.col("y").sum(), pl.col("price").median(), pl.col("department").first())
    )
    calendar = pl.DataFrame({"ds": pl.date_range(FIRST, LAST, "1d", eager=True)})
    daily = lines.group_by("category", "ds").agg(pl.col("y").sum())
    found = []
    for row in before.sort(["y", "category"], descending=[True, False]).head(CATEGORIES).iter_rows(named=True):
        own = calendar.join(daily.filter(pl.col("category") == row["category"]), on="ds", how="left").sort("ds")
        y = own["y"].fill_null(0.0).to_numpy()
        cut = (CUT - FIRST).days
        life = KEEPS.get(row["department"])
        price = float(row["price"])
        costs = Costs(MARGIN * price, (1 - MARGIN) * price, (1 - MARGIN) * price * HOLDING_YEAR / 365, LINE)
        flow = Flow(2, 0, life, case=1.0 if life else 6.0, fresh_pick=FRESH_PICK)
        found.append(Case(row["category"], y[:cut], y[cut:], flow, costs))
    return found


def policies(lines: pl.DataFrame) -> list[Result]:
    """Each policy's cost against the fixed (s,S) on the same days, and what it gives for it."""
    from storeloom.workers.optimise.policies import judge

    found = judge(cases(lines), every=EVERY)
    results = []
    for row in found.table.iter_rows(named=True):
        goal = "<= 1" if row["policy"].startswith("least_cost") else ""
        against = f"cost of the fixed (s,S), 95 % {row['low']:.3f}..{row['high']:.3f}, {CATEGORIES} categories, same days"
        results.append(Result(f"policy_{row['policy']}_cost", row["ratio"], "ratio", goal, against, 1))
        for figure in ("fill_rate", "waste_share", "stock"):
            results.append(Result(f"policies/{row['policy']}/{figure}", row[figure], "", "", "", 1))
    return results


def elasticity(lines: pl.DataFrame) -> list[Result]:
    """Weekly sales of items after the cut, foreseen with elasticities from before it, against demand that does not know the price."""
    import polars as pl

    from storeloom.workers.optimise.elasticity import fit, hold_out

    weekly = (
        lines.with_columns(pl.col("ds").dt.truncate("1w"))
        .group_by("unique_id", "category", "ds")
        .agg(pl.col("y").sum(), pl.col("price").median(), pl.col("promo").mean())
    )
    enough = weekly.group_by("unique_id").len().filter(pl.col("len") >= LEAST_WEEKS)
    frame = weekly.join(enough, on="unique_id", how="semi")
    judged = hold_out(frame, WEEK_CUT)
    rules = {row["rule"]: row["moved"] for row in judged.table.iter_rows(named=True)}
    found = fit(frame)
    against = f"deviance of constant demand in {judged.moved} later weeks at another price, 95 % {judged.low:.3f}..{judged.high:.3f}"
    return [
        Result("elasticity_error", judged.ratio, "ratio", "<= 1", against, 1),
        Result("elasticity_own_error", rules["own"] / rules["constant"], "ratio", "", "the same without shrinkage", 1),
        Result("elasticity_shrunk_to_own", rules["shrunk"] / rules["own"], "ratio", "<= 1", "error with shrinkage to error without", 1),
        Result("elasticity_placebo", judged.placebo, "", "", f"mean with prices shuffled; {judged.mean:.3f} as they were", 1),
        Result(
            "elasticity_mean", found.mean, "", "", f"{found.table.height} items, {found.within:.2f} within, {found.between:.2f} between", 1
        ),
    ]


def virtual() -> list[Result]:
    """Policies that order for the virtual store, beside a fixed (s,S) in the same store on the same days."""
    from storeloom.core.bench.optimise_virtual import JUDGED, by_kind, trial
    from storeloom.workers.optimise.policies import fill_rate_r_s, fixed_s_s, least_cost_ewa

    plain = trial(fixed_s_s)
    results = []
    least = by_kind(least_cost_ewa, fill_rate_r_s)
    for name, policy, corrected, forecast in (
        ("own_ordering", None, False, False),
        ("fill_rate", fill_rate_r_s, False, False),
        ("fill_rate_corrected", fill_rate_r_s, True, False),
        ("least_cost_fresh", least, False, False),
        ("least_cost_fresh_corrected", least, True, False),
        ("forecast", least, False, True),
        ("forecast_corrected", least, True, True),
    ):
        found = trial(policy, corrected=corrected, forecast=forecast)
        words = ", ".join(
            f"{what} {before:.4g} -> {after:.4g}"
            for what, before, after in (
                ("served", plain.served, found.served),
                ("waste a day", plain.waste, found.waste),
                ("stock", plain.stock, found.stock),
            )
        )
        goal = "<= 1" if name == "least_cost_fresh" else ""
        results.append(Result(f"virtual_{name}_cost", found.cost / plain.cost, "ratio", goal, f"fixed (s,S), {JUDGED} days; {words}", 1))
    return results


def made_problem(count: int, seed: int, most: int) -> Problem:
    """A joint order of `count` made items under a budget, vehicles, suppliers' minimums and fees, all of which bind."""
    import numpy as np

    from storeloom.workers.optimise.joint_orders import Limits, Line, Problem, Supplier, gains

    rng = np.random.default_rng(seed)
    suppliers = max(2, count // 25)
    lines = []
    for number in range(count):
        case, cost = int(rng.choice([6, 12, 24])), float(rng.integers(200, 2000))
        demand = rng.poisson(rng.gamma(2, 8), 60).astype(float)
        worth = gains(demand, float(rng.integers(0, 10)), case, cost * float(rng.uniform(0.2, 0.6)), cost * 0.15, most)
        room, weight, least = float(rng.integers(5, 40)), float(rng.integers(2, 20)), int(rng.choice([0, 0, 2]))
        lines.append(Line(f"i{number}", f"s{rng.integers(suppliers)}", cost * case, worth, room, weight, minimum=least))
    wanted = [sum(gain > 0 for gain in line.gains) for line in lines]
    money, room, weight = (
        sum(getattr(line, key) * n for line, n in zip(lines, wanted, strict=True)) for key in ("cost", "volume_l", "weight_kg")
    )
    named = [Supplier(f"s{n}", money / suppliers * 0.5, float(rng.integers(500, 3000))) for n in range(suppliers)]
    return Problem(lines, named, Limits(money * 0.6, room * 0.65 / 3, weight * 0.65 / 3, 3, 2000.0))


def joint() -> list[Result]:
    """500 items at once: the gap that is proved, the time, and what ordering item by item is worth beside it."""
    from storeloom.workers.optimise.joint_orders import one_by_one, solve

    problem = made_problem(ITEMS, 0, 8)
    order, plain = solve(problem), one_by_one(problem)
    proof, single = order.proof, plain.proof.objective or 0.0
    words = f"{proof.status}, {len(problem.suppliers)} suppliers with minimums and fees, budget, volume, weight"
    return [
        Result("joint_orders_gap", proof.gap if proof.gap is not None else 1.0, "share", "<= 0.005", words, 1),
        Result("joint_orders_s", proof.seconds, "s", "", f"{ITEMS} items, one thread, bounded by nodes", 1),
        Result("one_by_one_to_joint", single / (proof.objective or 1.0), "ratio", "<= 1", "value of a greedy order to the joint one", 1),
    ]


def agreement() -> list[Result]:
    """Small instances against every possible answer tried."""
    from storeloom.workers.optimise.joint_orders import keeps_rules, solve, value, vehicles_for
    from storeloom.workers.optimise.pricing import plan

    off = 0
    for seed in range(SMALL):
        problem = made_problem(5, seed, 3)
        best = max(
            value(problem, cases, vehicles_for(problem, cases))
            for sizes in itertools.product(*(range(line.most + 1) for line in problem.lines))
            if keeps_rules(problem, cases := {line.item: n for line, n in zip(problem.lines, sizes, strict=True) if n})
        )
        found = solve(problem).proof.objective
        off += found is None or abs(found - best) > 1e-6 * max(1.0, abs(best))
    wrong = 0
    for seed in range(SMALL_TASKS):
        task = made_task(seed)
        found = plan(task).proof.objective
        best = every_policy(task)
        wrong += found is None or abs(found - best) > 1e-6 * max(1.0, abs(best))
    return [
        Result("joint_orders_off", off, "orders", "<= 0", f"brute force on {SMALL} orders of 5 items", 1),
        Result("price_paths_off", wrong, "paths", "<= 0", f"every policy tried on {SMALL_TASKS} tasks of 2 days, 2 units, 3 prices", 1),
    ]


def made_task(seed: int) -> Task:
    """Two days, two units, three prices, with guardrails of every kind by turns."""
    import numpy as np

    from storeloom.workers.optimise.pricing import Guards, Task

    rng = np.random.default_rng(seed)
    guards = (Guards(), Guards(most_cut=0.3), Guards(never_up=False, most_changes=1), Guards(least_price=600.0, never_up=False))[seed % 4]
    daily = tuple(float(one) for one in rng.uniform(0.3, 2.0, 2))
    return Task(2, 1000.0, 800.0, (1000.0, 800.0, 500.0), daily, -float(rng.uniform(0.5, 4)), float(rng.integers(0, 300)), guards=guards)


def every_policy(task: Task) -> float:
    """The best expected value over all policies of a two-day task: a price for today, and one for each stock that may be left."""
    from scipy.stats import poisson

    from storeloom.workers.optimise.pricing import allowed

    def outcomes(day: int, price: float, stock: int) -> list[tuple[float, int]]:
        rate = task.rate(day, price)
        return [(float(poisson.pmf(n, rate)) if n < stock else float(poisson.sf(stock - 1, rate)), n) for n in range(stock + 1)]

    def steps(price: float, held: int, changes: int) -> Sequence[float]:
        return [to for to in task.ladder if allowed(task, price, to, held=held, changes=changes)]

    best = -float("inf")
    for first in steps(task.present, task.guards.hold_days, 0):
        changes = int(first != task.present)
        for second in itertools.product(steps(first, 1, changes), repeat=task.stock + 1):
            value = 0.0
            for chance, sold in outcomes(0, first, task.stock):
                left = task.stock - sold
                for next_chance, then in outcomes(1, second[left], left):
                    money = task.earns(first) * sold + task.earns(second[left]) * then - task.disposal_cost * (left - then)
                    value += chance * next_chance * money
            best = max(best, value)
    return best


def lots() -> list[Result]:
    """Two weeks of 20 items: joint deliveries against lot-for-lot."""
    import numpy as np

    from storeloom.workers.optimise.lot_sizing import Need, joint, lot_for_lot

    rng = np.random.default_rng(0)
    needs = [Need(f"i{n}", tuple(map(float, rng.poisson(5, 14))), 2.0, 20.0, None if n % 3 else 3) for n in range(20)]
    start = time.perf_counter()
    plan, plain = joint(needs, 500.0), lot_for_lot(needs, 500.0)
    words = f"cost of lot-for-lot; {plan.proof.status}, {len(plan.deliveries)} deliveries, {time.perf_counter() - start:.2f} s"
    return [Result("joint_to_lot_for_lot", plan.cost / plain.cost, "ratio", "<= 1", words, 1)]
