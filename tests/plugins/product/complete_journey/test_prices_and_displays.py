"""Effects of price and of a display on real sales, as the solutions tell them and as a regression and all sign flips work them out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from storeloom.core.kernel.events import Fact
from storeloom.core.kernel.registry import ROOT, Registry
from tests.plugins.solo_runs import alone

if TYPE_CHECKING:
    import polars as pl

RECEIPTS = ROOT.parent / "shared" / "data" / "complete-journey"
MONDAY, SUNDAY = date(2017, 1, 2), date(2017, 7, 2)
STORE = {"zone": "UTC", "currency": "USD", "hours": {"open": "08:00", "close": "22:00"}}
ITEMS = 8
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def sales() -> pl.DataFrame:
    """gtin, day, units, price (cents a piece), promo: any store displayed or mailed it that week; of the items sold on most days."""
    if not RECEIPTS.is_dir():
        pytest.skip("shared/data/complete-journey absent")
    pl = pytest.importorskip("polars")
    lines = pl.read_parquet(RECEIPTS / "transactions.parquet").with_columns(day=pl.col("transaction_timestamp").dt.date())
    lines = lines.filter(pl.col("day").is_between(MONDAY, SUNDAY), pl.col("quantity").is_between(1, 50), pl.col("sales_value") > 0)
    cents = ((pl.col("sales_value") + pl.col("coupon_match_disc")).sum() / pl.col("quantity").sum() * 100).round().cast(pl.Int64)
    daily = lines.group_by("product_id", "day").agg(pl.col("quantity").sum().alias("units"), cents.alias("price"), pl.col("week").first())
    shown = pl.read_parquet(RECEIPTS / "promotions.parquet").select("product_id", "week", pl.lit(True).alias("promo")).unique()
    daily = daily.join(shown, on=["product_id", "week"], how="left").with_columns(pl.col("promo").fill_null(False))
    free = daily.filter(~pl.col("promo")).group_by("product_id").agg(pl.len().alias("days"), pl.col("price").n_unique().alias("prices"))
    chosen = free.filter(pl.col("prices") >= 5).sort("days", "product_id", descending=[True, False]).head(ITEMS)["product_id"]
    return daily.filter(pl.col("product_id").is_in(chosen.implode())).sort("day", "product_id").rename({"product_id": "gtin"})


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def receipts(rows: Iterator[dict[str, Any]]) -> Iterator[Fact]:
    for number, row in enumerate(rows):
        amount = row["units"] * row["price"]
        line = {"line": 1, "gtin": row["gtin"], "qty": row["units"], "price": row["price"], "amount": amount}
        line |= {"promo": "shown"} if row["promo"] else {}
        receipt = {"receipt": f"r{number}", "kind": "sale", "till": "till-1", "channel": "till", "lines": [line], "total": amount}
        yield Fact(noon(row["day"]), "pos.sale", "till-1", {**receipt, "payments": [{"method": "cash", "amount": amount}]})


@pytest.fixture(scope="module")
def told(sales: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """What dynamic pricing says of each item on the last Sunday."""
    products = [
        {"gtin": gtin, "name": gtin, "category": gtin, "unit": "each", "cost": 1, "list_price": int(rows["price"].max())}
        for (gtin,), rows in sales.group_by("gtin")
    ]
    span = noon(MONDAY) - DAY / 2, noon(SUNDAY) + DAY / 2
    tables = {"products": products, "prices": [], "promotions": []}
    done = alone(Registry(), "dynamic_pricing", receipts(sales.iter_rows(named=True)), tables, span, store=STORE)
    last = done.of("insight.report")[-1]
    assert last.time == noon(SUNDAY) + timedelta(hours=10)
    found = {row["gtin"]: row for row in last["rows"]}
    assert len(found) == ITEMS
    return found


def regressors(rows: pl.DataFrame) -> np.ndarray[Any, Any]:
    """Columns of a regression: log price, days since the first, weekdays."""
    day, price = rows["day"].to_numpy(), rows["price"].to_numpy()
    since = (day - day.min()).astype("timedelta64[D]").astype(float)
    weekday = np.array([one.weekday() for one in rows["day"]])
    return np.column_stack([np.log(price), since, *(weekday == one for one in sorted(set(weekday))[1:])])


def test_price_elasticities_are_those_of_a_regression_shrunk_to_the_prior(sales: pl.DataFrame, told: dict[str, dict[str, Any]]) -> None:
    sm = pytest.importorskip("statsmodels.api")
    for (gtin,), rows in sales.filter(~sales["promo"]).group_by("gtin"):
        fit = sm.OLS(np.log(rows["units"].to_numpy()), sm.add_constant(regressors(rows))).fit()
        weight, prior = fit.bse[1] ** -2, 0.8**-2
        mean, sd = (fit.params[1] * weight - 1.6 * prior) / (weight + prior), (weight + prior) ** -0.5
        mean = min(-0.1, max(-6, mean))
        assert told[gtin]["elasticity"] == pytest.approx(mean, abs=6e-4)
        assert told[gtin]["elasticity_low"] == pytest.approx(mean - 1.96 * sd, abs=2e-3)
        assert told[gtin]["elasticity_high"] == pytest.approx(mean + 1.96 * sd, abs=2e-3)


def test_what_displays_and_mailers_add_is_what_a_regression_says(sales: pl.DataFrame, told: dict[str, dict[str, Any]]) -> None:
    """By the promotions table an item is shown or not in a week: the factor on a day's units at the same price, with its interval."""
    sm = pytest.importorskip("statsmodels.api")
    checked = 0
    for (gtin,), rows in sales.group_by("gtin"):
        shown = rows["promo"].to_numpy().astype(float)
        if not 4 <= shown.sum() <= len(shown) - 4:
            assert "promoted_pct" not in told[gtin]
            continue
        fit = sm.OLS(np.log(rows["units"].to_numpy()), sm.add_constant(np.column_stack([shown, regressors(rows)]))).fit()
        for name, width in (("promoted_pct", 0), ("promoted_low_pct", -1.96), ("promoted_high_pct", 1.96)):
            assert told[gtin][name] == pytest.approx(100 * np.expm1(fit.params[1] + width * fit.bse[1]), abs=0.01)
        checked += 1
    assert checked >= ITEMS // 2


