"""Looks: size coverage, the worthiest look, its effect; worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.optimise import looks
from storeloom.workers.optimise.looks import Look, Size

START = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


def test_coverage_is_the_demand_of_the_sizes_that_are_there():
    shares, stock = (0.20, 0.35, 0.30, 0.15), (0, 2, 0, 1)
    assert looks.coverage([Size(share, pieces) for share, pieces in zip(shares, stock, strict=True)]) == pytest.approx(0.5)
    assert looks.coverage([Size(0.9, None), Size(None, 1), Size(None, 0), Size(None, -1)]) == 0.25
    assert looks.coverage([Size(0.4, 1), Size(0.4, 0)]) == 0.5
    assert looks.coverage([Size(0.5, None), Size(0.5, None)]) is None
    assert looks.coverage([Size(0.0, 1)]) == 0.0


def test_the_worthiest_look():
    p, q = Look("P", 12000, 0.85, 0.5), Look("Q", 9000, 1.0, 0.6)
    assert (p.worth, q.worth) == (pytest.approx(5100), pytest.approx(5400))
    assert looks.best([p, q]) == q
    assert looks.best([Look("B", 10, 1, 1), Look("A", 10, 1, 1)]).id == "A"
    assert looks.best([]) is None


def test_uplift():
    assert looks.uplift(8, 14, 100, 110) == pytest.approx(14 / 8.8 - 1)
    assert looks.uplift(0, 14, 100, 110) is None
    assert looks.uplift(8, 14, 0, 110) is None


def test_books_by_the_hour_keep_their_days():
    book = {}
    for days, units in ((0, 5), (1, 2), (3, 4), (3, -1)):
        looks.sell(book, START + timedelta(days=days), units, 2)
    assert book == {"2026-03-03T10": 2, "2026-03-05T10": 3}
    assert looks.sold(book, START + timedelta(days=1)) == 5
    assert looks.sold(book, START + timedelta(days=1, hours=1)) == 3


ROWS = [
    {"gtin": "6901234560012", "style": "J", "colour": "red", "size": "M", "look": "P", "category": "coats", "cost": 300},
    {"gtin": "6901234560011", "style": "J", "colour": "red", "size": "S", "look": "P", "category": "coats"},
    {"gtin": "6901234560013", "style": "J", "colour": "blue", "size": "S", "category": "coats", "cost": 1},
    {"gtin": "6901234560014", "look": "P", "category": "bags", "cost": 50},
]


def test_pieces_and_looks():
    found = looks.by_look(ROWS)
    assert [row["gtin"][-2:] for row in found["P"]] == ["11", "12", "14"]
    assert {piece: len(rows) for piece, rows in looks.by_piece(found["P"]).items()} == {"06901234560014": 1, "J|red": 2}
    assert looks.margin(found["P"], _price) == 730


def _price(row):
    return {"6901234560011": 9999, "6901234560012": 1000, "6901234560014": 80}[row["gtin"]]


def test_effect_counts_before_and_after_the_change():
    books = {
        "sold:J|red": {"2026-03-02T09": 3},
        "category:coats": {"2026-03-01T09": 4, "2026-02-20T00": 9},
        "category:bags": {"2026-03-01T09": 1},
    }
    effect = looks.begin_effect("P", ROWS[:2] + ROWS[3:], books, START, timedelta(days=7))
    assert looks.names_of(ROWS[0]) == ["sold:J|red", "category:coats"]
    for name in ("sold:J|red", "category:coats", "category:shoes"):
        for hours in (-24 * 7 - 1, -24 * 7, 0, 24 * 7 - 1, 24 * 7):
            looks.enter_sale(effect, name, 2, START + timedelta(hours=hours))
    assert (effect["look"], effect["category"], effect["to"]) == ([5, 4], [7, 4], "2026-03-09T10:30:00Z")
    assert looks.effect_of({"look": [8, 14], "category": [100, 110]})[0] == pytest.approx(59.0909, abs=1e-4)
    assert looks.effect_of({"look": [0, 14], "category": [100, 110]}) is None


def test_heat_is_the_mean_of_the_styles():
    assert looks.heat_of(ROWS[:3], {"J": 30, "Z": 50}, 0.5) == pytest.approx(0.6)
    assert looks.heat_of(ROWS, {"J": 30, "Z": 50}, 0.5) == pytest.approx(0.55)
    assert looks.heat_of(ROWS[:1], {}, 0.5) == looks.heat_of(ROWS[:1], {"J": 0.0}, 0.5) == 0.5


@pytest.mark.parametrize(
    ("seen", "worn"),
    [
        ([{"gtin": "06901234560012", "score": 0.6}], True),
        ([{"class": "red", "score": 0.6}, {"class": "person", "score": 0.5}], True),
        ([{"colour": "red", "class": "coat", "score": 0.6}], True),
        ([{"class": "red", "score": 0.4}, {"class": "blue", "score": 0.5}], False),
        ([], False),
    ],
)
def test_a_look_is_worn(seen, worn):
    assert looks.is_worn({"candidates": seen}, ROWS[:2], ROWS[2:3]) is worn


def test_a_colour_that_was_there_before_says_nothing():
    assert not looks.is_worn({"candidates": [{"class": "red", "score": 0.9}]}, ROWS[:2], ROWS[:2])
