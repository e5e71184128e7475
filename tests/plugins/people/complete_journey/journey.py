"""A slice of Complete Journey: its receipts through one solution on the real engine, and the raw tables for direct computation."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from storeloom.core.kernel.events import Fact
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.adapters import make_adapter
from tests.plugins.solo_runs import Done, alone

if TYPE_CHECKING:
    import polars as pl

ZONE = ZoneInfo("America/New_York")
HOUSEHOLDS = 120
FIRST, LAST = date(2017, 1, 1), date(2017, 4, 30)


class Journey:
    """Receipts of the first four months of 2017 of the `HOUSEHOLDS` with the most receipts then; the folder holds the slice."""

    def __init__(self, source: Path, folder: Path) -> None:
        import polars as pl

        self.registry = Registry()
        day = pl.col("transaction_timestamp").dt.convert_time_zone(ZONE.key).dt.date()
        lines = (
            pl.read_parquet(source / "transactions.parquet").with_columns(day.alias("day")).filter(pl.col("day").is_between(FIRST, LAST))
        )
        visits = lines.group_by("household_id").agg(pl.col("basket_id").n_unique().alias("visits"))
        kept = visits.sort("visits", "household_id", descending=[True, False]).head(HOUSEHOLDS)["household_id"]
        mine = pl.col("household_id").is_in(kept.implode())
        lines = lines.filter(mine)
        sold = pl.col("product_id").is_in(lines["product_id"].unique().implode())
        self.products = pl.read_parquet(source / "products.parquet").filter(sold)
        self.coupons = pl.read_parquet(source / "coupons.parquet").filter(sold)
        self.redemptions = pl.read_parquet(source / "coupon_redemptions.parquet").filter(
            mine, pl.col("redemption_date").dt.date().is_between(FIRST, LAST)
        )
        self.campaigns = pl.read_parquet(source / "campaigns.parquet").filter(mine)
        self.descriptions = pl.read_parquet(source / "campaign_descriptions.parquet")
        lines.drop("day").write_parquet(folder / "transactions.parquet")
        self.products.write_parquet(folder / "products.parquet")
        self.lines = lines.with_columns((pl.col("sales_value") * 100).round().cast(pl.Int64).alias("amount"))
        self.households = sorted(kept)
        adapter = make_adapter(self.registry, "receipts_file", "pos-file", {"path": str(folder)})
        self.profile, self.tables = adapter.profile(), {name: list(rows) for name, rows in adapter.tables().items()}
        self.facts = list(adapter.facts())

    def baskets(self) -> pl.DataFrame:
        """household_id, basket_id, day, at (UTC), amount (cents), in order of time."""
        import polars as pl

        at = pl.col("transaction_timestamp").min().alias("at")
        grouped = self.lines.group_by("household_id", "basket_id", "day").agg(at, pl.col("amount").sum())
        return grouped.sort("at", "basket_id")

    def of_category(self, *names: str) -> list[str]:
        """The product ids of categories."""
        return self.products.filter(self.products["product_category"].is_in(names))["product_id"].to_list()

    def run(
        self,
        solution: str,
        config: Mapping[str, Any] | None = None,
        *,
        tables: Mapping[str, Any] | None = None,
        store: Mapping[str, Any] | None = None,
        more: Iterable[Fact] = (),
        facts: Iterable[Fact] | None = None,
        until: datetime | None = None,
    ) -> Done:
        """The receipts (or `facts` in their place), with `more` facts between, through one solution of its defaults and `config`."""
        merged = heapq.merge(self.facts if facts is None else facts, sorted(more, key=lambda one: one.received), key=lambda f: f.received)
        span = midnight(FIRST), until or midnight(LAST + timedelta(days=1))
        given = {**self.tables, **(tables or {})}
        return alone(self.registry, solution, merged, given, span, config=config, store={**self.profile, **(store or {})})

    def day_of(self, at: datetime) -> date:
        """The store's day of an instant."""
        return at.astimezone(ZONE).date()

    def of_categories(self) -> list[Fact]:
        """The receipts of a shop that had one product a category: each line's product gives way to the first one of its category."""
        first: dict[str, str] = {}
        stand_in = {row["gtin"]: first.setdefault(row.get("category", row["gtin"]), row["gtin"]) for row in self.tables["products"]}

        def swapped(data: Mapping[str, Any]) -> list[dict[str, Any]]:
            return [{**line, "gtin": stand_in.get(line["gtin"], line["gtin"])} for line in data["lines"]]

        return list(self.with_data(lines=swapped))

    def with_data(self, **fields: Any) -> Iterator[Fact]:
        """The receipts with these fields instead or in addition, each from a function of the receipt."""
        for fact in self.facts:
            yield dataclasses.replace(fact, data={**fact.data, **{name: made(fact.data) for name, made in fields.items()}})


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)
