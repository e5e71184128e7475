"""Which forecast counts on a day."""

from storeloom.workers.optimise.outlook import enter_forecast, of_day

BASE = {
    "from": "2026-03-01T16:00:00Z",
    "basis": "base",
    "mean": 14.0,
    "p10": 4.0,
    "p50": 13.0,
    "p90": 24.0,
    "issued": "2026-03-01T14:00:00Z",
}


def test_a_promotion_goes_before_the_base_and_a_later_issue_before_an_earlier():
    book = {}
    enter_forecast(book, BASE, ["2026-03-02"], "2026-03-02")
    enter_forecast(book, {**BASE, "mean": 99, "issued": "2026-02-28T14:00:00Z"}, ["2026-03-02"], "2026-03-02")
    assert of_day(book, "2026-03-02")["mean"] == 14
    assert of_day(book, "2026-03-02")["points"] == {"0.1": 4, "0.5": 13, "0.9": 24}
    enter_forecast(book, {**BASE, "basis": "promotion", "mean": 40}, ["2026-03-02"], "2026-03-02")
    assert of_day(book, "2026-03-02")["mean"] == 40


def test_a_week_is_spread_over_its_days_and_past_days_go():
    book = {}
    days = [f"2026-03-0{day}" for day in range(1, 5)]
    enter_forecast(book, BASE, days, "2026-03-02")
    assert sorted(book) == days[1:]
    entry = of_day(book, "2026-03-03")
    assert (entry["mean"], entry["points"]) == (3.5, {})
    assert round(entry["sd"], 4) == round(20 / 2.563 / 2, 4)
    assert of_day(book, "2026-03-09") is None
