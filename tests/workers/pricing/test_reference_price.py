"""Reference prices by hand."""

from datetime import date

from storeloom.workers.pricing.reference_price import Book, allowed, enter, forgotten

START = date(2026, 3, 10)


def taken(*sales: tuple[int, int, bool]) -> Book:
    book: Book = {}
    for number, (day, price, public) in enumerate(sales):
        enter(book, date(2026, 3, day), f"2026-03-{day:02d}T08:00:{number:02d}Z", price, public=public)
    return book


def test_the_lowest_price_of_seven_days_before_whoever_got_it() -> None:
    book = taken((3, 1290, True), (5, 1190, False), (9, 1240, True), (2, 900, True), (10, 800, True))
    assert allowed(book, START, 7) == 1190
    assert allowed(book, START, 7, "public") == 1240
    assert allowed(book, START, 8) == 900


def test_without_a_sale_in_them_the_last_price_before_and_none_for_what_was_never_sold() -> None:
    book = taken((1, 1300, True), (2, 1200, True), (2, 1250, True))
    assert allowed(book, START, 7) == 1250
    assert allowed(book, date(2026, 3, 1), 7) is None
    assert allowed(taken((2, 1250, False)), START, 7, "public") is None


def test_a_late_sale_is_not_the_last_one() -> None:
    book: Book = {}
    enter(book, date(2026, 3, 2), "2026-03-02T10:00:00Z", 1250, public=True)
    enter(book, date(2026, 3, 2), "2026-03-02T09:00:00Z", 1200, public=True)
    assert book == {"2026-03-02": {which: [1200, 1250, "2026-03-02T10:00:00Z"] for which in ("all", "public")}}


def test_the_last_price_is_never_forgotten() -> None:
    book = taken((1, 1300, True), (2, 1200, True), (3, 1100, False))
    assert list(forgotten(book, START)) == ["2026-03-02", "2026-03-03"]
