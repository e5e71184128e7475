"""What a reach brought, worked by hand."""

from datetime import date

import pytest

from storeloom.workers.insight import reach_results

DAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("last", "kind"), [(None, "new"), (date(2026, 1, 16), "won_back"), (date(2026, 1, 31), "won_back"), (date(2026, 2, 1), "active")]
)
def test_kinds_of_buyers(last, kind):
    assert reach_results.kind_of_buyer(last, DAY, 30) == kind


def test_increment_and_figures():
    results = reach_results.new()
    assert reach_results.incremental_buyers(results) is None and "sent_rate" not in reach_results.figures(results)
    results["arms"] = {"sent": [81, 810], "holdout": [7, 90]}
    reach_results.count(results, "sms", sent=2, cost=10)
    reach_results.count(results, "sms", cost=5, reached=1)
    assert reach_results.incremental_buyers(results) == pytest.approx(18.0)
    assert reach_results.figures(results)["cost"] == {"value": 15, "unit": "minor"}
    assert reach_results.rows(results) == [{"channel": "sms", "sent": 2, "reached": 1, "clicks": 0, "buyers": 0, "cost": 15}]
