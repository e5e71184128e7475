"""The bench of customer figures: what it needs, what it calls a miss, and that each part measures on a sample of real receipts."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import polars as pl
import pytest

from storeloom.core.bench import insight
from storeloom.core.commands import bench
from storeloom.core.kernel.errors import InputFault, MisuseFault
from storeloom.workers.insight.purchases import Purchases
from tests.conftest import DATA

JOURNEY = DATA / "complete-journey"


@pytest.fixture(scope="module")
def real() -> tuple[Purchases, pl.DataFrame]:
    if not (JOURNEY / "transactions.parquet").is_file():
        pytest.skip("../shared/data/complete-journey absent")
    purchases, kinds = insight.read(JOURNEY)
    sample = purchases.lines.filter(pl.col("member").str.ends_with("1"))
    return Purchases(sample, purchases.until), kinds


def test_an_absent_data_set_is_told_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(InputFault) as fault:
        insight.measure(tmp_path)
    assert fault.value.findings[0].code == "SL-INP-01"
    assert "storeloom bench insight --data FOLDER" in fault.value.findings[0].fix()


def test_an_absent_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insight, "NEEDED", ("no_such_library",))
    with pytest.raises(InputFault, match="needs the extra 'insight'"):
        insight.measure()


def test_options_belong_to_their_areas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MisuseFault, match="--split to 'items'"):
        bench.bench(argparse.Namespace(area="insight", data=str(tmp_path), split="val", json=True))
    with pytest.raises(MisuseFault, match="--data belongs to"):
        bench.bench(argparse.Namespace(area="log", data=str(tmp_path), split=None, json=True))
    made = [insight.Result("a", 0.9, "ratio", ">= 1", "b", 1)]
    monkeypatch.setattr(insight, "measure", lambda data: made if data == tmp_path else [])
    assert bench.bench(argparse.Namespace(area="insight", data=str(tmp_path), split=None, json=True)) == 1
    assert json.loads(capsys.readouterr().out)["results"][0]["met"] is False


def test_fuel_and_coupon_bookings_are_no_goods(real: tuple[Purchases, pl.DataFrame]) -> None:
    purchases, kinds = real
    sold = purchases.lines.join(kinds, on="item", how="left")
    assert "COUPON/MISC ITEMS" not in set(sold["category"])
    assert sold.height > 5_000


def test_each_part_measures_on_real_receipts(real: tuple[Purchases, pl.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    purchases, kinds = real
    for name in ("RANKING_CUTS", "LIFETIME_CUTS", "CHURN_CUTS"):
        monkeypatch.setattr(insight, name, getattr(insight, name)[-1:])
    found = [*insight.ranking(purchases), *insight.lifetime(purchases), *insight.churn(purchases), *insight.rules(purchases, kinds)]
    values = {one.name: one for one in found}
    assert len(values) == len(found) == 8 + 4 + 6 + 3
    assert values["rules_pairs_that_differ"].value == 0
    assert 0 < values["recommend_hit_rate_at_10"].value < 1
    assert values["churn_bg_nbd_brier_against_base_rate"].met
    assert values["lifetime_10_error_against_own_rate"].value < 1.1


def test_a_night_offers_ten_items_to_each_made_member(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insight, "ITEMS", 300)
    insight.night(500)
