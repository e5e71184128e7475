"""Labels that a scale printed lately."""

from datetime import UTC, datetime, timedelta

from storeloom.workers.checkout.labels import has_label, recent

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
LABEL = {"gtin": "fuji", "net_g": 754, "at": "2026-03-02T10:00:00Z"}


def test_a_label_counts_for_its_time_and_its_last_moment():
    assert recent([LABEL], AT + timedelta(seconds=60), 60) == [LABEL]
    assert recent([LABEL], AT + timedelta(seconds=60.1), 60) == [] and recent([LABEL], AT, 0) == []


def test_the_same_item_and_weight_to_within_an_interval_has_its_label():
    assert has_label([LABEL], "fuji", 756, 2) and has_label([LABEL], "fuji", 752, 2)
    assert not has_label([LABEL], "fuji", 757, 2) and not has_label([LABEL], "gala", 754, 2) and not has_label([], "fuji", 754, 2)
