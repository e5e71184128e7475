"""What drivers bring: errors on days with promotion by hand, siblings' price cuts without the product's own."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from storeloom.core.bench.forecast_drivers import _cuts, _wape

MONDAY = date(2017, 1, 2)


def test_days_with_promotion_are_counted_apart():
    values = np.array([[2.0, 4.0, np.nan], [1.0, 1.0, 2.0]])
    shown = np.array([[True, True, True], [False, True, False]])
    told = [np.array([[3.0, 3.0, 9.0], [0.0, 2.0, 2.0]])]
    assert _wape([(values, shown)], told, False, False) == pytest.approx(4 / 10)
    assert _wape([(values, shown)], told, True, False) == 0
    assert _wape([(values, shown)], told, False, True) == pytest.approx(3 / 7)
    assert _wape([(values, shown)], told, True, True) == pytest.approx(1 / 7)


def test_a_products_own_price_is_left_out_of_its_cut():
    goods = pl.DataFrame({"product_id": ["a", "b", "c"], "manufacturer_id": ["m"] * 3, "product_type": ["soup", "soup", "bread"]})
    rows = [("a", MONDAY, 5.0, 5.0), ("b", MONDAY, 8.0, 2.0), ("b", MONDAY, 6.0, 4.0), ("c", MONDAY, 1.0, 9.0)]
    lines = pl.DataFrame(rows, schema=["product_id", "ds", "sales_value", "retail_disc"], orient="row")
    axis = pl.DataFrame({"unique_id": ["a", "b", "c"], "week": [2, 2, 2]}, schema_overrides={"week": pl.Int32})
    found = dict(_cuts(lines, goods, axis, MONDAY).select("unique_id", "depth").iter_rows())
    assert found == {"a": pytest.approx(0.3), "b": pytest.approx(0.5), "c": 0.0}
