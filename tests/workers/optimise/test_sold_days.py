"""Net units of a window of days."""

from storeloom.workers.optimise.sold_days import enter, forget

PRODUCTS = {"6901000000012": {"unit": "kg"}}


def test_units_add_up_by_day_returns_come_off_and_old_days_go():
    state = {"sold:06901000000029": {"2026-03-01": 4, "2026-03-02": 2}}
    sale = [{"gtin": "6901000000029", "qty": 3}, {"gtin": "6901000000012", "qty": 1, "weight_g": 750}]
    enter(state, sale, "2026-03-03", after="2026-03-01", returned=False, product=PRODUCTS.get)
    assert state == {"sold:06901000000029": {"2026-03-02": 2, "2026-03-03": 3}, "sold:06901000000012": {"2026-03-03": 0.75}}
    enter(state, [{"gtin": "6901000000029", "qty": 1}], "2026-03-03", after="2026-03-01", returned=True, product=PRODUCTS.get)
    enter(state, [{"gtin": "6901000000029", "qty": -1}], "2026-03-03", after="2026-03-01", returned=False, product=PRODUCTS.get)
    assert state["sold:06901000000029"] == {"2026-03-02": 2, "2026-03-03": 1}


def test_items_that_sold_long_ago_are_forgotten():
    state = {"sold:1": {"2026-03-01": 4}, "sold:2": {"2026-03-01": 4, "2026-03-02": 2}, "sold:3": {"2026-03-02": 1}, "sent:F": 1}
    forget(state, "2026-03-01")
    assert state == {"sold:2": {"2026-03-02": 2}, "sold:3": {"2026-03-02": 1}, "sent:F": 1}
