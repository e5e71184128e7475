"""Until when a label's offer runs."""

from datetime import date

import pytest

from storeloom.workers.vision.reading.offer_dates import offer_end

ON = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ("03月02日-03月15日", date(2026, 3, 15)),
        ("2026.02.20-2026.03.01", date(2026, 3, 1)),
        ("有效期至2026-03-10", date(2026, 3, 10)),
        ("特价 至3月5日", date(2026, 3, 5)),
        ("valid until 2026-04-01", date(2026, 4, 1)),
        ("12/20-12/31", date(2025, 12, 31)),
        ("截止日期：2026年3月8日", date(2026, 3, 8)),
        ("监督电话12358  2026-03-02", None),
        ("生产日期 2026-02-01", None),
        ("至13月45日", None),
        ("9.90", None),
    ],
)
def test_an_end_is_that_of_a_range_or_beside_a_word_for_it(line: str, end: date | None) -> None:
    assert offer_end([line], ON) == end


def test_of_several_ends_the_latest_counts() -> None:
    assert offer_end(["3月1日-3月5日", "至3月9日"], ON) == date(2026, 3, 9)
