"""Real receipts and footage through solutions, against a direct computation on the same files."""

import dataclasses
import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from storeloom.core.commands.trial import real_input
from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.events import Event, Fact, parse_time
from storeloom.core.kernel.registry import ROOT, Registry
from storeloom.core.runtime.adapters import make_adapter
from storeloom.core.virtual.trial import Trial, try_real

pytestmark = pytest.mark.long

DATA = ROOT.parent / "shared" / "data"
RECEIPTS = DATA / "complete-journey"
FOOTAGE = DATA / "video" / "one-by-one-person-detection.mp4"
TRUTH = ROOT / "tests" / "workers" / "vision" / "truth" / "one_by_one.json"
ZONE = ZoneInfo("America/New_York")
FIRST, LAST = date(2017, 1, 1), date(2017, 2, 18)
DAYS = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
MIN_HISTORY, ALPHA, BETA, SCORED_DAYS = 14, 0.2, 0.1, 28
RETURNED = 3
BUNDLE = """
document = "bundle/1"
[solutions.sku_demand_forecast.config]
horizon = 2
min_history = 14
min_weekly = 3
[solutions.digital_receipt]
[store]
store = "s1"
format = "supermarket"
zone = "Asia/Shanghai"
language = "en"
hours = { open = "08:00", close = "22:00" }
edge = { cores = 4, memory_mb = 8192 }
[store.devices]
till-1 = { kind = "pos" }
mail-1 = { kind = "messaging" }
"""
CAMERA_BUNDLE = """
document = "bundle/1"
[solutions.entrance_traffic.config]
lines = [{ camera = "cam-door", from = [0.75, 1.0], to = [0.75, 0.0], kind = "door" }]
[store]
store = "s1"
format = "supermarket"
zone = "Asia/Shanghai"
language = "en"
hours = { open = "08:00", close = "22:00" }
edge = { cores = 4, memory_mb = 8192 }
[store.devices]
cam-door = { kind = "camera" }
till-1 = { kind = "pos" }
"""


@dataclass
class Replayed:
    """Seven weeks of receipts after the replay: outputs, the forecaster's state, and units by gtin and store day from the Parquet file."""

    outputs: list[Event]
    state: dict[str, Any]
    units: dict[str, dict[date, float]]
    receipts: int
    returned: str

    def series(self, gtin: str) -> list[float]:
        return [self.units[gtin].get(day, 0.0) for day in DAYS]

    def forecasts(self) -> dict[str, dict[date, Event]]:
        """Forecasts of the next day, by item and that day."""
        found: dict[str, dict[date, Event]] = defaultdict(dict)
        for event in self.outputs:
            if event.stream == "forecast.demand" and event.data["from"] == event.data["issued"]:
                found[event.data["key"]][parse_time(event.data["from"]).astimezone(ZONE).date()] = event
        return found


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)


def with_return(facts: Iterator[Fact], gtin: str) -> Iterator[Fact]:
    """The data set has no returns: one is put in, of an item sold on the twentieth day, an hour after the sale."""
    due: Fact | None = None
    for fact in facts:
        if fact.received >= midnight(LAST + timedelta(days=1)):
            return
        if due and fact.received > due.received:
            yield due
            due = None
        line = next((one for one in fact.data.get("lines", ()) if one["gtin"] == gtin), None)
        if line and not due and fact.received.astimezone(ZONE).date() == DAYS[19]:
            back = {**line, "line": 1, "qty": -RETURNED, "amount": -RETURNED * line["price"], "discount": 0}
            total = {"total": back["amount"], "payments": [{"method": "card", "amount": back["amount"]}]}
            data = {**fact.data, "receipt": "back-1", "kind": "return", "lines": [back], **total}
            due = dataclasses.replace(fact, received=fact.received + timedelta(hours=1), time=None, data=data)
            gtin = ""
        yield fact


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    if not RECEIPTS.is_dir():
        pytest.skip("shared/data/complete-journey absent")
    pl = pytest.importorskip("polars")
    from storeloom.hardware_adapters.pos.journey import gtin_of

    local = pl.col("transaction_timestamp").dt.convert_time_zone(ZONE.key).dt.date()
    lines = (
        pl.read_parquet(RECEIPTS / "transactions.parquet").with_columns(local.alias("day")).filter(pl.col("day").is_between(FIRST, LAST))
    )
    litres = lines.filter(pl.col("quantity") >= 100)["product_id"].unique()
    goods = lines.filter(~pl.col("product_id").is_in(litres.implode()))
    units: dict[str, dict[date, float]] = defaultdict(dict)
    for product, day, sold in goods.group_by("product_id", "day").agg(pl.col("quantity").sum()).iter_rows():
        units[gtin_of(product)][day] = sold
    on_that_day = {gtin: days.get(DAYS[19], 0.0) for gtin, days in units.items()}
    returned = max(sorted(units), key=lambda gtin: on_that_day[gtin])
    units[returned][DAYS[19]] -= RETURNED

    path = tmp_path_factory.mktemp("real") / "bundle.toml"
    path.write_text(BUNDLE, encoding="utf-8")
    registry = Registry()
    plan, facts, tables = real_input(compose(path, registry).require(), registry, str(RECEIPTS), None)
    assert plan.store["zone"] == ZONE.key
    stream = iter(facts)
    first = next(stream)
    trial = Trial(plan, registry, tables, first.received)
    result = trial.run(with_return(itertools.chain([first], stream), returned))
    assert result.failures == []
    state = trial.engine.instances["sku_demand_forecast"].state.snapshot()
    return Replayed(result.outputs, state, dict(units), lines["basket_id"].n_unique(), returned)


