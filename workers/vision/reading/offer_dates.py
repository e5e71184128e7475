"""Until when a label's offer runs: the end of a range of dates, or the date beside a word for the end. A date alone says nothing: it may be
the day of print or of packing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from storeloom.workers.vision.reading.amounts import plain

DAY = r"(?:(?P<{0}y>20\d\d)\s*[-./年]\s*)?(?P<{0}m>\d{{1,2}})\s*[-./月]\s*(?P<{0}d>\d{{1,2}})\s*日?"
LAST = DAY.format("b")
RANGE = re.compile(rf"(?<![\d.]){DAY.format('a')}\s*(?:-|~|—|–|至|到|to)\s*{LAST}(?![\d.])", re.I)
WORDED = re.compile(
    rf"(?:至|截止|截至|有效期|结束|止于|until|till|ends?|thru|through|expires?|valid to)\s*(?:日期|至|on)?\s*[::]?\s*{LAST}(?![\d.])", re.I
)


def offer_end(lines: Iterable[str], on: date) -> date | None:
    """The last day that a label's lines promise their price for, the latest where they name several; None where they name none.

    A day without a year is the one nearest to `on`.
    """
    found = [match for line in lines for match in (*RANGE.finditer(plain(line)), *WORDED.finditer(plain(line)))]
    return max((day for match in found if (day := _day(match, on)) is not None), default=None)


def _day(match: re.Match[str], on: date) -> date | None:
    month, day = int(match["bm"]), int(match["bd"])
    years = [int(match["by"])] if match["by"] else [on.year - 1, on.year, on.year + 1]
    days = []
    for year in years:
        try:
            days.append(date(year, month, day))
        except ValueError:
            continue
    return min(days, key=lambda one: abs(one - on), default=None)
