"""Surges against an exponentially weighted mean, worked by hand."""

import pytest

from storeloom.workers.insight import surge


def test_mean_and_variance_follow_the_buckets():
    record = surge.new(0)
    for bucket, count in enumerate((4, 4, 14)):
        surge.go_on(record, bucket, 0)
        record["count"] = count
    surge.go_on(record, 3, 0)
    assert (record["seen"], record["mean"]) == (3, pytest.approx(5))
    assert record["variance"] == pytest.approx(0.9 * 0.1 * 100)
    assert surge.limit(record, 2) == pytest.approx(5 + 2 * 3)


def test_a_surge_needs_history_and_a_least_count():
    record = surge.new(0)
    surge.go_on(record, 30, 23)
    record["count"] = 10
    assert surge.is_surge(record, 4, 24, 10)
    assert not surge.is_surge(record, 4, 25, 10) and not surge.is_surge(record, 4, 24, 11)


def test_an_earlier_bucket_changes_nothing():
    record = surge.new(5) | {"count": 3}
    surge.go_on(record, 4, 0)
    assert record == surge.new(5) | {"count": 3}