def test_the_series_hold_the_net_units_of_each_store_day(replayed: Replayed) -> None:
    sold = sorted(replayed.units, key=lambda gtin: -sum(replayed.series(gtin)))
    for gtin in [*sold[:100], replayed.returned]:
        item = replayed.state[f"item:{gtin}" if f"item:{gtin}" in replayed.state else f"rest:{gtin}"]
        assert item["first"] == FIRST.isoformat()
        kept = item["units"] + [0] * (len(DAYS) - len(item["units"]))
        assert kept == pytest.approx(replayed.series(gtin)), gtin
        assert not any(replayed.series(gtin)[len(item["units"]) :])


def test_each_item_that_sells_enough_is_forecast_on_the_last_night(replayed: Replayed) -> None:
    published = {gtin for gtin, days in replayed.forecasts().items() if LAST + timedelta(days=1) in days}
    weekly = {gtin: 7 * sum(max(0, units) for units in replayed.series(gtin)) / len(DAYS) for gtin in replayed.units}
    assert published & weekly.keys() == {gtin for gtin, units in weekly.items() if units >= 3}
    assert len(published) > 30


def test_each_receipt_is_seen_once(replayed: Replayed) -> None:
    reports = [event.data for event in replayed.outputs if event.data.get("kind") == "digital_receipts"]
    assert len(reports) == len(DAYS)
    assert sum(report["figures"]["receipts"]["value"] for report in reports) == replayed.receipts + 1


def test_tsb_means_are_those_of_the_recursion(replayed: Replayed) -> None:
    flagged = {event.data["subject"] for event in replayed.outputs if event.data.get("labels", {}).get("state") == "flagged"}
    tomorrow = LAST + timedelta(days=1)
    checked = 0
    for gtin, days in replayed.forecasts().items():
        if tomorrow not in days or days[tomorrow].data["model"] != "tsb" or gtin in flagged or gtin not in replayed.units:
            continue
        known, later = replayed.series(gtin)[:MIN_HISTORY], replayed.series(gtin)[MIN_HISTORY:]
        sizes = [units for units in known if units > 0]
        chance, size = len(sizes) / MIN_HISTORY, sum(sizes) / len(sizes) if sizes else None
        for units in later:
            if units > 0:
                chance += BETA * (1 - chance)
                size = units if size is None else size + ALPHA * (units - size)
            else:
                chance -= BETA * chance
        assert size is not None
        assert days[tomorrow].data["mean"] == pytest.approx(chance * size, abs=2e-6), gtin
        checked += 1
    assert checked >= 10


def test_the_error_by_category_is_that_of_what_was_published(replayed: Replayed) -> None:
    import polars as pl

    from storeloom.hardware_adapters.pos.journey import gtin_of

    products = pl.read_parquet(RECEIPTS / "products.parquet").select("product_id", "product_category")
    category = {gtin_of(product): name for product, name in products.iter_rows()}
    flags = {(e.data["subject"], e.time) for e in replayed.outputs if e.data.get("labels", {}).get("state") == "flagged"}
    errors: dict[str, float] = defaultdict(float)
    demand: dict[str, float] = defaultdict(float)
    strange = set()
    for gtin, days in replayed.forecasts().items():
        if gtin not in replayed.units:
            strange.add(category[gtin])
            continue
        rows: list[tuple[float, float]] = []
        for day in DAYS:
            if day in days:
                actual = max(0.0, replayed.units[gtin].get(day, 0.0))
                rows = [*rows, (actual, abs(actual - days[day].data["mean"]))][-SCORED_DAYS:]
            if day == LAST:
                demand[category[gtin]] += sum(actual for actual, _ in rows)
                errors[category[gtin]] += sum(error for _, error in rows)
            if day + timedelta(days=1) not in days or (gtin, midnight(day + timedelta(days=1))) in flags:
                rows = []
    final = midnight(LAST + timedelta(days=1))
    reports = [e.data for e in replayed.outputs if e.stream == "score.report" and e.data["subject_kind"] == "category" and e.time == final]
    checked = [report for report in reports if report["subject"] not in strange]
    assert len(checked) >= 8
    for report in checked:
        wape = next(part["value"] for part in report["parts"] if part["name"] == "wape")
        name = report["subject"]
        assert wape == pytest.approx(100 * errors[name] / demand[name], rel=1e-3), name


@pytest.mark.thorough
def test_footage_counts_the_people_who_come_in(tmp_path: Path) -> None:
    if not FOOTAGE.is_file():
        pytest.skip("shared/data/video/one-by-one-person-detection.mp4 absent")
    pytest.importorskip("cv2")
    pytest.importorskip("onnxruntime")
    path = tmp_path / "bundle.toml"
    path.write_text(CAMERA_BUNDLE, encoding="utf-8")
    registry = Registry()
    plan = compose(path, registry).require()
    config = {"path": str(FOOTAGE), "start": "2026-03-02T02:00:00Z", "every_nth": 3}
    result = try_real(plan, registry, make_adapter(registry, "video_file", "cam-door", config).facts(), {})
    assert result.failures == []
    people = json.loads(TRUTH.read_text(encoding="utf-8"))["crossings"]["x_0.75"]["rightward"]
    assert abs(result.solutions["entrance_traffic"].figures["customers_in"] - people) <= 1
