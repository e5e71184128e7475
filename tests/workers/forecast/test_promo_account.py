"""Day books, baselines of promotions and their account, worked by hand."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.forecast import day_book
from storeloom.workers.forecast.day_book import DAY
from storeloom.workers.forecast.promo_account import Goods, account, siblings
from storeloom.workers.forecast.promo_baseline import baseline
from storeloom.workers.forecast.promo_frame import Frame, Sales, frame
from storeloom.workers.forecast.smoothing import smooth

FIRST, LAST = date(2026, 3, 9), date(2026, 3, 15)
TEA, GREEN = "06900000000011", "06900000000028"


def book(history: float, promoted: list[float], after: float, price: float = 1000, weeks: int = 8) -> day_book.Book:
    made, news = day_book.new(), {}
    units = [history] * (7 * weeks) + promoted + [after] * 7
    for number, sold in enumerate(units):
        day_book.enter(news, (FIRST + (number - 7 * weeks) * DAY).isoformat(), sold, sold * price)
    day_book.extend(made, news, {}, date(2025, 1, 1))
    return made


def test_a_basket_by_item() -> None:
    lines = [
        {"gtin": "6900000000011", "qty": 2, "amount": 2000},
        {"gtin": TEA, "qty": -1, "amount": -1000},
        {"gtin": "2010001000006", "qty": 1, "weight_g": 750, "amount": 600},
    ]
    weighed = "02010001000006"
    assert day_book.basket(lines, lambda item: item == weighed) == {TEA: (1, 1000), weighed: (0.75, 600)}
    assert day_book.basket(lines[:1], lambda item: False, back=True) == {TEA: (-2, -2000)}


def test_a_book_adds_up_and_forgets() -> None:
    made = day_book.new()
    day_book.extend(made, {"2026-03-01": [2, 1, 200], "2026-03-02": [1, 1, 100]}, {"2026-03-01": 1.5}, date(2026, 3, 1))
    day_book.extend(made, {"2026-03-02": [3, 2, 300]}, {"2026-03-01": 1}, date(2026, 3, 1))
    days = day_book.span(date(2026, 3, 1), date(2026, 3, 3))
    assert day_book.column(made, days) == [2, 4, 0]
    assert day_book.column(made, days, day_book.RECEIPTS) == [1, 3, 0]
    assert (day_book.sold_out(made, 2), day_book.sold_out(made, 2.5)) == ({date(2026, 3, 1)}, set())
    day_book.extend(made, {}, {}, date(2026, 3, 2))
    assert (day_book.first_day(made), made["empty"]) == (date(2026, 3, 2), {})
    assert day_book.first_day(day_book.new()) is None


def test_open_hours_by_day() -> None:
    hours = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})
    begin, end = datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 3, 3, 1, tzinfo=UTC)  # 20:00 to 09:00
    assert day_book.open_hours(hours, begin, end) == {"2026-03-02": 2, "2026-03-03": 1}
    assert day_book.open_hours(hours, end, begin) == {}


def test_baselines_by_length_of_history() -> None:
    level = baseline([100.0] * 28, 7)
    assert level.method == "seasonal" and level.mean.tolist() == [100] * 7
    assert baseline([100.0] * 5, 2, forecast=[80, 90]).mean.tolist() == [80, 90]
    short = baseline([None, 10.0, 20.0], 3, shut=[False, True, False])
    assert (short.method, short.mean.tolist()) == ("mean", [15, 0, 15])
    assert baseline([], 1).mean.tolist() == [0]
    assert np.ptp(level.sums([0, 1])) == pytest.approx(0, abs=1e-6)


def test_residuals_of_smoothing_are_the_latest_in_order() -> None:
    assert smooth([100.0] * 28, 7).residuals == pytest.approx(np.zeros(21))
    jump = smooth([100.0] * 69 + [200.0], 1).residuals
    assert jump.size == 56 and int(np.argmax(jump)) == 55 and jump.mean() == pytest.approx(0)


def test_the_interval_is_as_wide_as_the_weeks_were() -> None:
    rng = np.random.default_rng(4)
    found = baseline([float(one) for one in rng.poisson(50, 7 * 26)], 7)
    sums = found.sums(range(7))
    assert sums.mean() == pytest.approx(350, rel=0.05)
    assert sums.std() == pytest.approx((7 * 50) ** 0.5, rel=0.35)
    assert np.array_equal(sums, found.sums(range(7)))
    assert not np.array_equal(sums, found.sums(range(7), seed=1))


def test_the_worked_promotion_with_a_like_store() -> None:
    frame = Frame(FIRST, LAST, weeks=8, post=7, stockout_hours=2, promoted={TEA: frozenset(day_book.span(FIRST, LAST))})
    books = {
        (TEA, ""): book(100, [171.0] * 6 + [174.0], 90),
        (GREEN, ""): book(500 / 7, [60.0] * 7, 71),
        (TEA, "like"): book(200, [210.0] * 7, 200),
    }
    for day, units in zip(day_book.span(FIRST, LAST), [171] * 6 + [174], strict=True):
        books[TEA, ""]["days"][day.isoformat()][day_book.AMOUNT] = units * 900
    goods = Goods(
        lambda item, place: Sales(frame, item, books[item, place]) if (item, place) in books else None,
        {TEA: 1000, GREEN: 900}.get, {TEA: 700, GREEN: 650}.get,
    )  # fmt: skip
    items = {TEA: {"spans": [[FIRST.isoformat(), LAST.isoformat()]], "funding": 40}}
    found = account(frame, items, [GREEN, "unknown"], goods, controls=["like", "silent"], fixed=10000)
    assert (found.factor, found.factor_after) == (pytest.approx(1.05), pytest.approx(1))
    assert found.effect.base == pytest.approx(735)
    assert found.effect.profit == pytest.approx(10250, abs=1)
    assert found.effect.roi == pytest.approx(12.5, abs=0.01)
    assert found.lo == pytest.approx(found.effect.lift_pct, abs=1e-3) and found.hi == pytest.approx(found.effect.lift_pct, abs=1e-3)
    assert [row["role"] for row in found.rows] == ["promoted", "sibling"] and found.priced
    assert "roi" not in found.figures(None) and found.figures(12.5)["lift"][0] == pytest.approx(465)
    paid = account(frame, items, [], Goods(goods.sales, lambda item: None, goods.cost), controls=["like"], fixed=10000)
    assert paid.priced and paid.effect.cost == pytest.approx(found.effect.cost)  # the price was 1000, by the receipts
    unknown = Goods(goods.sales, goods.price, lambda item: None)
    assert not account(frame, items, [], unknown).priced


def test_sold_out_days_are_left_out_of_history_and_after() -> None:
    made = book(100, [150.0] * 7, 100)
    for day in (FIRST - 3 * DAY, LAST + DAY):
        made["days"][day.isoformat()] = [10, 1, 1000]
        made["empty"][day.isoformat()] = 5
    sales = Sales(Frame(FIRST, LAST, 8, 7, 2), TEA, made)
    assert sales.base(day_book.span(FIRST, LAST)) == pytest.approx(700)
    assert len(sales.in_stock(sales.frame.after)) == 6
    assert sales.units_a_receipt() == pytest.approx(100)
    assert sales.frame.days_of(TEA, [(FIRST - DAY, FIRST + DAY), (FIRST, FIRST + 2 * DAY)]) == [FIRST, FIRST + DAY, FIRST + 2 * DAY]


def test_a_frame_from_the_calendar_and_the_promotions() -> None:
    first, last = date(2026, 3, 2), date(2026, 3, 3)
    entries = [("closure", "2026-03-01", "2026-03-01"), ("promotion", "2026-03-02", "2026-03-03"), ("school", "2026-03-04", "2026-03-09")]
    others = [(["tea"], (date(2026, 2, 2), date(2026, 2, 3))), (["tea", "milk"], (first, last))]
    about = frame(first, last, weeks=1, post=2, stockout_hours=2, calendar=entries, promoted=others, opens=lambda day: day.isoweekday() < 7)
    assert about.shut == {date(2026, 3, 1)}  # closed, and a Sunday
    assert about.calendar == {"school": [(date(2026, 3, 4), date(2026, 3, 9))]}
    assert about.promoted["tea"] == {date(2026, 2, 2), date(2026, 2, 3), first, last} and about.promoted["milk"] == {first, last}
    assert about.after == [date(2026, 3, 4), date(2026, 3, 5)]


def test_siblings_are_of_the_category_and_not_promoted_themselves() -> None:
    first, last = date(2026, 3, 2), date(2026, 3, 3)
    promoted = {"tea": frozenset([first]), "mint": frozenset([last]), "rose": frozenset([date(2026, 3, 4)])}
    about = Frame(first, last, 8, 7, 2, promoted=promoted)
    prices = {"tea": 1000.0, "rose": 1500.0, "plum": 1100.0}
    goods = Goods(lambda item, store: None, prices.get, prices.get)
    category = {"teas": ["tea", "mint", "rose", "plum", "loose"]}
    rows = {item: {"gtin": item, "category": "teas"} for item in category["teas"]}
    assert siblings(about, ["tea"], goods, lambda item: rows.get(item, {}), category, 10) == ["plum", "rose", "loose"]
    assert siblings(about, ["tea", "unknown"], goods, lambda item: rows.get(item, {}), category, 1) == ["plum"]


def test_no_interval_where_the_history_is_too_short_for_errors() -> None:
    frame = Frame(FIRST, LAST, weeks=1, post=0, stockout_hours=2, promoted={TEA: frozenset(day_book.span(FIRST, LAST))})
    goods = Goods(lambda item, place: None if place else Sales(frame, item, book(100, [150.0] * 7, 0, weeks=1)), {}.get, {TEA: 700}.get)
    found = account(frame, {TEA: {"spans": [[FIRST.isoformat(), LAST.isoformat()]], "funding": 0}}, [], goods)
    assert (found.effect.base, found.effect.lift_pct, found.lo, found.hi) == (700, pytest.approx(50), None, None)
    assert found.rows[0]["method"] == "mean"
