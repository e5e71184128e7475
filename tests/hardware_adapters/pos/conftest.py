"""A small store in the layout of the Complete Journey data set, worked by hand, and the real one where it lies."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from storeloom.hardware_adapters.pos.receipts_file import ReceiptsFile

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "complete-journey"
MONEY = ("sales_value", "retail_disc", "coupon_disc", "coupon_match_disc")
LINES = ("household_id", "store_id", "basket_id", "product_id", "quantity", *MONEY, "week", "transaction_timestamp")
NIGHT = datetime(2017, 3, 7, 3, 30, tzinfo=UTC)
"""22:30 on 6 March in New York."""
ROWS = [
    ("7", "12", "502", "100", 2.0, 3.50, 2.78, 1.50, 0.50, 11, NIGHT),
    ("7", "12", "502", "101", 3.0, 1.00, 0.00, 0.00, 0.00, 11, NIGHT),
    ("8", "13", "4.0128e+10", "900000", 8776.0, 23.25, 0.88, 0.00, 0.00, 10, datetime(2017, 3, 1, 12, tzinfo=UTC)),
    ("7", "12", "501", "9e+05", 0.0, 0.00, 0.00, 1.40, 0.00, 10, datetime(2017, 3, 1, 12, tzinfo=UTC)),
]


def adapter(path: Path, **config: Any) -> ReceiptsFile:
    return ReceiptsFile("pos-1", ReceiptsFile.Config(path=str(path), **config))


@pytest.fixture
def receipts() -> Callable[..., ReceiptsFile]:
    """Makes the adapter of a path."""
    return adapter


@pytest.fixture
def real() -> Path:
    if not (REAL / "transactions.parquet").is_file():
        pytest.skip("data set complete-journey absent")
    return REAL


@pytest.fixture
def journey(tmp_path: Path) -> Path:
    folder = tmp_path / "journey"
    folder.mkdir()
    pl.DataFrame(ROWS, schema=list(LINES), orient="row").write_parquet(folder / "transactions.parquet")
    kinds: dict[str, list[str | None]] = {
        "product_id": ["100", "101", "9e+05", "555"],
        "manufacturer_id": ["1", "1", "2", "3"],
        "department": ["GROCERY", "GROCERY", "FUEL", "TOYS"],
        "brand": ["National", "Private", "National", "National"],
        "product_category": ["SOUP", None, "FUEL", "TOYS"],
        "product_type": ["RAMEN", None, "GASOLINE", "BALLS"],
        "package_size": ["14.5 OZ", None, None, "1 CT"],
    }
    pl.DataFrame(kinds).write_parquet(folder / "products.parquet")
    offers = {"coupon_upc": ["51", "51", "52"], "product_id": ["100", "555", "101"], "campaign_id": ["9", "9", "9"]}
    pl.DataFrame(offers).write_parquet(folder / "coupons.parquet")
    day = datetime(2017, 3, 6)
    used = {"household_id": ["7", "7", "8"], "coupon_upc": ["51", "52", "51"], "campaign_id": ["9", "9", "9"], "redemption_date": [day] * 3}
    pl.DataFrame(used).write_parquet(folder / "coupon_redemptions.parquet")
    campaign = {
        "campaign_id": ["9"],
        "campaign_type": ["Type A"],
        "start_date": [datetime(2017, 3, 1)],
        "end_date": [datetime(2017, 3, 31)],
    }
    pl.DataFrame(campaign).write_parquet(folder / "campaign_descriptions.parquet")
    pl.DataFrame({"campaign_id": ["9"], "household_id": ["7"]}).write_parquet(folder / "campaigns.parquet")
    people = {"household_id": ["7"], "age": ["45-54"], "income": [None], "household_size": ["5+"], "kids_count": ["3+"]}
    pl.DataFrame(people).write_parquet(folder / "demographics.parquet")
    places = {"product_id": ["100", "101", "100"], "store_id": ["12", "12", "99"], "display_location": ["3", "3", "0"]}
    pl.DataFrame(places | {"mailer_location": ["A", "0", "D"], "week": [1, 1, 2]}).write_parquet(folder / "promotions.parquet")
    return folder