def test_a_switched_presentation_is_judged_as_by_all_sign_flips(sales: pl.DataFrame) -> None:
    """On B days of the solution's own order half as many again are sold: the uplift is found, and nothing where none was put in."""
    busiest = sales.group_by("gtin").len().sort("len", "gtin", descending=[True, False])["gtin"][0]
    units = {row["day"]: row["units"] for row in sales.filter(sales["gtin"] == busiest).iter_rows(named=True)}
    tables = {
        "products": [{"gtin": busiest, "name": "It", "category": "it", "unit": "each", "cost": 1}],
        "prices": [{"gtin": busiest, "kind": "base", "scope": {}, "from": "2016-01-01T00:00:00Z", "price": 500}],
        "planogram": [{"fixture": "F1", "shelf": 1, "slot": "S1", "gtin": busiest, "label": "L1", "zone": "Z1", "test": True}],
        "zones": [{"zone": "Z1", "name": "It", "kind": "sales"}],
    }

    def run(factor: float, arms: dict[date, str]) -> Any:
        return alone(Registry(), "shelf_switchback_test", days(factor, arms), tables, (noon(MONDAY) - DAY / 2, noon(MONDAY) + 30 * DAY),
                     config={"blocks": 8, "washout_min": 60, "harm_pct": 100}, store=STORE)  # fmt: skip

    def days(factor: float, arms: dict[date, str]) -> Iterator[Fact]:
        for number in range(30):
            day = MONDAY + number * DAY
            arm = arms.get(day, "A")
            yield Fact(
                noon(day) - timedelta(hours=4, minutes=10),
                "label.ack",
                "gateway",
                {"label": "L1", "version": f"{day}-{arm}", "state": "shown"},
            )
            sold = round(units.get(day, 0) * 10 * (factor if arm == "B" else 1))
            if sold:
                yield from receipts(iter([{"gtin": busiest, "units": sold, "price": 500, "promo": False, "day": day}]))

    first = run(1, {})
    arms = {}
    for event in first.of("label.update"):
        arms[event.time.date()] = str(event["version"])[-1]
    for factor in (1.0, 1.5):
        done = run(factor, arms)
        (result,) = done.of("experiment.result")
        sold = {day: round(units.get(day, 0) * 10 * (factor if arm == "B" else 1)) for day, arm in arms.items()}
        measured = sorted(arms)[:16]
        pairs = [(measured[at], measured[at + 1]) for at in range(0, 16, 2)]
        gains = np.array([(1 if arms[one] == "B" else -1) * (sold[one] - sold[other]) for one, other in pairs], float)
        flips = np.array([abs((gains * signs).sum()) for signs in product((1, -1), repeat=8)])
        assert result["p"] == pytest.approx((flips >= abs(gains.sum()) - 1e-9).mean())
        of_a = np.mean([sold[day] for day in measured if arms[day] == "A"])
        assert done.figures["uplift"] == pytest.approx(100 * gains.mean() / of_a)
        assert done.figures["valid_blocks"] == 8
